"""Sizes of the networks, as plain data that is written next to the weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_MAX_RESOLUTION = 4096
_MAX_SIZE = 1 << 16
_MAX_COUNT = 64
_MAX_GROUP = 2**31 - 1
_MAX_FACTOR = 1e9


def check_count(value: object, *, what: str, high: int) -> None:
    """Refuse what is no whole number from 1 to `high`; nothing is built of what is refused.

    Raises:
        ValueError: The message names what was given and what was expected.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= high:
        given = value if isinstance(value, int | float) else type(value).__name__
        raise ValueError(
            f"{what} is {str(given)[:40]}; expected a whole number from 1 to {high}, so at least 1."
        )


def _check_factor(value: object, *, what: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value <= _MAX_FACTOR:  # type: ignore[operator]
        given = value if is_number else type(value).__name__
        raise ValueError(f"{what} is {str(given)[:40]}; expected a positive number.")


def _check_resolution(img_resolution: int) -> None:
    is_whole = isinstance(img_resolution, int) and 8 <= img_resolution <= _MAX_RESOLUTION
    if not is_whole or img_resolution & (img_resolution - 1):
        given = img_resolution if isinstance(img_resolution, int) else type(img_resolution).__name__
        raise ValueError(
            f"img_resolution is {str(given)[:40]}; expected a power of two from 8 to "
            f"{_MAX_RESOLUTION}."
        )


def _check_channels(channels: Mapping[int, int], img_resolution: int) -> None:
    expected = block_resolutions(img_resolution)
    given = channels if isinstance(channels, Mapping) else {}
    if given.keys() != set(expected):
        missing = [r for r in expected if r not in given]
        raise ValueError(
            f"channels gives {len(given)} numbers of feature maps, and none for resolutions "
            f"{missing}; expected one for each of {expected} and no others."
        )
    for resolution in expected:
        check_count(given[resolution], what=f"channels[{resolution}]", high=_MAX_SIZE)


def block_resolutions(img_resolution: int) -> list[int]:
    """Resolutions of the blocks, in pixels: 4, 8, ..., img_resolution."""
    return [2**i for i in range(2, img_resolution.bit_length())]


def _with_integer_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    channels = data.get("channels")
    if not isinstance(channels, Mapping) or len(channels) > _MAX_COUNT:
        raise ValueError(
            f"channels is a {type(channels).__name__}; expected a number for each side."
        )
    return {**data, "channels": {int(r): c for r, c in channels.items()}}


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
        for name in ("z_dim", "w_dim"):
            check_count(getattr(self, name), what=name, high=_MAX_SIZE)
        for name in ("num_mapping_layers", "img_channels"):
            check_count(getattr(self, name), what=name, high=_MAX_COUNT)
        if self.conv_clamp is not None:
            _check_factor(self.conv_clamp, what="conv_clamp")
        _check_factor(self.mapping_lr_multiplier, what="mapping_lr_multiplier")

    @property
    def num_ws(self) -> int:
        """Number of latents in w_plus, two a block; the ToRGB layers share with their neighbour."""
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
        check_count(self.img_channels, what="img_channels", high=_MAX_COUNT)
        check_count(self.mbstd_group_size, what="mbstd_group_size", high=_MAX_GROUP)
        if self.conv_clamp is not None:
            _check_factor(self.conv_clamp, what="conv_clamp")

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes as data that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "DiscriminatorConfig":
        """Build from `to_dict`, also after a trip through JSON (keys of channels as text)."""
        return cls(**_with_integer_keys(data))
