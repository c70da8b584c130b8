"""Domain `human`: clay busts of people, the parent domain that stands in for FFHQ."""

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
    normal,
    uniform,
    yes_no,
)
from sa_helpers.clay.human import variants
from sa_helpers.clay.human.bust import build_scene
from sa_helpers.clay.human.head import HAIR, IRIS


def _age(random: Generator, _: Factors) -> float:
    return 18.0 + 64.0 * uniform(random, 0.0, 1.0) ** 2


def _hair_length(random: Generator, drawn: Factors) -> float:
    bald = 0.04 + 0.10 * (drawn["age_years"] > 50.0)
    style = choose(random, {"bald": bald, "short": 0.48 - bald, "bob": 0.17, "long": 0.35})
    low, high = {"bald": (0, 0), "short": (0.12, 0.42), "bob": (0.45, 0.68), "long": (0.7, 1)}[
        style
    ]
    return uniform(random, low, high)


def _hair_colour(random: Generator, drawn: Factors) -> str:
    age, tone = drawn["age_years"], drawn["skin_tone"]
    if happens(random, min(0.95, max(0.0, (age - 47.0) / 30.0))):
        return "grey"
    fair = max(0.0, 1.0 - 2.0 * tone)
    return choose(
        random, {"black": 0.2 + 1.4 * tone, "brown": 0.45, "blond": 0.45 * fair, "red": 0.22 * fair}
    )


def _curl(random: Generator, drawn: Factors) -> float:
    curly = happens(random, 0.18 + 0.4 * drawn["skin_tone"])
    return uniform(random, 0.55, 1.0) if curly else 0.0


def _beard(random: Generator, drawn: Factors) -> float:
    grows = happens(random, 0.55 if drawn["hair_length"] < 0.45 else 0.02)
    return uniform(random, 0.1, 1.0) if grows else 0.0


def _lipstick(random: Generator, drawn: Factors) -> float:
    if drawn["beard"] > 0.0 or not happens(random, 0.65 if drawn["hair_length"] > 0.45 else 0.06):
        return 0.0
    return uniform(random, 0.4, 1.0)


def _eye_colour(random: Generator, drawn: Factors) -> str:
    fair = max(0.0, 1.0 - 1.7 * drawn["skin_tone"])
    light = fair * (1.6 if drawn["hair_colour"] in ("blond", "red") else 1.0)
    return choose(
        random,
        {
            "brown": 0.5,
            "hazel": 0.2,
            "green": 0.25 * light,
            "blue": 0.6 * light,
            "grey": 0.15 * light,
        },
    )


def _jaw(random: Generator, drawn: Factors) -> float:
    return normal(random, 0.3 if drawn["hair_length"] < 0.45 else -0.3, 0.4)


def _mouth_open(random: Generator, drawn: Factors) -> float:
    opens = happens(random, 0.2 + 0.25 * (drawn["smile"] > 0.35))
    return uniform(random, 0.25, 1.0) if opens else 0.0


SPECS: tuple[Factor, ...] = (
    *POSE,
    continuous(
        "age_years", 18.0, 82.0, "18 + 64 u^2 with u uniform: more young", _age, unit="years"
    ),
    SKIN_TONE,
    bell("skin_warmth", 0.0, 0.45, -1.0, 1.0),
    continuous(
        "hair_length",
        0.0,
        1.0,
        "bald (0) 4 %, 14 % from 50 years; short (0.12 to 0.42) and bald together 48 %; "
        "bob (0.45 to 0.68) 17 %; long (0.7 to 1) 35 %; uniform within each",
        _hair_length,
        correlates=("age_years",),
    ),
    Factor(
        "hair_colour",
        "categorical",
        "",
        tuple(HAIR),
        "grey with probability (age - 47) / 30, up to 0.95; else black 0.2 + 1.4 tone, brown 0.45, "
        "blond 0.45 fair, red 0.22 fair (weights), fair = max(0, 1 - 2 tone)",
        _hair_colour,
        ("age_years", "skin_tone"),
    ),
    bell("hair_shade", 0.0, 0.4, -1.0, 1.0),
    continuous(
        "curl",
        0.0,
        1.0,
        "0 or, with probability 0.18 + 0.4 tone, uniform from 0.55 to 1",
        _curl,
        correlates=("skin_tone",),
    ),
    yes_no("fringe", 0.38),
    continuous(
        "parting",
        -1.0,
        1.0,
        "uniform; the side the hair is combed to",
        lambda r, _: uniform(r, -1.0, 1.0),
        mirrored="negated",
    ),
    continuous(
        "beard",
        0.0,
        1.0,
        "0 or, with probability 0.55 (hair length below 0.45; else 0.02), uniform from 0.1 to 1; "
        "stubble below 0.35",
        _beard,
        correlates=("hair_length",),
    ),
    yes_no("glasses", 0.22),
    named("frame_colour", {"black": 0.45, "tortoise": 0.25, "gold": 0.15, "red": 0.15}),
    bell("brow_height", 0.0, 0.4, -1.0, 1.0),
    bell("brow_tilt", -0.2, 0.4, -1.0, 1.0),
    bell("brow_weight", 0.0, 0.45, -1.0, 1.0),
    flat("brow_shade", 0.55, 1.0),
    bell("eye_size", 0.0, 0.4, -1.0, 1.0),
    bell("eye_open", 0.0, 0.4, -1.0, 1.0),
    Factor(
        "eye_colour",
        "categorical",
        "",
        tuple(IRIS),
        "brown 0.5, hazel 0.2, green 0.25 light, blue 0.6 light, grey 0.15 light (weights), "
        "light = max(0, 1 - 1.7 tone), times 1.6 with blond or red hair",
        _eye_colour,
        ("skin_tone", "hair_colour"),
    ),
    bell("gaze_x", 0.0, 0.4, -1.0, 1.0, mirrored="negated"),
    bell("gaze_y", 0.0, 0.3, -1.0, 1.0),
    bell("nose_size", 0.0, 0.42, -1.0, 1.0),
    bell("smile", 0.25, 0.45, -1.0, 1.0),
    continuous(
        "mouth_open",
        0.0,
        1.0,
        "0 or, with probability 0.2 (0.45 with smile above 0.35), uniform from 0.25 to 1",
        _mouth_open,
        correlates=("smile",),
    ),
    continuous(
        "lipstick",
        0.0,
        1.0,
        "0 or, with probability 0.65 (hair length above 0.45; else 0.06; never with a beard), "
        "uniform from 0.4 to 1",
        _lipstick,
        correlates=("hair_length", "beard"),
    ),
    flat("lipstick_hue_deg", 335.0, 372.0, unit="deg"),
    bell("ear_size", 0.0, 0.4, -1.0, 1.0),
    bell("face_width", 0.0, 0.4, -1.0, 1.0),
    continuous(
        "jaw",
        -1.0,
        1.0,
        "normal, mean 0.3 (hair length below 0.45) or -0.3, standard deviation 0.4, clipped",
        _jaw,
        correlates=("hair_length",),
    ),
    flat("clothes_hue_deg", 0.0, 360.0, unit="deg"),
    flat("clothes_saturation", 0.1, 0.8),
    flat("clothes_value", 0.3, 0.92),
    named("collar", {"crew": 0.45, "vneck": 0.35, "turtleneck": 0.2}),
    *STAGE,
)
DOMAINS = {
    "human": Domain(SPECS, build_scene),
    "human_right": Domain(SPECS, variants.build_right),
    "human_down": Domain(SPECS, variants.build_down),
    "human_flipped": Domain(SPECS, variants.build_flipped),
    "human_camera": Domain(SPECS, variants.build_other_camera),
    "human_geometry": Domain(SPECS, variants.build_other_geometry),
    "human_palette": Domain(SPECS, variants.build_other_palette),
}
