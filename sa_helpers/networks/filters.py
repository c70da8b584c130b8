"""The [1, 3, 3, 1] low-pass filter of every up- and downsampling step, and the layers around it.

Source: Karras et al. 2020 (StyleGAN2), Appendix B; Zhang 2019 (anti-aliased networks).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sa_helpers.networks.convolution import conv2d, conv_transpose2d, low_pass_filter

_TAPS = (1.0, 3.0, 3.0, 1.0)


def binomial_kernel(
    num_channels: int, *, gain: float, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "channels 1 4 4"]:
    """One 4x4 binomial filter a channel, with entries that add up to `gain`."""
    taps = torch.tensor(_TAPS, dtype=torch.float32, device=device) / sum(_TAPS)
    kernel = (gain * torch.outer(taps, taps)).to(dtype)
    return kernel.expand(num_channels, 1, 4, 4)


def low_pass(
    x: Float[Tensor, "batch channels height width"], *, padding: int, gain: float = 1.0
) -> Float[Tensor, "batch channels out_height out_width"]:
    """Filter every channel; the image shrinks by 3 and grows by 2 * padding pixels."""
    num_channels = x.shape[1]
    kernel = binomial_kernel(num_channels, gain=gain, dtype=x.dtype, device=x.device)
    return low_pass_filter(x, kernel, padding=padding)


def upsample_image(
    image: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch channels out_height out_width"]:
    """Double the side: insert zeros, then filter with gain 4."""
    num_channels = image.shape[1]
    kernel = binomial_kernel(num_channels, gain=4.0, dtype=image.dtype, device=image.device)
    return F.conv_transpose2d(image, kernel, stride=2, padding=1, groups=num_channels)


def upsampling_conv(
    x: Float[Tensor, "batch channels_in height width"],
    weight: Float[Tensor, "channels_out channels_in 3 3"],
) -> Float[Tensor, "batch channels_out out_height out_width"]:
    """Convolve and double the side.

    The transposed convolution skips the inserted zeros, a quarter of the work of upsampling first.
    """
    x = conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return low_pass(x, padding=1, gain=4.0)


def downsampling_conv(
    x: Float[Tensor, "batch channels_in height width"],
    weight: Float[Tensor, "channels_out channels_in size size"],
    bias: Float[Tensor, " channels_out"] | None = None,
) -> Float[Tensor, "batch channels_out out_height out_width"]:
    """Low-pass filter, then convolve with stride 2, which halves the side (kernels of 1 or 3)."""
    padding = 1 + weight.shape[-1] // 2
    return conv2d(low_pass(x, padding=padding), weight, bias, stride=2)
