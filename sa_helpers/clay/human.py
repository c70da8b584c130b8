"""Domain `human`: clay busts of people, the parent domain that stands in for FFHQ."""

from collections.abc import Mapping
from typing import Any

from numpy.random import Generator

from sa_helpers.clay.factors import Factor, choose, happens, long_tailed, normal, uniform
from sa_helpers.clay.human_parts import build_scene
from sa_helpers.clay.palettes import FRAME, HAIR, IRIS

__all__ = ["SPECS", "build_scene"]

Drawn = Mapping[str, Any]


def _age(random: Generator, drawn: Drawn) -> float:
    return 18.0 + 64.0 * uniform(random, 0.0, 1.0) ** 2


def _skin_tone(random: Generator, drawn: Drawn) -> float:
    return uniform(random, 0.0, 1.0) ** 1.25


def _hair_length(random: Generator, drawn: Drawn) -> float:
    bald = 0.04 + 0.10 * (drawn["age_years"] > 50.0)
    style = choose(random, {"bald": bald, "short": 0.48 - bald, "bob": 0.17, "long": 0.35})
    low, high = {"bald": (0, 0), "short": (0.12, 0.42), "bob": (0.45, 0.68), "long": (0.7, 1)}[style]
    return uniform(random, low, high)


def _hair_colour(random: Generator, drawn: Drawn) -> str:
    age, tone = drawn["age_years"], drawn["skin_tone"]
    if happens(random, min(0.95, max(0.0, (age - 47.0) / 30.0))):
        return "grey"
    fair = max(0.0, 1.0 - 2.0 * tone)
    return choose(
        random, {"black": 0.2 + 1.4 * tone, "brown": 0.45, "blond": 0.45 * fair, "red": 0.22 * fair}
    )


def _curl(random: Generator, drawn: Drawn) -> float:
    curly = happens(random, 0.18 + 0.4 * drawn["skin_tone"])
    return uniform(random, 0.55, 1.0) if curly else 0.0


def _beard(random: Generator, drawn: Drawn) -> float:
    grows = happens(random, 0.55 if drawn["hair_length"] < 0.45 else 0.02)
    return uniform(random, 0.1, 1.0) if grows else 0.0


def _lipstick(random: Generator, drawn: Drawn) -> float:
    if drawn["beard"] > 0.0 or not happens(random, 0.65 if drawn["hair_length"] > 0.45 else 0.06):
        return 0.0
    return uniform(random, 0.4, 1.0)


def _eye_colour(random: Generator, drawn: Drawn) -> str:
    fair = max(0.0, 1.0 - 1.7 * drawn["skin_tone"])
    light = fair * (1.6 if drawn["hair_colour"] in ("blond", "red") else 1.0)
    return choose(
        random,
        {"brown": 0.5, "hazel": 0.2, "green": 0.25 * light, "blue": 0.6 * light, "grey": 0.15 * light},
    )


def _jaw(random: Generator, drawn: Drawn) -> float:
    return normal(random, 0.3 if drawn["hair_length"] < 0.45 else -0.3, 0.4)


def _mouth_open(random: Generator, drawn: Drawn) -> float:
    opens = happens(random, 0.2 + 0.25 * (drawn["smile"] > 0.35))
    return uniform(random, 0.25, 1.0) if opens else 0.0


def _collar(random: Generator, drawn: Drawn) -> str:
    return choose(random, {"crew": 0.45, "vneck": 0.35, "turtleneck": 0.2})


def _continuous(name, unit, low, high, distribution, draw, correlates=(), mirrored="same") -> Factor:
    return Factor(name, "continuous", unit, (low, high), distribution, draw, correlates, mirrored)


def _plain_normal(name, mean, std, low, high, *, unit="", mirrored="same") -> Factor:
    words = f"normal, mean {mean:g}, standard deviation {std:g}, clipped to the range"
    return _continuous(
        name, unit, low, high, words, lambda r, _: normal(r, mean, std), mirrored=mirrored
    )


def _plain_uniform(name, low, high, *, unit="") -> Factor:
    return _continuous(name, unit, low, high, "uniform", lambda r, _: uniform(r, low, high))


def _tailed(name, std, wide_std, share, limit, *, mirrored="same") -> Factor:
    words = (
        f"mixture of centred normals, clipped: {1 - share:.0%} with standard deviation {std:g}, "
        f"{share:.0%} with {wide_std:g}"
    )
    return _continuous(
        name,
        "deg",
        -limit,
        limit,
        words,
        lambda r, _: long_tailed(r, std, wide_std, share),
        mirrored=mirrored,
    )


def _named(name, values, distribution, draw, correlates=()) -> Factor:
    return Factor(name, "categorical", "", tuple(values), distribution, draw, correlates)


def _yes_no(name, probability, distribution="", correlates=()) -> Factor:
    words = distribution or f"true with probability {probability:g}"
    return Factor(
        name, "binary", "", (False, True), words, lambda r, _: happens(r, probability), correlates
    )


SPECS: tuple[Factor, ...] = (
    _tailed("yaw_deg", 9.0, 22.0, 0.4, 42.0, mirrored="negated"),
    _tailed("pitch_deg", 4.0, 9.0, 0.3, 18.0),
    _continuous("age_years", "years", 18.0, 82.0, "18 + 64 u^2 with u uniform: more young", _age),
    _continuous("skin_tone", "", 0.0, 1.0, "u^1.25 with u uniform; 0 light, 1 dark", _skin_tone),
    _plain_normal("skin_warmth", 0.0, 0.45, -1.0, 1.0),
    _continuous(
        "hair_length", "", 0.0, 1.0,
        "bald (0) 4 %, 14 % from 50 years; short (0.12 to 0.42) and bald together 48 %; "
        "bob (0.45 to 0.68) 17 %; long (0.7 to 1) 35 %; uniform within each",
        _hair_length, ("age_years",),
    ),
    _named(
        "hair_colour", HAIR,
        "grey with probability (age - 47) / 30, up to 0.95; else black 0.2 + 1.4 tone, brown 0.45, "
        "blond 0.45 fair, red 0.22 fair (weights), fair = max(0, 1 - 2 tone)",
        _hair_colour, ("age_years", "skin_tone"),
    ),
    _plain_normal("hair_shade", 0.0, 0.4, -1.0, 1.0),
    _continuous(
        "curl", "", 0.0, 1.0, "0 or, with probability 0.18 + 0.4 tone, uniform from 0.55 to 1",
        _curl, ("skin_tone",),
    ),
    _yes_no("fringe", 0.38),
    _continuous(
        "parting", "", -1.0, 1.0, "uniform; the side the hair is combed to", 
        lambda r, _: uniform(r, -1.0, 1.0), mirrored="negated",
    ),
    _continuous(
        "beard", "", 0.0, 1.0,
        "0 or, with probability 0.55 (hair length below 0.45; else 0.02), uniform from 0.1 to 1; "
        "stubble below 0.35",
        _beard, ("hair_length",),
    ),
    _yes_no("glasses", 0.22),
    _named(
        "frame_colour", FRAME, "black 0.45, tortoise 0.25, gold 0.15, red 0.15",
        lambda r, _: choose(r, {"black": 0.45, "tortoise": 0.25, "gold": 0.15, "red": 0.15}),
    ),
    _plain_normal("brow_height", 0.0, 0.4, -1.0, 1.0),
    _plain_normal("brow_tilt", -0.2, 0.4, -1.0, 1.0),
    _plain_normal("brow_weight", 0.0, 0.45, -1.0, 1.0),
    _plain_uniform("brow_shade", 0.55, 1.0),
    _plain_normal("eye_size", 0.0, 0.4, -1.0, 1.0),
    _plain_normal("eye_open", 0.0, 0.4, -1.0, 1.0),
    _named(
        "eye_colour", IRIS,
        "brown 0.5, hazel 0.2, green 0.25 light, blue 0.6 light, grey 0.15 light (weights), light = "
        "max(0, 1 - 1.7 tone), times 1.6 with blond or red hair",
        _eye_colour, ("skin_tone", "hair_colour"),
    ),
    _plain_normal("gaze_x", 0.0, 0.4, -1.0, 1.0, mirrored="negated"),
    _plain_normal("gaze_y", 0.0, 0.3, -1.0, 1.0),
    _plain_normal("nose_size", 0.0, 0.42, -1.0, 1.0),
    _plain_normal("smile", 0.25, 0.45, -1.0, 1.0),
    _continuous(
        "mouth_open", "", 0.0, 1.0,
        "0 or, with probability 0.2 (0.45 with smile above 0.35), uniform from 0.25 to 1",
        _mouth_open, ("smile",),
    ),
    _continuous(
        "lipstick", "", 0.0, 1.0,
        "0 or, with probability 0.65 (hair length above 0.45; else 0.06; never with a beard), "
        "uniform from 0.4 to 1",
        _lipstick, ("hair_length", "beard"),
    ),
    _plain_uniform("lipstick_hue_deg", 335.0, 372.0, unit="deg"),
    _plain_normal("ear_size", 0.0, 0.4, -1.0, 1.0),
    _plain_normal("face_width", 0.0, 0.4, -1.0, 1.0),
    _continuous(
        "jaw", "", -1.0, 1.0,
        "normal, mean 0.3 (hair length below 0.45) or -0.3, standard deviation 0.4, clipped",
        _jaw, ("hair_length",),
    ),
    _plain_uniform("clothes_hue_deg", 0.0, 360.0, unit="deg"),
    _plain_uniform("clothes_saturation", 0.1, 0.8),
    _plain_uniform("clothes_value", 0.3, 0.92),
    _named("collar", ("crew", "vneck", "turtleneck"), "crew 0.45, vneck 0.35, turtleneck 0.2", _collar),
    _tailed("light_azimuth_deg", 25.0, 45.0, 0.4, 70.0, mirrored="negated"),
    _plain_normal("light_elevation_deg", 32.0, 12.0, 5.0, 65.0, unit="deg"),
    _plain_uniform("background_hue_deg", 0.0, 360.0, unit="deg"),
    _plain_uniform("background_saturation", 0.05, 0.5),
    _plain_uniform("background_value", 0.45, 0.92),
)
