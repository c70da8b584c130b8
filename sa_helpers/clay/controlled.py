"""Domains that differ from another in one thing: what decides that a child stays aligned?

Everything that is not named here is that of `dog` or `human`, the shapes, the other distributions
and the meaning of every factor included.

    dog_one_side     the law of yaw: no dog looks to its right
    dog_background   the law of backgrounds: dark and blue, where other domains are light
    human_camera     the camera: nearer, and below the face
    human_geometry   the shapes: wide heads with narrow chins, big ears, noses and eyes
    human_palette    the colours of people and their clothes, not of the background
"""

from collections.abc import Mapping
from typing import Any

from numpy.random import Generator

from sa_helpers.clay import dog, human_parts
from sa_helpers.clay.factors import Factor
from sa_helpers.clay.human_looks import Factors
from sa_helpers.clay.scene import Scene, rotation
from sa_helpers.clay.staging import BODY_PIVOT, POSE, bell, continuous

CAMERA_DISTANCE, CAMERA_BELOW_DEG = 4.2, 22.0
GEOMETRY = {"face_width": 2.8, "jaw": -1.6, "ear_size": 3.2, "nose_size": 2.8, "eye_size": 1.2}
"""What is added to factors, whose own range is from -1 to 1."""
PALETTE = (2, 0, 1)
"""Which channel becomes red, green and blue."""


def _one_sided(random: Generator, drawn: Mapping[str, Any]) -> float:
    return abs(float(POSE[0].draw(random, drawn)))


def _replaced(specs: tuple[Factor, ...], *changed: Factor) -> tuple[Factor, ...]:
    """The same factors in the same order, with those of the given names replaced."""
    by_name = {spec.name: spec for spec in changed}
    return tuple(by_name.get(spec.name, spec) for spec in specs)


DOG_ONE_SIDE = _replaced(
    dog.SPECS,
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
    dog.SPECS,
    bell("background_hue_deg", 215.0, 14.0, 0.0, 360.0, unit="deg"),
    bell("background_saturation", 0.6, 0.1, 0.05, 0.9),
    bell("background_value", 0.26, 0.07, 0.1, 0.92),
)


def build_other_camera(factors: Factors) -> Scene:
    """Build the bust as a camera sees it that stands nearer and lower; its light stays with it."""
    scene = Scene()
    with scene.frame(rotation(pitch_deg=CAMERA_BELOW_DEG), pivot=BODY_PIVOT):
        human_parts.add_bust(scene, factors)
    scene.set_camera(height=2.95, center_y=-0.13, distance=CAMERA_DISTANCE)
    return scene


def build_other_geometry(factors: Factors) -> Scene:
    """Build the bust with other proportions than any person has."""
    moved = {name: factors[name] + offset for name, offset in GEOMETRY.items()}
    return human_parts.build_scene({**factors, **moved})


def build_other_palette(factors: Factors) -> Scene:
    """Build the bust with the channels of its colours exchanged."""
    scene = human_parts.build_scene(factors)
    scene.exchange_channels(PALETTE)
    return scene
