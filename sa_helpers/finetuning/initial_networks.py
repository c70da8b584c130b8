"""The networks a run starts from: new, a parent's, or a parent grown by one resolution."""

from typing import cast

import torch

from sa_helpers.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
)
from sa_helpers.networks.discriminator import DiscriminatorBlock
from sa_helpers.networks.layers import LRELU_SLOPE

CLAY_CHANNELS = {4: 128, 8: 128, 16: 96, 32: 64, 64: 32, 128: 16}
"""Feature maps per resolution of the shipped clay models."""

_COLOURS_PER_AXIS = 9


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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator(
            GeneratorConfig(
                img_resolution=img_resolution,
                channels=widths,
                z_dim=latent_dim,
                w_dim=latent_dim,
                num_mapping_layers=num_mapping_layers,
            )
        )
        discriminator = Discriminator(
            DiscriminatorConfig(img_resolution=img_resolution, channels=widths)
        )
    return generator, discriminator


def grow(
    generator: Generator,
    discriminator: Discriminator,
    *,
    seed: int,
    num_channels: int | None = None,
) -> tuple[Generator, Discriminator]:
    """Networks of twice the resolution that begin by doing what the given ones do.

    The generator's new tRGB starts at zero, so its first images are its parent's, enlarged. The
    discriminator's new block starts by reading colours as the old one did, at half the side: with a
    random block before it, the rest would be useless for a while, and in that time the generator
    forgets rare things such as turned heads.

    Args:
        num_channels: Feature maps of the new resolution; None takes the shipped models' number.
    """
    config = generator.config
    img_resolution = 2 * config.img_resolution
    width = num_channels or CLAY_CHANNELS[img_resolution]
    new_generator, new_discriminator = new_networks(
        img_resolution=img_resolution,
        seed=seed,
        channels={**config.channels, img_resolution: width},
        latent_dim=config.z_dim,
        num_mapping_layers=config.num_mapping_layers,
    )
    _copy_shared(generator, new_generator)
    _copy_shared(discriminator, new_discriminator)
    with torch.no_grad():
        new_generator.get_parameter(f"synthesis.b{img_resolution}.torgb.weight").zero_()
        _imitate_fromrgb(_top_block(discriminator), _top_block(new_discriminator))
    return new_generator, new_discriminator


def _top_block(discriminator: Discriminator) -> DiscriminatorBlock:
    resolution = discriminator.config.img_resolution
    return cast(DiscriminatorBlock, discriminator.get_submodule(f"b{resolution}"))


def _imitate_fromrgb(old: DiscriminatorBlock, new: DiscriminatorBlock) -> None:
    """Let a new block, in front of `old`, give what the fromrgb of `old` gave for flat colours.

    The new fromrgb copies as many of the old features as it has room for. The skip connection,
    which is linear, makes all old features out of these by least squares over the cube of colours,
    and the bias of the last convolution adds the constant. Its weights start at zero and learn.
    """
    for name in ("fromrgb.weight", "fromrgb.bias"):
        source, target = old.get_parameter(name), new.get_parameter(name)
        num_copied = min(len(source), len(target))
        target[:num_copied] = source[:num_copied]
    side = torch.linspace(-1.0, 1.0, _COLOURS_PER_AXIS)
    colours = torch.cartesian_prod(side, side, side)[:, :, None, None]
    features = new.get_submodule("fromrgb")(colours).flatten(1)
    wanted = old.get_submodule("fromrgb")(colours).flatten(1)
    known = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    *mixing, offset = torch.linalg.lstsq(known, wanted).solution
    new.skip.weight.copy_(torch.stack(mixing).t()[:, :, None, None] / new.skip.weight_gain)
    new.conv1.weight.zero_()
    # What comes out of the activation is the constant, so what goes in is its inverse.
    inverse = torch.where(offset > 0, offset, offset / LRELU_SLOPE)
    new.get_parameter("conv1.bias").copy_(inverse / new.conv1.out_gain)


def _copy_shared(source: torch.nn.Module, target: torch.nn.Module) -> None:
    """Copy the entries that both networks have; only the discriminator's fromrgb is left over."""
    shared = target.state_dict()
    shared.update({k: v for k, v in source.state_dict().items() if k in shared})
    target.load_state_dict(shared)
