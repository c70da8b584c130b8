"""A bedroom from factors: floor, walls, window, picture and rug; then bed, tables and lamps."""

import math

import numpy as np

from sa_helpers.clay.engine import (
    SIDES,
    Colour,
    Factors,
    Look,
    Scene,
    Style,
    Vector,
    from_hue,
    mix,
    rotation,
    scaled,
)
from sa_helpers.clay.engine import primitives as P

FLOOR: dict[str, Colour] = {
    "oak": (0.66, 0.47, 0.30),
    "walnut": (0.42, 0.28, 0.19),
    "pale": (0.82, 0.72, 0.58),
    "carpet": (0.62, 0.60, 0.60),
}
VIEW: dict[str, tuple[Colour, Colour]] = {
    "day": ((0.98, 0.99, 1.0), (0.62, 0.82, 0.97)),
    "evening": ((0.99, 0.80, 0.56), (0.86, 0.52, 0.50)),
    "night": ((0.22, 0.26, 0.48), (0.11, 0.13, 0.30)),
}
HALF_WIDTH, BACK, FLOOR_Y, CEILING_Y = 1.62, -1.35, -1.15, 2.4
WHITE: Colour = (0.95, 0.94, 0.91)
WOOD: dict[str, Colour] = {
    "oak": (0.72, 0.50, 0.30),
    "walnut": (0.40, 0.25, 0.16),
    "white": (0.93, 0.92, 0.89),
    "black": (0.17, 0.16, 0.18),
}
STYLE = Style(ambient=0.60, key=0.56, occlusion=0.65, shadow=0.5, shine=0.3, rim=0.06)
DISTANCE, CENTER_Y, TILT_DEG = 6.5, -0.30, -12.0
PIVOT = (0.0, FLOOR_Y + 0.5, -0.35)


def build_scene(factors: Factors) -> Scene:
    """Build the bedroom that `factors` describe."""
    scene = Scene(style=STYLE)
    scene.set_camera(height=2.75, center_y=CENTER_Y, distance=DISTANCE)
    scene.set_light(
        azimuth_deg=0.8 * factors["light_azimuth_deg"],
        elevation_deg=factors["light_elevation_deg"],
    )
    tone = wall_colour(factors)
    scene.set_background(scaled(tone, 0.8), tone, glow=0.0, region="wall")
    turn = rotation(yaw_deg=factors["yaw_deg"])
    turn = rotation(pitch_deg=TILT_DEG + factors["pitch_deg"]) @ turn
    place = np.array((0.0, CENTER_Y, DISTANCE)) - np.array(PIVOT)
    with scene.frame(turn, pivot=PIVOT):
        add_room(scene, factors, (turn.T @ place + np.array(PIVOT)).tolist())
        add_rug(scene, factors)
        add_bed(scene, factors)
        add_tables(scene, factors)
    return scene


def wall_colour(factors: Factors) -> Colour:
    """Colour of the walls."""
    return from_hue(factors["wall_hue_deg"], factors["wall_saturation"], factors["wall_value"])


def window_side(factors: Factors) -> float:
    """Side of the window: -1 left, 1 right; the picture hangs on the other."""
    return 1.0 if factors["window_side"] >= 0.0 else -1.0


def add_room(scene: Scene, factors: Factors, camera: Vector) -> None:
    """Add floor and walls; a side wall that turns its back to `camera` is left away.

    Args:
        camera: Its place in the room's own frame.
    """
    floor = {"colour": FLOOR[factors["floor"]], "region": "floor", "gloss": 0.12}
    wall: Look = {"colour": wall_colour(factors), "region": "wall", "gloss": 0.03}
    middle_y = 0.5 * (FLOOR_Y + CEILING_Y)
    high = 0.5 * (CEILING_Y - FLOOR_Y) + 0.2
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_box((0, FLOOR_Y - 0.2, 0.6), (3.4, 0.2, 2.6), rounding=0.01, **floor)
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_box((0, middle_y, BACK - 0.1), (HALF_WIDTH + 0.1, high, 0.1), rounding=0.01, **wall)
    for side in SIDES:
        if side * camera[0] < HALF_WIDTH - 0.02:
            add_side_wall(scene, side, middle_y, high, wall)
    add_skirting(scene, camera)
    add_window(scene, factors)
    add_picture(scene, factors)


def add_side_wall(scene: Scene, side: float, y: float, high: float, wall: Look) -> None:
    """Add a wall at the right (1) or left (-1), a little darker than the back wall."""
    look = {**wall, "colour": scaled(wall["colour"], 0.93)}
    scene.add_box(
        (side * (HALF_WIDTH + 0.1), y, BACK + 1.4), (0.1, high, 1.4), rounding=0.01, **look
    )


def add_skirting(scene: Scene, camera: Vector) -> None:
    """Add a white board where the walls meet the floor."""
    look: Look = {"colour": WHITE, "region": "wall", "gloss": 0.1, "blend": 0.01}
    y = FLOOR_Y + 0.05
    scene.add_box((0, y, BACK), (HALF_WIDTH, 0.06, 0.03), rounding=0.01, **look)
    for side in SIDES:
        if side * camera[0] < HALF_WIDTH - 0.02:
            center = (side * HALF_WIDTH, y, BACK + 1.4)
            scene.add_box(center, (0.03, 0.06, 1.4), rounding=0.01, **look)


def add_window(scene: Scene, factors: Factors) -> None:
    """Add a window with a white frame, a view of the sky, and perhaps curtains."""
    side = window_side(factors)
    x, y = side * 0.98, 0.44
    wide, high = 0.34 * (1.0 + 0.12 * factors["window_size"]), 0.42
    low, top = VIEW[factors["view"]]
    frame: Look = {"colour": WHITE, "region": "window", "gloss": 0.2, "blend": 0.01}
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_box((x, y, BACK), (wide + 0.06, high + 0.06, 0.05), rounding=0.02, **frame)
    for dy, colour in ((0.5, top), (-0.5, low)):
        scene.add_box(
            (x, y + dy * high, BACK + 0.05), (wide, 0.5 * high, 0.03),
            **{**frame, "colour": colour, "gloss": 0.0}, edge=0.04, operation=P.PAINT,
        )  # fmt: skip
    scene.add_box((x, y, BACK + 0.05), (0.022, high, 0.03), rounding=0.01, **frame)
    scene.add_box((x, y, BACK + 0.05), (wide, 0.022, 0.03), rounding=0.01, **frame)
    scene.add_box(
        (x, y - high - 0.06, BACK + 0.08), (wide + 0.1, 0.03, 0.1), rounding=0.02, **frame
    )
    if factors["curtains"]:
        add_curtains(scene, factors, (x, y), (wide, high))


def add_curtains(
    scene: Scene, factors: Factors, middle: tuple[float, float], size: tuple[float, float]
) -> None:
    """Add a curtain on each side of the window, in folds."""
    (x, y), (wide, high) = middle, size
    colour = from_hue(factors["curtain_hue_deg"], 0.5, 0.85)
    scene.start_group(blend=0.01, edge=0.012)
    for edge in SIDES:
        for fold in range(3):
            place = x + edge * (wide - 0.02 + 0.075 * fold)
            scene.add_capsule(
                (place, y + high + 0.1, BACK + 0.13), (place, y - high - 0.35, BACK + 0.13),
                (0.05, 0.06), colour=colour, region="window", gloss=0.05, blend=0.02,
            )  # fmt: skip


def add_picture(scene: Scene, factors: Factors) -> None:
    """Add a framed picture of a hill under a sky, on the side without a window."""
    if factors["picture"] == "none":
        return
    x, y = -window_side(factors) * 0.92, 0.52
    wide, high = (0.26, 0.34) if factors["picture"] == "upright" else (0.38, 0.25)
    look: Look = {"region": "picture", "gloss": 0.1, "blend": 0.01}
    paint: Look = {"region": "picture", "edge": 0.012, "operation": P.PAINT}
    hue_deg = factors["picture_hue_deg"]
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_box(
        (x, y, BACK), (wide, high, 0.05), rounding=0.02, colour=(0.34, 0.22, 0.14), **look
    )
    inner = (wide - 0.05, high - 0.05, 0.04)
    scene.add_box((x, y, BACK + 0.05), inner, colour=from_hue(hue_deg, 0.25, 0.95), **paint)
    scene.add_box(
        (x, y - 0.55 * inner[1], BACK + 0.05), (inner[0], 0.45 * inner[1], 0.04),
        colour=from_hue(hue_deg + 150.0, 0.5, 0.62), **paint,
    )  # fmt: skip
    sun = mix(from_hue(hue_deg + 40.0, 0.6, 0.95), WHITE, 0.3)
    scene.add_sphere((x + 0.3 * wide, y + 0.35 * high, BACK + 0.05), 0.07, colour=sun, **paint)


def add_rug(scene: Scene, factors: Factors) -> None:
    """Add a rug in front of the bed, with a border, round or square."""
    if factors["rug"] == "none":
        return
    colour = from_hue(factors["rug_hue_deg"], 0.5, 0.72)
    look: Look = {"region": "rug", "gloss": 0.02, "blend": 0.01}
    round_one = factors["rug"] == "round"
    add = scene.add_ellipsoid if round_one else scene.add_box
    place = (0.0, FLOOR_Y + 0.01, 0.75)
    scene.start_group(blend=0.01, edge=0.012)
    for grow, tint in ((1.0, colour), (0.78, mix(colour, WHITE, 0.55))):
        size = (1.25 * grow, 0.03, 0.62 * grow)
        if tint is colour:
            add(place, size, colour=tint, **look)
        else:
            add(place, (size[0], 0.2, size[2]), colour=tint, edge=0.02, operation=P.PAINT)


def bed_size(factors: Factors) -> tuple[float, float, float]:
    """Half width, height of the mattress's top, and depth of the foot."""
    half_width = 0.66 * (1.0 + 0.14 * factors["bed_width"])
    return half_width, FLOOR_Y + 0.52 + 0.06 * factors["bed_height"], 0.62


def blanket_colour(factors: Factors) -> Colour:
    """Colour of the blanket."""
    return from_hue(
        factors["blanket_hue_deg"], factors["blanket_saturation"], factors["blanket_value"]
    )


def add_bed(scene: Scene, factors: Factors) -> None:
    """Add frame, mattress, headboard, blanket and pillows; the head stands at the back wall."""
    half, top, foot = bed_size(factors)
    wood: Look = {
        "colour": WOOD[factors["wood"]], "region": "bed", "gloss": 0.25, "blend": 0.01,
    }  # fmt: skip
    middle, deep = 0.5 * (BACK + foot), 0.5 * (foot - BACK)
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_box((0, FLOOR_Y + 0.22, middle), (half + 0.04, 0.09, deep), rounding=0.03, **wood)
    for side in SIDES:
        scene.add_capsule(
            (side * (half - 0.04), FLOOR_Y, foot - 0.06),
            (side * (half - 0.04), FLOOR_Y + 0.2, foot - 0.06), (0.05, 0.06), **wood,
        )  # fmt: skip
    add_headboard(scene, factors, half, wood)
    scene.start_group(blend=0.02, edge=0.012)
    high = 0.5 * (top - FLOOR_Y - 0.24)
    scene.add_box(
        (0, top - high, middle + 0.03), (half, high, deep - 0.02), rounding=0.08, colour=WHITE,
        region="bed", gloss=0.05,
    )  # fmt: skip
    add_blanket(scene, factors)
    add_pillows(scene, factors)


def add_headboard(scene: Scene, factors: Factors, half: float, wood: Look) -> None:
    """Add a headboard: a panel, an arch, or bars between posts."""
    top = FLOOR_Y + 0.98 + 0.12 * factors["headboard_height"]
    z, kind = BACK + 0.10, factors["headboard"]
    high = 0.5 * (top - FLOOR_Y)
    if kind == "bars":
        for index in range(7):
            x = half * (index - 3) / 3.0
            scene.add_capsule((x, FLOOR_Y, z), (x, top, z), (0.035, 0.035), **wood)
        scene.add_capsule((-half, top, z), (half, top, z), (0.05, 0.05), **wood)
        return
    scene.add_box((0, top - high, z), (half + 0.08, high, 0.06), rounding=0.05, **wood)
    if kind == "arch":
        scene.add_ellipsoid((0, top - 0.04, z), (0.8 * half, 0.24, 0.07), **{**wood, "blend": 0.06})
    elif kind == "padded":
        soft = mix(blanket_colour(factors), WHITE, 0.25)
        for x in (-0.66, 0.0, 0.66):
            scene.add_ellipsoid(
                (x * half, top - 0.26, z + 0.03), (0.34 * half, 0.24, 0.09),
                **{**wood, "colour": soft, "gloss": 0.05},
            )  # fmt: skip


def add_blanket(scene: Scene, factors: Factors) -> None:
    """Add a blanket that hangs over sides and foot, its upper end turned over."""
    half, top, foot = bed_size(factors)
    head = -0.62 + 0.5 * factors["blanket_down"]
    colour, fold = blanket_colour(factors), 0.1
    look: Look = {"region": "blanket", "gloss": 0.04, "blend": 0.03}
    low = FLOOR_Y + 0.20 + 0.06 * factors["blanket_hang"]
    high, middle = 0.5 * (top + 0.05 - low), 0.5 * (head + foot + 0.06)
    scene.start_group(blend=0.02, edge=0.012)
    scene.add_box(
        (0, top + 0.05 - high, middle), (half + 0.06, high, 0.5 * (foot + 0.06 - head)),
        rounding=0.09, colour=colour, **look,
    )  # fmt: skip
    scene.add_box(
        (0, top + 0.06, head + fold), (half + 0.05, 0.04, fold), rounding=0.03,
        colour=mix(colour, WHITE, 0.7), **look,
    )  # fmt: skip
    paint: Look = {"edge": 0.015, "operation": P.PAINT}
    second = scaled(colour, 0.62) if sum(colour) > 1.3 else mix(colour, WHITE, 0.6)
    if factors["blanket_pattern"] == "stripes":
        for x in (-0.72, -0.24, 0.24, 0.72):
            scene.add_box((x * half, top, middle), (0.08, 0.8, 1.0), colour=second, **paint)
    elif factors["blanket_pattern"] == "band":
        scene.add_box((0, top, foot - 0.34), (1.0, 0.8, 0.13), colour=second, **paint)


def add_pillows(scene: Scene, factors: Factors) -> None:
    """Add one, two or four pillows that lean against the headboard."""
    half, top, _ = bed_size(factors)
    colour = mix(WHITE, blanket_colour(factors), 0.5 * factors["pillow_tint"])
    look: Look = {"region": "pillow", "gloss": 0.04, "blend": 0.02}
    rows = {"one": ((0.0,),), "two": ((-0.5, 0.5),), "four": ((-0.5, 0.5), (-0.32, 0.32))}
    scene.start_group(blend=0.01, edge=0.012)
    for row, places in enumerate(rows[factors["pillows"]]):
        wide = (0.62, 0.44, 0.30)[len(places) - 1 + row] * half
        tint = colour if row == 0 else mix(blanket_colour(factors), WHITE, 0.2)
        with_lean = math.sin(math.radians(20.0))
        for x in places:
            scene.add_ellipsoid(
                (x * half, top + 0.17 - 0.03 * row, BACK + 0.30 + 0.22 * row + 0.1 * with_lean),
                (wide, 0.19 - 0.03 * row, 0.13),
                colour=tint,
                **look,
            )


def add_tables(scene: Scene, factors: Factors) -> None:
    """Add a night table with a lamp beside the bed: under the window, or on both sides."""
    sides = SIDES if factors["tables"] == "both" else (window_side(factors),)
    for side in sides:
        if factors["tables"] != "none":
            add_table(scene, factors, side)


def add_table(scene: Scene, factors: Factors, side: float) -> None:
    """Add one night table with a drawer and a lamp."""
    half, _, _ = bed_size(factors)
    x, z = side * (half + 0.36), BACK + 0.30
    wood: Look = {"colour": WOOD[factors["wood"]], "region": "furniture", "gloss": 0.25}
    top = FLOOR_Y + 0.52
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_box(
        (x, top - 0.21, z), (0.21, 0.21, 0.2), rounding=0.02,
        **{**wood, "colour": scaled(wood["colour"], 0.86)},
    )  # fmt: skip
    scene.add_box((x, top, z), (0.24, 0.03, 0.23), rounding=0.02, blend=0.01, **wood)
    scene.add_sphere((x, top - 0.16, z + 0.21), 0.035, **{**wood, "colour": (0.85, 0.70, 0.34)})
    add_lamp(scene, factors, (x, top, z))


def add_lamp(scene: Scene, factors: Factors, place: tuple[float, float, float]) -> None:
    """Add a foot and a shade, which glows if the lamp is lit."""
    x, y, z = place
    lit = factors["lamp_lit"]
    shade = (1.0, 0.90, 0.62) if lit else from_hue(factors["lamp_hue_deg"], 0.3, 0.86)
    scene.start_group(blend=0.01, edge=0.012)
    look: Look = {"region": "lamp", "blend": 0.01}
    scene.add_sphere((x, y + 0.08, z), 0.08, colour=(0.42, 0.36, 0.34), gloss=0.5, **look)
    scene.add_capsule((x, y + 0.08, z), (x, y + 0.3, z), (0.025, 0.025),
                      colour=(0.42, 0.36, 0.34), **look)  # fmt: skip
    scene.add_capsule(
        (x, y + 0.30, z), (x, y + 0.48, z), (0.19, 0.11), gloss=1.0 if lit else 0.05, colour=shade,
        **look,
    )  # fmt: skip
