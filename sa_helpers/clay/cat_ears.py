"""Upright ears of cats and of wild animals, pointed or round."""

import math
from typing import NamedTuple

from sa_helpers.clay import primitives as P
from sa_helpers.clay.palettes import Colour
from sa_helpers.clay.scene import Scene, rotation
from sa_helpers.clay.staging import SIDES

NUM_DISCS = 5


class EarShape(NamedTuple):
    """How an upright ear is built; lengths in scene units.

    Attributes:
        root_x: Distance of the root from the middle of the head.
        root_y: Height of the root.
        length: From root to tip.
        width: Half width at the root.
        spread_deg: Lean outwards.
        roundness: 0 ends in a point, 1 is round like a bear's.
        root_z: Depth of the root; larger stands further in front.
    """

    root_x: float
    root_y: float
    length: float
    width: float
    spread_deg: float
    roundness: float
    root_z: float = -0.10


def add_ears(scene: Scene, shape: EarShape, outer: Colour, inner: Colour, tip: Colour) -> None:
    """Add both ears as chains of flat discs, hollow in front, with a coloured tip."""
    scene.start_group(blend=0.06, edge=0.05)
    for side in SIDES:
        turn = rotation(yaw_deg=side * 14.0) @ rotation(roll_deg=-side * shape.spread_deg)
        with scene.frame(turn, pivot=(side * shape.root_x, shape.root_y, shape.root_z)):
            for index in range(NUM_DISCS):
                add_disc(scene, shape, side, index / (NUM_DISCS - 1), outer)
            hollow_ear(scene, shape, side, inner)
            scene.add_sphere(
                (side * shape.root_x, shape.root_y + 1.1 * shape.length, shape.root_z),
                0.38 * shape.length,
                colour=tip,
                edge=0.08,
                operation=P.PAINT,
            )


def add_disc(scene: Scene, shape: EarShape, side: float, share: float, colour: Colour) -> None:
    """Add the disc at `share` of the length of an ear."""
    step = shape.length / NUM_DISCS
    scene.add_ellipsoid(
        (side * shape.root_x, shape.root_y + (0.1 + 0.8 * share) * shape.length, shape.root_z),
        (disc_width(shape, share), 0.95 * step, 0.10 - 0.03 * share),
        colour=colour,
        region="ear",
        gloss=0.14,
        blend=0.12,
    )


def disc_width(shape: EarShape, share: float) -> float:
    """Half width of an ear at `share` of its length: a triangle or an arch."""
    arch = math.sqrt(1.0 - 0.9 * share * share)
    triangle = 1.0 - 0.84 * share
    return shape.width * (triangle + shape.roundness * (arch - triangle))


def hollow_ear(scene: Scene, shape: EarShape, side: float, colour: Colour) -> None:
    """Hollow the front of an ear and colour the hollow."""
    ends = []
    for share, radius in ((0.12, 0.72 * shape.width), (0.78, 0.24 * shape.width)):
        y = shape.root_y + share * shape.length
        ends.append(((side * shape.root_x, y, shape.root_z + 0.01 + radius), radius))
    scene.add_capsule(
        ends[0][0],
        ends[1][0],
        (ends[0][1], ends[1][1]),
        colour=colour,
        edge=0.04,
        blend=0.04,
        operation=P.CARVE,
    )
