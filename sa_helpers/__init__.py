"""Helpers of an executable book about aligned StyleGAN2 models.

`import sa_helpers as sa` offers the calls that chapters use most; each is imported at its first
use. The rooms behind them, such as `sa_helpers.blending`, hold the rest.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sa_helpers import clay
    from sa_helpers.blending import interpolate_weights, reset_component, swap_layers
    from sa_helpers.checkpoints import load_model, save_model
    from sa_helpers.claims import Claims
    from sa_helpers.editing import edit_images
    from sa_helpers.family import open_family
    from sa_helpers.finetuning import finetune
    from sa_helpers.intervals import bootstrap
    from sa_helpers.inversion import invert
    from sa_helpers.latents import images_from_seeds, w_plus_from_seeds
    from sa_helpers.metrics import perceptual_distance
    from sa_helpers.plotting import image_table
    from sa_helpers.tables import table
    from sa_helpers.translation import translate

__version__ = "0.1.0"
__all__ = [
    "Claims",
    "bootstrap",
    "clay",
    "edit_images",
    "finetune",
    "image_table",
    "images_from_seeds",
    "interpolate_weights",
    "invert",
    "load_model",
    "open_family",
    "perceptual_distance",
    "reset_component",
    "save_model",
    "swap_layers",
    "table",
    "translate",
    "w_plus_from_seeds",
]

_ROOMS = {
    "blending": ("interpolate_weights", "reset_component", "swap_layers"),
    "claims": ("Claims",),
    "checkpoints": ("load_model", "save_model"),
    "editing": ("edit_images",),
    "family": ("open_family",),
    "finetuning": ("finetune",),
    "intervals": ("bootstrap",),
    "inversion": ("invert",),
    "latents": ("images_from_seeds", "w_plus_from_seeds"),
    "metrics": ("perceptual_distance",),
    "plotting": ("image_table",),
    "tables": ("table",),
    "translation": ("translate",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562)."""
    if name in _ROOM_OF:
        return getattr(importlib.import_module(f"sa_helpers.{_ROOM_OF[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"sa_helpers.{name}")
    raise AttributeError(f'The module "sa_helpers" has no "{name}"; see dir(sa_helpers).')


def __dir__() -> list[str]:
    """What there is to complete."""
    return sorted([*__all__, "__version__"])
