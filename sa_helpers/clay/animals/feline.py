"""Muzzle of cats, small or large: nose, mouth, whiskers, and the tufts at the cheeks."""

import math
from typing import NamedTuple

from sa_helpers.clay.animals.parts import add_lip_line
from sa_helpers.clay.engine import SIDES, Colour, Look, Scene, rotation, scaled

LINE: Colour = (0.16, 0.09, 0.10)
# Distance of a tuft's root from the middle, its height, its direction and its length.
TUFTS = ((0.52, -0.19, -28.0, 0.53), (0.49, -0.31, -43.0, 0.57), (0.40, -0.38, -61.0, 0.51))


class Muzzle(NamedTuple):
    """How a cat's muzzle is built; lengths in scene units.

    Attributes:
        tip: Depth of the tip of the nose.
        size: 1 for a cat, larger for a lion.
        nose: Size of the nose, 1 on average.
        gap: How far the mouth is open.
        smile: How far the corners of the mouth rise.
    """

    tip: float
    size: float
    nose: float
    gap: float
    smile: float


def add_tufts(scene: Scene, amount: float, fur: Look, wide: float) -> None:
    """Add pointed tufts of fur that fan out from the cheeks, outwards and down.

    Args:
        amount: How far they stand out, 0 (none) to 1.
        fur: Look of the fur.
        wide: Width of the head, 1 on average.
    """
    if amount <= 0.0:
        return
    for side in SIDES:
        for x, y, angle_deg, reach in TUFTS:
            angle, length = math.radians(angle_deg), (0.72 + 0.42 * amount) * reach
            root = (side * x * wide, y, 0.02)
            end = (side * (x * wide + length * math.cos(angle)), y + length * math.sin(angle), -0.1)
            scene.add_capsule(root, end, (0.25, 0.02), blend=0.13, **fur)


def add_muzzle(scene: Scene, muzzle: Muzzle, fur: Look, pads: Colour) -> None:
    """Add the bridge of the nose, two whisker pads and the chin."""
    tip, size = muzzle.tip, muzzle.size
    pad = {**fur, "colour": pads, "edge": 0.10}
    scene.add_capsule(
        (0, 0.04, 0.46), (0, -0.20, tip - 0.14), (0.17 * size, 0.125 * size), blend=0.16, **fur
    )
    scene.add_ellipsoid(
        (0, -0.44 - 0.06 * size - muzzle.gap, tip - 0.24),
        (0.17 * size, 0.13 * size, 0.17 * size),
        blend=0.05,
        **pad,
    )
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.135 * size, -0.375, tip - 0.19),
            (0.20 * size, 0.155 * size, 0.18 * size),
            turn=rotation(yaw_deg=side * 16.0, roll_deg=-side * 10.0),
            blend=0.06,
            **pad,
        )


def add_nose(scene: Scene, muzzle: Muzzle, colour: Colour) -> None:
    """Add a nose that is broad above and narrow below, on a dark rim."""
    tip, size = muzzle.tip, muzzle.nose
    look: Look = {"region": "nose", "gloss": 0.5}
    scene.start_group(blend=0.02, edge=0.015)
    rim = scaled(colour, 0.45)
    scene.add_ellipsoid(
        (0, -0.215, tip - 0.045), (0.122 * size, 0.078 * size, 0.075), colour=rim, **look
    )
    scene.add_ellipsoid(
        (0, -0.205, tip - 0.02), (0.105 * size, 0.055 * size, 0.065), colour=colour, **look
    )
    scene.add_ellipsoid(
        (0, -0.25, tip - 0.02), (0.05 * size, 0.05 * size, 0.055), colour=colour, blend=0.04, **look
    )


def add_mouth(scene: Scene, muzzle: Muzzle) -> None:
    """Add the inside of an open mouth, with a tongue."""
    tip, size, gap = muzzle.tip, muzzle.size, muzzle.gap
    if gap <= 0.0:
        return
    look: Look = {"region": "mouth", "gloss": 0.3}
    scene.start_group(blend=0.01, edge=0.015)
    y = -0.45 - 0.5 * gap
    scene.add_ellipsoid(
        (0, y, tip - 0.27), (0.17 * size, 0.05 + 0.6 * gap, 0.17), colour=(0.34, 0.08, 0.10), **look
    )
    scene.add_ellipsoid(
        (0, y - 0.35 * gap, tip - 0.20),
        (0.10 * size, 0.03 + 0.2 * gap, 0.15),
        colour=(0.93, 0.48, 0.52),
        **look,
    )


def add_lips(scene: Scene, muzzle: Muzzle) -> None:
    """Add the line from the nose down, and from its end up to both corners."""
    size, smile = muzzle.size, muzzle.smile
    low = -0.375 - 0.075 * size
    line = [
        (0.0, -0.28),
        (0.0, low),
        (0.085 * size, low - 0.045 * size),
        (0.18 * size, low - 0.035 * size + 0.3 * smile),
        (0.265 * size, low + 0.035 + smile),
    ]
    add_lip_line(scene, line, 0.022, LINE)


def add_whiskers(scene: Scene, muzzle: Muzzle, length: float, colour: Colour) -> None:
    """Add three whiskers at each side; in masks they are hair."""
    size, tip = muzzle.size, muzzle.tip
    scene.start_group(blend=0.01, edge=0.012)
    for side in SIDES:
        for angle_deg, y in ((14.0, -0.33), (-2.0, -0.38), (-18.0, -0.43)):
            rise = math.sin(math.radians(angle_deg))
            root = (side * 0.27 * size, y, tip - 0.12)
            end = (side * (0.30 * size + length), y + rise * length, tip - 0.12 - 0.45 * length)
            scene.add_capsule(root, end, (0.016, 0.009), colour=colour, region="hair", gloss=0.1)
