"""The head of a human bust, from factors: colours, skull, ears and nose, then the face on it."""

from typing import Any

from sa_helpers.clay.engine import (
    SIDES,
    SKIN,
    Colour,
    Factors,
    Look,
    Scene,
    Vector,
    along,
    from_hue,
    mix,
    rotation,
    scaled,
)
from sa_helpers.clay.engine import primitives as P

HAIR: dict[str, Colour] = {
    "black": (0.19, 0.16, 0.16),
    "brown": (0.40, 0.26, 0.17),
    "blond": (0.86, 0.69, 0.40),
    "red": (0.74, 0.35, 0.16),
    "grey": (0.74, 0.74, 0.75),
}
IRIS: dict[str, Colour] = {
    "brown": (0.36, 0.21, 0.12),
    "hazel": (0.52, 0.38, 0.16),
    "green": (0.32, 0.52, 0.30),
    "blue": (0.26, 0.48, 0.76),
    "grey": (0.48, 0.55, 0.60),
}
FRAME: dict[str, Colour] = {
    "black": (0.12, 0.12, 0.14),
    "tortoise": (0.42, 0.22, 0.10),
    "gold": (0.80, 0.62, 0.28),
    "red": (0.72, 0.14, 0.18),
}
Features = dict[str, Any]


def face_width(factors: Factors) -> float:
    """Width of the face, 1 on average."""
    return 1.0 + 0.07 * factors["face_width"]


def age_share(factors: Factors) -> float:
    """Age from 0 (18 years) to 1 (82 years)."""
    return (factors["age_years"] - 18.0) / 64.0


def skin_colour(factors: Factors) -> Colour:
    """Colour of the skin from tone and warmth."""
    red, green, blue = along(SKIN, factors["skin_tone"])
    warmth = 0.025 * factors["skin_warmth"]
    return (min(1.0, red + warmth), green, blue - warmth)


def hair_colour(factors: Factors) -> Colour:
    """Colour of the hair from its name and shade."""
    return scaled(HAIR[factors["hair_colour"]], 1.0 + 0.22 * factors["hair_shade"])


def hair_look(factors: Factors) -> Look:
    """Colour, region and gloss of hair."""
    return {
        "colour": hair_colour(factors),
        "region": "hair",
        "gloss": 0.35 - 0.25 * factors["curl"],
    }


def add_head(scene: Scene, factors: Factors) -> None:
    """Add skull, face, chin, cheeks, ears and nose."""
    wide, jaw = face_width(factors), factors["jaw"]
    age = age_share(factors)
    skin: Look = {"colour": skin_colour(factors), "region": "skin", "gloss": 0.22}
    scene.start_group(blend=0.05, edge=0.02)
    scene.add_ellipsoid((0, 0.22, -0.12), (0.78 * wide, 0.80, 0.84), casts=0.8, **skin)
    scene.add_ellipsoid((0, -0.25, 0.12), (0.58 * wide, 0.66, 0.62), blend=0.3, casts=0.5, **skin)
    scene.add_ellipsoid(
        (0, -0.74, 0.46 + 0.02 * jaw), (0.20 + 0.05 * jaw, 0.17, 0.19), blend=0.2, **skin
    )
    blush = mix(skin["colour"], (0.9, 0.35, 0.3), 0.22)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * (0.345 + 0.06 * jaw) * wide, -0.50 - 0.05 * age, 0.12),
            (0.18, 0.20, 0.28),
            blend=0.25,
            **skin,
        )
        scene.add_ellipsoid(
            (side * 0.38 * wide, -0.20 - 0.06 * age, 0.54), (0.20, 0.17, 0.17), blend=0.2, **skin
        )
        scene.add_ellipsoid(
            (side * 0.30 * wide, 0.07, 0.86), (0.20, 0.15, 0.13), blend=0.16, operation=P.CARVE
        )
        scene.add_ellipsoid(
            (side * 0.42 * wide, -0.22, 0.66),
            (0.2, 0.16, 0.2),
            colour=blush,
            edge=0.16,
            operation=P.PAINT,
        )
    scene.add_ellipsoid((0, 0.27, 0.66), (0.42 * wide, 0.10, 0.10), blend=0.16, **skin)
    add_ears(scene, factors, skin, wide)
    add_nose(scene, factors, skin)
    add_wrinkles(scene, factors, wide)


def add_ears(scene: Scene, factors: Factors, skin: Look, wide: float) -> None:
    """Add ears with a shaded bowl."""
    size = 1.0 + 0.22 * factors["ear_size"]
    look = {**skin, "region": "ear"}
    for side in SIDES:
        turn = rotation(yaw_deg=side * 28.0, roll_deg=side * -8.0)
        x = side * (0.76 * wide + 0.02)
        scene.add_ellipsoid(
            (x, -0.02, -0.08),
            (0.09, 0.23 * size, 0.16 * size),
            turn=turn,
            blend=0.06,
            edge=0.03,
            **look,
        )
        scene.add_ellipsoid(
            (x + side * 0.09, 0.0, 0.02),
            (0.05, 0.13 * size, 0.09 * size),
            turn=turn,
            blend=0.05,
            colour=mix(skin["colour"], (0.6, 0.2, 0.15), 0.3),
            edge=0.06,
            operation=P.CARVE,
        )


def add_nose(scene: Scene, factors: Factors, skin: Look) -> None:
    """Add bridge, tip and wings of the nose."""
    size = 1.0 + 0.24 * factors["nose_size"]
    look = {**skin, "region": "nose", "colour": mix(skin["colour"], (0.9, 0.35, 0.3), 0.10)}
    scene.add_capsule(
        (0, 0.14, 0.72), (0, -0.15, 0.86), (0.07, 0.10 * size), blend=0.09, edge=0.15, **look
    )
    scene.add_ellipsoid(
        (0, -0.19, 0.86 + 0.03 * size),
        (0.125 * size, 0.11 * size, 0.13 * size),
        blend=0.06,
        edge=0.1,
        casts=0.5,
        **look,
    )
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.108 * size, -0.215, 0.82),
            (0.066 * size, 0.062 * size, 0.085 * size),
            blend=0.05,
            edge=0.1,
            **look,
        )


def add_wrinkles(scene: Scene, factors: Factors, wide: float) -> None:
    """Fold the cheeks beside the nose and the forehead, deeper with age."""
    depth = (factors["age_years"] - 44.0) / 38.0
    if depth <= 0.0:
        return
    fold = [(0.17 * wide, -0.24), (0.31 * wide, -0.46)]
    lines = [(0.0, 0.50), (0.27 * wide, 0.48), (0.0, 0.62), (0.22 * wide, 0.60)]
    spots = [
        (x, y, z)
        for (x, y), z in zip(fold + lines, scene.front_depths(fold + lines).tolist(), strict=True)
    ]
    for side in SIDES:
        ends = [(side * x, y, z + 0.01) for x, y, z in spots]
        for start, end, radius in ((0, 1, 0.030), (2, 3, 0.024), (4, 5, 0.024)):
            scene.add_capsule(
                ends[start],
                ends[end],
                (radius * depth, radius * depth),
                blend=0.035,
                operation=P.CARVE,
            )


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
