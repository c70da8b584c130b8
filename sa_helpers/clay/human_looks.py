"""What the parts of a human bust share: types, colours and proportions from factors."""

from collections.abc import Mapping
from typing import Any

from sa_helpers.clay.palettes import HAIR, SKIN, Colour, along, scaled

Factors = Mapping[str, Any]
Look = dict[str, Any]
SIDES = (-1.0, 1.0)


def face_width(factors: Factors) -> float:
    """Width of the face, 1 on average."""
    return 1.0 + 0.07 * factors["face_width"]


def age_share(factors: Factors) -> float:
    """Age from 0 (18 years) to 1 (82 years)."""
    return (factors["age_years"] - 18.0) / 64.0


def skin_colour(factors: Factors) -> Colour:
    """Colour of the skin from tone and warmth."""
    red, green, blue = along(SKIN, factors["skin_tone"])
    warmth = 0.025 * factors["skin_warmth"]
    return (min(1.0, red + warmth), green, blue - warmth)


def hair_colour(factors: Factors) -> Colour:
    """Colour of the hair from its name and shade."""
    return scaled(HAIR[factors["hair_colour"]], 1.0 + 0.22 * factors["hair_shade"])


def hair_look(factors: Factors) -> Look:
    """Colour, region and gloss of hair."""
    return {
        "colour": hair_colour(factors),
        "region": "hair",
        "gloss": 0.35 - 0.25 * factors["curl"],
    }
