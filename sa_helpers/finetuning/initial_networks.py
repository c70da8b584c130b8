"""New networks, with the sizes of the shipped models where nothing else is asked for."""

import torch

from sa_helpers.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
)

CLAY_CHANNELS = {4: 128, 8: 128, 16: 96, 32: 64, 64: 32, 128: 16}
"""Feature maps per resolution of the shipped clay models."""


def new_networks(
    *,
    img_resolution: int,
    seed: int,
    channels: dict[int, int] | None = None,
    latent_dim: int = 128,
    num_mapping_layers: int = 4,
) -> tuple[Generator, Discriminator]:
    """Randomly initialised networks; equal arguments give equal weights.

    Args:
        img_resolution: Side of the images in pixels, a power of two from 8.
        channels: Feature maps per resolution; None takes those of the shipped models.
        latent_dim: Width of z and of w.

    Raises:
        ValueError: `channels` lacks a resolution up to `img_resolution`.
    """
    available = channels or CLAY_CHANNELS
    needed = [2**i for i in range(2, img_resolution.bit_length())]
    missing = [r for r in needed if r not in available]
    if missing:
        raise ValueError(
            f"No number of channels is known for the resolutions {missing}; pass channels with "
            f"an entry for each of {needed}."
        )
    widths = {r: available[r] for r in needed}
    config = GeneratorConfig(
        img_resolution=img_resolution,
        channels=widths,
        z_dim=latent_dim,
        w_dim=latent_dim,
        num_mapping_layers=num_mapping_layers,
    )
    judge = DiscriminatorConfig(img_resolution=img_resolution, channels=widths)
    return initialised(config, judge, seed=seed)


def initialised(
    config: GeneratorConfig, discriminator_config: DiscriminatorConfig, *, seed: int
) -> tuple[Generator, Discriminator]:
    """Networks of these sizes whose random weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(config), Discriminator(discriminator_config)
