"""Fidelity and diversity apart: is what is made real, and is what is real made?"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray


class ManifoldScores(NamedTuple):
    """Shares in [0, 1], except density, which may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_scores(
    features_real: Float[ndarray, "num_real num_features"],
    features_generated: Float[ndarray, "num_generated num_features"],
    *,
    num_neighbors: int = 5,
) -> ManifoldScores:
    """Estimate the real and generated manifolds by balls that reach the k-th nearest neighbour.

    Precision: share of generated images inside a real ball. Recall: share of real images inside a
    generated ball. Density: mean number of real balls around a generated image, over k. Coverage:
    share of real balls that hold a generated image.

    Args:
        features_real: More images than `num_neighbors`.
        features_generated: As `features_real`; the number of images may differ.
        num_neighbors: The k above; Kynkäänniemi et al. use 3, Naeem et al. 5.

    Raises:
        ValueError: Unequal numbers of features, too few images for `num_neighbors`, or features
            that are not finite.

    Source: Kynkäänniemi et al. 2019, section 2; Naeem et al. 2020, section 3.
    """
    shapes = features_real.shape, features_generated.shape
    if shapes[0][1:] != shapes[1][1:] or not 1 <= num_neighbors < min(shapes[0][0], shapes[1][0]):
        raise ValueError(
            f"manifold_scores was given features of shapes {shapes[0]} and {shapes[1]} and "
            f"num_neighbors={num_neighbors}; expected equally many features and more images than "
            "neighbours. Extract both with the same network, from enough images."
        )
    features_real, features_generated = _finite(features_real), _finite(features_generated)
    radii_real = _radii(features_real, num_neighbors)
    radii_generated = _radii(features_generated, num_neighbors)
    distances = _pairwise(features_real, features_generated)
    in_real_ball = distances <= radii_real[:, None]
    return ManifoldScores(
        precision=float(in_real_ball.any(axis=0).mean()),
        recall=float((distances <= radii_generated[None, :]).any(axis=1).mean()),
        density=float(in_real_ball.sum(axis=0).mean() / num_neighbors),
        coverage=float(in_real_ball.any(axis=1).mean()),
    )


def neighbour_distances(
    features: Float[ndarray, "num_images num_features"],
    features_real: Float[ndarray, "num_real num_features"],
    *,
    num_neighbors: int = 5,
) -> Float64[ndarray, " num_images"]:
    """Mean distance of each image to its nearest real ones: how far it is from their domain.

    Unlike a distance of two sets it says something of every single image, so that a few suffice to
    compare two ways to make them.

    Args:
        features: Of the images to judge, one or more.
        features_real: Of the domain; compare numbers that rest on the same set only.
        num_neighbors: Over how many real images to average.

    Raises:
        ValueError: Unequal numbers of features, fewer real images than neighbours, or features that
            are not finite.
    """
    shapes = features.shape, features_real.shape
    if shapes[0][1:] != shapes[1][1:] or not 1 <= num_neighbors <= shapes[1][0]:
        raise ValueError(
            f"neighbour_distances was given features of shapes {shapes[0]} and {shapes[1]} and "
            f"num_neighbors={num_neighbors}; expected equally many features, and "
            "as many real images as neighbours at least. Extract both with the same network."
        )
    squared = _pairwise(_finite(features), _finite(features_real))
    nearest = np.partition(squared, num_neighbors - 1, axis=1)[:, :num_neighbors]
    return np.sqrt(nearest).mean(axis=1)


def _finite(features: ndarray) -> Float64[ndarray, "num_images num_features"]:
    if features.ndim != 2 or not np.isfinite(features).all():
        raise ValueError(
            f"The features, of shape {features.shape}, are not all finite, or not [num_images, "
            "num_features]. Extract them again."
        )
    return features.astype(np.float64)


def _radii(features: ndarray, num_neighbors: int) -> Float64[ndarray, " num_images"]:
    # The nearest point to a point is itself, at rank 0.
    return np.partition(_pairwise(features, features), num_neighbors, axis=1)[:, num_neighbors]


def _pairwise(points_a: ndarray, points_b: ndarray) -> Float64[ndarray, "num_a num_b"]:
    """Squared distances, exactly zero for equal points up to rounding."""
    centre = points_a.mean(axis=0)  # keeps the cancellation below small
    a, b = points_a - centre, points_b - centre
    squared = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2 * a @ b.T
    return np.maximum(squared, 0)
