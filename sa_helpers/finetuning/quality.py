"""The quality gate of a shipped model: how near it comes to its domain, and what nearness is worth.

Three sets of pictures are compared: generated ones, real ones that the model was trained on, and
real ones that it has never seen. The distance between the two real sets is the floor that no model
can be expected to pass.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.distance import cdist
from torch import Tensor

from sa_helpers import clay, images, metrics
from sa_helpers.finetuning.sampling import sample_images
from sa_helpers.networks import Generator

NETWORK = "efficientnet-lite0"
_GENERATED_SEED, _HELD_OUT_SEED = 1_000_000, 2_000_000
_CHUNK = 50

Features = Float[ndarray, "num_images num_features"]


def measure_quality(
    generator: Generator, *, domain: str, first_seed: int, num_images: int = 2000
) -> dict[str, Any]:
    """Compare a generator of a clay domain with that domain.

    Args:
        generator: To judge; without truncation and without noise that differs between images.
        domain: Of the clay world.
        first_seed: Of the images that it was trained on.
        num_images: In each of the three sets; it was trained on at least as many.

    Returns:
        JSON-ready: `frechet_distance` and `kernel_distance` (times 1000) to held-out images and
        `floor` with the same of trained-on images; `precision`, `recall`, `density`, `coverage`;
        `nearest`, the median feature distance from a generated image to the nearest trained-on one
        as a share of that from a held-out image. A model that repeats its training images has a
        share well below 1.
    """
    resolution = generator.config.img_resolution
    held_out = _features(_rendered(domain, _HELD_OUT_SEED, num_images, resolution))
    trained_on = _features(_rendered(domain, first_seed, num_images, resolution))
    generated = _features(_generated(generator, num_images))
    scores = metrics.manifold_scores(held_out, generated)._asdict()
    return {
        "network": metrics.describe(NETWORK),
        "num_images": num_images,
        **_distances(generated, held_out),
        "floor": _distances(trained_on, held_out),
        **{name: round(score, 4) for name, score in scores.items()},
        "nearest": round(_nearest(generated, trained_on) / _nearest(held_out, trained_on), 4),
    }


def _rendered(domain: str, first_seed: int, count: int, resolution: int) -> Iterator[Tensor]:
    for start in range(first_seed, first_seed + count, _CHUNK):
        seeds = range(start, min(start + _CHUNK, first_seed + count))
        batch = images.from_uint8(clay.render(domain, seeds).images)
        yield images.resize(batch, img_resolution=resolution)


def _generated(generator: Generator, count: int) -> Iterator[Tensor]:
    for start in range(_GENERATED_SEED, _GENERATED_SEED + count, _CHUNK):
        seeds = range(start, min(start + _CHUNK, _GENERATED_SEED + count))
        yield sample_images(generator, seeds, truncation_psi=1.0, dtype=torch.float32)


def _features(batches: Iterator[Tensor]) -> Features:
    return metrics.extract_features(batches, network=NETWORK)


def _distances(a: Features, b: Features) -> dict[str, float]:
    return {
        "frechet_distance": round(metrics.frechet_distance(a, b), 3),
        "kernel_distance": round(1000 * metrics.kernel_distance(a, b).mean, 3),
    }


def _nearest(points: Features, others: Features) -> float:
    """Median distance to the nearest of others."""
    return float(np.median(cdist(points, others).min(axis=1)))
