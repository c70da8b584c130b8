"""The building of a church, from factors: nave, roofs, windows, door, buttresses and towers."""

from typing import NamedTuple

from sa_helpers.clay.engine import (
    SIDES,
    Colour,
    Factors,
    Look,
    Scene,
    Vector,
    mix,
    rotation,
    scaled,
)
from sa_helpers.clay.engine import primitives as P

WALL: dict[str, Colour] = {
    "sandstone": (0.86, 0.74, 0.54),
    "brick": (0.68, 0.36, 0.27),
    "white": (0.94, 0.93, 0.89),
    "grey": (0.63, 0.63, 0.64),
    "ochre": (0.90, 0.67, 0.34),
}
ROOF: dict[str, Colour] = {
    "slate": (0.29, 0.32, 0.40),
    "tile": (0.66, 0.27, 0.17),
    "copper": (0.37, 0.62, 0.54),
    "brown": (0.40, 0.27, 0.20),
}
DOOR: dict[str, Colour] = {
    "oak": (0.36, 0.20, 0.11),
    "green": (0.16, 0.36, 0.25),
    "red": (0.56, 0.13, 0.12),
    "blue": (0.16, 0.28, 0.52),
}
PANE: Colour = (0.16, 0.20, 0.30)
BASE_Y = -1.15
NUM_WINDOWS = {"two": 2, "three": 3, "four": 4}
GOLD = (0.92, 0.74, 0.28)
MAX_Y = 1.0  # tips stay below, so that the frame holds their crosses


class Nave(NamedTuple):
    """Where the nave stands; lengths in scene units.

    Attributes:
        half_width: Half width.
        eaves: Height of the top of its walls.
        ridge: Height of its roof's ridge.
        front: Depth of its front.
        back: Depth of its back.
    """

    half_width: float
    eaves: float
    ridge: float
    front: float
    back: float


def place_nave(factors: Factors) -> Nave:
    """Size of the nave from factors."""
    half_width = 0.52 * (1.0 + 0.14 * factors["nave_width"])
    eaves = -0.38 + 0.12 * factors["nave_height"]
    ridge = eaves + half_width * (0.9 + 0.25 * factors["roof_slope"])
    half_length = 0.95 * (1.0 + 0.16 * factors["nave_length"])
    return Nave(half_width, eaves, ridge, half_length, -half_length)


def wall_look(factors: Factors) -> Look:
    """Colour and region of walls."""
    colour = scaled(WALL[factors["wall"]], 1.0 + 0.10 * factors["wall_shade"])
    return {"colour": colour, "region": "wall", "gloss": 0.05, "blend": 0.01}


def roof_look(factors: Factors) -> Look:
    """Colour and region of roofs."""
    colour = scaled(ROOF[factors["roof"]], 1.0 + 0.12 * factors["roof_shade"])
    return {"colour": colour, "region": "roof", "gloss": 0.15, "blend": 0.01}


def trim_colour(factors: Factors) -> Colour:
    """Colour of the stone round windows and doors: lighter than walls, darker on white ones."""
    wall = wall_look(factors)["colour"]
    return mix(wall, (0.62, 0.56, 0.50) if factors["wall"] == "white" else (1.0, 0.98, 0.93), 0.55)


def add_hall(
    scene: Scene, factors: Factors, center: tuple[float, float], nave: Nave, half_length: float
) -> None:
    """Add walls with gables and a roof; the ridge runs along z through `center` (x, z)."""
    x, z = center
    wall, roof = wall_look(factors), roof_look(factors)
    high, rise = 0.5 * (nave.eaves - BASE_Y) + 0.2, 0.5 * (nave.ridge - nave.eaves)
    scene.add_box(
        (x, nave.eaves - high, z), (nave.half_width, high, half_length), rounding=0.01, **wall
    )
    scene.add_roof((x, nave.eaves + rise, z), (nave.half_width, rise, half_length), **wall)
    lift = 0.07
    scene.add_roof(
        (x, nave.eaves + rise + 0.5 * lift, z),
        (nave.half_width + 0.08, rise + 0.5 * lift + 0.03, half_length - 0.05),
        **roof,
    )


def add_nave(scene: Scene, factors: Factors, nave: Nave) -> None:
    """Add the nave with windows and buttresses, and a transept under a crossing tower."""
    scene.start_group(blend=0.01, edge=0.012)
    add_hall(scene, factors, (0.0, 0.0), nave, nave.front)
    if factors["tower_place"] == "crossing":
        with scene.frame(rotation(yaw_deg=90.0)):
            arm = nave._replace(half_width=0.8 * nave.half_width, ridge=nave.ridge - 0.06)
            add_hall(scene, factors, (0.0, 0.0), arm, nave.half_width + 0.3)
        for side in SIDES:
            place = (side * (nave.half_width + 0.3), nave.eaves - 0.36, 0.0)
            add_window(scene, factors, place, 1.25)
    count = NUM_WINDOWS[factors["windows"]]
    step = (nave.front - nave.back) / count
    for index in range(count):
        z = nave.front - (index + 0.5) * step
        for side in SIDES:
            place = (side * nave.half_width, nave.eaves - 0.34, z)
            if factors["tower_place"] != "crossing" or abs(z) > 0.35:
                add_window(scene, factors, place, 1.0)
            if factors["buttresses"] and index > 0:
                add_buttress(scene, factors, (place[0], nave.eaves, z + 0.5 * step), side)


def add_window(scene: Scene, factors: Factors, place: Vector, scale: float) -> None:
    """Carve an arched window, with a trim, into the wall at `place`."""
    x, y, z = place
    radius = 0.075 * scale * (1.0 + 0.18 * factors["window_size"])
    half = 0.15 * scale * (1.0 + 0.18 * factors["window_size"])
    low, high = (x, y - half, z), (x, y + half, z)
    scene.add_capsule(
        low, high, (1.5 * radius, 1.5 * radius), colour=trim_colour(factors), edge=0.012,
        operation=P.PAINT,
    )  # fmt: skip
    scene.add_capsule(
        low, high, (radius, radius), colour=PANE, region="window", gloss=0.7, edge=0.012,
        blend=0.01, operation=P.CARVE,
    )  # fmt: skip


def add_buttress(scene: Scene, factors: Factors, place: Vector, side: float) -> None:
    """Add a stepped pillar against the side wall."""
    x, eaves, z = place
    wall = wall_look(factors)
    wall = {**wall, "colour": scaled(wall["colour"], 0.9)}
    for reach, top in ((0.15, eaves - 0.30), (0.08, eaves - 0.10)):
        high = 0.5 * (top - BASE_Y) + 0.2
        scene.add_box(
            (x + side * 0.5 * reach, top - high, z), (0.5 * reach + 0.03, high, 0.05),
            rounding=0.01, **wall,
        )  # fmt: skip


def add_front(scene: Scene, factors: Factors, front: tuple[float, float], nave: Nave) -> None:
    """Carve the door into the wall at `front` (depth, half width), and what stands over it."""
    z, half_width = front
    scale = 1.0 + 0.15 * factors["door_size"]
    radius, top = 0.15 * scale, BASE_Y + 0.42 * scale
    door: Look = {"operation": P.PAINT, "edge": 0.012}
    for grow, colour, region in (
        (1.35, trim_colour(factors), None),
        (1.0, DOOR[factors["door"]], "door"),
    ):
        scene.add_capsule(
            (0, BASE_Y - 0.3, z), (0, top - radius, z), (grow * radius, grow * radius),
            colour=colour, region=region, **door,
        )  # fmt: skip
    if factors["rose_window"] and half_width > 0.4:
        add_rose(scene, factors, (0.0, top + 0.36, z))
    elif half_width > 0.4:  # a nave, not a tower
        for side in SIDES:
            add_window(scene, factors, (side * 0.6 * half_width, nave.eaves - 0.38, z), 0.9)


def add_rose(scene: Scene, factors: Factors, place: Vector) -> None:
    """Carve a round window with a trim."""
    radius = 0.15 * (1.0 + 0.15 * factors["window_size"])
    scene.add_sphere(
        place, 1.35 * radius, colour=trim_colour(factors), edge=0.012, operation=P.PAINT
    )
    x, y, z = place
    scene.add_ellipsoid(
        (x, y, z), (radius, radius, 0.06), colour=PANE, region="window", gloss=0.7, edge=0.012,
        blend=0.01, operation=P.CARVE,
    )  # fmt: skip


class Tower(NamedTuple):
    """Where a tower stands: middle, half width, and height of its walls."""

    x: float
    z: float
    half_width: float
    top: float


def place_towers(factors: Factors, nave: Nave) -> list[Tower]:
    """Towers in front, at a side, as twins or over the crossing."""
    place = factors["tower_place"]
    half = 0.29 * (1.0 + 0.14 * factors["tower_width"])
    top = max(0.16 + 0.20 * factors["tower_height"], nave.ridge + 0.06)
    if place == "front":
        return [Tower(0.0, nave.front - 0.3 * half, half, top)]
    if place == "side":
        side = 1.0 if factors["tower_side"] >= 0.0 else -1.0
        return [Tower(side * (nave.half_width + 0.7 * half), nave.front - 1.3 * half, half, top)]
    if place == "twin":
        half *= 0.72
        return [Tower(s * nave.half_width, nave.front - 0.5 * half, half, top) for s in SIDES]
    return [Tower(0.0, 0.0, 0.95 * half, max(top, nave.ridge + 0.2))]


def add_tower(scene: Scene, factors: Factors, tower: Tower) -> None:
    """Add the walls of a tower, openings for bells, a cornice and its top."""
    wall = {**wall_look(factors), "region": "tower"}
    half, high = tower.half_width, 0.5 * (tower.top - BASE_Y) + 0.2
    scene.start_group(blend=0.01, edge=0.012)
    scene.add_box((tower.x, tower.top - high, tower.z), (half, high, half), rounding=0.01, **wall)
    wall["colour"] = trim_colour(factors)
    for y in (tower.top - 0.02, tower.top - 0.56):
        scene.add_box(
            (tower.x, y, tower.z), (half + 0.03, 0.03, half + 0.03), rounding=0.01, **wall
        )
    add_openings(scene, factors, tower)
    TOPS[factors["tower_top"]](scene, factors, tower)


def add_openings(scene: Scene, factors: Factors, tower: Tower) -> None:
    """Carve an arched opening into each side, and perhaps a clock above the front one."""
    half, y = tower.half_width, tower.top - 0.29
    radius = 0.30 * half
    for x, z in ((0.0, half), (0.0, -half), (half, 0.0), (-half, 0.0)):
        place = (tower.x + x, y, tower.z + z)
        low, high = (place[0], y - 0.10, place[2]), (place[0], y + 0.07, place[2])
        if factors["clock"] and z > 0.0:
            scene.add_sphere(place, 0.58 * half, colour=(0.20, 0.18, 0.20), edge=0.012,
                             operation=P.PAINT)  # fmt: skip
            scene.add_sphere(place, 0.47 * half, colour=(0.97, 0.95, 0.88), edge=0.012,
                             operation=P.PAINT)  # fmt: skip
            continue
        scene.add_capsule(
            low, high, (radius, radius), colour=scaled(PANE, 0.7), region="window", edge=0.012,
            blend=0.01, operation=P.CARVE,
        )  # fmt: skip


def add_spire(scene: Scene, factors: Factors, tower: Tower, *, slope: float = 3.1) -> None:
    """Add a pyramid, steep by default, with a ball on top."""
    base = tower.half_width + 0.05
    high = 0.5 * slope * tower.half_width * (1.0 + 0.15 * factors["roof_slope"])
    high = min(high, 0.5 * (MAX_Y - tower.top))
    scene.add_roof(
        (tower.x, tower.top + high, tower.z), (base, high, base), hip=base,
        **{**roof_look(factors), "region": "tower"},
    )  # fmt: skip
    add_finial(scene, tower, tower.top + 2.0 * high - 0.03)


def add_pyramid(scene: Scene, factors: Factors, tower: Tower) -> None:
    """Add a low pyramid."""
    add_spire(scene, factors, tower, slope=1.3)


def add_dome(scene: Scene, factors: Factors, tower: Tower) -> None:
    """Add a round drum and a dome that ends in a point."""
    half, top = min(tower.half_width, (MAX_Y - tower.top) / 2.0), tower.top
    roof = {**roof_look(factors), "region": "tower"}
    scene.add_ellipsoid(
        (tower.x, top + 0.62 * half, tower.z), (1.06 * half, 0.95 * half, 1.06 * half),
        **{**roof, "gloss": 0.5},
    )  # fmt: skip
    scene.add_capsule(
        (tower.x, top + 1.2 * half, tower.z), (tower.x, top + 2.0 * half, tower.z),
        (0.30 * half, 0.05), **{**roof, "blend": 0.16},
    )  # fmt: skip
    add_finial(scene, tower, top + 2.0 * half)


def add_battlement(scene: Scene, factors: Factors, tower: Tower) -> None:
    """Add merlons at the corners and in the middle of each side."""
    wall = {**wall_look(factors), "region": "tower"}
    half = tower.half_width
    for x in (-half, 0.0, half):
        for z in (-half, 0.0, half):
            if x or z:
                scene.add_box(
                    (tower.x + x, tower.top + 0.08, tower.z + z), (0.22 * half, 0.10, 0.22 * half),
                    rounding=0.01, **wall,
                )  # fmt: skip


def add_finial(scene: Scene, tower: Tower, y: float) -> None:
    """Add a golden cross on a tower's tip."""
    look: Look = {"colour": GOLD, "region": "tower", "gloss": 0.6, "blend": 0.01}
    x, z = tower.x, tower.z
    scene.add_capsule((x, y, z), (x, y + 0.18, z), (0.022, 0.022), **look)
    scene.add_capsule((x - 0.065, y + 0.11, z), (x + 0.065, y + 0.11, z), (0.022, 0.022), **look)


TOPS = {
    "spire": add_spire,
    "pyramid": add_pyramid,
    "dome": add_dome,
    "battlement": add_battlement,
}
