"""Render domains: from seeds or factors to images, masks and factors."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sa_helpers.clay import (
    bedroom,
    cat,
    church,
    controlled,
    dog,
    human,
    human_views,
    portrait,
    toon,
    wild,
)
from sa_helpers.clay.factors import Factor, Factors, check_factors, sample
from sa_helpers.clay.scene import Scene
from sa_helpers.clay.tiles import TILE
from sa_helpers.clay.tracing import trace_image


class Domain(NamedTuple):
    """What a domain draws, and how it builds a scene from it."""

    specs: tuple[Factor, ...]
    build_scene: Callable[[Mapping[str, Any]], Scene]


DOMAINS = {
    "human": Domain(human.SPECS, human.build_scene),
    "dog": Domain(dog.SPECS, dog.build_scene),
    "toon": Domain(toon.SPECS, toon.build_scene),
    "cat": Domain(cat.SPECS, cat.build_scene),
    "wild": Domain(wild.SPECS, wild.build_scene),
    "portrait": Domain(portrait.SPECS, portrait.build_scene),
    "bedroom": Domain(bedroom.SPECS, bedroom.build_scene),
    "church": Domain(church.SPECS, church.build_scene),
    "human_right": Domain(human.SPECS, human_views.build_right),
    "human_down": Domain(human.SPECS, human_views.build_down),
    "human_flipped": Domain(human.SPECS, human_views.build_flipped),
    "human_camera": Domain(human.SPECS, controlled.build_other_camera),
    "human_geometry": Domain(human.SPECS, controlled.build_other_geometry),
    "human_palette": Domain(human.SPECS, controlled.build_other_palette),
    "dog_one_side": Domain(controlled.DOG_ONE_SIDE, dog.build_scene),
    "dog_background": Domain(controlled.DOG_BACKGROUND, dog.build_scene),
}
MAX_RESOLUTION = 1024


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
    return tuple(DOMAINS)


def factor_specs(domain: str) -> tuple[Factor, ...]:
    """The factors of a domain with their ranges and distributions, in the order of drawing.

    Raises:
        ValueError: Unknown domain.
    """
    return _domain(domain).specs


def sample_factors(domain: str, seed: int) -> Factors:
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
    factors: Sequence[Mapping[str, Any]],
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
    _check_resolution(img_resolution)
    for given in factors:
        check_factors(specs, given, domain=domain)
    scenes = (_domain(domain).build_scene(given) for given in factors)
    images, masks = render_scenes(
        scenes, len(factors), img_resolution=img_resolution, num_threads=num_threads
    )
    columns = {spec.name: np.array([f[spec.name] for f in factors]) for spec in specs}
    return ClayBatch(images=images, masks=masks, factors=columns)


def render_scenes(
    scenes: Iterable[Scene],
    num_scenes: int,
    *,
    img_resolution: int,
    num_threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Render scenes side by side in threads; kernels run without the interpreter lock."""
    images = np.empty((num_scenes, img_resolution, img_resolution, 3), np.uint8)
    masks = np.empty((num_scenes, img_resolution, img_resolution), np.uint8)
    threads = max(1, min(num_threads or _num_cores(), num_scenes))
    if threads == 1:
        for index, scene in enumerate(scenes):
            draw(scene, images[index], masks[index])
        return images, masks
    with ThreadPoolExecutor(threads) as pool:
        jobs = [
            pool.submit(draw, scene, images[index], masks[index])
            for index, scene in enumerate(scenes)
        ]
        for job in jobs:
            job.result()
    return images, masks


def draw(scene: Scene, image: np.ndarray, mask: np.ndarray) -> None:
    """Render a scene into `image` and `mask`, and finish the picture."""
    trace_image(scene.arrays(), image, mask)
    if scene.finish is not None:
        scene.finish(image, mask)


def _num_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _domain(domain: str) -> Domain:
    if domain not in DOMAINS:
        raise ValueError(f"domain {domain!r} is unknown; known are {', '.join(DOMAINS)}")
    return DOMAINS[domain]


def _check_resolution(img_resolution: int) -> None:
    if img_resolution % TILE or not TILE <= img_resolution <= MAX_RESOLUTION:
        raise ValueError(
            f"img_resolution is {img_resolution}; expected a multiple of {TILE} "
            f"from {TILE} to {MAX_RESOLUTION}"
        )
