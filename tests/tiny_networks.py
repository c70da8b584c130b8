"""Untrained networks, small enough for a test and always the same."""

from collections.abc import Mapping

import torch

from sa_helpers.networks import Generator, GeneratorConfig


def tiny_generator(channels: Mapping[int, int], *, seed: int = 0) -> Generator:
    """Make a generator of random weights.

    Args:
        channels: Resolution to number of channels; the largest resolution is the image's.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    config = GeneratorConfig(
        img_resolution=max(channels),
        channels=dict(channels),
        z_dim=8,
        w_dim=8,
        num_mapping_layers=2,
    )
    return Generator(config).eval().requires_grad_(False)
