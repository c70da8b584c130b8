"""What else a file can be: networks that are not StyleGAN2's, and those that are but differ.

Each is told by the names of its weights, so that the refusal can say what the file is.
"""

import re
from collections.abc import Iterable
from typing import Any

from sa_helpers.checkpoints.errors import CheckpointError

_ONLY = "This book reads StyleGAN2 alone"
_OTHERS = (
    (
        r"(?:.*\.)?(?:embed_proj|superres.*)(?:\..*)?",
        "a StyleGAN-XL",
        f"{_ONLY}; open it with the code that made it.",
    ),
    (
        r"(?:.*\.)?synthesis\.(?:input|L\d+_\d+_\d+)(?:\..*)?",
        "a StyleGAN3 (or StyleGAN-XL)",
        f"{_ONLY}, whose layers have pixels in common; of a StyleGAN3, get the StyleGAN2 that was "
        "published beside it.",
    ),
    (
        r"(?:.*/)?(?:ToRGB|FromRGB)_lod\d+(?:/.*)?",
        "a StyleGAN of progressive growing (StyleGAN1, or StyleGAN2 in its configurations a to d)",
        "Its layers are others than those of configurations e and f, which are read; get one of "
        "those.",
    ),
    (
        r"(?:.*/)?(?:StyleMod|LayerEpilogue|AdaIN|Noise)/.*",
        "a StyleGAN1, or a StyleGAN2 in its configurations a to d",
        "Its layers are others than those of configurations e and f, which are read; get one of "
        "those.",
    ),
    (
        r"(?:.*\.)?(?:g_synthesis|g_mapping|progression)\..*",
        "a StyleGAN1",
        f"{_ONLY}.",
    ),
    (
        r"(?:.*\.)?(?:diffusion_model|down_blocks|unet|text_model|text_encoder|lora_down)\..*",
        "a diffusion model or a part of one",
        f"{_ONLY}.",
    ),
    (
        r"(?:.*\.)?stylegan_decoder.*",
        "a GFPGAN, a restorer of faces",
        f"{_ONLY}; its decoder differs.",
    ),
    (
        r"(?:.*\.)?(?:triplane|renderer|superresolution)\..*",
        "a generator of 3D scenes, such as EG3D",
        f"{_ONLY}.",
    ),
)


def refuse_others(names: Iterable[Any]) -> None:
    """Refuse networks that are known, but not StyleGAN2's.

    Args:
        names: Of weights, modules or variables, as found in a file.

    Raises:
        CheckpointError: One of the names tells what the file is.
    """
    texts = [name for name in names if isinstance(name, str) and len(name) < 300]
    for pattern, kind, remedy in _OTHERS:
        if any(re.fullmatch(pattern, name) for name in texts):
            raise CheckpointError(f"It holds {kind}, not a StyleGAN2. {remedy}")


def require_square(sides: tuple[int, ...] | None, *, what: str) -> None:
    """Refuse networks of images that are not square, or that start from another size than 4x4.

    Args:
        sides: Of the learned constant that the network starts from; None where it has none.
        what: Its name.

    Raises:
        CheckpointError: They are others than 4 and 4.
    """
    if sides is not None and sides[-2:] != (4, 4):
        shape = " × ".join(map(str, sides[-2:]))
        raise CheckpointError(
            f"The constant {what} has {shape} pixels, so the images are not square, or of a side "
            "that is no power of two. StyleGAN2 starts from 4 × 4, and this book's networks too; "
            "open the file with the variant of the code that made it."
        )
