"""Domain `dog`: clay busts of dogs, which stand in for AFHQ dog.

Two more domains draw the same dogs, with one factor from another law: which of them decides that a
child stays aligned?

    dog_one_side     the law of yaw: no dog looks to its right
    dog_background   the law of backgrounds: dark and blue, where other domains are light
"""

from numpy.random import Generator

from sa_helpers.clay.dog.bust import build_scene
from sa_helpers.clay.dog.coat import EYE, FUR, PATTERNS
from sa_helpers.clay.engine import (
    POSE,
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
    normal,
    occasional,
    uniform,
    yes_no,
)


def _pattern(random: Generator, drawn: Factors) -> str:
    return choose(random, PATTERNS[drawn["fur_colour"]])


def _ear_droop(random: Generator, _: Factors) -> float:
    low, high = {"pricked": (0.0, 0.15), "folded": (0.25, 0.6), "hanging": (0.7, 1.0)}[
        choose(random, {"pricked": 0.34, "folded": 0.26, "hanging": 0.4})
    ]
    return uniform(random, low, high)


def _ear_length(random: Generator, drawn: Factors) -> float:
    return normal(random, 0.7 * (drawn["ear_droop"] - 0.5), 0.4)


def _curl(random: Generator, drawn: Factors) -> float:
    curly = happens(random, 0.3 if drawn["ear_droop"] > 0.6 else 0.05)
    return uniform(random, 0.5, 1.0) if curly else 0.0


def _ruff(random: Generator, drawn: Factors) -> float:
    fluffy = happens(random, 0.55 if drawn["ear_droop"] < 0.3 else 0.2)
    return uniform(random, 0.3, 1.0) if fluffy else 0.0


def _jowl(random: Generator, drawn: Factors) -> float:
    return normal(random, 0.6 * (drawn["ear_droop"] - 0.5), 0.4)


def _tongue(random: Generator, drawn: Factors) -> float:
    shows = drawn["mouth_open"] > 0.0 and happens(random, 0.75)
    return uniform(random, 0.3, 1.0) if shows else 0.0


FUR_WORDS = "; ".join(
    f"{fur}: " + ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
    for fur, weights in PATTERNS.items()
)

SPECS: tuple[Factor, ...] = (
    *POSE,
    named("fur_colour", {name: weight for name, (_, weight) in FUR.items()}),
    bell("fur_shade", 0.0, 0.4),
    Factor(
        "pattern",
        "categorical",
        "",
        ("plain", "mask", "blaze", "tan_points", "patches"),
        f"weights given the fur colour, {FUR_WORDS}",
        _pattern,
        ("fur_colour",),
    ),
    flat("pattern_size", 0.0, 1.0),
    flat("patch_side", -1.0, 1.0, mirrored="negated"),
    continuous(
        "ear_droop",
        0.0,
        1.0,
        "pricked (0 to 0.15) 34 %, folded (0.25 to 0.6) 26 %, hanging (0.7 to 1) 40 %; "
        "uniform within each",
        _ear_droop,
    ),
    continuous(
        "ear_length",
        -1.0,
        1.0,
        "normal, mean 0.7 (droop - 0.5), standard deviation 0.4, clipped",
        _ear_length,
        correlates=("ear_droop",),
    ),
    bell("ear_width", 0.0, 0.4),
    continuous(
        "curl",
        0.0,
        1.0,
        "0 or, with probability 0.3 (droop above 0.6; else 0.05), uniform from 0.5 to 1",
        _curl,
        correlates=("ear_droop",),
    ),
    continuous(
        "ruff",
        0.0,
        1.0,
        "0 or, with probability 0.55 (droop below 0.3; else 0.2), uniform from 0.3 to 1",
        _ruff,
        correlates=("ear_droop",),
    ),
    bell("head_width", 0.0, 0.4),
    bell("snout_length", 0.0, 0.45),
    bell("snout_width", 0.0, 0.4),
    continuous(
        "jowl",
        -1.0,
        1.0,
        "normal, mean 0.6 (droop - 0.5), standard deviation 0.4, clipped: depth of the lips",
        _jowl,
        correlates=("ear_droop",),
    ),
    bell("nose_size", 0.0, 0.42),
    named("nose_colour", {"black": 0.7, "brown": 0.2, "pink": 0.1}),
    bell("brow_height", 0.0, 0.4),
    bell("brow_tilt", 0.0, 0.45),
    flat("brow_spot", 0.0, 1.0),
    bell("eye_size", 0.0, 0.4),
    bell("eye_open", 0.0, 0.4),
    named("eye_colour", {name: weight for name, (_, weight) in EYE.items()}),
    bell("gaze_x", 0.0, 0.4, mirrored="negated"),
    bell("gaze_y", 0.0, 0.3),
    bell("smile", 0.2, 0.45),
    occasional("mouth_open", 0.5, 0.3),
    continuous(
        "tongue",
        0.0,
        1.0,
        "0 or, with probability 0.75 in an open mouth, uniform from 0.3 to 1: its length",
        _tongue,
        correlates=("mouth_open",),
    ),
    bell("tongue_side", 0.0, 0.5, mirrored="negated"),
    flat("chest_white", 0.0, 1.0),
    yes_no("collar", 0.6),
    flat("collar_hue_deg", 0.0, 360.0, unit="deg"),
    flat("collar_value", 0.35, 0.9),
    *STAGE,
)


def _one_sided(random: Generator, drawn: Factors) -> float:
    return abs(float(POSE[0].draw(random, drawn)))


def _replaced(specs: tuple[Factor, ...], *changed: Factor) -> tuple[Factor, ...]:
    """The same factors in the same order, with those of the given names replaced."""
    by_name = {spec.name: spec for spec in changed}
    return tuple(by_name.get(spec.name, spec) for spec in specs)


DOG_ONE_SIDE = _replaced(
    SPECS,
    continuous(
        "yaw_deg",
        POSE[0].values[0],
        POSE[0].values[1],
        f"absolute value of a {POSE[0].distribution}",
        _one_sided,
        unit="deg",
        mirrored="negated",
    ),
)
DOG_BACKGROUND = _replaced(
    SPECS,
    bell("background_hue_deg", 215.0, 14.0, 0.0, 360.0, unit="deg"),
    bell("background_saturation", 0.6, 0.1, 0.05, 0.9),
    bell("background_value", 0.26, 0.07, 0.1, 0.92),
)

DOMAINS = {
    "dog": Domain(SPECS, build_scene),
    "dog_one_side": Domain(DOG_ONE_SIDE, build_scene),
    "dog_background": Domain(DOG_BACKGROUND, build_scene),
}
