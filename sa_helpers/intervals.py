"""Means over seeds with bootstrap intervals: what may be claimed from a few samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """A mean and the interval that the choice of seeds leaves open.

    Attributes:
        mean: Of the samples.
        low: Lower end of the interval.
        high: Upper end of the interval.
        num_samples: How many samples, one a seed, it rests on.
    """

    mean: float
    low: float
    high: float
    num_samples: int

    @property
    def is_positive(self) -> bool | None:
        """Whether the interval lies above zero (True) or below it (False); None if it holds it."""
        if self.low > 0:
            return True
        return False if self.high < 0 else None

    def __format__(self, spec: str) -> str:
        """Write as `mean [low, high]`, each number with a `spec` such as .3f (the default)."""
        spec = f"z{spec or '.3f'}"  # z: no minus sign before what rounds to zero
        return f"{self.mean:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        """Write with three decimals."""
        return format(self, ".3f")


def bootstrap(
    samples: Sequence[float] | ndarray | Tensor,
    *,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Mean of independent samples with its percentile bootstrap interval.

    Pass the differences of two measurements of the same seeds to ask whether one is larger: the
    interval of a paired difference is narrower than the two intervals suggest.

    Args:
        samples: One finite number a seed: an array, a tensor on the CPU, or a list.
        confidence: Probability that such intervals cover the true mean, in (0, 1). It holds for
            many samples; with few, intervals are too narrow: for a nominal 0.95 some 0.83 of those
            of five normal samples cover it, 0.90 of eight, 0.94 of thirty-two.
        num_resamples: Draws with replacement.
        seed: Of the draws; equal arguments give equal intervals.

    Raises:
        ValueError: Fewer than two samples, samples not finite, or `confidence` out of range.

    Example:
        >>> import sa_helpers as sa
        >>> before, after = [0.31, 0.42, 0.38, 0.35], [0.36, 0.49, 0.40, 0.42]
        >>> change = sa.bootstrap([b - a for a, b in zip(before, after)])
        >>> change.low > 0
        True

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, Chapter 13.
    """
    values = np.asarray(samples, dtype=np.float64)
    is_usable = values.ndim == 1 and len(values) >= 2 and bool(np.isfinite(values).all())
    if not is_usable or not 0 < confidence < 1:
        raise ValueError(
            f"bootstrap was given samples of shape {values.shape}, "
            f"{int((~np.isfinite(values)).sum())} of them not finite, and confidence "
            f"{confidence}; expected two or more finite samples in a row, confidence in (0, 1)."
        )
    generator = np.random.default_rng(seed)
    choices = generator.integers(len(values), size=(num_resamples, len(values)))
    means = values[choices].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(values.mean()), float(low), float(high), len(values))


def correlation(
    first: Sequence[float] | ndarray | Tensor,
    second: Sequence[float] | ndarray | Tensor,
    *,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Pearson correlation of two numbers of each sample, with its percentile bootstrap interval.

    Args:
        first: One number a sample.
        second: The other, in the same order.
        confidence: See `bootstrap`.
        num_resamples: Draws of whole samples with replacement.
        seed: Of the draws.

    Raises:
        ValueError: Not one finite number of both kinds for each of three samples or more, or all
            of one kind are equal.

    Example:
        >>> from sa_helpers.intervals import correlation
        >>> f"{correlation([1, 2, 3, 4], [2, 4, 6, 8]):.2f}"
        '1.00 [1.00, 1.00]'
    """
    pairs = [np.asarray(values, dtype=np.float64) for values in (first, second)]
    shapes = {values.shape for values in pairs}
    is_usable = len(shapes) == 1 and pairs[0].ndim == 1 and len(pairs[0]) >= 3
    if not is_usable or not all(np.isfinite(v).all() and np.ptp(v) > 0 for v in pairs):
        raise ValueError(
            f"correlation was given samples of shapes {[values.shape for values in pairs]}; "
            "expected equally many finite numbers of both kinds, three or more, not all equal."
        )
    generator = np.random.default_rng(seed)
    choices = generator.integers(len(pairs[0]), size=(num_resamples, len(pairs[0])))
    drawn = [values[choices] for values in pairs]
    x, y = (values - values.mean(axis=1, keepdims=True) for values in drawn)
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    drawn_correlations = (x * y).sum(axis=1)[scale > 0] / scale[scale > 0]
    limits = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(drawn_correlations, limits)
    mean = float(np.corrcoef(pairs[0], pairs[1])[0, 1])
    return Estimate(mean, float(low), float(high), len(pairs[0]))
