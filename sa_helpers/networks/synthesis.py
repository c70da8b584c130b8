"""The synthesis network: from w_plus, or styles, to images."""

import math
from collections.abc import Sequence
from itertools import islice
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.networks.config import GeneratorConfig, block_resolutions
from sa_helpers.networks.convolution import conv2d
from sa_helpers.networks.filters import upsample_image, upsampling_conv
from sa_helpers.networks.layers import (
    LRELU_GAIN,
    FullyConnectedLayer,
    activate,
    convolution_weight,
    demodulation,
    scale_channels,
)
from sa_helpers.networks.noise import NoiseSource, draw_noise
from sa_helpers.networks.styles import StyleLayer, Styles, StyleSpace


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias and leaky ReLU.

    Scaling the weights of every sample would need a grouped convolution. Scaling the inputs by
    the style and the outputs by the demodulation gives the same numbers with one shared weight.

    Source: Karras et al. 2020, Section 2.2 and Appendix B.
    """

    noise_const: Tensor

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        w_dim: int,
        resolution: int,
        is_upsampling: bool,
        conv_clamp: float | None,
    ) -> None:
        """Draw weights and the constant noise from torch's default generator."""
        super().__init__()
        self.affine = FullyConnectedLayer(w_dim, channels_in, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.is_upsampling = is_upsampling
        self.clamp = conv_clamp

    def forward(
        self,
        x: Float[Tensor, "batch channels_in height width"],
        style: Float[Tensor, "batch channels_in"],
        noise: Float[Tensor, "samples 1 out_height out_width"] | None,
    ) -> Float[Tensor, "batch channels_out out_height out_width"]:
        """Compute the layer in the dtype of `x`."""
        if x.dtype == torch.float16:  # demodulation undoes the scale of style and weight
            style = style / style.abs().amax(dim=1, keepdim=True)
        weight = convolution_weight(self._weight(x.dtype), gain=1.0, dtype=x.dtype)
        x = scale_channels(x, style)
        x = upsampling_conv(x, weight) if self.is_upsampling else conv2d(x, weight, padding=1)
        offset = self._offset(noise, like=x)
        factors = (demodulation(self._weight(x.dtype), style) * LRELU_GAIN).to(x.dtype)
        x = torch.addcmul(offset, x, factors[:, :, None, None])
        return activate(x, clamp=self.clamp)

    def _weight(self, dtype: torch.dtype) -> Float[Tensor, "channels_out channels_in 3 3"]:
        """The weight, for float16 so small that no sum of products overflows.

        Source: Karras et al. 2020 (ADA), the appendix's part on mixed-precision training.
        """
        if dtype != torch.float16:
            return self.weight
        largest = self.weight.abs().amax(dim=(1, 2, 3), keepdim=True)
        return self.weight / (largest * math.sqrt(self.weight[0].numel()))

    def extra_repr(self) -> str:
        """Sizes, for the network as it prints itself."""
        channels_out, channels_in, _, _ = self.weight.shape
        side = len(self.noise_const)
        return f"{channels_in}, {channels_out}, {side} px, is_upsampling={self.is_upsampling}"

    def _offset(
        self,
        noise: Float[Tensor, "samples 1 out_height out_width"] | None,
        *,
        like: Float[Tensor, "batch channels_out out_height out_width"],
    ) -> Float[Tensor, "..."]:
        """Return bias plus noise, times the gain of the activation.

        The noise is spread over the channels by a matrix product: on a CPU it is several times
        faster than broadcasting along the fastest dimension of channels-last memory.
        """
        bias = (self.bias * LRELU_GAIN).to(like.dtype)
        if noise is None:
            return bias[:, None, None]
        strength = (self.noise_strength * LRELU_GAIN).to(like.dtype).expand(1, len(bias))
        column = noise.to(like.dtype).reshape(-1, 1)
        rows = torch.addmm(bias, column, strength)
        return rows.view(noise.shape[0], *noise.shape[2:], -1).permute(0, 3, 1, 2)


class ToRGBLayer(nn.Module):
    """Modulated 1x1 convolution to colours, without demodulation.

    Source: Karras et al. 2020, Section 2.2 ("skip generator") and Appendix B.
    """

    def __init__(
        self, channels_in: int, img_channels: int, *, w_dim: int, conv_clamp: float | None
    ) -> None:
        """Draw weights from torch's default generator."""
        super().__init__()
        self.affine = FullyConnectedLayer(w_dim, channels_in, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(img_channels, channels_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(img_channels))
        self.weight_gain = 1.0 / math.sqrt(channels_in)
        self.clamp = conv_clamp

    def forward(
        self,
        x: Float[Tensor, "batch channels_in height width"],
        style: Float[Tensor, "batch channels_in"],
        *,
        dtype: torch.dtype,
    ) -> Float[Tensor, "batch img_channels height width"]:
        """Compute colours; the product runs in the dtype of `x`, the result is in `dtype`."""
        weight = convolution_weight(self.weight, gain=self.weight_gain, dtype=x.dtype)
        colours = conv2d(scale_channels(x, style), weight).to(dtype)
        colours = colours + self.bias[:, None, None]
        return colours if self.clamp is None else colours.clamp(-self.clamp, self.clamp)

    def extra_repr(self) -> str:
        """Sizes, for the network as it prints itself."""
        img_channels, channels_in, _, _ = self.weight.shape
        return f"{channels_in}, {img_channels}"


class SynthesisBlock(nn.Module):
    """The layers of one resolution: conv0 (not at 4x4), conv1 and torgb.

    Attributes:
        num_convs: 1 at 4x4, else 2.
    """

    def __init__(self, resolution: int, config: GeneratorConfig) -> None:
        """Build the layers, or the constant input at 4x4."""
        super().__init__()
        self.num_convs = 1 if resolution == 4 else 2
        channels = config.channels[resolution]
        if resolution == 4:
            self.const = nn.Parameter(torch.randn(channels, 4, 4))
        else:
            previous = config.channels[resolution // 2]
            self.conv0 = self._layer(previous, resolution, config, is_upsampling=True)
        self.conv1 = self._layer(channels, resolution, config, is_upsampling=False)
        self.torgb = ToRGBLayer(
            channels, config.img_channels, w_dim=config.w_dim, conv_clamp=config.conv_clamp
        )

    def forward(
        self,
        x: Float[Tensor, "batch channels_in height width"],
        image: Float[Tensor, "batch img_channels height width"] | None,
        styles: Sequence[Tensor],
        noise_maps: Sequence[Tensor | None],
    ) -> tuple[
        Float[Tensor, "batch channels_out out_height out_width"],
        Float[Tensor, "batch img_channels out_height out_width"],
    ]:
        """Compute the features of this resolution, and add their colours to the upsampled image.

        Args:
            x: Features of the resolution before; at 4x4 the constant.
            image: Image of the resolution before; None at 4x4.
            styles: One a layer.
            noise_maps: One a convolution.
        """
        *of_convs, of_torgb = styles
        convs = (self.conv0, self.conv1) if self.num_convs == 2 else (self.conv1,)
        for conv, style, noise in zip(convs, of_convs, noise_maps, strict=True):
            x = conv(x, style, noise)
        colours = self.torgb(x, of_torgb, dtype=of_torgb.dtype)
        return x, colours if image is None else upsample_image(image) + colours

    @staticmethod
    def _layer(
        channels_in: int, resolution: int, config: GeneratorConfig, *, is_upsampling: bool
    ) -> SynthesisLayer:
        return SynthesisLayer(
            channels_in,
            config.channels[resolution],
            w_dim=config.w_dim,
            resolution=resolution,
            is_upsampling=is_upsampling,
            conv_clamp=config.conv_clamp,
        )


class SynthesisNetwork(nn.Module):
    """Skip generator: every resolution adds its colours to the upsampled image so far.

    Source: Karras et al. 2020, Section 4.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        """Build the blocks `b4`, `b8`, ... of the config."""
        super().__init__()
        self.config = config
        self.num_ws = config.num_ws
        self.style_space = StyleSpace.of(config)
        self.resolutions = block_resolutions(config.img_resolution)
        for resolution in self.resolutions:
            self.add_module(f"b{resolution}", SynthesisBlock(resolution, config))

    def w_plus_to_s(self, w_plus: Float[Tensor, "batch num_ws w_dim"]) -> Styles:
        """Apply the affine layer of every layer to its latent.

        Raises:
            ValueError: `w_plus` has another number of latents than the network.
        """
        if w_plus.shape[1] != self.num_ws:
            raise ValueError(
                f"w_plus has {w_plus.shape[1]} latents a sample; this network has "
                f"{self.num_ws}. Use broadcast_w(w, num_ws={self.num_ws})."
            )
        latents, layers = w_plus.unbind(dim=1), self.style_space.layers
        return Styles(
            [self._module(layer).affine(latents[layer.w_index]) for layer in layers],
            self.style_space,
        )

    def s_to_image(
        self,
        styles: Styles,
        *,
        noise: NoiseSource = "const",
        dtype: torch.dtype = torch.float32,
        dtype_from_px: int = 4,
    ) -> Float[Tensor, "batch img_channels height width"]:
        """Synthesise images from styles.

        Args:
            styles: Styles, perhaps edited.
            noise: See `draw_noise`.
            dtype: Of the features; colours are always added up in float32 or better.
            dtype_from_px: Features of lower resolutions stay float32.
        """
        modules = [self._module(layer) for layer in self.style_space.layers]
        constants = [m.noise_const for m in modules if isinstance(m, SynthesisLayer)]
        maps = draw_noise(noise, constants, batch_size=styles[0].shape[0])
        return self.render(list(styles), maps, dtype=dtype, dtype_from_px=dtype_from_px)

    def render(
        self,
        styles: Sequence[Tensor],
        noise_maps: Sequence[Tensor | None],
        *,
        dtype: torch.dtype = torch.float32,
        dtype_from_px: int = 4,
    ) -> Float[Tensor, "batch img_channels height width"]:
        """Synthesise from tensors only, which is what torch.compile can take.

        Args:
            styles: One tensor [batch, channels] a layer, in StyleSpace order.
            noise_maps: One map for each layer with noise, in the same order; None means none.
            dtype: Of the features.
            dtype_from_px: Features of lower resolutions stay float32.
        """
        styles_left, noise_left = iter(styles), iter(noise_maps)
        first_dtype = dtype if dtype_from_px <= 4 else torch.float32
        x = self._constant(batch_size=styles[0].shape[0], dtype=first_dtype)
        image = None
        for resolution in self.resolutions:
            block = self._block(resolution)
            x = x.to(dtype) if resolution >= dtype_from_px else x
            of_layers = list(islice(styles_left, block.num_convs + 1))
            x, image = block(x, image, of_layers, list(islice(noise_left, block.num_convs)))
        return cast(Tensor, image).contiguous()

    def _block(self, resolution: int) -> SynthesisBlock:
        return cast(SynthesisBlock, self.get_submodule(f"b{resolution}"))

    def _module(self, layer: StyleLayer) -> SynthesisLayer | ToRGBLayer:
        return cast(SynthesisLayer | ToRGBLayer, self.get_submodule(layer.name))

    def _constant(
        self, *, batch_size: int, dtype: torch.dtype
    ) -> Float[Tensor, "batch channels 4 4"]:
        const = self._block(4).const.to(dtype)[None].expand(batch_size, -1, -1, -1)
        return const.contiguous(memory_format=torch.channels_last)

    def forward(
        self,
        w_plus: Float[Tensor, "batch num_ws w_dim"],
        *,
        noise: NoiseSource = "const",
        dtype: torch.dtype = torch.float32,
        dtype_from_px: int = 4,
    ) -> Float[Tensor, "batch img_channels height width"]:
        """Synthesise images from latents, one for each layer; see `s_to_image`."""
        return self.s_to_image(
            self.w_plus_to_s(w_plus), noise=noise, dtype=dtype, dtype_from_px=dtype_from_px
        )
