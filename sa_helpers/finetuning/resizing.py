"""Networks of another size that begin by doing what the given ones do.

A discriminator's block for the full resolution begins with a layer that reads colours. Where the
resolution changes there is a new such layer, and if it were random the rest of the discriminator
would be useless for a while; in that time the generator forgets rare things such as turned heads.
So the new layer begins by imitating what the old one did, as well as least squares over the cube
of colours allow.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.finetuning.initial_networks import CLAY_CHANNELS, initialised
from sa_helpers.networks import Discriminator, Generator
from sa_helpers.networks.discriminator import Conv2dLayer, DiscriminatorBlock
from sa_helpers.networks.layers import LRELU_SLOPE

_COLOURS_PER_AXIS = 9


def grow(
    generator: Generator,
    discriminator: Discriminator,
    *,
    seed: int,
    num_channels: int | None = None,
) -> tuple[Generator, Discriminator]:
    """Networks of twice the resolution.

    The generator's new tRGB starts at zero, so its first images are its parent's, enlarged.

    Args:
        num_channels: Feature maps of the new resolution; None takes the shipped models' number.

    Raises:
        ValueError: `num_channels` is not given and no shipped model has the new resolution.
    """
    img_resolution = 2 * generator.config.img_resolution
    width = num_channels or CLAY_CHANNELS.get(img_resolution)
    if width is None:
        raise ValueError(
            f"No number of channels is known for {img_resolution} px; pass num_channels, or grow a "
            f"model of less than {max(CLAY_CHANNELS)} px."
        )
    channels = {**generator.config.channels, img_resolution: width}
    new_generator, new_discriminator = _resized(generator, discriminator, channels, seed=seed)
    with torch.no_grad():
        new_generator.get_parameter(f"synthesis.b{img_resolution}.torgb.weight").zero_()
        _read_before(_top_block(new_discriminator), _fromrgb(_top_block(discriminator)))
    return new_generator, new_discriminator


def shrink(
    generator: Generator, discriminator: Discriminator, *, seed: int
) -> tuple[Generator, Discriminator]:
    """Networks of half the resolution: the layers of the highest resolution are left out.

    The generator's first images are what its parent had added up before those layers, which are
    paler than finished ones.

    Raises:
        ValueError: There is no lower resolution than that of the networks.

    Source: StyleAlign (Wu et al. 2022), Appendix A.4.
    """
    img_resolution = generator.config.img_resolution
    channels = {r: c for r, c in generator.config.channels.items() if r < img_resolution}
    new_generator, new_discriminator = _resized(generator, discriminator, channels, seed=seed)
    with torch.no_grad():
        _read_instead(_fromrgb(_top_block(new_discriminator)), _top_block(discriminator))
    return new_generator, new_discriminator


def widen(
    generator: Generator,
    discriminator: Discriminator,
    *,
    channels: Mapping[int, int],
    seed: int,
) -> tuple[Generator, Discriminator]:
    """Networks with more feature maps, which compute what the given ones do.

    New maps are random, and the layers that the networks have already read nothing of them at
    first. Weights are stored without the gain that depends on the number of inputs, so they are
    scaled where that number grows.

    Args:
        channels: Resolution in pixels, from 8, to the new number of feature maps; the other
            resolutions keep theirs.

    Raises:
        ValueError: A resolution that the networks lack or that cannot be widened, or a number
            below theirs.

    Source: Chen et al. 2016 (Net2Net), with silent new units instead of copies.
    """
    _check_wider(channels, generator.config.channels)
    sizes: dict[str, Any] = {"channels": {**generator.config.channels, **channels}}
    widened = initialised(
        dataclasses.replace(generator.config, **sizes),
        dataclasses.replace(discriminator.config, **sizes),
        seed=seed,
    )
    for source, target in zip((generator, discriminator), widened, strict=True):
        _fill_corners(source, target)
    return widened


def _check_wider(channels: Mapping[int, int], present: Mapping[int, int]) -> None:
    """Refuse what `widen` cannot do; the discriminator reads whole maps at 4 px, which stay."""
    for resolution, width in channels.items():
        if resolution == 4 or width < present.get(resolution, width + 1):
            raise ValueError(
                f"{width} feature maps at {resolution} px were asked of networks that have "
                f"{dict(present)}; expected one of their resolutions above 4 px, and at least as "
                "many maps as they have there."
            )


@torch.no_grad()
def _fill_corners(source: nn.Module, target: nn.Module) -> None:
    """Put every weight into the corner of the wider one; what reads new maps starts at zero."""
    wider = target.state_dict()
    for name, tensor in source.state_dict().items():
        layer, _, kind = name.rpartition(".")
        if kind == "weight":
            gains = [getattr(n.get_submodule(layer), "weight_gain", 1.0) for n in (source, target)]
            tensor = tensor * (gains[0] / gains[1])
            wider[name][: len(tensor), tensor.shape[1] :] = 0
        wider[name][tuple(slice(size) for size in tensor.shape)] = tensor


def _resized(
    generator: Generator, discriminator: Discriminator, channels: dict[int, int], *, seed: int
) -> tuple[Generator, Discriminator]:
    """New networks for the resolutions in `channels`, with every weight that both can hold."""
    sizes: dict[str, Any] = {"img_resolution": max(channels), "channels": channels}
    resized = initialised(
        dataclasses.replace(generator.config, **sizes),
        dataclasses.replace(discriminator.config, **sizes),
        seed=seed,
    )
    for source, target in zip((generator, discriminator), resized, strict=True):
        shared = target.state_dict()
        shared.update({k: v for k, v in source.state_dict().items() if k in shared})
        target.load_state_dict(shared)
    return resized


def _top_block(discriminator: Discriminator) -> DiscriminatorBlock:
    resolution = discriminator.config.img_resolution
    return cast(DiscriminatorBlock, discriminator.get_submodule(f"b{resolution}"))


def _fromrgb(block: DiscriminatorBlock) -> Conv2dLayer:
    return cast(Conv2dLayer, block.get_submodule("fromrgb"))


def _read_before(block: DiscriminatorBlock, old: Conv2dLayer) -> None:
    """Let a new block give, for flat colours, what the old fromrgb behind it gave.

    Its own fromrgb copies as many of the old features as it has room for. The skip connection,
    which is linear, makes all old features out of these, and the bias of the last convolution adds
    the constant. The weights of that convolution start at zero and learn.
    """
    fromrgb = _fromrgb(block)
    for name in ("weight", "bias"):
        source, target = old.get_parameter(name), fromrgb.get_parameter(name)
        num_copied = min(len(source), len(target))
        target[:num_copied] = source[:num_copied]
    colours = _colours()
    mixing, offset = _least_squares(fromrgb(colours).flatten(1), old(colours).flatten(1))
    block.skip.weight.copy_(mixing[:, :, None, None] / block.skip.weight_gain)
    block.conv1.weight.zero_()
    bias = _before_activation(offset) / block.conv1.out_gain
    block.get_parameter("conv1.bias").copy_(bias)


def _read_instead(fromrgb: Conv2dLayer, old: DiscriminatorBlock) -> None:
    """Let a new fromrgb give, for flat colours, what the old block before it gave."""
    side = 8  # enough for a pixel that no border reaches
    colours = _colours()
    wanted = old(colours.expand(-1, -1, side, side))[:, :, 2, 2]
    mixing, offset = _least_squares(colours.flatten(1), _before_activation(wanted))
    fromrgb.weight.copy_(mixing[:, :, None, None] / fromrgb.weight_gain)
    fromrgb.get_parameter("bias").copy_(offset / fromrgb.out_gain)


def _colours() -> Float[Tensor, "colours 3 1 1"]:
    side = torch.linspace(-1.0, 1.0, _COLOURS_PER_AXIS)
    return torch.cartesian_prod(side, side, side)[:, :, None, None]


def _least_squares(
    given: Float[Tensor, "samples inputs"], wanted: Float[Tensor, "samples outputs"]
) -> tuple[Float[Tensor, "outputs inputs"], Float[Tensor, " outputs"]]:
    """Matrix and offset of the best affine map from `given` to `wanted`."""
    known = torch.cat([given, torch.ones(len(given), 1)], dim=1)
    solution = torch.linalg.lstsq(known, wanted).solution
    return solution[:-1].t(), solution[-1]


def _before_activation(features: Tensor) -> Tensor:
    """What leaky ReLU turns into `features`."""
    return torch.where(features > 0, features, features / LRELU_SLOPE)
