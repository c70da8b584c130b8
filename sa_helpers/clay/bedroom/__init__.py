"""Domain `bedroom`: clay bedrooms, which stand in for LSUN bedroom."""

from numpy.random import Generator

from sa_helpers.clay.bedroom.room import FLOOR, VIEW, WOOD, build_scene
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


def _lamp_lit(random: Generator, drawn: Factors) -> bool:
    return happens(random, {"day": 0.15, "evening": 0.6, "night": 0.9}[drawn["view"]])


SPECS: tuple[Factor, ...] = (
    POSE[0],
    bell("pitch_deg", 0.0, 3.0, -8.0, 8.0, unit="deg"),
    flat("wall_hue_deg", 0.0, 360.0, unit="deg"),
    flat("wall_saturation", 0.04, 0.38),
    flat("wall_value", 0.62, 0.95),
    named("floor", dict(zip(FLOOR, (0.36, 0.24, 0.24, 0.16), strict=True))),
    named("wood", dict(zip(WOOD, (0.38, 0.28, 0.22, 0.12), strict=True))),
    bell("bed_width", 0.0, 0.45),
    bell("bed_height", 0.0, 0.4),
    named("headboard", {"panel": 0.35, "arch": 0.25, "padded": 0.2, "bars": 0.2}),
    bell("headboard_height", 0.0, 0.45),
    flat("blanket_hue_deg", 0.0, 360.0, unit="deg"),
    flat("blanket_saturation", 0.15, 0.8),
    flat("blanket_value", 0.4, 0.92),
    named("blanket_pattern", {"plain": 0.5, "stripes": 0.25, "band": 0.25}),
    flat("blanket_down", 0.0, 1.0),
    bell("blanket_hang", 0.0, 0.4),
    named("pillows", {"one": 0.2, "two": 0.5, "four": 0.3}),
    flat("pillow_tint", 0.0, 1.0),
    flat("window_side", -1.0, 1.0, mirrored="negated"),
    bell("window_size", 0.0, 0.4),
    named("view", dict(zip(VIEW, (0.6, 0.22, 0.18), strict=True))),
    yes_no("curtains", 0.55),
    flat("curtain_hue_deg", 0.0, 360.0, unit="deg"),
    named("picture", {"upright": 0.3, "wide": 0.45, "none": 0.25}),
    flat("picture_hue_deg", 0.0, 360.0, unit="deg"),
    named("tables", {"one": 0.42, "both": 0.43, "none": 0.15}),
    Factor(
        "lamp_lit",
        "binary",
        "",
        (False, True),
        "true with probability 0.15 by day, 0.6 in the evening, 0.9 at night",
        _lamp_lit,
        ("view",),
    ),
    flat("lamp_hue_deg", 0.0, 360.0, unit="deg"),
    named("rug", {"square": 0.35, "round": 0.3, "none": 0.35}),
    flat("rug_hue_deg", 0.0, 360.0, unit="deg"),
    *STAGE[:2],
)
DOMAINS = {"bedroom": Domain(SPECS, build_scene)}
