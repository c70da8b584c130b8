"""Distances between two sets of images, given their features only."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray

_ROWS = 2048  # kernel rows in memory at a time

FeaturesA = Float64[ndarray, "num_a num_features"]
FeaturesB = Float64[ndarray, "num_b num_features"]


class KernelDistance(NamedTuple):
    """KID over random subsets; NaN as `std` where all subsets are the same whole sets."""

    mean: float
    std: float


def frechet_distance(
    features_a: Float[ndarray, "num_a num_features"],
    features_b: Float[ndarray, "num_b num_features"],
) -> float:
    """Compare two sets by the Gaussians with their means and covariances.

    ``|mu_a - mu_b|^2 + tr(C_a) + tr(C_b) - 2 tr((C_a C_b)^(1/2))``, where the last trace is the sum
    of the singular values of F_a F_b' for any factors F'F = C. No matrix square root is taken, so
    fewer images than features are no problem for the arithmetic. They are one for the
    statistics: the distance shrinks with more images, so compare equal counts only.

    Args:
        features_a: Two images or more.
        features_b: As `features_a`; the number of images may differ.

    Raises:
        ValueError: Unequal numbers of features, fewer than two images, or values not finite.

    Source: Heusel et al. 2017, equation 6.
    """
    features_a, features_b = _check(features_a, features_b)
    mean_term = np.square(features_a.mean(axis=0) - features_b.mean(axis=0)).sum()
    factor_a, factor_b = _covariance_factor(features_a), _covariance_factor(features_b)
    trace_of_root = np.linalg.svd(factor_a @ factor_b.T, compute_uv=False).sum()
    traces = np.square(factor_a).sum() + np.square(factor_b).sum()
    return max(0.0, float(mean_term + traces - 2 * trace_of_root))


def _covariance_factor(features: FeaturesA) -> Float64[ndarray, "rank num_features"]:
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    if centred.shape[0] <= centred.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"))


def kernel_distance(
    features_a: Float[ndarray, "num_a num_features"],
    features_b: Float[ndarray, "num_b num_features"],
    *,
    num_subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> KernelDistance:
    """Compare two sets by the unbiased squared MMD with the kernel (x'y / num_features + 1)^3.

    Zero on average where both sets come from one distribution, whatever their sizes, so single
    values may be negative. Published values are often multiplied by 1000; these are not. The cost
    grows with the square of the number of images.

    Args:
        features_a: Two images or more.
        features_b: As `features_a`; the number of images may differ.
        num_subsets: How many pairs of subsets to average over.
        subset_size: Images in a subset; at most as many as the smaller set holds are taken.
        seed: Of the choice of subsets.

    Raises:
        ValueError: Unequal numbers of features, fewer than two images or one subset, or values
            not finite.

    Source: Binkowski et al. 2018, section 4 and appendix D.
    """
    features_a, features_b = _check(features_a, features_b)
    size = min(subset_size, len(features_a), len(features_b))
    if num_subsets < 1 or size < 2:
        raise ValueError(
            f"kernel_distance was given num_subsets={num_subsets} and subset_size={subset_size}; "
            "expected at least 1 and 2."
        )
    rng = np.random.default_rng(seed)
    subsets_a = _draw_subsets(len(features_a), num_subsets, size, rng)
    subsets_b = _draw_subsets(len(features_b), num_subsets, size, rng)
    within_a = _kernel_sums(features_a, features_a, subsets_a, subsets_a)
    within_b = _kernel_sums(features_b, features_b, subsets_b, subsets_b)
    between = _kernel_sums(features_a, features_b, subsets_a, subsets_b)
    diagonals = _kernel_diagonal(features_a) @ subsets_a + _kernel_diagonal(features_b) @ subsets_b
    mmd = (within_a + within_b - diagonals) / (size * (size - 1)) - 2 * between / size**2
    is_whole = size == len(features_a) == len(features_b)
    return KernelDistance(float(mmd.mean()), float("nan") if is_whole else float(mmd.std()))


def kernel_distance_per_image(
    features_a: Float[ndarray, "num_a num_features"],
    features_b: Float[ndarray, "num_b num_features"],
) -> Float64[ndarray, " num_a"]:
    """One number for each image of the first set; their mean is the unbiased kernel distance.

    They are the jackknife's pseudo-values, so `intervals.bootstrap` of them covers the choice of
    the first set, and of their differences that of two models' images of the same seeds. The
    second set, usually the larger one, is taken as given. A single number says nothing about its
    image.

    Args:
        features_a: Three images or more.
        features_b: Two or more.

    Raises:
        ValueError: Too few images, unequal numbers of features, or values not finite.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, Section 11.5.
    """
    features_a, features_b = _check(features_a, features_b)
    num_a, num_b = len(features_a), len(features_b)
    if num_a < 3:
        raise ValueError(f"There are {num_a} images in the first set; expected three or more.")
    within_a = _kernel_rows(features_a, features_a) - _kernel_diagonal(features_a)
    within_b = _kernel_rows(features_b, features_b) - _kernel_diagonal(features_b)
    between = _kernel_rows(features_a, features_b) / num_b
    mean_a = within_a.sum() / (num_a * (num_a - 1))
    mean_b = within_b.sum() / (num_b * (num_b - 1))
    return (2 * within_a - num_a * mean_a) / (num_a - 2) - 2 * between + mean_b


def _kernel_rows(features_a: FeaturesA, features_b: FeaturesB) -> Float64[ndarray, " num_a"]:
    """Sum the kernel over the second set, for each image of the first."""
    kernel = (features_a @ features_b.T / features_a.shape[1] + 1) ** 3
    return np.asarray(kernel.sum(axis=1))


def _draw_subsets(
    num_images: int, num_subsets: int, size: int, rng: np.random.Generator
) -> Float64[ndarray, "num_images num_subsets"]:
    """One column a subset: 1 for its images, 0 for the others."""
    members = np.zeros((num_images, num_subsets))
    for subset in range(num_subsets):
        members[rng.choice(num_images, size, replace=False), subset] = 1
    return members


def _kernel_sums(
    features_a: FeaturesA, features_b: FeaturesB, subsets_a: ndarray, subsets_b: ndarray
) -> Float64[ndarray, " num_subsets"]:
    """Sum the kernel over all pairs of each pair of subsets, every kernel value computed once."""
    sums = np.zeros(subsets_a.shape[1])
    for start in range(0, len(features_a), _ROWS):
        rows = slice(start, start + _ROWS)
        kernel = (features_a[rows] @ features_b.T / features_a.shape[1] + 1) ** 3
        sums += (subsets_a[rows] * (kernel @ subsets_b)).sum(axis=0)
    return sums


def _kernel_diagonal(features: FeaturesA) -> Float64[ndarray, " num_a"]:
    return (np.square(features).mean(axis=1) + 1) ** 3


def _check(features_a: ndarray, features_b: ndarray) -> tuple[FeaturesA, FeaturesB]:
    shapes = features_a.shape, features_b.shape
    if any(len(shape) != 2 or shape[0] < 2 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise ValueError(
            f"The features have shapes {shapes[0]} and {shapes[1]}; expected [num_images, "
            "num_features] twice, with two images or more and equally many features. Extract both "
            "with the same network."
        )
    if not (np.isfinite(features_a).all() and np.isfinite(features_b).all()):
        raise ValueError("Some features are NaN or infinite; expected finite ones. Extract again.")
    return features_a.astype(np.float64), features_b.astype(np.float64)
