"""The bust of a cartoon person, from factors: clothes, head, eyes, brows, mouth and glasses."""

from itertools import pairwise

import numpy as np

from sa_helpers.clay.engine import (
    BODY_PIVOT,
    HEAD_PIVOT,
    SIDES,
    SKIN,
    Colour,
    Factors,
    Look,
    Scene,
    Style,
    Vector,
    along,
    from_hue,
    mix,
    rotation,
    scaled,
    set_stage,
    turn_body,
    turn_head,
)
from sa_helpers.clay.engine import primitives as P
from sa_helpers.clay.toon.hair import add_beard, add_hair, hair_colour

STYLE = Style(
    ambient=0.62,
    key=0.62,
    occlusion=0.25,
    shadow=0.35,
    shine=0.35,
    rim=0.05,
    flatness=0.85,
    line_darkness=0.85,
    line_width=0.035,
)
INK: Colour = (0.11, 0.08, 0.12)
IRIS: dict[str, Colour] = {
    "brown": (0.52, 0.29, 0.12),
    "green": (0.22, 0.66, 0.30),
    "blue": (0.18, 0.52, 0.92),
    "violet": (0.58, 0.32, 0.85),
}
FRAME: dict[str, Colour] = {
    "black": (0.12, 0.11, 0.14),
    "red": (0.88, 0.16, 0.20),
    "yellow": (0.97, 0.78, 0.16),
}


def build_scene(factors: Factors) -> Scene:
    """Build the cartoon person that `factors` describe."""
    scene = Scene(style=STYLE)
    set_stage(scene, factors)
    with scene.frame(turn_body(factors), pivot=BODY_PIVOT):
        add_clothes(scene, factors)
    with scene.frame(turn_head(factors), pivot=HEAD_PIVOT):
        add_head(scene, factors)
        add_eyes(scene, factors)
        add_mouth(scene, factors)
        add_beard(scene, factors)
        add_hair(scene, factors)
        add_brows(scene, factors)
        if factors["glasses"]:
            add_glasses(scene, factors)
    return scene


def add_clothes(scene: Scene, factors: Factors) -> None:
    """Add a thin neck, small shoulders and a collar."""
    colour = from_hue(
        factors["clothes_hue_deg"], factors["clothes_saturation"], factors["clothes_value"]
    )
    cloth: Look = {"colour": colour, "region": "cloth", "gloss": 0.05}
    skin: Look = {
        "colour": scaled(skin_colour(factors), 0.92),
        "region": "neck",
        "gloss": 0.1,
    }
    scene.start_group()
    scene.add_capsule((0, -0.6, -0.16), (0, -1.5, -0.2), (0.25, 0.29), **skin)
    scene.start_group(blend=0.02, edge=0.015)
    scene.add_ellipsoid((0, -1.86, -0.2), (0.80, 0.66, 0.58), **cloth)
    for side in SIDES:
        scene.add_ellipsoid((side * 0.66, -1.84, -0.2), (0.34, 0.46, 0.38), blend=0.2, **cloth)
    add_collar(scene, factors, colour, skin)


def add_collar(scene: Scene, factors: Factors, colour: Colour, skin: Look) -> None:
    """Add a ring (crew), an open neckline with a trim (vneck) or a thick scarf."""
    tilt = rotation(pitch_deg=-80.0)
    if factors["collar"] == "vneck":
        paint: Look = {"edge": 0.015, "operation": P.PAINT}
        trim = mix(colour, (1.0, 1.0, 1.0), 0.6)
        scene.add_ellipsoid((0, -1.15, 0.3), (0.32, 0.50, 0.5), colour=trim, **paint)
        scene.add_ellipsoid((0, -1.15, 0.3), (0.23, 0.40, 0.5), **{**skin, **paint})
        return
    scarf = factors["collar"] == "scarf"
    look: Look = {"colour": mix(colour, (1.0, 1.0, 1.0), 0.5) if scarf else scaled(colour, 0.7)}
    radius, tube = (0.34, 0.15) if scarf else (0.33, 0.07)
    scene.start_group(blend=0.02, edge=0.015)
    scene.add_ring(
        (0, -1.17 + 0.05 * scarf, -0.18),
        (radius, radius),
        tube,
        turn=tilt,
        region="cloth",
        gloss=0.05,
        **look,
    )


def add_head(scene: Scene, factors: Factors) -> None:
    """Add a large skull, round cheeks, a small chin, ears and a tiny nose."""
    wide, chin = face_width(factors), factors["chin"]
    skin: Look = {"colour": skin_colour(factors), "region": "skin", "gloss": 0.1}
    scene.start_group(blend=0.05, edge=0.02)
    scene.add_ellipsoid((0, 0.18, -0.10), (0.86 * wide, 0.82, 0.82), casts=0.6, **skin)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.34 * wide, -0.28, 0.18), (0.42, 0.36, 0.44), blend=0.15, **skin
        )
    scene.add_ellipsoid((0, -0.62 - 0.07 * chin, 0.34), (0.26, 0.22, 0.26), blend=0.22, **skin)
    size = 1.0 + 0.25 * factors["ear_size"]
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.88 * wide, -0.06, -0.08),
            (0.12, 0.21 * size, 0.15 * size),
            turn=rotation(yaw_deg=side * 30.0),
            blend=0.03,
            **{**skin, "region": "ear"},
        )
        pink = mix(skin["colour"], (1.0, 0.30, 0.35), 0.5 * factors["blush"])
        scene.add_sphere(
            (side * 0.52 * wide, -0.36, 0.62), 0.19, colour=pink, edge=0.1, operation=P.PAINT
        )
    nose = 0.075 * (1.0 + 0.35 * factors["nose_size"])
    tint = mix(skin["colour"], (0.95, 0.35, 0.30), 0.28)
    scene.start_group(blend=0.04, edge=0.03)
    scene.add_ellipsoid(
        (0, -0.27, 0.72 + 0.3 * nose),
        (nose * 1.15, nose, nose * 1.5),
        region="nose",
        colour=tint,
        gloss=0.3,
    )


def skin_colour(factors: Factors) -> Colour:
    """Colour of the skin, more saturated than a person's."""
    red, green, blue = along(SKIN, factors["skin_tone"])
    warmth = 0.03 * factors["skin_warmth"]
    return (min(1.0, 1.06 * red + warmth), green, 0.88 * blue - warmth)


def face_width(factors: Factors) -> float:
    """Width of the face, about 1."""
    return 1.0 + 0.08 * factors["face_width"]


def eye_place(factors: Factors, side: float) -> tuple[tuple[float, float, float], float]:
    """Center and half height of an eye."""
    radius = 0.285 * (1.0 + 0.16 * factors["eye_size"])
    return (side * 0.345 * face_width(factors), 0.03, 0.40), radius


def add_eyes(scene: Scene, factors: Factors) -> None:
    """Add huge oval eyes with ink round them, and lashes."""
    for side in SIDES:
        center, radius = eye_place(factors, side)
        turn = rotation(yaw_deg=side * 16.0)
        scene.start_group(blend=0.01, edge=0.012)
        scene.add_ellipsoid(
            center,
            (0.86 * radius, radius, 0.36),
            turn=turn,
            colour=(1.0, 1.0, 1.0),
            region="eye",
            gloss=0.1,
        )
        add_iris(scene, factors, center, radius)
        add_lids(scene, factors, center, radius, turn)
        if factors["lashes"]:
            add_lashes(scene, center, radius, side)


def add_iris(scene: Scene, factors: Factors, center: Vector, radius: float) -> None:
    """Paint a tall iris, pupil and two highlights in the direction of the gaze."""
    x = center[0] + 0.26 * radius * factors["gaze_x"] - 0.06 * center[0]
    y = center[1] - 0.04 * radius + 0.2 * radius * factors["gaze_y"]
    look: Look = {"region": "eye", "edge": 0.012, "operation": P.PAINT}
    colour = IRIS[factors["eye_colour"]]
    for size, tint in ((0.69, scaled(colour, 0.4)), (0.59, colour), (0.34, INK)):
        scene.add_ellipsoid(
            (x, y, 0.8), (0.88 * size * radius, size * radius, 0.3), colour=tint, **look
        )
    scene.add_sphere((x, y + 0.30 * radius, 0.76), 0.22 * radius, colour=(1.0, 1.0, 1.0), **look)


def add_lids(
    scene: Scene, factors: Factors, center: Vector, radius: float, turn: np.ndarray
) -> None:
    """Add an inked shell over an eye, cut open so that a rim and the upper lid remain."""
    x, y, z = center
    height = radius * (0.88 + 0.16 * factors["eye_open"])
    scene.start_group(blend=0.03, edge=0.012)
    scene.add_ellipsoid(
        center,
        (0.95 * radius, 1.09 * radius, 0.385),
        turn=turn,
        colour=INK,
        region="eye",
        gloss=0.05,
    )
    scene.add_ellipsoid(
        (x, y + height - 1.04 * radius, z + 0.3),
        (0.86 * radius, height, 0.45),
        turn=turn,
        blend=0.01,
        colour=INK,
        edge=0.03,
        operation=P.CARVE,
    )


def add_lashes(scene: Scene, center: Vector, radius: float, side: float) -> None:
    """Add an inked stroke over the outer half of an eye, with a tip."""
    x, y, _ = center
    look: Look = {"colour": INK, "region": "eye", "blend": 0.02, "gloss": 0.1}
    top = (x + side * 0.05, y + 0.92 * radius, 0.70)
    corner, tip = (
        (x + side * 0.68 * radius, y + 0.62 * radius, 0.62),
        (x + side * 1.08 * radius, y + 0.80 * radius, 0.55),
    )
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_capsule(top, corner, (0.03, 0.05), **look)
    scene.add_capsule(corner, tip, (0.05, 0.02), **look)


def add_brows(scene: Scene, factors: Factors) -> None:
    """Add thick brows, inked in the darker colour of the hair."""
    colour = mix(scaled(hair_colour(factors), 0.6), INK, 0.35)
    weight = 0.05 * (1.0 + 0.4 * factors["brow_weight"])
    look: Look = {"colour": colour, "region": "brow", "gloss": 0.1, "blend": 0.02}
    scene.start_group(blend=0.01, edge=0.012)
    for side in SIDES:
        (x, y, _), radius = eye_place(factors, side)
        y += 1.22 * radius + 0.06 * factors["brow_height"]
        tilt = 0.10 * factors["brow_tilt"]
        inner, outer = (0.55 * x, y - tilt, 0.74), (1.55 * x, y - 0.04 + tilt, 0.58)
        middle = (1.02 * x, y + 0.05, 0.74)
        scene.add_capsule(inner, middle, (weight, weight * 1.1), **look)
        scene.add_capsule(middle, outer, (weight * 1.1, weight * 0.5), **look)


def add_mouth(scene: Scene, factors: Factors) -> None:
    """Add a small line of a mouth, or an open one with teeth and tongue."""
    smile, gap = factors["smile"], 0.10 * factors["mouth_open"]
    half, y = 0.19, -0.49
    red = from_hue(352.0, 0.78, 0.86)
    colour = mix(mix(INK, skin_colour(factors), 0.15), red, factors["lipstick"])
    line = [(0.0, y - 0.05 * smile), (0.6 * half, y - 0.02 * smile), (half, y + 0.05 * smile)]
    depths = scene.front_depths(line).tolist()
    weight = 0.024 + 0.022 * factors["lipstick"]
    look: Look = {"colour": colour, "region": "mouth", "gloss": 0.15, "blend": 0.02}
    scene.start_group(blend=0.01, edge=0.012)
    if gap > 0.0:
        x, front = 0.8 * half, depths[0]
        paint: Look = {"region": "mouth", "edge": 0.015, "operation": P.PAINT}
        low = y - 0.02 - gap
        scene.add_ellipsoid(
            (0, low, front - 0.03), (x, gap + 0.03, 0.07), **{**look, "colour": (0.40, 0.06, 0.10)}
        )
        scene.add_ellipsoid(
            (0, y + 0.01, front), (0.85 * x, 0.05, 0.2), colour=(1.0, 1.0, 1.0), **paint
        )
        scene.add_ellipsoid(
            (0, low - 0.9 * gap, front),
            (0.6 * x, 0.6 * gap, 0.2),
            colour=(0.95, 0.42, 0.45),
            **paint,
        )
    for side in SIDES:
        spots = [(side * a, b, c - 0.005) for (a, b), c in zip(line, depths, strict=True)]
        for start, end in pairwise(spots):
            scene.add_capsule(start, end, (weight, weight), **look)


def add_glasses(scene: Scene, factors: Factors) -> None:
    """Add thick round frames with a bridge and temples."""
    look: Look = {
        "colour": FRAME[factors["frame_colour"]],
        "region": "glasses",
        "gloss": 0.4,
        "blend": 0.02,
    }
    scene.start_group(blend=0.01, edge=0.012)
    wide = face_width(factors)
    for side in SIDES:
        turn = rotation(yaw_deg=side * 14.0)
        scene.add_ring((side * 0.37 * wide, 0.03, 0.82), (0.31, 0.32), 0.035, turn=turn, **look)
        scene.add_capsule(
            (side * 0.66 * wide, 0.06, 0.72),
            (side * 0.90 * wide, 0.06, -0.05),
            (0.035, 0.035),
            **look,
        )
    scene.add_capsule((-0.07, 0.04, 0.90), (0.07, 0.04, 0.90), (0.035, 0.035), **look)
