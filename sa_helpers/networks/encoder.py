"""Encoders from images to w_plus: the feature pyramid of pSp and e4e.

Weights keep the names of the published networks, so a checkpoint maps key by key.

Source: Richardson et al. 2021 (pSp), Section 3 and Figure 2; Tov et al. 2021 (e4e), Section 5; the
backbone is the IR-SE-50 of Deng et al. 2019 (ArcFace) with the squeeze-and-excitation of Hu et al.
2018.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.networks.config import check_count

_UNITS = (3, 4, 14, 3)  # residual units at each of the four sides of IR-SE-50
_TAPS = (6, 20, 23)  # units after which features are taken: fine, middle, coarse
_SQUEEZE = 16
_SPATIAL_PX = (16, 32, 64)  # sides of the coarse, middle and fine features
_FIRST_MIDDLE, _FIRST_FINE = 3, 7  # latents that are read from the middle and the fine features
_BATCH_NORM_EPS = 1e-5
_HEAD_SLOPE = 0.01


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Sizes of an encoder.

    Attributes:
        num_ws: Number of latents in w_plus.
        w_dim: Size of w.
        width: Feature maps of the first convolution; 64 in the published encoders.
        is_offset: e4e: latents are the first one plus offsets. pSp: each is read by itself.
        img_channels: Colour channels.
        img_resolution: Side of the images in pixels.
    """

    num_ws: int
    w_dim: int
    width: int = 64
    is_offset: bool = False
    img_channels: int = 3
    img_resolution: int = 256

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        limits = {"num_ws": 64, "w_dim": 1 << 16, "width": 4096, "img_channels": 64}
        for name, high in limits.items():
            check_count(getattr(self, name), what=name, high=high)
        if self.width < _SQUEEZE:
            raise ValueError(f"width is {self.width}; expected at least {_SQUEEZE}.")
        if type(self.is_offset) is not bool:
            raise ValueError(f"is_offset is a {type(self.is_offset).__name__}; expected a bool.")
        check_count(self.img_resolution, what="img_resolution", high=256)
        if self.img_resolution != 256:
            raise ValueError(f"img_resolution is {self.img_resolution}; the pyramid needs 256.")

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes as data that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "EncoderConfig":
        """Build from `to_dict`."""
        return cls(**data)


class FrozenBatchNorm(nn.Module):
    """Batch normalisation with statistics that are fixed, as in any trained encoder."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_channels: int) -> None:
        """Begin as the identity."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.register_buffer("running_mean", torch.zeros(num_channels))
        self.register_buffer("running_var", torch.ones(num_channels))

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Normalise every channel."""
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=_BATCH_NORM_EPS
        )


class SqueezeExcitation(nn.Module):
    """Scale every channel by a number that is computed from the means of all.

    Source: Hu et al. 2018 (squeeze-and-excitation networks), Section 3.
    """

    def __init__(self, num_channels: int) -> None:
        """Build both layers, through a sixteenth of the channels."""
        super().__init__()
        self.fc1 = nn.Conv2d(num_channels, num_channels // _SQUEEZE, 1, bias=False)
        self.fc2 = nn.Conv2d(num_channels // _SQUEEZE, num_channels, 1, bias=False)

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Apply the block."""
        means = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(means))))


class ResidualUnit(nn.Module):
    """Normalise, convolve twice, excite; the first unit of a side halves it.

    Source: Deng et al. 2019 (ArcFace), Section 3.1, "improved residual".
    """

    def __init__(self, channels_in: int, channels_out: int, *, stride: int) -> None:
        """Build the unit; where the number of channels stays, the skip only takes pixels away."""
        super().__init__()
        self.stride = stride
        self.shortcut_layer: nn.Module | None = None
        if channels_in != channels_out:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                FrozenBatchNorm(channels_out),
            )
        self.res_layer = nn.Sequential(
            FrozenBatchNorm(channels_in),
            nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
            nn.PReLU(channels_out),
            nn.Conv2d(channels_out, channels_out, 3, stride, padding=1, bias=False),
            FrozenBatchNorm(channels_out),
            SqueezeExcitation(channels_out),
        )

    def forward(
        self, x: Float[Tensor, "batch channels_in height width"]
    ) -> Float[Tensor, "batch channels_out out_height out_width"]:
        """Apply the unit."""
        if self.shortcut_layer is None:
            return x[:, :, :: self.stride, :: self.stride] + self.res_layer(x)
        return self.shortcut_layer(x) + self.res_layer(x)


class _Linear(nn.Module):
    """Linear layer with equalised learning rate, as in the mapping network."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Float[Tensor, "batch in_features"]) -> Float[Tensor, "batch out_features"]:
        return F.linear(x, self.weight / math.sqrt(x.shape[1]), self.bias)


class MapToStyle(nn.Module):
    """Halve the features until one pixel is left, and make a latent of it.

    Source: Richardson et al. 2021 (pSp), Section 3.2, "map2style".
    """

    def __init__(self, num_channels: int, w_dim: int, *, spatial_px: int) -> None:
        """Build a convolution for each halving."""
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(int(math.log2(spatial_px))):
            channels_in = num_channels if index == 0 else w_dim
            layers += [nn.Conv2d(channels_in, w_dim, 3, 2, padding=1), nn.LeakyReLU(_HEAD_SLOPE)]
        self.convs = nn.Sequential(*layers)
        self.linear = _Linear(w_dim, w_dim)

    def forward(self, x: Float[Tensor, "batch channels side side"]) -> Float[Tensor, "batch w_dim"]:
        """Compute one latent a sample."""
        return self.linear(self.convs(x).flatten(1))


class Encoder(nn.Module):
    """Images to w_plus in one pass.

    Coarse, middle and fine features of a residual network are joined top down into a pyramid; each
    latent is read from one level of it by its own head. The buffer `w_plus_avg` is what the heads'
    output is added to.

    Source: Richardson et al. 2021 (pSp), Section 3; Tov et al. 2021 (e4e), Section 5.1 for offsets.
    """

    w_plus_avg: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        """Build the network with random weights from torch's default generator."""
        super().__init__()
        self.config = config
        width = config.width
        self.input_layer = nn.Sequential(
            nn.Conv2d(config.img_channels, width, 3, padding=1, bias=False),
            FrozenBatchNorm(width),
            nn.PReLU(width),
        )
        self.body = nn.ModuleList(_backbone(width))
        self.styles = nn.ModuleList(
            MapToStyle(8 * width, config.w_dim, spatial_px=_SPATIAL_PX[_level(index)])
            for index in range(config.num_ws)
        )
        self.latlayer1 = nn.Conv2d(4 * width, 8 * width, 1)
        self.latlayer2 = nn.Conv2d(2 * width, 8 * width, 1)
        self.register_buffer("w_plus_avg", torch.zeros(config.num_ws, config.w_dim))

    def forward(
        self, images: Float[Tensor, "batch img_channels 256 256"]
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """Invert aligned images in [-1, 1]."""
        levels = self._pyramid(images)
        heads = [style(levels[_level(index)]) for index, style in enumerate(self.styles)]
        latents = torch.stack(heads, dim=1)
        if self.config.is_offset:
            first, offsets = latents[:, :1], latents[:, 1:]
            latents = torch.cat([first, first + offsets], dim=1)
        return latents + self.w_plus_avg

    def _pyramid(self, images: Tensor) -> list[Tensor]:
        """Features for the coarse, the middle and the fine latents."""
        x, taps = self.input_layer(images), []
        for index, unit in enumerate(self.body):
            x = unit(x)
            if index in _TAPS:
                taps.append(x)
        fine, middle, coarse = taps
        middle = _upsample_to(coarse, middle) + self.latlayer1(middle)
        return [coarse, middle, _upsample_to(middle, fine) + self.latlayer2(fine)]


def _level(index: int) -> int:
    return 0 if index < _FIRST_MIDDLE else 1 if index < _FIRST_FINE else 2


def _upsample_to(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)


def _backbone(width: int) -> list[nn.Module]:
    units: list[nn.Module] = []
    channels_in = width
    for level, num_units in enumerate(_UNITS):
        channels_out = width << level
        for index in range(num_units):
            stride = 2 if index == 0 else 1
            units.append(ResidualUnit(channels_in, channels_out, stride=stride))
            channels_in = channels_out
    return units
