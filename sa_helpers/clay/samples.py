"""Samples of domains: from seeds or factors to images, masks and factors."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from sa_helpers.clay.engine import Domain, Factor, Factors, check_factors, sample
from sa_helpers.clay.engine.rendering import check_resolution, render_scenes

# The package of each domain, which is loaded when one of its domains is asked for.
PACKAGES = {
    "human": "human",
    "dog": "dog",
    "toon": "toon",
    "cat": "cat",
    "wild": "wild",
    "portrait": "portrait",
    "bedroom": "bedroom",
    "church": "church",
    "human_right": "human",
    "human_down": "human",
    "human_flipped": "human",
    "human_camera": "human",
    "human_geometry": "human",
    "human_palette": "human",
    "dog_one_side": "dog",
    "dog_background": "dog",
}


@dataclass(frozen=True)
class ClayBatch:
    """Rendered samples.

    Attributes:
        images: uint8 [n, height, width, 3].
        masks: uint8 [n, height, width], indices into `REGIONS`.
        factors: Each factor's values, [n]: float, str or bool arrays.
    """

    images: np.ndarray
    masks: np.ndarray
    factors: dict[str, np.ndarray]


def domains() -> tuple[str, ...]:
    """Names of the domains that can be rendered."""
    return tuple(PACKAGES)


def factor_specs(domain: str) -> tuple[Factor, ...]:
    """The factors of a domain with their ranges and distributions, in the order of drawing.

    Raises:
        ValueError: Unknown domain.
    """
    return _domain(domain).specs


def sample_factors(domain: str, seed: int) -> dict[str, Any]:
    """Draw the factors of the sample with this seed.

    Args:
        seed: A whole number, 0 or more.

    Raises:
        ValueError: Unknown domain, or a negative seed.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected a whole number, 0 or more")
    return sample(factor_specs(domain), domain=domain, seed=int(seed))


def render(
    domain: str,
    seeds: Sequence[int],
    *,
    img_resolution: int = 128,
    num_threads: int | None = None,
) -> ClayBatch:
    """Render one sample a seed; the same seed gives the same bytes in any batch.

    Args:
        img_resolution: Height and width in pixels, a multiple of 8, at most 1024.
        num_threads: Threads that render side by side; None takes one a core.

    Raises:
        ValueError: Unknown domain, negative seed or unsuitable resolution.
    """
    chosen = [sample_factors(domain, seed) for seed in seeds]
    return render_factors(domain, chosen, img_resolution=img_resolution, num_threads=num_threads)


def render_factors(
    domain: str,
    factors: Sequence[Factors],
    *,
    img_resolution: int = 128,
    num_threads: int | None = None,
) -> ClayBatch:
    """Render samples from given factors, such as edited ones.

    Args:
        factors: One dictionary a sample, as `sample_factors` returns it.
        img_resolution: Height and width in pixels, a multiple of 8, at most 1024.
        num_threads: Threads that render side by side; None takes one a core.

    Raises:
        ValueError: Unknown domain, unknown or missing factor, value out of range, resolution.
    """
    specs = factor_specs(domain)
    check_resolution(img_resolution)
    for given in factors:
        check_factors(specs, given, domain=domain)
    scenes = (_domain(domain).build_scene(given) for given in factors)
    images, masks = render_scenes(
        scenes, len(factors), img_resolution=img_resolution, num_threads=num_threads
    )
    columns = {spec.name: np.array([f[spec.name] for f in factors]) for spec in specs}
    return ClayBatch(images=images, masks=masks, factors=columns)


def _domain(domain: str) -> Domain:
    if domain not in PACKAGES:
        raise ValueError(f"domain {domain!r} is unknown; known are {', '.join(PACKAGES)}")
    return import_module(f"sa_helpers.clay.{PACKAGES[domain]}").DOMAINS[domain]
