"""What stands in a bedroom, from factors: the bed with its linen, night tables and lamps."""

import math
from collections.abc import Mapping
from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.bedroom_room import BACK, FLOOR_Y, WHITE, window_side
from sa_helpers.clay.palettes import Colour, from_hue, mix, scaled
from sa_helpers.clay.scene import Scene
from sa_helpers.clay.staging import SIDES

Factors = Mapping[str, Any]
WOOD: dict[str, Colour] = {
    "oak": (0.72, 0.50, 0.30),
    "walnut": (0.40, 0.25, 0.16),
    "white": (0.93, 0.92, 0.89),
    "black": (0.17, 0.16, 0.18),
}


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
    wood: dict[str, Any] = {
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


def add_headboard(scene: Scene, factors: Factors, half: float, wood: Mapping[str, Any]) -> None:
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
    look: dict[str, Any] = {"region": "blanket", "gloss": 0.04, "blend": 0.03}
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
    paint: dict[str, Any] = {"edge": 0.015, "operation": P.PAINT}
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
    look: dict[str, Any] = {"region": "pillow", "gloss": 0.04, "blend": 0.02}
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
    wood: dict[str, Any] = {"colour": WOOD[factors["wood"]], "region": "furniture", "gloss": 0.25}
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
    look: dict[str, Any] = {"region": "lamp", "blend": 0.01}
    scene.add_sphere((x, y + 0.08, z), 0.08, colour=(0.42, 0.36, 0.34), gloss=0.5, **look)
    scene.add_capsule((x, y + 0.08, z), (x, y + 0.3, z), (0.025, 0.025),
                      colour=(0.42, 0.36, 0.34), **look)  # fmt: skip
    scene.add_capsule(
        (x, y + 0.30, z), (x, y + 0.48, z), (0.19, 0.11), gloss=1.0 if lit else 0.05, colour=shade,
        **look,
    )  # fmt: skip
