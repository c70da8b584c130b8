"""Domain `cat`: clay busts of cats, which stand in for AFHQ cat."""

from numpy.random import Generator

from sa_helpers.clay.cat.bust import build_scene
from sa_helpers.clay.cat.coat import COATS, EYE, FUR, NOSE
from sa_helpers.clay.engine import (
    POSE,
    STAGE,
    Domain,
    Factor,
    Factors,
    bell,
    choose,
    flat,
    named,
    occasional,
    yes_no,
)


def _fur_colour(random: Generator, drawn: Factors) -> str:
    return choose(random, COATS[drawn["coat"]][1])


def _eye_colour(random: Generator, drawn: Factors) -> str:
    if drawn["coat"] == "point":
        return "blue"
    blue = 0.4 if drawn["fur_colour"] == "white" else 0.03
    return choose(random, {"green": 0.34, "yellow": 0.3, "copper": 0.2, "teal": 0.13, "blue": blue})


def _nose_colour(random: Generator, drawn: Factors) -> str:
    dark = drawn["fur_colour"] in ("black", "grey") or drawn["coat"] == "point"
    pink = 0.2 if dark else 0.65
    return choose(random, {"pink": pink, "brick": 0.3, "black": 0.7 - pink})


FUR_WORDS = "; ".join(
    f"{coat}: " + ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
    for coat, (_, weights) in COATS.items()
)

SPECS: tuple[Factor, ...] = (
    *POSE,
    named("coat", {name: weight for name, (weight, _) in COATS.items()}),
    Factor(
        "fur_colour",
        "categorical",
        "",
        tuple(FUR),
        f"weights given the coat, {FUR_WORDS}; of a point cat it is the colour of the points",
        _fur_colour,
        ("coat",),
    ),
    bell("fur_shade", 0.0, 0.4),
    flat("contrast", 0.0, 1.0),
    flat("stripe_width", 0.0, 1.0),
    flat("white", 0.0, 1.0),
    flat("patch_side", -1.0, 1.0, mirrored="negated"),
    occasional("ruff", 0.3, 0.3, meaning=": fluffy cheeks"),
    bell("ear_size", 0.0, 0.4),
    bell("ear_spread", 0.0, 0.45),
    bell("head_width", 0.0, 0.4),
    bell("snout_length", 0.0, 0.45),
    bell("nose_size", 0.0, 0.42),
    Factor(
        "nose_colour",
        "categorical",
        "",
        tuple(NOSE),
        "brick 0.3; pink 0.65 and black 0.05, with black, grey or point fur 0.2 and 0.5",
        _nose_colour,
        ("coat", "fur_colour"),
    ),
    bell("eye_size", 0.0, 0.4),
    bell("eye_open", 0.0, 0.4),
    Factor(
        "eye_colour",
        "categorical",
        "",
        tuple(EYE),
        "blue with a point coat; else green 0.34, yellow 0.3, copper 0.2, teal 0.13, blue 0.03, "
        "with white fur 0.4 (weights)",
        _eye_colour,
        ("coat", "fur_colour"),
    ),
    flat("pupil", 0.0, 1.0),
    bell("gaze_x", 0.0, 0.4, mirrored="negated"),
    bell("gaze_y", 0.0, 0.3),
    bell("smile", 0.2, 0.45),
    occasional("mouth_open", 0.15, 0.3),
    bell("whiskers", 0.0, 0.45),
    yes_no("collar", 0.4),
    flat("collar_hue_deg", 0.0, 360.0, unit="deg"),
    flat("collar_value", 0.35, 0.9),
    *STAGE,
)
DOMAINS = {"cat": Domain(SPECS, build_scene)}
