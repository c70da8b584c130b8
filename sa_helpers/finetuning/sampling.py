"""Samples of a generator in training: batches for the distance, and sheets to look at."""

import numpy as np
import torch
from jaxtyping import UInt8

from sa_helpers import images
from sa_helpers.latents import images_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.seeds import Drawn, first_seeds

_SHEET_SEEDS = first_seeds(Drawn.SHOWN, 100)


def sample_sheet(
    generator: Generator, *, dtype: torch.dtype
) -> UInt8[np.ndarray, "height width 3"]:
    """100 uncurated samples, psi 1, ten in a row, as one uint8 image."""
    return images.make_grid(
        images.to_uint8(
            images_from_seeds(generator, _SHEET_SEEDS, truncation_psi=1.0, dtype=dtype)
        ),
        num_columns=10,
    )
