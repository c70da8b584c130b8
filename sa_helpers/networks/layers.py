"""Layers with equalised learning rate, and the modulated convolution.

Weights are stored with unit variance and scaled when used, so Adam's step has the same relative
size everywhere. Source: Karras et al. 2018 (progressive growing), Section 4.1.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

LRELU_SLOPE = 0.2
LRELU_GAIN = math.sqrt(2.0)
DEMODULATION_EPS = 1e-8


class FullyConnectedLayer(nn.Module):
    """y = lrelu(x A + b) with equalised learning rate, or y = x A + b.

    Args:
        is_activated: Apply leaky ReLU and its gain of sqrt(2).
        lr_multiplier: Learning rate relative to the rest; weights are stored divided by it.
        bias_init: Value of the bias at the start, as it acts on the output.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        is_activated: bool = False,
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        """Draw unit-variance weights from torch's default generator."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier
        self.is_activated = is_activated

    def forward(self, x: Float[Tensor, "batch in_features"]) -> Float[Tensor, "batch out_features"]:
        """Apply the layer in the dtype of `x`."""
        weight = (self.weight * self.weight_gain).to(x.dtype)
        y = F.linear(x, weight, (self.bias * self.bias_gain).to(x.dtype))
        return F.leaky_relu(y, LRELU_SLOPE) * LRELU_GAIN if self.is_activated else y

    def extra_repr(self) -> str:
        """Sizes, for the network as it prints itself."""
        features_out, features_in = self.weight.shape
        return f"{features_in}, {features_out}, is_activated={self.is_activated}"


def activate(
    x: Float[Tensor, "batch channels height width"], *, clamp: float | None
) -> Float[Tensor, "batch channels height width"]:
    """Leaky ReLU without its gain, in place: callers have scaled their input by it already.

    Scaling first is the same, because lrelu(g x) = g lrelu(x) for g > 0, and saves a pass.
    """
    x = F.leaky_relu(x, LRELU_SLOPE, inplace=True)
    return x if clamp is None else x.clamp(-clamp, clamp)


def scale_channels(
    x: Float[Tensor, "batch channels height width"], scale: Float[Tensor, "batch channels"]
) -> Float[Tensor, "batch channels height width"]:
    """Multiply every channel of every sample by its own number, in the dtype of `x`."""
    return x * scale.to(x.dtype)[:, :, None, None]


def demodulation(
    weight: Float[Tensor, "channels_out channels_in height width"],
    style: Float[Tensor, "batch channels_in"],
) -> Float[Tensor, "batch channels_out"]:
    """Factors that bring the output of a modulated convolution back to unit variance.

    d_j = 1 / sqrt(sum over i, k of (s_i w_jik)^2 + eps), because unit-variance inputs then give
    unit-variance outputs. Source: Karras et al. 2020, Section 2.2, Equation 3.
    """
    energy = weight.square().sum(dim=(2, 3))
    return (style.square() @ energy.t() + DEMODULATION_EPS).rsqrt()


def convolution_weight(
    weight: Float[Tensor, "channels_out channels_in height width"],
    *,
    gain: float,
    dtype: torch.dtype,
) -> Float[Tensor, "channels_out channels_in height width"]:
    """Scale and cast a weight, in the memory layout that convolutions like."""
    scaled = weight if gain == 1.0 else weight * gain
    return scaled.to(dtype=dtype, memory_format=torch.channels_last)
