"""Pose, light and background that domains share, and short forms of common factors."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sa_helpers.clay.factors import Factor, choose, happens, long_tailed, normal, uniform
from sa_helpers.clay.palettes import from_hue, mix, scaled
from sa_helpers.clay.scene import Scene, rotation

SIDES = (-1.0, 1.0)
HEAD_PIVOT, BODY_PIVOT = (0.0, -0.55, -0.15), (0.0, -1.0, -0.15)


def continuous(
    name: str,
    low: float,
    high: float,
    distribution: str,
    draw: Callable,
    *,
    unit: str = "",
    correlates: tuple[str, ...] = (),
    mirrored: str = "same",
) -> Factor:
    """A continuous factor, clipped to [low, high]."""
    return Factor(name, "continuous", unit, (low, high), distribution, draw, correlates, mirrored)


def bell(
    name: str,
    mean: float = 0.0,
    std: float = 0.4,
    low: float = -1.0,
    high: float = 1.0,
    **more: Any,
) -> Factor:
    """A normally distributed factor, clipped; `more` as for `continuous`."""
    words = f"normal, mean {mean:g}, standard deviation {std:g}, clipped to the range"
    return continuous(name, low, high, words, lambda r, _: normal(r, mean, std), **more)


def flat(name: str, low: float, high: float, **more: Any) -> Factor:
    """A uniformly distributed factor; `more` as for `continuous`."""
    return continuous(name, low, high, "uniform", lambda r, _: uniform(r, low, high), **more)


def tailed(
    name: str, std: float, wide_std: float, share: float, limit: float, **more: Any
) -> Factor:
    """An angle from a mixture of a narrow and a wide normal; `more` as for `continuous`."""
    words = (
        f"mixture of centred normals, clipped: {1 - share:.0%} with standard deviation {std:g}, "
        f"{share:.0%} with {wide_std:g}"
    )

    def draw(random: np.random.Generator, drawn: Mapping[str, Any]) -> float:
        return long_tailed(random, std, wide_std, share)

    return continuous(name, -limit, limit, words, draw, unit="deg", **more)


def named(name: str, weights: Mapping[str, float]) -> Factor:
    """A category with fixed probabilities, given as weights."""
    total = sum(weights.values())
    words = ", ".join(f"{key} {weight / total:.2g}" for key, weight in weights.items())
    values = tuple(weights)
    return Factor(name, "categorical", "", values, words, lambda r, _: choose(r, weights))


def yes_no(name: str, probability: float) -> Factor:
    """A binary factor that is true with the given probability."""
    words = f"true with probability {probability:g}"
    return Factor(name, "binary", "", (False, True), words, lambda r, _: happens(r, probability))


POSE: tuple[Factor, ...] = (
    tailed("yaw_deg", 9.0, 22.0, 0.4, 42.0, mirrored="negated"),
    tailed("pitch_deg", 4.0, 9.0, 0.3, 18.0),
)
STAGE: tuple[Factor, ...] = (
    tailed("light_azimuth_deg", 25.0, 45.0, 0.4, 70.0, mirrored="negated"),
    bell("light_elevation_deg", 32.0, 12.0, 5.0, 65.0, unit="deg"),
    flat("background_hue_deg", 0.0, 360.0, unit="deg"),
    flat("background_saturation", 0.05, 0.5),
    flat("background_value", 0.45, 0.92),
)


def set_stage(scene: Scene, factors: Mapping[str, Any]) -> None:
    """Set camera, light and background as every bust has them."""
    scene.set_camera(height=2.95, center_y=-0.13)
    scene.set_light(
        azimuth_deg=factors["light_azimuth_deg"], elevation_deg=factors["light_elevation_deg"]
    )
    tone = from_hue(
        factors["background_hue_deg"], factors["background_saturation"], factors["background_value"]
    )
    scene.set_background(scaled(tone, 0.82), mix(tone, (1.0, 1.0, 1.0), 0.12))


def turn_body(factors: Mapping[str, Any]) -> np.ndarray:
    """Rotation of the shoulders, which follow the head halfway."""
    return rotation(yaw_deg=0.55 * factors["yaw_deg"])


def turn_head(factors: Mapping[str, Any]) -> np.ndarray:
    """Rotation of the head."""
    return rotation(yaw_deg=factors["yaw_deg"], pitch_deg=factors["pitch_deg"])
