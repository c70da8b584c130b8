"""The shapes of a dog's bust, from factors: head, eyes, brows, and ears from pricked to hanging."""

import math

from sa_helpers.clay.animals.canine import (
    Muzzle,
    add_lips,
    add_mouth,
    add_muzzle,
    add_nose,
    place_muzzle,
)
from sa_helpers.clay.animals.parts import Colours, add_collar, add_torso, carve_sockets, head_width
from sa_helpers.clay.dog.coat import (
    EYE,
    TAN,
    WHITE,
    add_curls,
    add_ruff,
    fur_colours,
    paint_pattern,
)
from sa_helpers.clay.engine import (
    BODY_PIVOT,
    HEAD_PIVOT,
    SIDES,
    Colour,
    Factors,
    Look,
    Scene,
    Vector,
    mix,
    rotation,
    scaled,
    set_stage,
    turn_body,
    turn_head,
)
from sa_helpers.clay.engine import primitives as P

NUM_DISCS = 5


def build_scene(factors: Factors) -> Scene:
    """Build the dog that `factors` describe."""
    scene, colours = Scene(), fur_colours(factors)
    set_stage(scene, factors)
    with scene.frame(turn_body(factors), pivot=BODY_PIVOT):
        add_torso(scene, colours)
        if factors["collar"]:
            add_collar(scene, factors)
    with scene.frame(turn_head(factors), pivot=HEAD_PIVOT):
        muzzle = place_muzzle(factors)
        add_mouth(scene, factors, muzzle)
        add_head(scene, factors, colours, muzzle)
        add_lips(scene, muzzle)
        add_eyes(scene, factors, colours)
        add_nose(scene, factors, muzzle)
        add_ears(scene, factors, colours)
    return scene


def add_head(scene: Scene, factors: Factors, colours: Colours, muzzle: Muzzle) -> None:
    """Add skull, brows, cheeks and muzzle, and paint the pattern of the fur."""
    wide = head_width(factors)
    fur: Look = {"colour": colours["fur"], "region": "skin", "gloss": 0.14}
    scene.start_group(blend=0.05, edge=0.02)
    scene.add_ellipsoid((0, 0.17, -0.14), (0.79 * wide, 0.70, 0.76), casts=0.8, **fur)
    for side in SIDES:
        scene.add_ellipsoid((side * 0.40 * wide, -0.30, 0.08), (0.40, 0.41, 0.46), blend=0.2, **fur)
        scene.add_ellipsoid((side * 0.24 * wide, 0.30, 0.42), (0.26, 0.20, 0.20), blend=0.15, **fur)
    add_ruff(scene, factors, fur, wide)
    add_curls(scene, factors, fur, wide)
    add_muzzle(scene, muzzle, fur)
    carve_sockets(scene, 0.30 * wide)
    paint_pattern(scene, factors, colours)
    add_brows(scene, factors, colours, wide)


def add_eyes(scene: Scene, factors: Factors, colours: Colours) -> None:
    """Add round dark eyes with dark rims, lids and a bright highlight."""
    radius = 0.175 * (1.0 + 0.14 * factors["eye_size"])
    wide = head_width(factors)
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
    look: Look = {"region": "eye", "edge": 0.015, "operation": P.PAINT}
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


def add_ears(scene: Scene, factors: Factors, colours: Colours) -> None:
    """Add both ears at the sides of the skull."""
    droop, wide = factors["ear_droop"], head_width(factors)
    size = 1.0 + 0.2 * factors["ear_length"] * (0.5 + droop)
    step = 0.130 * size * (1.0 + 0.95 * droop)
    scene.start_group(blend=0.05, edge=0.04)
    for side in SIDES:
        add_ear(scene, factors, side, step, colours["ear"])
        paint_inner_ear(scene, side, (0.46 * wide, 0.54, -0.1), step, droop, colours["ear"])


def add_ear(scene: Scene, factors: Factors, side: float, step: float, colour: Colour) -> None:
    """Add an ear as a chain of flat discs, `step` apart, along a bend."""
    droop, wide = factors["ear_droop"], head_width(factors)
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
