"""Images of a clay domain, rendered once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sa_helpers import clay, runtime
from sa_helpers.datasets.stored_images import Images, blocks, stored_images
from sa_helpers.datasets.training_images import TrainingImages

_RENDER_RESOLUTION = 128
_RENDER_CHUNK = 256
_NUM_COMPARED = 8
_ROUNDING_LEVELS = 0.25


def clay_images(
    domain: str,
    *,
    num_images: int,
    img_resolution: int,
    first_seed: int = 0,
    cache_dir: Path | None = None,
) -> TrainingImages:
    """Render `num_images` of a clay domain with the seeds from `first_seed` on.

    The images are rendered at 128 px and averaged down where `img_resolution` is lower.

    Raises:
        ValueError: Unknown domain, no images, or a resolution that does not divide 128.
        OSError: They cannot be kept; where the disk is full, path and needed room are stated.
    """
    if img_resolution < 1 or _RENDER_RESOLUTION % img_resolution:
        raise ValueError(
            f"img_resolution is {img_resolution}, but clay images are rendered at "
            f"{_RENDER_RESOLUTION} px and averaged down, so it has to divide that."
        )
    if num_images < 1:
        raise ValueError(f"num_images is {num_images}, but there has to be one image at least.")
    description = {
        "kind": "clay",
        "domain": domain,
        "num_images": num_images,
        "first_seed": first_seed,
    }
    seeds = range(first_seed, first_seed + num_images)
    first = clay.render(domain, seeds[:_NUM_COMPARED]).images

    def rendered() -> Images:
        return stored_images(
            description,
            lambda _: (clay.render(domain, chunk).images for chunk in _chunks(domain, seeds)),
            img_resolution=_RENDER_RESOLUTION,
            is_current=lambda found: _begins_with(found, first),
            max_images=num_images,
            folder=cache_dir,
        )[0]

    whole = {**description, "img_resolution": img_resolution}
    factor = _RENDER_RESOLUTION // img_resolution
    if factor == 1:
        return TrainingImages(rendered(), whole)
    array, _ = stored_images(
        whole,
        lambda _: (_averaged(block, factor=factor) for block in blocks(rendered())),
        img_resolution=img_resolution,
        is_current=lambda found: _begins_with(found, _averaged(first, factor=factor)),
        max_images=num_images,
        folder=cache_dir,
    )
    return TrainingImages(array, whole)


def _chunks(domain: str, seeds: range) -> Iterator[range]:
    starts = range(0, len(seeds), _RENDER_CHUNK)
    for start in runtime.progress(starts, desc=f"rendering {domain}"):
        yield seeds[start : start + _RENDER_CHUNK]


def _averaged(array: np.ndarray, *, factor: int) -> np.ndarray:
    """Mean over blocks of `factor` pixels."""
    size = array.shape[1] // factor
    pieces = array.reshape(len(array), size, factor, size, factor, 3)
    return np.rint(pieces.mean(axis=(2, 4))).astype(np.uint8)


def _begins_with(array: np.ndarray, first_images: np.ndarray) -> bool:
    """Whether these are the first images, beyond the rounding that differs between processors."""
    difference = array[: len(first_images)].astype(np.float32) - first_images
    return bool(np.abs(difference).mean() < _ROUNDING_LEVELS)
