"""Species of domain `wild`, and their coats: colours, ears, proportions, patterns and manes."""

import math
from typing import Any, NamedTuple

from sa_helpers.clay.animals.parts import EarShape, paint_bands
from sa_helpers.clay.engine import (
    SIDES,
    Colour,
    Factors,
    Look,
    Scene,
    Vector,
    mix,
    rotation,
    scaled,
)
from sa_helpers.clay.engine import primitives as P

CANINE = ("fox", "wolf")
AMBER: tuple[Colour, Colour] = ((0.86, 0.60, 0.16), (0.62, 0.36, 0.10))
GOLD: tuple[Colour, Colour] = ((0.90, 0.74, 0.28), (0.62, 0.66, 0.30))
WHITE: Colour = (0.97, 0.95, 0.91)
INK: Colour = (0.12, 0.10, 0.10)


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


class Coat(NamedTuple):
    """Colours of an animal."""

    fur: Colour
    light: Colour
    dark: Colour


def coat_colours(factors: Factors) -> Coat:
    """Colours from the species and the place within it."""
    species = SPECIES[factors["species"]]
    fur = mix(*species.furs, factors["fur_depth"])
    fur = scaled(fur, 1.0 + 0.08 * factors["fur_shade"])
    return Coat(fur, mix(species.light, fur, 0.3 * factors["dullness"]), species.dark)


def paint(scene: Scene, center: Vector, radii: Vector, colour: Colour, **more: Any) -> None:
    """Paint an ellipsoid on both sides of the head, its roll mirrored."""
    roll_deg = more.pop("roll_deg", 0.0)
    x, y, z = center
    for side in SIDES if x else (1.0,):
        scene.add_ellipsoid(
            (side * x, y, z),
            radii,
            turn=rotation(roll_deg=side * roll_deg),
            colour=colour,
            operation=P.PAINT,
            **{"edge": 0.05, **more},
        )


def paint_fox(scene: Scene, _: Factors, coat: Coat) -> None:
    """Paint white cheeks, chin and lips."""
    paint(scene, (0.62, -0.52, 0.40), (0.56, 0.25, 0.7), coat.light, roll_deg=-28.0, edge=0.12)
    paint(scene, (0, -0.58, 0.95), (0.36, 0.24, 0.7), coat.light)


def paint_wolf(scene: Scene, _: Factors, coat: Coat) -> None:
    """Paint pale cheeks and brows, and a dark forehead."""
    paint(scene, (0, 0.66, 0.3), (0.34, 0.42, 0.7), coat.dark, edge=0.2)
    paint(scene, (0, 0.12, 0.9), (0.10, 0.40, 0.5), coat.dark, edge=0.12)
    paint(scene, (0.60, -0.46, 0.40), (0.54, 0.27, 0.7), coat.light, roll_deg=-28.0, edge=0.16)
    paint(scene, (0, -0.54, 0.95), (0.36, 0.26, 0.7), coat.light, edge=0.08)
    paint(scene, (0.24, 0.30, 0.68), (0.13, 0.075, 0.2), coat.light, roll_deg=14.0)


def paint_tiger(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint white round eyes and cheeks, and black stripes from the rim inwards."""
    broad = 0.75 + 0.5 * factors["pattern_size"]
    paint(scene, (0.34, 0.24, 0.66), (0.21, 0.12, 0.25), coat.light, roll_deg=12.0)
    paint(scene, (0.62, -0.36, 0.40), (0.34, 0.30, 0.5), coat.light)
    paint(scene, (0, -0.62, 0.60), (0.40, 0.22, 0.5), coat.light)
    stripe: Look = {"colour": coat.dark, "edge": 0.025}
    for y, half in ((0.74, 0.30), (0.60, 0.22), (0.47, 0.15)):
        paint(scene, (0, y, 0.4), (half, 0.036 * broad, 0.6), **stripe)
    for x, y, roll_deg in ((0.52, 0.58, -32.0), (0.68, 0.40, -22.0), (0.42, 0.74, -40.0)):
        paint(scene, (x, y, 0.2), (0.24, 0.046 * broad, 0.6), roll_deg=roll_deg, **stripe)
    for y, roll_deg in ((0.12, 4.0), (-0.12, 14.0), (-0.34, 28.0), (-0.55, 42.0)):
        paint(scene, (0.80, y, 0.2), (0.26, 0.048 * broad, 0.5), roll_deg=roll_deg, **stripe)


def paint_lion(scene: Scene, _: Factors, coat: Coat) -> None:
    """Paint a pale chin and pale skin under the eyes."""
    paint(scene, (0.28, -0.12, 0.72), (0.18, 0.10, 0.2), coat.light, edge=0.1, roll_deg=-20.0)
    paint(scene, (0, -0.64, 0.62), (0.34, 0.22, 0.5), coat.light, edge=0.08)


def paint_leopard(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint spots all over the head, and white round the mouth."""
    paint(scene, (0, -0.62, 0.62), (0.40, 0.24, 0.5), coat.light)
    paint(scene, (0.22, -0.10, 0.74), (0.10, 0.12, 0.2), coat.light)
    paint_spots(scene, 0.055 + 0.02 * factors["pattern_size"], 11, coat.dark)


def paint_cheetah(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint small spots, and the dark tears from eyes to mouth."""
    paint(scene, (0, -0.62, 0.62), (0.38, 0.24, 0.5), coat.light)
    paint(scene, (0.20, -0.20, 0.78), (0.035, 0.30, 0.4), coat.dark, edge=0.025, roll_deg=10.0)
    paint_spots(scene, 0.042 + 0.014 * factors["pattern_size"], 15, coat.dark)


def paint_spots(scene: Scene, radius: float, count: int, colour: Colour) -> None:
    """Paint spots along a spiral over each half of the skull, leaving the face free."""
    for index in range(2 * count):
        height = 1.0 - 1.55 * (index + 0.5) / (2 * count)
        ring = math.sqrt(1.0 - height * height)
        angle = math.radians(14.0 + 140.0 * ((0.618 * index) % 1.0))
        x, z = ring * math.sin(angle), ring * math.cos(angle)
        if height < 0.5 and z > 0.5 * ring and x < 0.62:
            continue
        center = (0.84 * x + 0.02, 0.06 + 0.74 * height, -0.06 + 0.76 * z)
        paint(scene, center, (radius, radius, 2.2 * radius), colour, edge=0.03)


PAINTERS = {
    "fox": paint_fox,
    "wolf": paint_wolf,
    "tiger": paint_tiger,
    "lion": paint_lion,
    "leopard": paint_leopard,
    "cheetah": paint_cheetah,
}


def paint_body(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint bands or spots on the chest."""
    if factors["species"] == "tiger":
        paint_bands(scene, coat.dark, 0.045 + 0.02 * factors["pattern_size"])
    elif factors["species"] in ("leopard", "cheetah"):
        small = 0.6 if factors["species"] == "cheetah" else 1.0
        radius = small * (0.075 + 0.02 * factors["pattern_size"])
        for x, y in ((0.52, -0.95), (0.60, -1.25), (0.82, -1.45), (0.40, -1.45), (1.02, -1.55)):
            paint(scene, (x, y, 0.3), (radius, radius, 0.6), coat.dark, edge=0.03)


def mane_colours(factors: Factors, fur: Colour) -> tuple[Colour, Colour]:
    """Colours of the inner and of the outer locks of a mane."""
    outer = mix((0.66, 0.40, 0.18), (0.24, 0.15, 0.11), factors["mane_depth"])
    return mix(fur, outer, 0.72), outer


def add_mane(scene: Scene, factors: Factors, fur: Colour) -> None:
    """Add two rings of locks round the head, and locks that hang on the chest."""
    full = factors["mane"]
    if full <= 0.0:
        return
    inner, outer = mane_colours(factors, fur)
    look: Look = {"region": "hair", "gloss": 0.12, "blend": 0.07}
    scene.start_group(blend=0.03, edge=0.05)
    scene.add_ellipsoid((0, 0.04, -0.42), (1.0, 0.98, 0.55), colour=outer, casts=0.4, **look)
    for count, reach, depth, length, colour in (
        (15, 0.88 + 0.12 * full, -0.36, 0.30 + 0.10 * full, outer),
        (13, 0.80, -0.14, 0.28, inner),
    ):
        for index in range(count):
            angle = 2.0 * math.pi * index / count + math.pi
            x, y = math.sin(angle), math.cos(angle)
            scene.add_ellipsoid(
                (reach * x, -0.02 + reach * y, depth),
                (0.22, length, 0.22),
                turn=rotation(roll_deg=-math.degrees(angle)),
                colour=colour,
                **look,
            )
    for x, y, z in ((0.34, -0.98, 0.22), (0.62, -0.86, 0.02), (0.0, -1.08, 0.30)):
        for side in SIDES if x else (1.0,):
            scene.add_ellipsoid(
                (side * x, y, z),
                (0.25, 0.24 + 0.12 * full, 0.20),
                turn=rotation(roll_deg=side * 40.0 * x),
                colour=outer,
                **look,
            )
