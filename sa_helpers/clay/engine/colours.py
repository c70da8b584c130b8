"""Display colours, how to mix them, and those of skin."""

import colorsys
from collections.abc import Sequence

Colour = tuple[float, float, float]

SKIN: tuple[Colour, ...] = (
    (0.98, 0.85, 0.76),
    (0.93, 0.75, 0.62),
    (0.82, 0.61, 0.46),
    (0.64, 0.44, 0.32),
    (0.46, 0.30, 0.22),
)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour `share` of the way from `first` to `second`."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def along(palette: Sequence[Colour], position: float) -> Colour:
    """The colour at `position` (0 to 1) along a palette."""
    scaled = min(max(position, 0.0), 1.0) * (len(palette) - 1)
    index = min(int(scaled), len(palette) - 2)
    return mix(palette[index], palette[index + 1], scaled - index)


def scaled(colour: Colour, factor: float) -> Colour:
    """A darker (factor < 1) or brighter colour."""
    red, green, blue = (min(1.0, channel * factor) for channel in colour)
    return red, green, blue


def from_hue(hue_deg: float, saturation: float, value: float) -> Colour:
    """Colour from hue, saturation and value."""
    return colorsys.hsv_to_rgb((hue_deg % 360.0) / 360.0, saturation, value)
