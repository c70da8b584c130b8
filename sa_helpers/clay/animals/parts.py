"""What animals share: upright ears, slanted eyes, lips, torso, collar and bands on the chest."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from sa_helpers.clay.engine import (
    SIDES,
    Colour,
    Factors,
    Look,
    Scene,
    Vector,
    from_hue,
    rotation,
    scaled,
)
from sa_helpers.clay.engine import primitives as P

NUM_DISCS = 5
Colours = Mapping[str, Colour]
RIM: Colour = (0.09, 0.07, 0.07)


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


class EyeShape(NamedTuple):
    """How an eye is built.

    Attributes:
        radius: Of the eyeball, in scene units.
        place: Distance from the middle of the face, height, and depth of the front.
        iris: Colour of the iris.
        pupil: Half width of the pupil in radii; its half height is 0.55.
        slant_deg: Outer corners upwards.
        lid: Colour of the lids.
    """

    radius: float
    place: tuple[float, float, float]
    iris: Colour
    pupil: float
    slant_deg: float
    lid: Colour


def add_eyes(scene: Scene, factors: Factors, shape: EyeShape) -> None:
    """Add both eyes; `factors` give gaze and opening."""
    x, y, front = shape.place
    for side in SIDES:
        center = (side * x, y, front - shape.radius)
        scene.start_group(blend=0.015, edge=0.015)
        scene.add_sphere(center, shape.radius, colour=scaled(shape.iris, 0.5), region="eye")
        add_iris(scene, factors, shape, center)
        add_lids(scene, factors, shape, center, side)


def add_iris(scene: Scene, factors: Factors, shape: EyeShape, center: Vector) -> None:
    """Paint iris, pupil and highlight in the direction of the gaze."""
    turn = rotation(yaw_deg=20.0 * factors["gaze_x"], pitch_deg=13.0 * factors["gaze_y"])
    radius = shape.radius
    ahead = [center[k] + radius * turn[k, 2] for k in range(3)]
    look: Look = {"region": "eye", "edge": 0.015, "operation": P.PAINT}
    scene.add_sphere(ahead, 0.88 * radius, colour=shape.iris, gloss=0.6, **look)
    slit = (shape.pupil * radius, 0.55 * radius, 0.6 * radius)
    scene.add_ellipsoid(ahead, slit, colour=(0.03, 0.03, 0.04), gloss=0.6, **look)
    shine = (ahead[0], ahead[1] + 0.36 * radius, ahead[2])
    scene.add_sphere(shine, 0.2 * radius, colour=(1.0, 1.0, 1.0), gloss=1.0, **look)


def add_lids(scene: Scene, factors: Factors, shape: EyeShape, center: Vector, side: float) -> None:
    """Add a shell round an eyeball, cut open in a slanted almond with a dark rim."""
    x, y, z = center
    radius = shape.radius
    height = radius * (0.74 + 0.18 * factors["eye_open"])
    scene.start_group(blend=0.03, edge=0.015)
    scene.add_sphere(center, 1.09 * radius, colour=shape.lid, region="skin", gloss=0.14)
    scene.add_ellipsoid(
        (x, y - 0.03 * radius, z + radius),
        (radius, height, radius * 0.95),
        turn=rotation(roll_deg=side * shape.slant_deg),
        blend=0.012,
        colour=RIM,
        edge=0.05,
        operation=P.CARVE,
    )


def head_width(factors: Factors) -> float:
    """Width of a head, 1 on average."""
    return 1.0 + 0.07 * factors["head_width"]


def carve_sockets(scene: Scene, x: float) -> None:
    """Carve shallow sockets for the eyes, `x` from the middle of the face."""
    for side in SIDES:
        scene.add_ellipsoid(
            (side * x, 0.05, 0.74), (0.17, 0.14, 0.13), blend=0.12, operation=P.CARVE
        )


def add_lip_line(
    scene: Scene, places: Sequence[tuple[float, float]], radius: float, colour: Colour
) -> None:
    """Add a line on a muzzle, through the surface at `places` (x, y), and its mirror image."""
    depths = scene.front_depths(places).tolist()
    if any(math.isnan(z) for z in depths):
        return
    scene.start_group(blend=0.01, edge=0.012)
    look: Look = {"colour": colour, "region": "mouth", "gloss": 0.2, "blend": 0.02}
    for side in SIDES:
        spots = [(side * x, y, z) for (x, y), z in zip(places, depths, strict=True)]
        for start, end in pairwise(spots):
            scene.add_capsule(start, end, (radius, radius), **look)


def add_torso(scene: Scene, colours: Colours) -> None:
    """Add neck and chest, which has its own colour."""
    fur: Look = {"colour": colours["fur"], "gloss": 0.12}
    scene.start_group(blend=0.08, edge=0.04)
    scene.add_ellipsoid((0, -1.90, -0.22), (1.00, 0.88, 0.76), blend=0.2, region="cloth", **fur)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.72, -1.90, -0.1), (0.42, 0.62, 0.50), blend=0.25, region="cloth", **fur
        )
    scene.add_capsule(
        (0, -0.45, -0.20), (0, -1.35, -0.26), (0.53, 0.66), blend=0.2, region="neck", **fur
    )
    scene.add_ellipsoid(
        (0, -1.35, 0.50), (0.40, 0.66, 0.48), colour=colours["chest"], edge=0.08, operation=P.PAINT
    )


def add_collar(scene: Scene, factors: Factors) -> None:
    """Add a coloured band round the neck with a golden tag."""
    colour = from_hue(factors["collar_hue_deg"], 0.72, factors["collar_value"])
    scene.start_group(blend=0.02, edge=0.015)
    scene.add_ring(
        (0, -1.10, -0.23),
        (0.61, 0.60),
        0.085,
        turn=rotation(pitch_deg=-80.0),
        colour=colour,
        region="cloth",
        gloss=0.3,
    )
    scene.add_ellipsoid(
        (0, -1.30, 0.42),
        (0.11, 0.12, 0.05),
        colour=(0.90, 0.72, 0.30),
        region="cloth",
        blend=0.02,
        edge=0.015,
        gloss=0.8,
    )


def paint_bands(scene: Scene, colour: Colour, half_width: float) -> None:
    """Paint bands on both sides of the chest."""
    for y in (-1.02, -1.27, -1.52):
        for side in SIDES:
            scene.add_ellipsoid(
                (side * 0.72, y, 0.1),
                (0.42, half_width, 0.7),
                turn=rotation(roll_deg=side * 16.0),
                colour=colour,
                edge=0.03,
                operation=P.PAINT,
            )
