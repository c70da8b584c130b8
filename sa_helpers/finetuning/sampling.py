"""Samples of a generator in training: batches for the distance, and sheets to look at."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sa_helpers import images, latents
from sa_helpers.networks import Generator

_SHEET_SEEDS = range(100)


@torch.inference_mode()
def sample_images(
    generator: Generator, seeds: range, *, truncation_psi: float, dtype: torch.dtype
) -> Float[Tensor, "seeds 3 height width"]:
    """Images of one z a seed, with constant noise, on the CPU.

    Args:
        dtype: Of the convolutions; the images are float32.
    """
    device = generator.w_avg.device
    z = latents.z_from_seeds(seeds, z_dim=generator.config.z_dim, device=device)
    return generator(z, truncation_psi=truncation_psi, dtype=dtype).cpu()


def sample_sheet(
    generator: Generator, *, dtype: torch.dtype
) -> UInt8[np.ndarray, "height width 3"]:
    """100 uncurated samples, psi 1, ten in a row, as one uint8 image."""
    return images.make_grid(
        images.to_uint8(sample_images(generator, _SHEET_SEEDS, truncation_psi=1.0, dtype=dtype)),
        num_columns=10,
    )
