"""Domain `portrait`: clay people as old paintings, which stand in for MetFaces."""

from numpy.random import Generator

from sa_helpers.clay import human
from sa_helpers.clay.engine import (
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
)
from sa_helpers.clay.portrait.bust import COLLARS, COSTUME, HEADWEAR, build_scene

MODERN = ("glasses", "frame_colour", "collar")


def _headwear(random: Generator, drawn: Factors) -> str:
    if drawn["hair_length"] < 0.45:
        return choose(random, {"none": 0.42, "cap": 0.3, "hat": 0.28})
    covers = 1.0 if drawn["curl"] == 0.0 else 0.0
    return choose(
        random,
        {"none": 0.45, "cap": 0.1, "hat": 0.1, "veil": 0.22 * covers, "bonnet": 0.13 * covers},
    )


def _collar(random: Generator, drawn: Factors) -> str:
    if drawn["hair_length"] < 0.45:
        return choose(random, {"ruff": 0.32, "lace": 0.22, "fur": 0.2, "cravat": 0.26})
    return choose(random, {"ruff": 0.26, "lace": 0.2, "fur": 0.14, "neckline": 0.4})


def _chain(random: Generator, drawn: Factors) -> bool:
    return drawn["collar"] in ("fur", "neckline") and happens(random, 0.5)


def _azimuth(random: Generator, _: Factors) -> float:
    side = 1.0 if happens(random, 0.5) else -1.0
    return side * normal(random, 42.0, 14.0)


PERSON = tuple(
    spec
    for spec in human.SPECS
    if spec not in STAGE and spec.name not in MODERN and not spec.name.startswith("clothes")
)
SPECS: tuple[Factor, ...] = (
    *PERSON,
    Factor(
        "headwear",
        "categorical",
        "",
        tuple(HEADWEAR),
        "hair length below 0.45: none 0.42, cap 0.3, hat 0.28; else weights none 0.45, cap 0.1, "
        "hat 0.1, and over straight hair veil 0.22, bonnet 0.13",
        _headwear,
        ("hair_length", "curl"),
    ),
    named("hat_colour", dict(zip(COSTUME, (0.36, 0.2, 0.2, 0.08, 0.12, 0.04), strict=True))),
    Factor(
        "collar",
        "categorical",
        "",
        tuple(COLLARS),
        "hair length below 0.45: ruff 0.32, lace 0.22, fur 0.2, cravat 0.26; else ruff 0.26, "
        "lace 0.2, fur 0.14, neckline 0.4",
        _collar,
        ("hair_length",),
    ),
    bell("collar_size", 0.0, 0.4),
    Factor(
        "chain",
        "binary",
        "",
        (False, True),
        "true with probability 0.5 with fur or a low neckline, else never",
        _chain,
        ("collar",),
    ),
    named("costume", dict(zip(COSTUME, (0.34, 0.18, 0.18, 0.12, 0.1, 0.08), strict=True))),
    bell("costume_shade", 0.0, 0.4),
    continuous(
        "light_azimuth_deg",
        -75.0,
        75.0,
        "from a window: normal, mean 42, standard deviation 14, to either side alike",
        _azimuth,
        unit="deg",
        mirrored="negated",
    ),
    bell("light_elevation_deg", 34.0, 9.0, 10.0, 60.0, unit="deg"),
    flat("chiaroscuro", 0.0, 1.0),
    flat("background_hue_deg", 8.0, 62.0, unit="deg"),
    flat("background_saturation", 0.25, 0.65),
    bell("background_value", 0.30, 0.09, 0.14, 0.56),
    flat("brush", 0.3, 1.0),
    flat("stroke_angle_deg", -70.0, 70.0, unit="deg", mirrored="negated"),
    flat("stroke_drift", -1.0, 1.0, mirrored="negated"),
    flat("canvas", 0.0, 1.0),
    flat("varnish", 0.1, 1.0),
)
DOMAINS = {"portrait": Domain(SPECS, build_scene)}
