"""The face of a human bust: eyes, brows, mouth and glasses, placed on the finished head."""

from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.human_looks import (
    SIDES,
    Factors,
    age_share,
    face_width,
    hair_colour,
    skin_colour,
)
from sa_helpers.clay.palettes import FRAME, IRIS, Colour, from_hue, mix, scaled
from sa_helpers.clay.scene import Scene, Vector, rotation

Features = dict[str, Any]


def place_features(scene: Scene, factors: Factors) -> Features:
    """Where the features sit on the face that stands so far."""
    wide = face_width(factors)
    brow_y = 0.36 + 0.07 * factors["brow_height"]
    tilt = 0.06 * factors["brow_tilt"]
    brow = [
        (0.13 * wide, brow_y - tilt),
        (0.32 * wide, brow_y + 0.04),
        (0.50 * wide, brow_y - 0.04 + tilt),
    ]
    corner_x = 0.265 + 0.045 * factors["smile"]
    lift = 0.095 if factors["smile"] > 0.0 else 0.06
    corner = (corner_x * wide, -0.49 + lift * factors["smile"])
    mouth = [(0.0, -0.50), (0.0, -0.40), (0.0, -0.62), corner, (0.13, -0.385)]
    depths = scene.front_depths([*brow, *mouth]).tolist()
    spots = [(x, y, z) for (x, y), z in zip([*brow, *mouth], depths, strict=True)]
    return {"wide": wide, "brow": spots[:3], "mouth": spots[3:7], "moustache": spots[7]}


def add_eyes(scene: Scene, factors: Factors, features: Features) -> None:
    """Add eyeballs with iris, pupil and highlight, and lids."""
    radius = 0.185 * (1.0 + 0.14 * factors["eye_size"])
    skin = skin_colour(factors)
    lid = mix(scaled(skin, 0.88), (0.75, 0.3, 0.3), 0.12)
    for side in SIDES:
        center = (side * 0.295 * features["wide"], 0.06, 0.80 - radius)
        scene.start_group(blend=0.015, edge=0.015)
        scene.add_sphere(center, radius, colour=(0.97, 0.96, 0.94), region="eye", gloss=0.5)
        add_iris(scene, factors, center, radius)
        add_lids(scene, factors, center, radius, lid)


def add_lids(scene: Scene, factors: Factors, center: Vector, radius: float, colour: Colour) -> None:
    """Add a shell of skin round an eyeball, cut open in the shape of an almond."""
    x, y, z = center
    age = age_share(factors)
    height = radius * (0.68 + 0.20 * factors["eye_open"] - 0.06 * age)
    scene.start_group(blend=0.03, edge=0.015)
    scene.add_ellipsoid(
        center, (radius * 1.12, radius * 1.07, radius * 1.07), colour=colour, region="skin"
    )
    scene.add_ellipsoid(
        (x, y - 0.10 * radius, z + radius),
        (radius * 0.98, height, radius * 0.95),
        blend=0.012,
        colour=mix(scaled(colour, 0.35), (0.1, 0.05, 0.05), 0.4),
        edge=0.02,
        operation=P.CARVE,
    )


def add_iris(scene: Scene, factors: Factors, center: Vector, radius: float) -> None:
    """Paint iris, pupil and highlight on an eyeball in the direction of the gaze."""
    turn = rotation(yaw_deg=20.0 * factors["gaze_x"], pitch_deg=14.0 * factors["gaze_y"])
    look = {"region": "eye", "edge": 0.015, "operation": P.PAINT}
    ahead = [center[k] + radius * turn[k, 2] for k in range(3)]
    colour = IRIS[factors["eye_colour"]]
    scene.add_sphere(ahead, 0.60 * radius, colour=scaled(colour, 0.45), **look)
    scene.add_sphere(ahead, 0.53 * radius, colour=colour, **look)
    scene.add_sphere(ahead, 0.28 * radius, colour=(0.05, 0.04, 0.05), **look)
    shine = [ahead[0] + 0.0 * radius, ahead[1] + 0.26 * radius, ahead[2]]
    scene.add_sphere(shine, 0.15 * radius, colour=(1.0, 1.0, 1.0), gloss=1.0, **look)


def add_brows(scene: Scene, factors: Factors, features: Features) -> None:
    """Add eyebrows of two strokes each."""
    colour = scaled(hair_colour(factors), factors["brow_shade"])
    weight = 0.045 * (1.0 + 0.4 * factors["brow_weight"])
    scene.start_group(blend=0.02, edge=0.02)
    look = {"colour": colour, "region": "brow", "gloss": 0.1, "blend": 0.02}
    for side in SIDES:
        inner, middle, outer = ((side * x, y, z) for x, y, z in features["brow"])
        scene.add_capsule(inner, middle, (weight, weight * 1.05), **look)
        scene.add_capsule(middle, outer, (weight * 1.05, weight * 0.6), **look)


def add_mouth(scene: Scene, factors: Factors, features: Features) -> None:
    """Add lips, and teeth in an open mouth."""
    center, upper, lower, corner = features["mouth"]
    skin = skin_colour(factors)
    natural = mix(skin, (0.72, 0.24, 0.24), 0.45)
    colour = mix(natural, from_hue(factors["lipstick_hue_deg"], 0.78, 0.78), factors["lipstick"])
    gap = 0.075 * factors["mouth_open"]
    scene.start_group(blend=0.035, edge=0.02)
    look = {
        "colour": colour,
        "region": "mouth",
        "gloss": 0.35 + 0.4 * factors["lipstick"],
        "blend": 0.02,
    }
    dip = center[1] - 0.03 * max(0.0, factors["smile"])
    for side in SIDES:
        end = (side * corner[0], corner[1], corner[2] - 0.015)
        top, bottom = (
            (side * 0.055, dip + 0.035 + gap, upper[2] - 0.015),
            (side * 0.075, dip - 0.045 - gap, lower[2]),
        )
        scene.add_capsule(end, top, (0.022, 0.046), **look)
        scene.add_capsule(end, bottom, (0.022, 0.058), **look)
    scene.add_capsule((-0.075, *bottom[1:]), (0.075, *bottom[1:]), (0.058, 0.058), **look)
    if factors["mouth_open"] > 0.0:
        inside = {"region": "mouth", "edge": 0.015, "operation": P.PAINT}
        z = center[2]
        half = 0.75 * corner[0]
        scene.start_group(blend=0.01, edge=0.01)
        scene.add_ellipsoid(
            (0, dip, z - 0.04),
            (half, 0.03 + gap, 0.1),
            colour=(0.22, 0.05, 0.06),
            region="mouth",
            gloss=0.1,
        )
        scene.add_ellipsoid(
            (0, dip + 0.02 + gap, z + 0.04),
            (half, 0.02 + 0.5 * gap, 0.1),
            colour=(0.96, 0.94, 0.9),
            **inside,
        )


def add_glasses(scene: Scene, factors: Factors, features: Features) -> None:
    """Add frames: two rings, a bridge and temples."""
    look = {
        "colour": FRAME[factors["frame_colour"]],
        "region": "glasses",
        "gloss": 0.8,
        "blend": 0.02,
    }
    scene.start_group(blend=0.01, edge=0.01)
    wide = features["wide"]
    for side in SIDES:
        turn = rotation(yaw_deg=side * 10.0)
        scene.add_ring((side * 0.31 * wide, 0.05, 0.86), (0.245, 0.22), 0.028, turn=turn, **look)
        scene.add_capsule(
            (side * 0.55 * wide, 0.10, 0.80),
            (side * 0.80 * wide, 0.10, 0.0),
            (0.028, 0.028),
            **look,
        )
    scene.add_capsule((-0.08, 0.09, 0.91), (0.08, 0.09, 0.91), (0.03, 0.03), **look)
