"""Domain `toon`: cartoon people, who stand in for the "Mega" cartoons."""

from numpy.random import Generator

from sa_helpers.clay.engine import (
    POSE,
    SKIN_TONE,
    STAGE,
    Domain,
    Factor,
    Factors,
    bell,
    choose,
    continuous,
    flat,
    happens,
    named,
    occasional,
    uniform,
    yes_no,
)
from sa_helpers.clay.toon.bust import FRAME, IRIS, build_scene
from sa_helpers.clay.toon.hair import HAIR

STYLES = ("bald", "short", "spiky", "afro", "bob", "long", "pigtails")


def _beard(random: Generator, drawn: Factors) -> float:
    grows = happens(random, 0.4 if drawn["hair_style"] in STYLES[:4] else 0.01)
    return uniform(random, 0.2, 1.0) if grows else 0.0


def _lashes(random: Generator, drawn: Factors) -> bool:
    return happens(random, 0.8 if drawn["hair_style"] in ("bob", "long", "pigtails") else 0.1)


def _lipstick(random: Generator, drawn: Factors) -> float:
    return uniform(random, 0.5, 1.0) if drawn["lashes"] and happens(random, 0.6) else 0.0


def _hair_colour(random: Generator, drawn: Factors) -> str:
    fair = max(0.0, 1.0 - 1.6 * drawn["skin_tone"])
    natural = {
        "black": 0.14,
        "brown": 0.18,
        "blond": 0.17 * fair,
        "red": 0.13 * fair,
        "white": 0.06,
    }
    fantasy = {"pink": 0.09, "purple": 0.09, "blue": 0.09, "teal": 0.09, "green": 0.05}
    return choose(random, {**natural, **fantasy})


SPECS: tuple[Factor, ...] = (
    *POSE,
    SKIN_TONE,
    bell("skin_warmth", 0.0, 0.45),
    named(
        "hair_style",
        dict(zip(STYLES, (0.05, 0.2, 0.15, 0.1, 0.17, 0.2, 0.13), strict=True)),
    ),
    bell("hair_volume", 0.0, 0.45),
    Factor(
        "hair_colour",
        "categorical",
        "",
        tuple(HAIR),
        "weights: black 0.14, brown 0.18, blond 0.17 fair, red 0.13 fair, white 0.06, pink, "
        "purple, blue and teal 0.09 each, green 0.05; fair = max(0, 1 - 1.6 tone)",
        _hair_colour,
        ("skin_tone",),
    ),
    bell("hair_shade", 0.0, 0.4),
    yes_no("fringe", 0.5),
    flat("parting", -1.0, 1.0, mirrored="negated"),
    continuous(
        "beard",
        0.0,
        1.0,
        "0 or, with probability 0.4 (bald, short, spiky or afro; else 0.01), uniform from 0.2 to 1",
        _beard,
        correlates=("hair_style",),
    ),
    yes_no("glasses", 0.2),
    named("frame_colour", dict(zip(FRAME, (0.4, 0.3, 0.3), strict=True))),
    bell("brow_height", 0.0, 0.45),
    bell("brow_tilt", 0.0, 0.5),
    bell("brow_weight", 0.0, 0.45),
    bell("eye_size", 0.0, 0.45),
    bell("eye_open", 0.1, 0.45),
    named("eye_colour", dict(zip(IRIS, (0.3, 0.25, 0.25, 0.2), strict=True))),
    Factor(
        "lashes",
        "binary",
        "",
        (False, True),
        "true with probability 0.8 (bob, long or pigtails; else 0.1)",
        _lashes,
        ("hair_style",),
    ),
    bell("gaze_x", 0.0, 0.45, mirrored="negated"),
    bell("gaze_y", 0.0, 0.3),
    bell("nose_size", 0.0, 0.45),
    bell("smile", 0.35, 0.45),
    occasional("mouth_open", 0.45, 0.3),
    continuous(
        "lipstick",
        0.0,
        1.0,
        "0 or, with lashes and probability 0.6, uniform from 0.5 to 1",
        _lipstick,
        correlates=("lashes",),
    ),
    flat("blush", 0.0, 1.0),
    bell("ear_size", 0.0, 0.4),
    bell("face_width", 0.0, 0.45),
    bell("chin", 0.0, 0.45),
    flat("clothes_hue_deg", 0.0, 360.0, unit="deg"),
    flat("clothes_saturation", 0.45, 0.95),
    flat("clothes_value", 0.55, 1.0),
    named("collar", {"crew": 0.4, "vneck": 0.3, "scarf": 0.3}),
    *STAGE[:3],
    flat("background_saturation", 0.15, 0.65),
    flat("background_value", 0.6, 1.0),
)
DOMAINS = {"toon": Domain(SPECS, build_scene)}
