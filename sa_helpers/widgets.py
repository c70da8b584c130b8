"""One slider for several models in a running notebook: the same edit in parent and children.

The only room with ipywidgets. Published pages need none: there the models run in the browser.
"""

from collections.abc import Mapping
from typing import Any

import ipywidgets  # type: ignore[import-untyped]
import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers.editing import Edit, edit_images
from sa_helpers.images import encode_jpeg, make_grid, to_uint8
from sa_helpers.networks import Generator

_GAP_PX = 4


def edit_slider(
    models: Mapping[str, Generator],
    w_plus: Float[Tensor, "1 num_ws w_dim"],
    edit: Edit,
    *,
    name: str,
    limits: tuple[float, float],
    unit: str = "",
    num_stops: int = 25,
) -> ipywidgets.VBox:
    """Make a slider that edits the same latents in several models, and draws anew at every move.

    It needs a running kernel.

    Args:
        models: Name to model, the parent and its children.
        w_plus: One sample's, given to all.
        edit: Such as `editing.move_w(direction)` or `editing.move_channel("6_501", ...)`.
        name: Of the edit, before the slider.
        limits: Least and greatest strength, in the unit of the edit; it begins in the middle.
        unit: Of the strength, which stands behind the slider; "" for none.
        num_stops: Strengths from one limit to the other, both included.

    Raises:
        ValueError: Limits that do not increase, or fewer than two stops.
    """
    low, high = limits
    if not low < high or num_stops < 2:
        raise ValueError(
            f"limits are {limits} and num_stops is {num_stops}; expected limits that increase and "
            "two stops or more."
        )

    def draw(amount: float) -> bytes:
        drawn = [edit_images(model, w_plus, edit, amount) for model in models.values()]
        pictures = to_uint8(torch.cat(drawn))
        return encode_jpeg(make_grid(pictures, num_columns=len(pictures), padding_px=_GAP_PX))

    slider = ipywidgets.FloatSlider(
        value=(low + high) / 2,
        min=low,
        max=high,
        step=(high - low) / (num_stops - 1),
        description=name,
        readout=False,  # which knows no unit
        style={"description_width": "initial"},
    )
    strength = ipywidgets.Label(_strength(slider.value, unit))
    shown = ipywidgets.Image(format="jpeg", value=draw(slider.value))

    def show(change: Mapping[str, Any]) -> None:
        shown.value, strength.value = draw(change["new"]), _strength(change["new"], unit)

    slider.observe(show, names="value")
    above = ipywidgets.HBox([slider, strength])
    return ipywidgets.VBox([above, ipywidgets.Label(" · ".join(models)), shown])


def _strength(amount: float, unit: str) -> str:
    """Such as +12°, with two digits at least; a slider adds up steps, and leaves dust at zero."""
    digits = f"{amount:+.0f}" if abs(amount) >= 10 else f"{amount:+.2g}"
    return f"{'0' if abs(amount) < 1e-9 else digits}{unit}"
