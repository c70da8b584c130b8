"""Sizes of the networks, as plain data that is written next to the weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


def _check_resolution(img_resolution: int) -> None:
    if img_resolution < 8 or img_resolution & (img_resolution - 1):
        raise ValueError(
            f"img_resolution is {img_resolution}; expected a power of two of at least 8."
        )


def _check_channels(channels: Mapping[int, int], img_resolution: int) -> None:
    missing = [r for r in block_resolutions(img_resolution) if channels.get(r, 0) < 1]
    if missing:
        raise ValueError(
            f"channels gives no feature maps for resolutions {missing}; "
            f"expected a positive number for each of {block_resolutions(img_resolution)}."
        )


def block_resolutions(img_resolution: int) -> list[int]:
    """Resolutions of the blocks, in pixels: 4, 8, ..., img_resolution."""
    return [2**i for i in range(2, img_resolution.bit_length())]


def _with_integer_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "channels": {int(r): int(c) for r, c in dict(data["channels"]).items()}}


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes of a generator.

    Attributes:
        img_resolution: Side of the image in pixels, a power of two of at least 8.
        channels: Resolution in pixels to number of feature maps.
        z_dim: Size of z.
        w_dim: Size of w.
        num_mapping_layers: Fully connected layers between z and w.
        img_channels: Colour channels.
        conv_clamp: Activations are clamped to [-conv_clamp, conv_clamp]; None means never.
        mapping_lr_multiplier: Learning rate of the mapping network relative to the rest.
    """

    img_resolution: int
    channels: dict[int, int]
    z_dim: int
    w_dim: int
    num_mapping_layers: int
    img_channels: int = 3
    conv_clamp: float | None = None
    mapping_lr_multiplier: float = 0.01

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        _check_resolution(self.img_resolution)
        _check_channels(self.channels, self.img_resolution)
        if min(self.z_dim, self.w_dim, self.num_mapping_layers, self.img_channels) < 1:
            raise ValueError(
                f"z_dim {self.z_dim}, w_dim {self.w_dim}, "
                f"num_mapping_layers {self.num_mapping_layers}, "
                f"img_channels {self.img_channels}: all must be at least 1."
            )

    @property
    def num_ws(self) -> int:
        """Number of latents in w_plus: two a block, the ToRGB layers share with their neighbour."""
        return 2 * len(block_resolutions(self.img_resolution))

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes as data that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "GeneratorConfig":
        """Build from `to_dict`, also after a trip through JSON (keys of channels as text)."""
        return cls(**_with_integer_keys(data))


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """Sizes of a discriminator.

    Attributes:
        img_resolution: Side of the image in pixels, a power of two of at least 8.
        channels: Resolution in pixels to number of feature maps.
        img_channels: Colour channels.
        mbstd_group_size: Samples whose standard deviation is compared with each other.
        conv_clamp: Activations are clamped to [-conv_clamp, conv_clamp]; None means never.
    """

    img_resolution: int
    channels: dict[int, int]
    img_channels: int = 3
    mbstd_group_size: int = 4
    conv_clamp: float | None = None

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        _check_resolution(self.img_resolution)
        _check_channels(self.channels, self.img_resolution)
        if min(self.img_channels, self.mbstd_group_size) < 1:
            raise ValueError(
                f"img_channels {self.img_channels}, mbstd_group_size {self.mbstd_group_size}: "
                "both must be positive."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes as data that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "DiscriminatorConfig":
        """Build from `to_dict`, also after a trip through JSON (keys of channels as text)."""
        return cls(**_with_integer_keys(data))
