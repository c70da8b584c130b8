"""Domain `church`: clay churches, which stand in for LSUN church."""

from numpy.random import Generator

from sa_helpers.clay.church.building import DOOR, ROOF, TOPS, WALL
from sa_helpers.clay.church.landscape import SKY, build_scene
from sa_helpers.clay.engine import (
    POSE,
    STAGE,
    Domain,
    Factor,
    Factors,
    bell,
    flat,
    happens,
    named,
    yes_no,
)


def _rose_window(random: Generator, drawn: Factors) -> bool:
    return drawn["tower_place"] != "front" and happens(random, 0.55)


def _buttresses(random: Generator, drawn: Factors) -> bool:
    return happens(random, 0.55 if drawn["wall"] in ("grey", "sandstone") else 0.15)


SPECS: tuple[Factor, ...] = (
    POSE[0],
    bell("pitch_deg", -4.0, 2.5, -12.0, 3.0, unit="deg"),
    named("wall", dict(zip(WALL, (0.26, 0.22, 0.24, 0.18, 0.1), strict=True))),
    bell("wall_shade", 0.0, 0.4),
    named("roof", dict(zip(ROOF, (0.36, 0.36, 0.12, 0.16), strict=True))),
    bell("roof_shade", 0.0, 0.4),
    bell("roof_slope", 0.1, 0.45),
    bell("nave_width", 0.0, 0.4),
    bell("nave_height", 0.0, 0.4),
    bell("nave_length", 0.0, 0.4),
    named("tower_place", {"front": 0.46, "side": 0.22, "twin": 0.16, "crossing": 0.16}),
    flat("tower_side", -1.0, 1.0, mirrored="negated"),
    named("tower_top", dict(zip(TOPS, (0.46, 0.16, 0.22, 0.16), strict=True))),
    bell("tower_height", 0.0, 0.4),
    bell("tower_width", 0.0, 0.4),
    yes_no("clock", 0.25),
    named("windows", {"two": 0.25, "three": 0.5, "four": 0.25}),
    bell("window_size", 0.0, 0.4),
    Factor(
        "rose_window",
        "binary",
        "",
        (False, True),
        "true with probability 0.55, never with a tower in front",
        _rose_window,
        ("tower_place",),
    ),
    named("door", dict(zip(DOOR, (0.5, 0.18, 0.18, 0.14), strict=True))),
    bell("door_size", 0.0, 0.4),
    Factor(
        "buttresses",
        "binary",
        "",
        (False, True),
        "true with probability 0.55 of grey stone or sandstone, else 0.15",
        _buttresses,
        ("wall",),
    ),
    named("ground", {"grass": 0.58, "dry": 0.16, "paving": 0.14, "snow": 0.12}),
    bell("ground_shade", 0.0, 0.4),
    named("trees", {"none": 0.3, "one": 0.4, "two": 0.3}),
    flat("tree_side", -1.0, 1.0, mirrored="negated"),
    bell("tree_size", 0.0, 0.4),
    yes_no("fir", 0.4),
    flat("leaf_hue", 0.0, 1.0),
    named("sky", dict(zip(SKY, (0.5, 0.24, 0.18, 0.08), strict=True))),
    bell("sky_shade", 0.0, 0.4),
    flat("cloudiness", 0.0, 1.0),
    flat("cloud_side", -1.0, 1.0, mirrored="negated"),
    *STAGE[:2],
)
DOMAINS = {"church": Domain(SPECS, build_scene)}
