"""Eyes and brows of a dog, from factors."""

from collections.abc import Mapping
from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.dog_fur import EYE, TAN, WHITE
from sa_helpers.clay.geometry import Vector
from sa_helpers.clay.palettes import Colour, mix, scaled
from sa_helpers.clay.scene import Scene, rotation
from sa_helpers.clay.staging import SIDES

Factors = Mapping[str, Any]
Colours = Mapping[str, Colour]


def add_eyes(scene: Scene, factors: Factors, colours: Colours) -> None:
    """Add round dark eyes with dark rims, lids and a bright highlight."""
    radius = 0.175 * (1.0 + 0.14 * factors["eye_size"])
    wide = 1.0 + 0.07 * factors["head_width"]
    for side in SIDES:
        center = (side * 0.295 * wide, 0.07, 0.735 - radius)
        scene.start_group(blend=0.015, edge=0.015)
        scene.add_sphere(center, radius, colour=(0.93, 0.90, 0.86), region="eye", gloss=0.6)
        add_iris(scene, factors, center, radius)
        add_lids(scene, factors, center, radius, colours["fur"])


def add_iris(scene: Scene, factors: Factors, center: Vector, radius: float) -> None:
    """Paint iris, pupil and highlight in the direction of the gaze."""
    turn = rotation(yaw_deg=22.0 * factors["gaze_x"], pitch_deg=15.0 * factors["gaze_y"])
    ahead = [center[k] + radius * turn[k, 2] for k in range(3)]
    look: dict[str, Any] = {"region": "eye", "edge": 0.015, "operation": P.PAINT}
    colour = EYE[factors["eye_colour"]][0]
    scene.add_sphere(ahead, 0.84 * radius, colour=scaled(colour, 0.5), **look)
    scene.add_sphere(ahead, 0.72 * radius, colour=colour, **look)
    scene.add_sphere(ahead, 0.42 * radius, colour=(0.04, 0.03, 0.04), **look)
    shine = (ahead[0], ahead[1] + 0.32 * radius, ahead[2])
    scene.add_sphere(shine, 0.2 * radius, colour=(1.0, 1.0, 1.0), gloss=1.0, **look)


def add_lids(scene: Scene, factors: Factors, center: Vector, radius: float, fur: Colour) -> None:
    """Add a shell of fur round an eyeball, cut open with a dark rim."""
    x, y, z = center
    height = radius * (0.78 + 0.18 * factors["eye_open"])
    scene.start_group(blend=0.03, edge=0.015)
    scene.add_sphere(center, 1.09 * radius, colour=fur, region="skin", gloss=0.14)
    scene.add_ellipsoid(
        (x, y - 0.05 * radius, z + radius),
        (radius * 0.97, height, radius * 0.95),
        blend=0.012,
        colour=(0.10, 0.07, 0.07),
        edge=0.05,
        operation=P.CARVE,
    )


def add_brows(scene: Scene, factors: Factors, colours: Colours, wide: float) -> None:
    """Add a brow over each eye, perhaps as a spot of another colour."""
    spot = TAN if factors["pattern"] == "tan_points" else mix(WHITE, TAN, 0.25)
    share = (
        1.0 if factors["pattern"] == "tan_points" else max(0.0, 2.0 * factors["brow_spot"] - 1.0)
    )
    base = colours["fur"]
    target = spot if sum(colours["fur"]) < 1.9 else mix(colours["fur"], (0.42, 0.22, 0.12), 0.75)
    height = 0.30 + 0.05 * factors["brow_height"]
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.235 * wide, height, 0.63),
            (0.135, 0.062, 0.07),
            blend=0.05,
            edge=0.03,
            turn=rotation(roll_deg=side * (-2.0 - 20.0 * factors["brow_tilt"])),
            gloss=0.14,
            colour=mix(scaled(base, 0.9), target, 0.25 + 0.75 * share),
            region="brow",
        )
