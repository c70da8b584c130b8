"""Towers of a church with spire, pyramid, dome or battlement, from factors."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sa_helpers.clay import primitives as P
from sa_helpers.clay.church_building import (
    BASE_Y,
    PANE,
    Nave,
    roof_look,
    trim_colour,
    wall_look,
)
from sa_helpers.clay.palettes import scaled
from sa_helpers.clay.scene import Scene
from sa_helpers.clay.staging import SIDES

Factors = Mapping[str, Any]
GOLD = (0.92, 0.74, 0.28)
MAX_Y = 1.0  # tips stay below, so that the frame holds their crosses


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
    look: dict[str, Any] = {"colour": GOLD, "region": "tower", "gloss": 0.6, "blend": 0.01}
    x, z = tower.x, tower.z
    scene.add_capsule((x, y, z), (x, y + 0.18, z), (0.022, 0.022), **look)
    scene.add_capsule((x - 0.065, y + 0.11, z), (x + 0.065, y + 0.11, z), (0.022, 0.022), **look)


TOPS = {
    "spire": add_spire,
    "pyramid": add_pyramid,
    "dome": add_dome,
    "battlement": add_battlement,
}
