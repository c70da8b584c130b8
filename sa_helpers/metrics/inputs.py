"""Images on their way into a network: what is accepted, and the check that bytes are not."""

from collections.abc import Iterable, Iterator

import torch
from numpy import ndarray
from torch import Tensor

from sa_helpers.images import from_uint8, to_uint8

ImageBatch = Tensor | ndarray  # float NCHW in [-1, 1], or uint8 NHWC
_LARGEST_PLAUSIBLE = 20.0  # generators overshoot [-1, 1]; scaled bytes reach 255


def check_range(images: Tensor) -> None:
    """Refuse float images that hold bytes.

    Raises:
        ValueError: Not float, or the values are far outside [-1, 1].
    """
    largest = images.detach().abs().max().item() if images.numel() else 0.0
    if not images.is_floating_point() or largest > _LARGEST_PLAUSIBLE:
        raise ValueError(
            f"The images are {images.dtype} with values up to {largest:g}; expected floats, "
            "nominally in [-1, 1]. Convert bytes with sa_helpers.images.from_uint8."
        )


def iterate_quantised(images: ImageBatch | Iterable[ImageBatch], *, chunk: int) -> Iterator[Tensor]:
    """Yield float batches of at most `chunk` images whose values are those of 8-bit files.

    Real images are 8-bit files; rounding generated ones alike keeps a network from telling the two
    by their precision. The result does not depend on how the images were batched.

    Raises:
        ValueError: Wrong shape or range, or no images at all.
    """
    batches = [images] if isinstance(images, Tensor | ndarray) else images
    num_images = 0
    for batch in batches:
        num_images += len(batch)
        for start in range(0, len(batch), chunk):
            yield _quantise(batch[start : start + chunk])
    if num_images == 0:
        raise ValueError("There are no images; expected at least one. Check folder and seeds.")


def _quantise(batch: ImageBatch) -> Tensor:
    channel_axis = 1 if isinstance(batch, Tensor) else 3
    if batch.ndim != 4 or batch.shape[channel_axis] != 3:
        raise ValueError(
            f"The images have shape {tuple(batch.shape)}; expected float tensors [batch, 3, "
            "height, width] or uint8 arrays [batch, height, width, 3]."
        )
    if isinstance(batch, Tensor):
        check_range(batch)
        return from_uint8(to_uint8(batch)).to(batch.device)
    return from_uint8(batch)


def to_bytes(batch: Tensor) -> Tensor:
    """Turn quantised floats back into the byte tensors [batch, 3, height, width] they stand for."""
    return batch.mul(127.5).add(127.5).round().to(torch.uint8)
