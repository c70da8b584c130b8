"""The discriminator: residual blocks and an epilogue that looks at groups of samples."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.networks.config import DiscriminatorConfig, block_resolutions
from sa_helpers.networks.convolution import conv2d
from sa_helpers.networks.filters import downsampling_conv
from sa_helpers.networks.layers import (
    LRELU_GAIN,
    FullyConnectedLayer,
    activate,
    convolution_weight,
)

_MBSTD_EPS = 1e-8


class Conv2dLayer(nn.Module):
    """Convolution with equalised learning rate, and bias and leaky ReLU where asked for.

    Args:
        gain: Extra factor on the output.
        is_activated: Add a bias and apply leaky ReLU with its gain of sqrt(2).
        is_downsampling: Low-pass filter and halve the side.
        conv_clamp: Bound of the output before `gain`; None means none.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        kernel_size: int,
        gain: float = 1.0,
        is_activated: bool = True,
        is_downsampling: bool = False,
        conv_clamp: float | None = None,
    ) -> None:
        """Draw unit-variance weights from torch's default generator."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(channels_out)) if is_activated else None
        self.out_gain = gain * (LRELU_GAIN if is_activated else 1.0)
        self.weight_gain = self.out_gain / math.sqrt(channels_in * kernel_size**2)
        self.clamp = None if conv_clamp is None else conv_clamp * gain
        self.is_downsampling = is_downsampling

    def forward(
        self, x: Float[Tensor, "batch channels_in height width"]
    ) -> Float[Tensor, "batch channels_out out_height out_width"]:
        """Apply the layer in the dtype of `x`; gains are folded into weight and bias."""
        weight = convolution_weight(self.weight, gain=self.weight_gain, dtype=x.dtype)
        bias = None if self.bias is None else (self.bias * self.out_gain).to(x.dtype)
        if self.is_downsampling:
            x = downsampling_conv(x, weight, bias)
        else:
            x = conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
        if self.bias is not None:
            return activate(x, clamp=self.clamp)
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)

    def extra_repr(self) -> str:
        """Sizes, for the network as it prints itself."""
        channels_out, channels_in, size, _ = self.weight.shape
        return (
            f"{channels_in}, {channels_out}, {size}x{size}, is_downsampling={self.is_downsampling}"
        )


class DiscriminatorBlock(nn.Module):
    """Residual block: two convolutions and a linear skip, both to half the side.

    Source: Karras et al. 2020, Section 4 ("residual discriminator").
    """

    def __init__(self, resolution: int, config: DiscriminatorConfig) -> None:
        """Build the layers; the block of the image's own resolution also reads its colours."""
        super().__init__()
        channels, halved = config.channels[resolution], config.channels[resolution // 2]
        clamp = config.conv_clamp
        self.fromrgb: Conv2dLayer | None = None
        if resolution == config.img_resolution:
            self.fromrgb = Conv2dLayer(
                config.img_channels, channels, kernel_size=1, conv_clamp=clamp
            )
        half = math.sqrt(0.5)
        self.conv0 = Conv2dLayer(channels, channels, kernel_size=3, conv_clamp=clamp)
        self.conv1 = Conv2dLayer(
            channels, halved, kernel_size=3, gain=half, is_downsampling=True, conv_clamp=clamp
        )
        self.skip = Conv2dLayer(
            channels, halved, kernel_size=1, gain=half, is_activated=False, is_downsampling=True
        )

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels_out out_height out_width"]:
        """Apply the block; `x` is an image where the block has `fromrgb`."""
        if self.fromrgb is not None:
            x = self.fromrgb(x)
        return self.conv1(self.conv0(x)) + self.skip(x)


def append_minibatch_std(
    x: Float[Tensor, "batch channels height width"], *, group_size: int
) -> Float[Tensor, "batch channels_out height width"]:
    """Append a channel that tells how much the samples of a group differ.

    Sample n belongs to group n modulo the number of groups.

    Raises:
        ValueError: The batch does not divide into groups.

    Source: Karras et al. 2018 (progressive growing), Section 3.
    """
    batch, _, height, width = x.shape
    size = min(group_size, batch)
    if batch % size:
        raise ValueError(
            f"The batch has {batch} images; the discriminator compares groups of {size}. "
            f"Use a multiple of {size}, or fewer images than that."
        )
    groups = x.reshape(size, batch // size, -1)
    std = (groups.var(dim=0, correction=0) + _MBSTD_EPS).sqrt().mean(dim=1)
    channel = std.repeat(size)[:, None, None, None].expand(-1, 1, height, width)
    return torch.cat([x, channel], dim=1)


class DiscriminatorEpilogue(nn.Module):
    """From 4x4 features to one logit a sample."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        """Build `conv`, `fc` and `out`."""
        super().__init__()
        channels = config.channels[4]
        self.mbstd_group_size = config.mbstd_group_size
        self.conv = Conv2dLayer(channels + 1, channels, kernel_size=3, conv_clamp=config.conv_clamp)
        self.fc = FullyConnectedLayer(16 * channels, channels, is_activated=True)
        self.out = FullyConnectedLayer(channels, 1)

    def forward(self, x: Float[Tensor, "batch channels 4 4"]) -> Float[Tensor, "batch 1"]:
        """Compute logits."""
        x = append_minibatch_std(x, group_size=self.mbstd_group_size)
        return self.out(self.fc(self.conv(x).flatten(1)))


class Discriminator(nn.Module):
    """StyleGAN2 discriminator: images to logits, high for real.

    Source: Karras et al. 2020, Section 4 and Appendix B.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        """Build the blocks with random weights from torch's default generator."""
        super().__init__()
        self.config = config
        self.resolutions = block_resolutions(config.img_resolution)[:0:-1]
        for resolution in self.resolutions:
            self.add_module(f"b{resolution}", DiscriminatorBlock(resolution, config))
        self.b4 = DiscriminatorEpilogue(config)

    def forward(
        self,
        images: Float[Tensor, "batch img_channels height width"],
        *,
        dtype: torch.dtype = torch.float32,
        dtype_from_px: int = 4,
    ) -> Float[Tensor, "batch 1"]:
        """Judge images in [-1, 1].

        Only the minibatch standard deviation makes a logit depend on the other samples.

        Args:
            images: Images of the config's resolution; a batch beyond the group size is a
                multiple of it.
            dtype: Of the features down to 4x4; the rest runs in the dtype of the weights.
            dtype_from_px: Features of lower resolutions are float32.
        """
        first_dtype = dtype if self.config.img_resolution >= dtype_from_px else torch.float32
        x = images.to(dtype=first_dtype, memory_format=torch.channels_last)
        for resolution in self.resolutions:
            x = x if resolution >= dtype_from_px else x.float()
            x = self.get_submodule(f"b{resolution}")(x)
        return self.b4(x.to(self.b4.out.weight.dtype))
