"""Which factor of the parent's picture becomes which factor of the child's.

Every z gives a picture in each model of a family, and readers tell the factors of both. Over many z
the correlation of a parent's factor with a child's tells what fine-tuning made of it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sa_helpers.intervals import Estimate
from sa_helpers.latents import images_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition import AttributeReader

Readings = Mapping[str, Float[ndarray, " _"]]
"""Factor to what was read in the picture of each z."""


def read_factors(
    generator: Generator,
    reader: AttributeReader,
    seeds: Sequence[int],
    *,
    factors: Sequence[str],
    truncation_psi: float,
) -> dict[str, Float[ndarray, " seeds"]]:
    """Read some numeric factors in the pictures of some seeds.

    Args:
        generator: Draws the pictures.
        reader: Of the generator's domain.
        seeds: One z each.
        factors: Numeric or binary factors of the domain.
        truncation_psi: 1 leaves latents as they are.

    Raises:
        KeyError: The reader does not know a factor.
    """
    images = images_from_seeds(generator, seeds, truncation_psi=truncation_psi)
    read = reader.read(images)
    return {factor: read[factor].astype(np.float64) for factor in factors}


def transport_matrix(
    parent: Readings, child: Readings
) -> Float[ndarray, "parent_factors child_factors"]:
    """Correlate every factor of the parent's pictures with every one of the child's, over z.

    A factor that does not vary has no correlation: NaN.

    Raises:
        ValueError: The two were not read at equally many z, or at fewer than three.
    """
    first, second = _standardised(parent), _standardised(child)
    if first.shape[1] != second.shape[1] or first.shape[1] < 3:
        raise ValueError(
            f"There are {first.shape[1]} readings of the parent and {second.shape[1]} of the "
            "child; expected one of each for the same three z or more."
        )
    return first @ second.T / first.shape[1]


def chance_limit(
    parent: Readings,
    child: Readings,
    *,
    confidence: float = 0.95,
    num_permutations: int = 200,
    seed: int = 0,
) -> float:
    """Correlation that no pair of factors exceeds if parent and child have nothing in common.

    The z of the child are shuffled, which leaves everything but the pairing as it is. The limit is
    for the largest of all pairs at once, so it may be held against each cell of a matrix.

    Args:
        parent: As for `transport_matrix`.
        child: As for `transport_matrix`.
        confidence: Share of the shufflings in which no pair exceeds the limit.
        num_permutations: How often to shuffle.
        seed: Of the shuffling.
    """
    rng = np.random.default_rng(seed)
    num_seeds = len(next(iter(child.values())))
    largest = []
    for _ in range(num_permutations):
        order = rng.permutation(num_seeds)
        shuffled = {factor: values[order] for factor, values in child.items()}
        largest.append(np.nanmax(np.abs(transport_matrix(parent, shuffled))))
    return float(np.quantile(largest, confidence))


def correlation(
    first: Float[ndarray, " seeds"],
    second: Float[ndarray, " seeds"],
    *,
    confidence: float = 0.95,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Pearson's correlation of two readings of the same z, with its bootstrap interval over z.

    Args:
        first: One value a z.
        second: One value a z.
        confidence: Probability that such intervals cover the true correlation.
        num_resamples: Draws of z with replacement.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(first), size=(num_resamples, len(first)))
    resampled = _correlate(first[draws], second[draws])
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(_correlate(first, second)), float(low), float(high), len(first))


def _correlate(
    first: Float[ndarray, "*draws seeds"], second: Float[ndarray, "*draws seeds"]
) -> Float[ndarray, "*draws"]:
    a, b = (values - values.mean(axis=-1, keepdims=True) for values in (first, second))
    return np.asarray((a * b).mean(axis=-1) / (a.std(axis=-1) * b.std(axis=-1)))


def _standardised(readings: Readings) -> Float[ndarray, "factors seeds"]:
    values = np.stack([np.asarray(row, dtype=np.float64) for row in readings.values()])
    spread = values.std(axis=1, keepdims=True)
    spread[spread == 0] = np.nan
    return (values - values.mean(axis=1, keepdims=True)) / spread
