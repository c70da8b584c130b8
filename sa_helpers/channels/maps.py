"""Where each style channel acts in a picture: the derivatives of all pixels by all channels.

With an image held fixed, everything behind a style is linear: convolutions, the slopes of the
activations, upsampling. So a change of one channel starts at its own layer and is carried to the
picture by that linear map, many channels at once.

Source: Wu et al. 2021 (StyleSpace), Section 4.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sa_helpers.networks import Generator
from sa_helpers.networks.convolution import conv2d
from sa_helpers.networks.filters import upsample_image, upsampling_conv
from sa_helpers.networks.layers import (
    DEMODULATION_EPS,
    LRELU_GAIN,
    LRELU_SLOPE,
    convolution_weight,
    demodulation,
)
from sa_helpers.networks.synthesis import SynthesisLayer, ToRGBLayer

GRID = 32
"""Side of the maps in which channels and regions are compared, in pixels."""


@torch.inference_mode()
def channel_maps(
    generator: Generator,
    w_plus: Float[Tensor, "1 num_ws w_dim"],
    *,
    names: Collection[str] | None = None,
    batch_size: int = 64,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "channels 32 32"]:
    """Where each channel acts in one image: |d colours / d style|, averaged over the colours.

    The image is averaged down to `GRID` first. The cost grows with the number of channels, not of
    pixels, and late channels cost less than early ones.

    Args:
        generator: On any device; its constant noise is used.
        w_plus: Of one image.
        names: Of the channels, such as `6_501`; None means all.
        batch_size: Channels at once; changes the memory and nothing else.
        dtype: Of the changes that are carried; the image itself is computed in float32.

    Returns:
        One map a channel, in the order of `StyleSpace.feature_names` whatever that of `names`,
        on the CPU.

    Raises:
        ValueError: A name is of no feature channel, or there are none; or not one image.
    """
    if len(w_plus) != 1:
        raise ValueError(f"There are latents of {len(w_plus)} images; expected those of one.")
    steps = _linearise(generator, w_plus)
    chosen = _channels_by_layer(generator.synthesis.style_space.feature_names, names)
    maps = []
    for index, step in enumerate(steps):
        if isinstance(step, _FeatureStep) and index in chosen:
            for channels in torch.tensor(chosen[index]).split(batch_size):
                change = step.changes(channels.to(w_plus.device)).to(dtype)
                maps.append(_carry(change, steps[index + 1 :]).abs().mean(dim=1).cpu())
    return torch.cat(maps)


def distinct_places(
    maps: Float[Tensor, "channels height width"],
) -> Float[Tensor, "channels height width"]:
    """Where each channel acts more, or less, than the others: standardised deviations from them.

    Each map is divided by its sum first, so how strongly a channel acts does not count. The mean
    product of two results is the correlation of what is particular to two channels.

    Args:
        maps: From `channel_maps`, of two channels or more.
    """
    shares = maps / maps.sum(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    particular = shares - shares.mean(dim=0)
    centred = particular - particular.mean(dim=(1, 2), keepdim=True)
    return centred / centred.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=1e-12)


def _channels_by_layer(known: Sequence[str], names: Collection[str] | None) -> dict[int, list[int]]:
    """Layer to the chosen ones of its channels, in order."""
    wanted = set(known if names is None else names)
    if not wanted or not wanted <= set(known):
        raise ValueError(
            f"Of the names, {sorted(wanted - set(known))} are of no feature channel; expected one "
            f"or more from {known[0]} to {known[-1]}."
        )
    chosen: dict[int, list[int]] = {}
    for name in known:
        if name in wanted:
            layer, channel = map(int, name.split("_"))
            chosen.setdefault(layer, []).append(channel)
    return chosen


@dataclass(frozen=True)
class _FeatureStep:
    """A feature convolution at one image.

    Attributes:
        layer: The convolution.
        style: Of the image.
        x: What came in.
        slope: Derivative of the activation times the demodulation, of every output.
    """

    layer: SynthesisLayer
    style: Float[Tensor, "1 channels_in"]
    x: Float[Tensor, "1 channels_in height width"]
    slope: Float[Tensor, "1 channels_out out_height out_width"]

    def carry(self, change: Tensor) -> Tensor:
        """What a change of the input changes in the output."""
        return self._convolve(_scaled(change, self.style)) * self.slope.to(change.dtype)

    def changes(self, channels: Tensor) -> Tensor:
        """What a change of one style changes in the output, for each of some channels.

        A style acts twice: on its input channel, and through the demodulation on all outputs. With
        c the convolution and d the demodulation, d(c_j d_j)/ds_i = d_j (dc_j/ds_i - c_j d_j^2 s_i
        sum_k w_jik^2).
        """
        style, weight = self.style[0], self.layer.weight
        is_own = F.one_hot(channels, len(style)).to(self.x)
        direct = self._convolve(self.x * is_own[:, :, None, None])
        energy = weight.square().sum(dim=(2, 3))
        total = style.square() @ energy.t() + DEMODULATION_EPS
        shrinkage = (style * energy / total[:, None]).t()[channels]
        whole = self._convolve(_scaled(self.x, self.style))
        return (direct - whole * shrinkage[:, :, None, None]) * self.slope

    def _convolve(self, x: Tensor) -> Tensor:
        weight = convolution_weight(self.layer.weight, gain=1.0, dtype=x.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        if self.layer.is_upsampling:
            return upsampling_conv(x, weight)
        return conv2d(x, weight, padding=1)


@dataclass(frozen=True)
class _ColourStep:
    """A tRGB layer at one image; `slope` is 0 where its output is clamped, else 1."""

    layer: ToRGBLayer
    style: Float[Tensor, "1 channels_in"]
    slope: Float[Tensor, "1 colours height width"]

    def carry(self, change: Tensor) -> Tensor:
        """What a change of the features changes in the colours."""
        weight = convolution_weight(
            self.layer.weight, gain=self.layer.weight_gain, dtype=change.dtype
        )
        return conv2d(_scaled(change, self.style), weight).float() * self.slope


def _linearise(generator: Generator, w_plus: Tensor) -> list[_FeatureStep | _ColourStep]:
    """Synthesise one image, and keep of every layer what its derivative depends on."""
    synthesis = generator.synthesis
    x = synthesis.get_parameter("b4.const")[None].contiguous(memory_format=torch.channels_last)
    steps: list[_FeatureStep | _ColourStep] = []
    specs = synthesis.style_space.layers
    for spec, style in zip(specs, synthesis.w_plus_to_s(w_plus), strict=True):
        layer = synthesis.get_submodule(spec.name)
        if isinstance(layer, SynthesisLayer):
            y = layer(x, style, layer.noise_const[None, None])
            factors = demodulation(layer.weight, style)[:, :, None, None] * LRELU_GAIN
            slope = torch.where(y > 0, 1.0, LRELU_SLOPE) * _is_free(y, layer.clamp) * factors
            steps.append(_FeatureStep(layer, style, x, slope))
            x = y
        elif isinstance(layer, ToRGBLayer):
            colours = layer(x, style, dtype=torch.float32)
            steps.append(_ColourStep(layer, style, _is_free(colours, layer.clamp)))
    return steps


def _scaled(x: Tensor, style: Float[Tensor, "1 channels"]) -> Tensor:
    """Scale the channels of any number of changes by the styles of the one image."""
    return x * style.to(x.dtype)[:, :, None, None]


def _is_free(y: Tensor, clamp: float | None) -> Tensor:
    """1 where a value is not held by the clamp, else 0."""
    return torch.ones_like(y) if clamp is None else (y.abs() < clamp).to(y)


def _carry(
    change: Float[Tensor, "channels features height width"],
    steps: Sequence[_FeatureStep | _ColourStep],
) -> Float[Tensor, "channels colours 32 32"]:
    """Carry changes of features through the rest of the network to the picture's grid."""
    image: Tensor | None = None
    for step in steps:
        if isinstance(step, _FeatureStep):
            change = step.carry(change)
        else:
            colours = step.carry(change)
            image = colours if image is None else upsample_image(image) + colours
    if image is None:
        raise ValueError("The network ends without a tRGB layer; expected one behind all others.")
    return F.adaptive_avg_pool2d(image, GRID)
