"""Render scenes to images and masks, side by side in threads."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sa_helpers.clay.engine.scene import Scene
from sa_helpers.clay.engine.tracing import TILE, trace_image

MAX_RESOLUTION = 1024


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


def check_resolution(img_resolution: int) -> None:
    """Raise ValueError for a size that tiles do not fill, or that is too large."""
    if img_resolution % TILE or not TILE <= img_resolution <= MAX_RESOLUTION:
        raise ValueError(
            f"img_resolution is {img_resolution}; expected a multiple of {TILE} "
            f"from {TILE} to {MAX_RESOLUTION}"
        )
