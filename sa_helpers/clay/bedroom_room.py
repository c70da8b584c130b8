"""The shell of a bedroom, from factors: floor, walls, window, picture and rug."""

from collections.abc import Mapping
from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.geometry import Vector
from sa_helpers.clay.palettes import Colour, from_hue, mix, scaled
from sa_helpers.clay.scene import Scene
from sa_helpers.clay.staging import SIDES

Factors = Mapping[str, Any]
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
    wall: dict[str, Any] = {"colour": wall_colour(factors), "region": "wall", "gloss": 0.03}
    middle_y = 0.5 * (FLOOR_Y + CEILING_Y)
    high = 0.5 * (CEILING_Y - FLOOR_Y) + 0.2
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_box((0, FLOOR_Y - 0.2, 0.6), (3.4, 0.2, 2.6), rounding=0.01, **floor)
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_box((0, middle_y, BACK - 0.1), (HALF_WIDTH + 0.1, high, 0.1), rounding=0.01, **wall)
    for side in SIDES:
        if side * camera[0] < HALF_WIDTH - 0.02:
            add_side_wall(scene, side, middle_y, high, wall)
    add_skirting(scene, factors, camera)
    add_window(scene, factors)
    add_picture(scene, factors)


def add_side_wall(
    scene: Scene, side: float, y: float, high: float, wall: Mapping[str, Any]
) -> None:
    """Add a wall at the right (1) or left (-1), a little darker than the back wall."""
    look = {**wall, "colour": scaled(wall["colour"], 0.93)}
    scene.add_box(
        (side * (HALF_WIDTH + 0.1), y, BACK + 1.4), (0.1, high, 1.4), rounding=0.01, **look
    )


def add_skirting(scene: Scene, factors: Factors, camera: Vector) -> None:
    """Add a white board where the walls meet the floor."""
    look: dict[str, Any] = {"colour": WHITE, "region": "wall", "gloss": 0.1, "blend": 0.01}
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
    frame: dict[str, Any] = {"colour": WHITE, "region": "window", "gloss": 0.2, "blend": 0.01}
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
    look: dict[str, Any] = {"region": "picture", "gloss": 0.1, "blend": 0.01}
    paint: dict[str, Any] = {"region": "picture", "edge": 0.012, "operation": P.PAINT}
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
    look: dict[str, Any] = {"region": "rug", "gloss": 0.02, "blend": 0.01}
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
