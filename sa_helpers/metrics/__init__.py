"""Metrics: perceptual distance, Fréchet distance, KID and manifold scores, by named networks.

Two networks come whole inside installed packages and work offline: ST-LPIPS and EfficientNet-Lite0.
The published ones, LPIPS and the Inception-v3 of FID, download their weights when asked for by
name. Numbers of different networks cannot be compared, so print `describe(network)` with each.
"""

from sa_helpers.metrics.catalog import NetworkUnavailableError, describe
from sa_helpers.metrics.distances import (
    KernelDistance,
    frechet_distance,
    kernel_distance,
    kernel_distance_per_image,
)
from sa_helpers.metrics.feature_cache import cached_features
from sa_helpers.metrics.features import extract_features
from sa_helpers.metrics.manifolds import (
    ManifoldScores,
    manifold_scores,
    neighbour_distances,
)
from sa_helpers.metrics.perceptual import perceptual_distance, perceptual_distance_to

__all__ = [
    "KernelDistance",
    "ManifoldScores",
    "NetworkUnavailableError",
    "cached_features",
    "describe",
    "extract_features",
    "frechet_distance",
    "kernel_distance",
    "kernel_distance_per_image",
    "manifold_scores",
    "neighbour_distances",
    "perceptual_distance",
    "perceptual_distance_to",
]
