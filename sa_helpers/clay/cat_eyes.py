"""Eyes of cats and of wild animals: wide irises, pupils from slit to round, slanted lids."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sa_helpers.clay import primitives as P
from sa_helpers.clay.geometry import Vector
from sa_helpers.clay.palettes import Colour, scaled
from sa_helpers.clay.scene import Scene, rotation
from sa_helpers.clay.staging import SIDES

Factors = Mapping[str, Any]
RIM: Colour = (0.09, 0.07, 0.07)


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
    look: dict[str, Any] = {"region": "eye", "edge": 0.015, "operation": P.PAINT}
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
