"""Domain `wild`: clay busts of foxes, wolves and big cats, which stand in for AFHQ wild."""

from numpy.random import Generator

from sa_helpers.clay.engine import (
    POSE,
    STAGE,
    Domain,
    Factors,
    bell,
    continuous,
    flat,
    happens,
    named,
    occasional,
    uniform,
)
from sa_helpers.clay.wild.bust import build_scene
from sa_helpers.clay.wild.coat import SPECIES


def _mane(random: Generator, drawn: Factors) -> float:
    grows = drawn["species"] == "lion" and happens(random, 0.62)
    return uniform(random, 0.3, 1.0) if grows else 0.0


def _ruff(random: Generator, drawn: Factors) -> float:
    low = {"fox": 0.4, "wolf": 0.4, "tiger": 0.3}.get(drawn["species"], 0.0)
    return uniform(random, low, 1.0) if low > 0.0 else 0.0


SPECS = (
    *POSE,
    named("species", {name: species.weight for name, species in SPECIES.items()}),
    flat("fur_depth", 0.0, 1.0),
    bell("fur_shade", 0.0, 0.4),
    flat("dullness", 0.0, 1.0),
    flat("pattern_size", 0.0, 1.0),
    continuous(
        "mane",
        0.0,
        1.0,
        "0 or, of a lion with probability 0.62, uniform from 0.3 to 1: a lioness has none",
        _mane,
        correlates=("species",),
    ),
    flat("mane_depth", 0.0, 1.0),
    continuous(
        "ruff",
        0.0,
        1.0,
        "uniform: fox and wolf from 0.4, tiger from 0.3, up to 1; others 0",
        _ruff,
        correlates=("species",),
    ),
    bell("ear_size", 0.0, 0.4),
    bell("head_width", 0.0, 0.4),
    bell("snout_length", 0.0, 0.45),
    flat("nose_depth", 0.0, 1.0),
    bell("eye_size", 0.0, 0.4),
    bell("eye_open", 0.0, 0.4),
    flat("eye_depth", 0.0, 1.0),
    bell("gaze_x", 0.0, 0.4, mirrored="negated"),
    bell("gaze_y", 0.0, 0.3),
    bell("smile", 0.1, 0.45),
    occasional("mouth_open", 0.22, 0.3),
    *STAGE,
)
DOMAINS = {"wild": Domain(SPECS, build_scene)}
