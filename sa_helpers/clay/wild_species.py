"""What sets the species of domain `wild` apart: colours, ears, proportions."""

from typing import NamedTuple

from sa_helpers.clay.cat_ears import EarShape
from sa_helpers.clay.palettes import Colour


class Species(NamedTuple):
    """A species of wild animal.

    Attributes:
        weight: Share of the domain.
        furs: Colours from one end of the species to the other.
        light: Colour of cheeks, chin and chest.
        dark: Colour of stripes, spots and ear tips.
        ear: Shape of the ears.
        width: Width of the head, 1 for a dog.
        snout: Size of a cat's muzzle; a dog's length of snout for fox and wolf.
        iris: Colours of the eyes from one end of the species to the other.
    """

    weight: float
    furs: tuple[Colour, Colour]
    light: Colour
    dark: Colour
    ear: EarShape
    width: float
    snout: float
    iris: tuple[Colour, Colour]


CANINE = ("fox", "wolf")
AMBER: tuple[Colour, Colour] = ((0.86, 0.60, 0.16), (0.62, 0.36, 0.10))
GOLD: tuple[Colour, Colour] = ((0.90, 0.74, 0.28), (0.62, 0.66, 0.30))
WHITE: Colour = (0.97, 0.95, 0.91)
INK: Colour = (0.12, 0.10, 0.10)
SPECIES: dict[str, Species] = {
    "fox": Species(
        0.2, ((0.90, 0.48, 0.16), (0.72, 0.32, 0.12)), WHITE, (0.20, 0.13, 0.11),
        EarShape(0.47, 0.42, 0.78, 0.33, 17.0, 0.05), 0.95, 0.25, AMBER,
    ),
    "wolf": Species(
        0.18, ((0.66, 0.66, 0.67), (0.36, 0.36, 0.39)), (0.93, 0.92, 0.89), (0.26, 0.25, 0.27),
        EarShape(0.46, 0.45, 0.60, 0.27, 14.0, 0.2), 1.0, 0.55, GOLD,
    ),
    "tiger": Species(
        0.2, ((0.95, 0.62, 0.22), (0.86, 0.44, 0.12)), WHITE, INK,
        EarShape(0.58, 0.48, 0.36, 0.24, 36.0, 1.0), 1.06, 1.36, GOLD,
    ),
    "lion": Species(
        0.22, ((0.90, 0.72, 0.44), (0.78, 0.56, 0.30)), (0.96, 0.88, 0.74), (0.30, 0.20, 0.13),
        EarShape(0.60, 0.45, 0.36, 0.24, 42.0, 1.0, 0.02), 1.02, 1.42, AMBER,
    ),
    "leopard": Species(
        0.12, ((0.94, 0.76, 0.42), (0.84, 0.62, 0.28)), WHITE, INK,
        EarShape(0.57, 0.47, 0.34, 0.23, 34.0, 1.0), 1.02, 1.24, GOLD,
    ),
    "cheetah": Species(
        0.08, ((0.93, 0.78, 0.50), (0.86, 0.66, 0.36)), WHITE, INK,
        EarShape(0.54, 0.42, 0.36, 0.24, 40.0, 0.9), 0.92, 1.06, AMBER,
    ),
}  # fmt: skip
