"""A church in its landscape, from factors: sky, clouds, ground, trees and the building."""

from sa_helpers.clay.church.building import (
    BASE_Y,
    add_front,
    add_nave,
    add_tower,
    place_nave,
    place_towers,
)
from sa_helpers.clay.engine import (
    Colour,
    Factors,
    Look,
    Scene,
    Style,
    Vector,
    mix,
    rotation,
    scaled,
)
from sa_helpers.clay.engine import primitives as P

STYLE = Style(ambient=0.44, key=0.80, occlusion=0.5, shadow=0.6, shine=0.3, rim=0.08, steps=80)
PIVOT = (0.0, BASE_Y, 0.0)
# Display colours at the horizon and at the top.
SKY: dict[str, tuple[Colour, Colour]] = {
    "clear": ((0.80, 0.89, 0.96), (0.36, 0.58, 0.88)),
    "overcast": ((0.84, 0.85, 0.87), (0.62, 0.66, 0.71)),
    "sunset": ((0.99, 0.76, 0.54), (0.52, 0.48, 0.68)),
    "dusk": ((0.62, 0.56, 0.70), (0.24, 0.27, 0.48)),
}
GROUND: dict[str, Colour] = {
    "grass": (0.42, 0.60, 0.26),
    "dry": (0.74, 0.66, 0.40),
    "paving": (0.64, 0.61, 0.58),
    "snow": (0.94, 0.95, 0.97),
}
LEAVES: dict[str, tuple[Colour, Colour]] = {
    "grass": ((0.24, 0.48, 0.20), (0.46, 0.58, 0.20)),
    "dry": ((0.80, 0.48, 0.14), (0.66, 0.26, 0.12)),
    "paving": ((0.26, 0.46, 0.22), (0.52, 0.56, 0.22)),
    "snow": ((0.20, 0.34, 0.26), (0.84, 0.88, 0.90)),
}

# A cloud's puffs: place across and above its middle, and radius.
PUFFS = ((-0.50, -0.10, 0.17), (-0.22, 0.0, 0.26), (0.16, 0.08, 0.33), (0.50, -0.06, 0.22))


def build_scene(factors: Factors) -> Scene:
    """Build the church that `factors` describe."""
    scene = Scene(style=STYLE)
    scene.set_camera(height=2.95, center_y=-0.13)
    scene.set_light(
        azimuth_deg=factors["light_azimuth_deg"], elevation_deg=factors["light_elevation_deg"]
    )
    bottom, top = (scaled(c, 1.0 + 0.08 * factors["sky_shade"]) for c in SKY[factors["sky"]])
    scene.set_background(bottom, top, glow=0.08, region="sky")
    add_clouds(scene, factors)
    with scene.frame(rotation(pitch_deg=factors["pitch_deg"]), pivot=PIVOT):
        add_ground(scene, factors)
        with scene.frame(rotation(yaw_deg=factors["yaw_deg"]), pivot=PIVOT):
            add_trees(scene, factors)
            add_church(scene, factors)
    return scene


def add_church(scene: Scene, factors: Factors) -> None:
    """Add nave and towers; the door is in the tower if one stands in front."""
    nave = place_nave(factors)
    towers = place_towers(factors, nave)
    add_nave(scene, factors, nave)
    if factors["tower_place"] != "front":
        add_front(scene, factors, (nave.front, nave.half_width), nave)
    for tower in towers:
        add_tower(scene, factors, tower)
    if factors["tower_place"] == "front":
        add_front(scene, factors, (towers[0].z + towers[0].half_width, 0.0), nave)


def add_ground(scene: Scene, factors: Factors) -> None:
    """Add a flat hill, which is also the horizon."""
    ground = scaled(GROUND[factors["ground"]], 1.0 + 0.10 * factors["ground_shade"])
    scene.start_group(blend=0.02, edge=0.02)
    scene.add_ellipsoid(
        (0, BASE_Y - 2.5, -0.3), (8.0, 2.5, 7.0), colour=ground, region="ground", gloss=0.03
    )


def add_trees(scene: Scene, factors: Factors) -> None:
    """Add no tree, one, or one on each side, round or pointed."""
    if factors["trees"] == "none":
        return
    first = 1.0 if factors["tree_side"] >= 0.0 else -1.0
    for side in (first, -first)[: 1 + (factors["trees"] == "two")]:
        add_tree(scene, factors, side * (1.22 + 0.1 * abs(factors["tree_side"])), side == first)


def add_tree(scene: Scene, factors: Factors, x: float, large: bool) -> None:
    """Add a tree with a round crown or a fir."""
    size = (1.0 if large else 0.78) * (1.0 + 0.18 * factors["tree_size"])
    colour = mix(*LEAVES[factors["ground"]], factors["leaf_hue"])
    leaf: Look = {"colour": colour, "region": "tree", "gloss": 0.05, "blend": 0.08}
    z = -0.55
    scene.start_group(blend=0.02, edge=0.02)
    scene.add_capsule(
        (x, BASE_Y - 0.1, z), (x, BASE_Y + 0.5 * size, z), (0.07, 0.06),
        colour=(0.36, 0.25, 0.17), region="tree", blend=0.02, gloss=0.05,
    )  # fmt: skip
    if factors["fir"]:
        for low, radius in ((0.22, 0.34), (0.52, 0.27), (0.80, 0.20)):
            bottom = (x, BASE_Y + low * size, z)
            peak = (x, BASE_Y + (low + 0.5) * size, z)
            scene.add_capsule(bottom, peak, (radius * size, 0.03), **leaf)
        return
    for dx, y, dz, radius in (
        (0.0, 0.82, 0.0, 0.36),
        (-0.2, 0.6, 0.1, 0.26),
        (0.2, 0.6, 0.1, 0.26),
    ):
        scene.add_sphere((x + dx * size, BASE_Y + y * size, z + dz), radius * size, **leaf)


def add_clouds(scene: Scene, factors: Factors) -> None:
    """Add up to two clouds far behind, one on each side."""
    bottom, _ = SKY[factors["sky"]]
    colour = mix(bottom, (1.0, 1.0, 1.0), 0.55)
    drift = factors["cloud_side"]
    side = 1.0 if drift > 0.0 else -1.0
    for share, x, y in ((0.35, 1.7 * drift, 1.15), (0.7, 1.7 * drift - 3.0 * side, 0.6)):
        if factors["cloudiness"] >= share:
            add_cloud(scene, (x, y, -6.0), side, colour)


def add_cloud(scene: Scene, place: Vector, side: float, colour: Colour) -> None:
    """Add a cloud heaped up above a flat bottom, higher towards `side`."""
    x, y, z = place
    look: Look = {"colour": colour, "region": "sky", "gloss": 0.0, "blend": 0.1}
    scene.start_group(blend=0.02, edge=0.05)
    for across, up, radius in PUFFS:
        scene.add_sphere((x + side * across, y + up, z), radius, **look)
    scene.add_box((x, y - 0.65, z), (1.2, 0.5, 0.6), blend=0.1, operation=P.CARVE)
