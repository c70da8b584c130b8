"""Ears of a dog, from pricked over folded to hanging."""

import math
from collections.abc import Mapping
from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.geometry import Vector
from sa_helpers.clay.palettes import Colour, mix
from sa_helpers.clay.scene import Scene, rotation
from sa_helpers.clay.staging import SIDES

Factors = Mapping[str, Any]
Colours = Mapping[str, Colour]
NUM_DISCS = 5


def add_ears(scene: Scene, factors: Factors, colours: Colours) -> None:
    """Add both ears at the sides of the skull."""
    droop, wide = factors["ear_droop"], 1.0 + 0.07 * factors["head_width"]
    size = 1.0 + 0.2 * factors["ear_length"] * (0.5 + droop)
    step = 0.130 * size * (1.0 + 0.95 * droop)
    scene.start_group(blend=0.05, edge=0.04)
    for side in SIDES:
        add_ear(scene, factors, side, step, colours["ear"])
        paint_inner_ear(scene, side, (0.46 * wide, 0.54, -0.1), step, droop, colours["ear"])


def add_ear(scene: Scene, factors: Factors, side: float, step: float, colour: Colour) -> None:
    """Add an ear as a chain of flat discs, `step` apart, along a bend."""
    droop, wide = factors["ear_droop"], 1.0 + 0.07 * factors["head_width"]
    broad = 1.0 + 0.2 * factors["ear_width"]
    twist = rotation(yaw_deg=side * (10.0 + 45.0 * droop))
    x, y, z = 0.46 * wide, 0.54 - 0.06 * droop, -0.10 + 0.06 * droop
    for index in range(NUM_DISCS):
        share = index / (NUM_DISCS - 1)
        angle = ear_angle(droop, share)
        x, y = x + step * math.sin(angle), y + step * math.cos(angle)
        z += step * 0.55 * math.sin(math.pi * droop) * share
        scene.add_ellipsoid(
            (side * x, y, z),
            (disc_width(droop, share) * broad, 0.06 + 0.9 * step, 0.075 + 0.02 * droop),
            turn=twist @ rotation(roll_deg=-side * math.degrees(angle)),
            colour=colour,
            region="ear",
            gloss=0.14,
            blend=0.16,
        )


def disc_width(droop: float, share: float) -> float:
    """Half width of the ear at `share` of its length: pointed upright, broad when it hangs."""
    hanging = 0.75 + 0.45 * share - 0.45 * share**3
    flat = (1.0 - share) ** 0.6 * (1.0 - droop) + droop * hanging
    return 0.06 + (0.20 + 0.05 * droop) * flat


def ear_angle(droop: float, share: float) -> float:
    """Angle (radians, from upright outwards) of the ear at `share` of its length."""
    base = 24.0 + 42.0 * droop
    tip = 14.0 + 168.0 * min(1.0, 2.1 * droop)
    bend = min(1.0, max(0.0, (share - 0.12) / (0.5 - 0.1 * droop)))
    return math.radians(base + (tip - base) * bend)


def paint_inner_ear(
    scene: Scene, side: float, root: Vector, step: float, droop: float, colour: Colour
) -> None:
    """Hollow the front of a pricked ear and colour it pink."""
    if droop > 0.2:
        return
    angle = ear_angle(droop, 0.5)
    x, y, z = (
        root[0] + 2.4 * step * math.sin(angle),
        root[1] + 2.4 * step * math.cos(angle),
        root[2],
    )
    scene.add_ellipsoid(
        (side * x, y, z + 0.12),
        (0.105, 2.1 * step, 0.085),
        turn=rotation(roll_deg=-side * math.degrees(angle)),
        colour=mix(colour, (0.90, 0.60, 0.56), 0.6),
        edge=0.04,
        blend=0.05,
        operation=P.CARVE,
    )
