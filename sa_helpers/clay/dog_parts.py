"""The shapes of a dog's bust: body, head, ears, eyes, muzzle and mouth, from factors."""

import math
from collections.abc import Mapping
from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.dog_fur import EYE, TAN, WHITE, add_curls, add_ruff, fur_colours, paint_pattern
from sa_helpers.clay.palettes import Colour, from_hue, mix, scaled
from sa_helpers.clay.scene import Scene, rotation
from sa_helpers.clay.staging import BODY_PIVOT, HEAD_PIVOT, SIDES, set_stage, turn_body, turn_head

Factors = Mapping[str, Any]
Colours = Mapping[str, Colour]
NOSE: dict[str, Colour] = {
    "black": (0.10, 0.09, 0.10),
    "brown": (0.36, 0.20, 0.15),
    "pink": (0.80, 0.50, 0.48),
}


def build_scene(factors: Factors) -> Scene:
    """Build the dog that `factors` describe."""
    scene, colours = Scene(), fur_colours(factors)
    set_stage(scene, factors)
    with scene.frame(turn_body(factors), pivot=BODY_PIVOT):
        add_body(scene, factors, colours)
    with scene.frame(turn_head(factors), pivot=HEAD_PIVOT):
        muzzle = place_muzzle(factors)
        add_mouth(scene, factors, muzzle)
        add_head(scene, factors, colours, muzzle)
        add_lips(scene, muzzle)
        add_eyes(scene, factors, colours)
        add_nose(scene, factors, muzzle)
        add_ears(scene, factors, colours)
    return scene


def add_body(scene: Scene, factors: Factors, colours: Colours) -> None:
    """Add neck, chest with its own colour, and perhaps a collar with a tag."""
    fur = {"colour": colours["fur"], "gloss": 0.12}
    scene.start_group(blend=0.08, edge=0.04)
    scene.add_ellipsoid((0, -1.90, -0.22), (1.00, 0.88, 0.76), blend=0.2, region="cloth", **fur)
    for side in SIDES:
        scene.add_ellipsoid((side * 0.72, -1.90, -0.1), (0.42, 0.62, 0.50), blend=0.25, region="cloth", **fur)
    scene.add_capsule(
        (0, -0.45, -0.20), (0, -1.35, -0.26), (0.53, 0.66), blend=0.2, region="neck", **fur
    )
    scene.add_ellipsoid((0, -1.35, 0.50), (0.40, 0.66, 0.48), colour=colours["chest"], edge=0.08, operation=P.PAINT)
    if factors["collar"]:
        add_collar(scene, factors)


def add_collar(scene: Scene, factors: Factors) -> None:
    """Add a coloured band round the neck with a golden tag."""
    colour = from_hue(factors["collar_hue_deg"], 0.72, factors["collar_value"])
    scene.start_group(blend=0.02, edge=0.015)
    scene.add_ring(
        (0, -1.10, -0.23), (0.61, 0.60), 0.085, turn=rotation(pitch_deg=-80.0), colour=colour,
        region="cloth", gloss=0.3,
    )
    scene.add_ellipsoid((0, -1.30, 0.42), (0.11, 0.12, 0.05), colour=(0.90, 0.72, 0.30), region="cloth",
                        blend=0.02, edge=0.015, gloss=0.8)


def place_muzzle(factors: Factors) -> dict[str, float]:
    """Tip (z), half width, lip height and opening of the muzzle."""
    return {
        "tip": 1.02 + 0.20 * factors["snout_length"],
        "wide": 1.0 + 0.16 * factors["snout_width"],
        "lip": -0.51 - 0.07 * factors["jowl"],
        "gap": 0.17 * factors["mouth_open"],
        "smile": 0.05 * factors["smile"],
    }


def add_mouth(scene: Scene, factors: Factors, muzzle: Mapping[str, float]) -> None:
    """Add the inside of an open mouth and the tongue."""
    tip, lip, gap, wide = muzzle["tip"], muzzle["lip"], muzzle["gap"], muzzle["wide"]
    if gap > 0.0:
        scene.start_group(blend=0.01, edge=0.015)
        scene.add_ellipsoid(
            (0, lip - 0.04 - 0.5 * gap, tip - 0.34), (0.25 * wide, 0.07 + 0.6 * gap, 0.31),
            colour=(0.32, 0.08, 0.10), region="mouth", gloss=0.3,
        )
    if factors["tongue"] > 0.0:
        add_tongue(scene, factors, muzzle)


def add_lips(scene: Scene, muzzle: Mapping[str, float]) -> None:
    """Add the dark line of the mouth on the surface, from the middle to both corners."""
    lip, wide = muzzle["lip"], muzzle["wide"]
    smile = muzzle["smile"]
    line = [
        (0.0, lip + 0.05),
        (0.07 * wide, lip + 0.01),
        (0.15 * wide, lip - 0.01),
        (0.23 * wide, lip + 0.005 + 0.2 * smile),
        (0.30 * wide, lip + 0.04 + 0.6 * smile),
        (0.36 * wide, lip + 0.10 + 1.6 * smile),
    ]
    depths = scene.front_depths(line).tolist()
    if any(math.isnan(z) for z in depths):
        return
    scene.start_group(blend=0.01, edge=0.012)
    for side in SIDES:
        spots = [(side * x, y, z) for (x, y), z in zip(line, depths, strict=True)]
        for start, end in zip(spots, spots[1:], strict=False):
            scene.add_capsule(start, end, (0.03, 0.03), colour=(0.13, 0.08, 0.09), region="mouth",
                              gloss=0.2, blend=0.02)


def add_tongue(scene: Scene, factors: Factors, muzzle: Mapping[str, float]) -> None:
    """Add a tongue that lies on the jaw and hangs over it."""
    tip, root = muzzle["tip"], muzzle["lip"] - 0.08 - 0.35 * muzzle["gap"]
    hang, side = 0.12 + 0.28 * factors["tongue"], 0.10 * factors["tongue_side"]
    pink = {"colour": (0.93, 0.45, 0.50), "region": "mouth", "gloss": 0.5}
    scene.start_group(blend=0.01, edge=0.015)
    scene.add_ellipsoid((0, root, tip - 0.24), (0.145, 0.07, 0.26), **pink)
    scene.add_ellipsoid(
        (side, root - hang * 0.75, tip - 0.03), (0.14, hang, 0.065),
        turn=rotation(roll_deg=18.0 * factors["tongue_side"], pitch_deg=6.0), blend=0.10, **pink,
    )
    scene.add_ellipsoid(
        (side, root - hang * 0.7, tip + 0.06), (0.018, 0.75 * hang, 0.08), edge=0.03, blend=0.02,
        turn=rotation(roll_deg=18.0 * factors["tongue_side"]), operation=P.CARVE,
        colour=(0.78, 0.30, 0.38),
    )


def add_head(scene: Scene, factors: Factors, colours: Colours, muzzle: Mapping[str, float]) -> None:
    """Add skull, brows, cheeks and muzzle, and paint the pattern of the fur."""
    wide = 1.0 + 0.07 * factors["head_width"]
    fur = {"colour": colours["fur"], "region": "skin", "gloss": 0.14}
    scene.start_group(blend=0.05, edge=0.02)
    scene.add_ellipsoid((0, 0.17, -0.14), (0.79 * wide, 0.70, 0.76), casts=0.8, **fur)
    for side in SIDES:
        scene.add_ellipsoid((side * 0.40 * wide, -0.30, 0.08), (0.40, 0.41, 0.46), blend=0.2, **fur)
        scene.add_ellipsoid((side * 0.24 * wide, 0.30, 0.42), (0.26, 0.20, 0.20), blend=0.15, **fur)
    add_ruff(scene, factors, fur, wide)
    add_curls(scene, factors, fur, wide)
    add_muzzle(scene, muzzle, fur)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.30 * wide, 0.05, 0.74), (0.17, 0.14, 0.13), blend=0.12, operation=P.CARVE
        )
    paint_pattern(scene, factors, colours)
    add_brows(scene, factors, colours, wide)


def add_muzzle(scene: Scene, muzzle: Mapping[str, float], fur: Mapping[str, Any]) -> None:
    """Add the bridge of the nose, two upper lips and the lower jaw."""
    tip, wide, lip, gap = muzzle["tip"], muzzle["wide"], muzzle["lip"], muzzle["gap"]
    scene.add_ellipsoid(
        (0, lip - 0.08 - gap, tip - 0.34), (0.26 * wide, 0.15, 0.34),
        turn=rotation(pitch_deg=-60.0 * gap), blend=0.04, **fur,
    )
    scene.add_capsule((0, -0.02, 0.48), (0, -0.22, tip - 0.12), (0.22, 0.19 * wide), blend=0.16, casts=0.0, **fur)
    scene.add_ellipsoid((0, -0.34, tip - 0.32), (0.28 * wide, 0.22, 0.38), blend=0.12, casts=0.6, **fur)
    height = 0.5 * (lip - 0.26)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.165 * wide, height - 0.01, tip - 0.22), (0.21 * wide, height - lip + 0.06, 0.27),
            turn=rotation(yaw_deg=side * 14.0), blend=0.045, **fur,
        )


def add_brows(scene: Scene, factors: Factors, colours: Colours, wide: float) -> None:
    """Add a brow over each eye, perhaps as a spot of another colour."""
    spot = TAN if factors["pattern"] == "tan_points" else mix(WHITE, TAN, 0.25)
    share = 1.0 if factors["pattern"] == "tan_points" else max(0.0, 2.0 * factors["brow_spot"] - 1.0)
    base = colours["fur"]
    target = spot if sum(colours["fur"]) < 1.9 else mix(colours["fur"], (0.42, 0.22, 0.12), 0.75)
    height = 0.30 + 0.05 * factors["brow_height"]
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.235 * wide, height, 0.63), (0.135, 0.062, 0.07), blend=0.05, edge=0.03,
            turn=rotation(roll_deg=side * (-2.0 - 20.0 * factors["brow_tilt"])), gloss=0.14,
            colour=mix(scaled(base, 0.9), target, 0.25 + 0.75 * share), region="brow",
        )


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


def add_iris(scene: Scene, factors: Factors, center, radius: float) -> None:
    """Paint iris, pupil and highlight in the direction of the gaze."""
    turn = rotation(yaw_deg=22.0 * factors["gaze_x"], pitch_deg=15.0 * factors["gaze_y"])
    ahead = [center[k] + radius * turn[k, 2] for k in range(3)]
    look = {"region": "eye", "edge": 0.015, "operation": P.PAINT}
    colour = EYE[factors["eye_colour"]][0]
    scene.add_sphere(ahead, 0.84 * radius, colour=scaled(colour, 0.5), **look)
    scene.add_sphere(ahead, 0.72 * radius, colour=colour, **look)
    scene.add_sphere(ahead, 0.42 * radius, colour=(0.04, 0.03, 0.04), **look)
    shine = (ahead[0], ahead[1] + 0.32 * radius, ahead[2])
    scene.add_sphere(shine, 0.2 * radius, colour=(1.0, 1.0, 1.0), gloss=1.0, **look)


def add_lids(scene: Scene, factors: Factors, center, radius: float, fur: Colour) -> None:
    """Add a shell of fur round an eyeball, cut open with a dark rim."""
    x, y, z = center
    height = radius * (0.78 + 0.18 * factors["eye_open"])
    scene.start_group(blend=0.03, edge=0.015)
    scene.add_sphere(center, 1.09 * radius, colour=fur, region="skin", gloss=0.14)
    scene.add_ellipsoid(
        (x, y - 0.05 * radius, z + radius), (radius * 0.97, height, radius * 0.95), blend=0.012,
        colour=(0.10, 0.07, 0.07), edge=0.05, operation=P.CARVE,
    )


def add_nose(scene: Scene, factors: Factors, muzzle: Mapping[str, float]) -> None:
    """Add the nose with two nostrils and the line below it."""
    size, tip = 1.0 + 0.2 * factors["nose_size"], muzzle["tip"]
    colour = NOSE[factors["nose_colour"]]
    scene.start_group(blend=0.02, edge=0.015)
    look = {"colour": colour, "region": "nose"}
    scene.add_capsule((0, -0.26, tip + 0.01), (0, muzzle["lip"] + 0.05, tip + 0.012), (0.035, 0.03), gloss=0.2,
                      **{**look, "region": "mouth", "colour": scaled(colour, 0.6)})
    scene.add_ellipsoid((0, -0.17, tip), (0.18 * size, 0.115 * size, 0.13), blend=0.04, gloss=0.9, **look)
    for side in SIDES:
        scene.add_sphere((side * 0.075 * size, -0.22, tip + 0.13), 0.045, colour=scaled(colour, 0.3), edge=0.02,
                         blend=0.02, operation=P.CARVE)


def add_ears(scene: Scene, factors: Factors, colours: Colours) -> None:
    """Add ears as chains of flat discs that bend from pricked over folded to hanging."""
    droop, wide = factors["ear_droop"], 1.0 + 0.07 * factors["head_width"]
    size = 1.0 + 0.2 * factors["ear_length"] * (0.5 + droop)
    step, count = 0.130 * size * (1.0 + 0.95 * droop), 5
    scene.start_group(blend=0.05, edge=0.04)
    look = {"region": "ear", "gloss": 0.14, "blend": 0.16}
    for side in SIDES:
        x, y, z = 0.46 * wide, 0.54 - 0.06 * droop, -0.10 + 0.06 * droop
        for index in range(count):
            share = index / (count - 1)
            angle = ear_angle(droop, share)
            x, y = x + step * math.sin(angle), y + step * math.cos(angle)
            z += step * 0.55 * math.sin(math.pi * droop) * share
            flat = (1.0 - share) ** 0.6 * (1.0 - droop) + droop * (0.75 + 0.45 * share - 0.45 * share**3)
            half = (0.06 + (0.20 + 0.05 * droop) * flat) * (1.0 + 0.2 * factors["ear_width"])
            turn = rotation(yaw_deg=side * (10.0 + 45.0 * droop)) @ rotation(roll_deg=-side * math.degrees(angle))
            scene.add_ellipsoid((side * x, y, z), (half, 0.06 + 0.9 * step, 0.075 + 0.02 * droop), turn=turn,
                                colour=colours["ear"], **look)
        paint_inner_ear(scene, side, (0.46 * wide, 0.54, -0.1), step, droop, colours["ear"])


def ear_angle(droop: float, share: float) -> float:
    """Angle (radians, from upright outwards) of the ear at `share` of its length."""
    base = 24.0 + 42.0 * droop
    tip = 14.0 + 168.0 * min(1.0, 2.1 * droop)
    bend = min(1.0, max(0.0, (share - 0.12) / (0.5 - 0.1 * droop)))
    return math.radians(base + (tip - base) * bend)


def paint_inner_ear(scene: Scene, side: float, root, step: float, droop: float, colour: Colour) -> None:
    """Hollow the front of a pricked ear and colour it pink."""
    if droop > 0.2:
        return
    angle = ear_angle(droop, 0.5)
    x, y, z = root[0] + 2.4 * step * math.sin(angle), root[1] + 2.4 * step * math.cos(angle), root[2]
    scene.add_ellipsoid(
        (side * x, y, z + 0.12), (0.105, 2.1 * step, 0.085), turn=rotation(roll_deg=-side * math.degrees(angle)),
        colour=mix(colour, (0.90, 0.60, 0.56), 0.6), edge=0.04, blend=0.05, operation=P.CARVE,
    )
