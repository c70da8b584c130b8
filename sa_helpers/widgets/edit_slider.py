"""One slider for several models: the same edit in the parent and in its children, side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import ipywidgets  # type: ignore[import-untyped]
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers.effects import Edit, edit_images
from sa_helpers.images import encode_jpeg, make_grid, to_uint8
from sa_helpers.networks import Generator
from sa_helpers.widgets.flip_book import FlipBook, flip_book

_GAP_PX = 4


@dataclass(frozen=True)
class EditSlider:
    """An edit at any strength: as a flip-book on the page, live in a running notebook.

    Attributes:
        draw: From the strength to one image a model.
        pages: Some strengths, drawn beforehand; what a cell or a page shows.
        amounts: Those strengths.
        name: Of the edit.
    """

    draw: Callable[[float], Float[Tensor, "models 3 height width"]]
    pages: FlipBook
    amounts: tuple[float, ...]
    name: str

    def __repr__(self) -> str:
        """Tell what is edited and how far."""
        return f"<EditSlider {self.name}, {self.amounts[0]:g} to {self.amounts[-1]:g}>"

    def _repr_html_(self) -> str:
        return self.pages._repr_html_()

    def live(self, *, num_stops: int = 41) -> ipywidgets.VBox:
        """Make a slider that draws anew at every move. It needs a running kernel.

        Args:
            num_stops: Strengths between the first and the last of `amounts`.
        """
        start, end = self.amounts[0], self.amounts[-1]
        slider = ipywidgets.FloatSlider(
            value=self.amounts[self.pages.start],
            min=start,
            max=end,
            step=(end - start) / (num_stops - 1),
            description=self.name,
            style={"description_width": "initial"},
        )
        shown = ipywidgets.Image(format="jpeg", value=self._encode(slider.value))
        slider.observe(lambda change: self._update(shown, change["new"]), names="value")
        heads = ipywidgets.Label(" · ".join(self.pages.column_labels))
        return ipywidgets.VBox([slider, heads, shown])

    def _update(self, shown: ipywidgets.Image, amount: float) -> None:
        shown.value = self._encode(amount)

    def _encode(self, amount: float) -> bytes:
        images = to_uint8(self.draw(amount))
        return encode_jpeg(make_grid(images, num_columns=len(images), padding_px=_GAP_PX))


def edit_slider(
    models: Mapping[str, Generator],
    w_plus: Float[Tensor, "1 num_ws w_dim"],
    edit: Edit,
    *,
    name: str,
    amounts: Sequence[float],
    alt: str,
    zoom: float = 1.0,
) -> EditSlider:
    """Edit the same latents in the same way in several models.

    Args:
        models: Name to model, the parent and its children.
        w_plus: One sample's, given to all.
        edit: Such as `effects.move_w(direction)` or `effects.move_channel("6_501", ...)`.
        name: Of the edit, beside the live slider.
        amounts: Strengths of the flip-book, increasing, in the unit of the edit.
        alt: Alternative text, see `flip_book`.
        zoom: See `flip_book`.

    Raises:
        ValueError: Strengths that do not increase.
    """
    steps = tuple(float(amount) for amount in amounts)
    if len(steps) < 2 or any(np.diff(steps) <= 0):
        raise ValueError(f"amounts are {list(steps)}; expected two or more that increase.")

    def draw(amount: float) -> Float[Tensor, "models 3 height width"]:
        return torch.cat([edit_images(model, w_plus, edit, amount) for model in models.values()])

    pages = flip_book(
        torch.stack([draw(amount) for amount in steps]),
        labels=[f"{amount:+g}" if amount else "0" for amount in steps],
        alt=alt,
        column_labels=list(models),
        zoom=zoom,
        start=int(np.argmin(np.abs(steps))),
    )
    return EditSlider(draw, pages, steps, name)
