"""Pose, light and background that domains share, and what a domain is."""

from collections.abc import Callable
from typing import NamedTuple

from sa_helpers.clay.engine.colours import from_hue, mix, scaled
from sa_helpers.clay.engine.factors import Factor, Factors, bell, continuous, flat, tailed, uniform
from sa_helpers.clay.engine.geometry import Rotation, rotation
from sa_helpers.clay.engine.scene import Scene

SIDES = (-1.0, 1.0)
HEAD_PIVOT, BODY_PIVOT = (0.0, -0.55, -0.15), (0.0, -1.0, -0.15)
POSE: tuple[Factor, ...] = (
    tailed("yaw_deg", 9.0, 22.0, 0.4, 42.0, mirrored="negated"),
    tailed("pitch_deg", 4.0, 9.0, 0.3, 18.0),
)
SKIN_TONE = continuous(
    "skin_tone",
    0.0,
    1.0,
    "u^1.25 with u uniform; 0 light, 1 dark",
    lambda random, _: uniform(random, 0.0, 1.0) ** 1.25,
)
STAGE: tuple[Factor, ...] = (
    tailed("light_azimuth_deg", 25.0, 45.0, 0.4, 70.0, mirrored="negated"),
    bell("light_elevation_deg", 32.0, 12.0, 5.0, 65.0, unit="deg"),
    flat("background_hue_deg", 0.0, 360.0, unit="deg"),
    flat("background_saturation", 0.05, 0.5),
    flat("background_value", 0.45, 0.92),
)


class Domain(NamedTuple):
    """What a domain draws, and how it builds a scene from it."""

    specs: tuple[Factor, ...]
    build_scene: Callable[[Factors], Scene]


def set_stage(scene: Scene, factors: Factors) -> None:
    """Set camera, light and background as every bust has them."""
    scene.set_camera(height=2.95, center_y=-0.13)
    scene.set_light(
        azimuth_deg=factors["light_azimuth_deg"], elevation_deg=factors["light_elevation_deg"]
    )
    tone = from_hue(
        factors["background_hue_deg"], factors["background_saturation"], factors["background_value"]
    )
    scene.set_background(scaled(tone, 0.82), mix(tone, (1.0, 1.0, 1.0), 0.12))


def turn_body(factors: Factors) -> Rotation:
    """Rotation of the shoulders, which follow the head halfway."""
    return rotation(yaw_deg=0.55 * factors["yaw_deg"])


def turn_head(factors: Factors) -> Rotation:
    """Rotation of the head."""
    return rotation(yaw_deg=factors["yaw_deg"], pitch_deg=factors["pitch_deg"])
