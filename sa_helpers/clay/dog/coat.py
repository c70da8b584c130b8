"""Fur of a dog: colours, patterns, curls and ruffs."""

import math

from sa_helpers.clay.animals.parts import Colours
from sa_helpers.clay.engine import SIDES, Colour, Factors, Look, Scene, mix, rotation, scaled
from sa_helpers.clay.engine import primitives as P

# Colour and probability.
FUR: dict[str, tuple[Colour, float]] = {
    "black": ((0.20, 0.18, 0.19), 0.18),
    "chocolate": ((0.42, 0.26, 0.17), 0.15),
    "rust": ((0.72, 0.38, 0.17), 0.17),
    "golden": ((0.88, 0.67, 0.38), 0.18),
    "cream": ((0.94, 0.86, 0.72), 0.10),
    "white": ((0.95, 0.94, 0.92), 0.12),
    "grey": ((0.55, 0.57, 0.61), 0.10),
}
PATTERNS: dict[str, dict[str, float]] = {
    "black": {"plain": 0.2, "blaze": 0.35, "tan_points": 0.45},
    "chocolate": {"plain": 0.35, "blaze": 0.35, "tan_points": 0.3},
    "rust": {"plain": 0.25, "mask": 0.3, "blaze": 0.45},
    "golden": {"plain": 0.5, "mask": 0.35, "blaze": 0.15},
    "cream": {"plain": 0.4, "mask": 0.35, "patches": 0.25},
    "white": {"plain": 0.3, "patches": 0.7},
    "grey": {"plain": 0.25, "mask": 0.3, "blaze": 0.45},
}
EYE: dict[str, tuple[Colour, float]] = {
    "dark": ((0.24, 0.13, 0.08), 0.4),
    "brown": ((0.46, 0.26, 0.11), 0.3),
    "amber": ((0.78, 0.52, 0.16), 0.2),
    "blue": ((0.45, 0.66, 0.86), 0.1),
}
WHITE: Colour = (0.96, 0.95, 0.92)
TAN: Colour = (0.80, 0.50, 0.24)
DARK: Colour = (0.19, 0.16, 0.16)
PATCH: dict[str, Colour] = {"cream": (0.66, 0.40, 0.22), "white": (0.30, 0.22, 0.19)}


def fur_colours(factors: Factors) -> dict[str, Colour]:
    """Colours of the parts: fur, muzzle, ear, second (of the pattern) and chest."""
    name, pattern = factors["fur_colour"], factors["pattern"]
    fur = scaled(FUR[name][0], 1.0 + 0.16 * factors["fur_shade"])
    second = {
        "plain": mix(fur, WHITE, 0.18),
        "mask": DARK,
        "blaze": WHITE,
        "tan_points": TAN,
        "patches": PATCH.get(name, DARK),
    }[pattern]
    ear = {"mask": mix(fur, DARK, 0.75), "patches": second}.get(pattern, scaled(fur, 0.86))
    muzzle = fur if pattern == "patches" else second
    chest = TAN if pattern == "tan_points" else WHITE
    share = factors["chest_white"]
    share = min(1.0, 1.6 * share) if pattern in ("blaze", "tan_points") else max(0.0, share - 0.4)
    return {
        "fur": fur,
        "muzzle": muzzle,
        "ear": ear,
        "second": second,
        "chest": mix(fur, chest, share),
    }


def paint_pattern(scene: Scene, factors: Factors, colours: Colours) -> None:
    """Paint muzzle, blaze, mask, cheeks or an eye patch on the head."""
    size, pattern = factors["pattern_size"], factors["pattern"]
    look: Look = {"edge": 0.07, "operation": P.PAINT}
    second: Look = {**look, "colour": colours["second"]}
    if pattern == "mask":
        scene.add_ellipsoid(
            (0, -0.40, 0.95), (0.44 + 0.14 * size, 0.42 + 0.12 * size, 0.62), **second
        )
    elif pattern == "blaze":
        scene.add_ellipsoid((0, 0.45, 0.60), (0.07 + 0.10 * size, 0.62, 0.55), **second)
        scene.add_ellipsoid((0, -0.46, 0.90), (0.36 + 0.14 * size, 0.34, 0.60), **second)
    elif pattern == "tan_points":
        for side in SIDES:
            scene.add_ellipsoid(
                (side * 0.32, -0.46, 0.62), (0.22 + 0.08 * size, 0.22 + 0.08 * size, 0.62), **second
            )
    elif pattern == "patches":
        side = 1.0 if factors["patch_side"] >= 0.0 else -1.0
        scene.add_ellipsoid(
            (side * 0.38, 0.18, 0.5), (0.30 + 0.1 * size, 0.34 + 0.1 * size, 0.5), **second
        )
        if abs(factors["patch_side"]) > 0.6:
            scene.add_ellipsoid((-side * 0.55, 0.55, 0.1), (0.35, 0.5, 0.6), **second)
    else:
        scene.add_ellipsoid((0, -0.48, 0.95), (0.38, 0.34, 0.55), **second)


def add_ruff(scene: Scene, factors: Factors, look: Look, wide: float) -> None:
    """Add tufts of fluffy fur at the cheeks."""
    amount = factors["ruff"]
    if amount <= 0.0:
        return
    for side in SIDES:
        for y, tilt, reach in ((-0.28, 60.0, 0.27), (-0.54, 38.0, 0.32)):
            scene.add_ellipsoid(
                (side * (0.62 + 0.06 * amount) * wide, y, 0.02),
                (0.16, (0.7 + 0.5 * amount) * reach, 0.22),
                turn=rotation(roll_deg=side * tilt),
                blend=0.10,
                **look,
            )


def add_curls(scene: Scene, factors: Factors, look: Look, wide: float) -> None:
    """Cover skull and cheeks with bumps, leaving the face free; the same on both sides."""
    curl = factors["curl"]
    if curl <= 0.0:
        return
    scene.add_ellipsoid((0, 0.72, 0.12), (0.44, 0.22 + 0.08 * curl, 0.42), blend=0.1, **look)
    for row, (height, count) in enumerate(
        ((0.95, 2), (0.68, 4), (0.30, 5), (-0.12, 4), (-0.45, 3))
    ):
        ring = math.sqrt(1.0 - height * height)
        for index in range(count):
            angle = math.radians(20.0 + 150.0 * (index + 0.5 * (row % 2)) / count)
            if height < 0.6 and angle < 0.85:
                continue
            x, z = ring * math.sin(angle), ring * math.cos(angle)
            for side in SIDES:
                scene.add_sphere(
                    (side * x * 0.79 * wide, 0.14 + 0.74 * height, -0.12 + 0.76 * z),
                    0.13 + 0.05 * curl,
                    blend=0.05,
                    **look,
                )
