"""A small encoder: from an image to its latents in each of the four spaces."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.latents import SPACES, z_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition.attribute_network import convolution

_WIDTHS = (24, 48, 96, 128)  # of the first convolutions; further ones are as wide as the last
_LAST_PX = 4
_LAST_WIDTH = 64
_HIDDEN = 256
_OFFSET_RANK = 64
_NUM_SAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class LatentEncoderConfig:
    """Sizes of an encoder, and what its latents mean.

    Attributes:
        img_resolution: Side of the images, in pixels; a power of two, 16 or more.
        z_dim: Size of z.
        w_dim: Size of w.
        num_ws: Number of latents in the plus spaces.
        truncation_psi: That the latents of Z and Z+ are meant for.
        spaces: Names of the spaces.
    """

    img_resolution: int
    z_dim: int
    w_dim: int
    num_ws: int
    truncation_psi: float
    spaces: tuple[str, ...] = tuple(SPACES)

    def __post_init__(self) -> None:
        """Refuse spaces and sizes that do not exist."""
        unknown = [space for space in self.spaces if space not in SPACES]
        if unknown or not self.spaces:
            raise ValueError(
                f"The spaces are {list(self.spaces)}; expected some of {list(SPACES)}."
            )
        if self.img_resolution < 16 or not math.log2(self.img_resolution).is_integer():
            raise ValueError(
                f"img_resolution is {self.img_resolution}; expected a power of two, 16 or more."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the config as data that JSON can hold."""
        return {**asdict(self), "spaces": list(self.spaces)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LatentEncoderConfig":
        """Build from `to_dict`."""
        return cls(**{**data, "spaces": tuple(data["spaces"])})


class LatentEncoder(nn.Module):
    """Reads latents of all its spaces from an image at once.

    One trunk, strided convolutions and a linear layer, and one head a space. Latents of W begin at
    the generator's mean, in units of its spread. In the plus spaces they are one latent plus an
    offset a layer, and offsets begin at zero: an encoder that has learned nothing of them gives
    latents of the plain space.

    Source: Tov et al. 2021 (e4e), Section 5.1, for the offsets; Wu et al. 2022 (StyleAlign),
    Appendix A.5, for encoders into Z, Z+ and W.
    """

    w_avg: Tensor
    w_std: Tensor

    def __init__(self, config: LatentEncoderConfig) -> None:
        """Draw weights from torch's default generator; `fit_scale` tells it about W."""
        super().__init__()
        self.config = config
        num_stages = int(math.log2(config.img_resolution // _LAST_PX))
        widths = (3, *(_WIDTHS[min(i, len(_WIDTHS) - 1)] for i in range(num_stages)))
        self.trunk = nn.Sequential(
            *(convolution(a, b, stride=2) for a, b in pairwise(widths)),
            convolution(widths[-1], _LAST_WIDTH),
            nn.Flatten(),
            nn.Linear(_LAST_WIDTH * _LAST_PX**2, _HIDDEN),
            nn.ReLU(),
        )
        self.heads = nn.ModuleDict({space: _Head(config, space) for space in config.spaces})
        self.register_buffer("w_avg", torch.zeros(config.w_dim))
        self.register_buffer("w_std", torch.ones(config.w_dim))

    @torch.no_grad()
    def fit_scale(self, generator: Generator) -> None:
        """Take mean and spread of w from the generator."""
        device = generator.w_avg.device
        z = z_from_seeds(range(_NUM_SAMPLES), z_dim=self.config.z_dim, device=device)
        self.w_avg.copy_(generator.w_avg)
        self.w_std.copy_(generator.mapping(z).std(dim=0))

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> dict[str, Float[Tensor, "batch layers dim"]]:
        """Latents by space, from images in [-1, 1]."""
        features = self.trunk(images)
        return {space: self._scaled(head(features), space) for space, head in self.heads.items()}

    def unit(self, space: str) -> Float[Tensor, "..."]:
        """Spread of the space: 1 in Z, the deviation of every component of w in W."""
        return torch.ones_like(self.w_std[:1]) if _is_z(space) else self.w_std

    def _scaled(self, units: Tensor, space: str) -> Tensor:
        return units if _is_z(space) else self.w_avg + self.w_std * units


def _is_z(space: str) -> bool:
    return SPACES[space].is_before_mapping


class _Head(nn.Module):
    """A latent, and in the plus spaces an offset for every layer."""

    def __init__(self, config: LatentEncoderConfig, space: str) -> None:
        super().__init__()
        self.dim = config.z_dim if _is_z(space) else config.w_dim
        self.base = nn.Linear(_HIDDEN, self.dim)
        self.offsets: nn.Sequential | None = None
        if SPACES[space].has_layers:
            last = nn.Linear(_OFFSET_RANK, config.num_ws * self.dim)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.offsets = nn.Sequential(nn.Linear(_HIDDEN, _OFFSET_RANK), nn.ReLU(), last)

    def forward(self, features: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch layers dim"]:
        base = self.base(features)[:, None]
        if self.offsets is None:
            return base
        return base + self.offsets(features).unflatten(1, (-1, self.dim))
