"""Factors of variation: what a domain draws, from which distribution, and how it is described."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np

Factors = Mapping[str, Any]


@dataclass(frozen=True)
class Factor:
    """One documented factor of a domain.

    Attributes:
        name: Key in the dictionaries of factors.
        kind: "continuous", "categorical" or "binary".
        unit: Unit of a continuous factor; "" for none.
        values: (lowest, highest) of a continuous factor, or the tuple of categories.
        distribution: The distribution with its parameters, in words.
        draw: Draws a value, given a generator and the factors drawn before it.
        correlates: Names of the factors that its distribution depends on.
        mirrored: What a mirror image does: "same", "negated" (a signed factor).
    """

    name: str
    kind: str
    unit: str
    values: tuple
    distribution: str
    draw: Callable[[np.random.Generator, Factors], Any] = field(repr=False)
    correlates: tuple[str, ...] = ()
    mirrored: str = "same"


def sample(specs: tuple[Factor, ...], *, domain: str, seed: int) -> dict[str, Any]:
    """Draw one sample's factors in the order of `specs`; domains draw independently."""
    random = np.random.Generator(np.random.PCG64([crc32(domain.encode()), seed]))
    factors: dict[str, Any] = {}
    for spec in specs:
        value = spec.draw(random, factors)
        if spec.kind == "continuous":
            value = float(min(max(value, spec.values[0]), spec.values[1]))
        factors[spec.name] = value
    return factors


def normal(random: np.random.Generator, mean: float, std: float) -> float:
    """Draw from a normal distribution; `sample` clips to the factor's range."""
    return mean + std * float(random.standard_normal())


def long_tailed(
    random: np.random.Generator, std: float, wide_std: float, wide_share: float
) -> float:
    """Draw from a mixture of two centred normals: mostly narrow, sometimes wide."""
    chosen = wide_std if float(random.random()) < wide_share else std
    return normal(random, 0.0, chosen)


def uniform(random: np.random.Generator, low: float, high: float) -> float:
    """Draw uniformly from [low, high)."""
    return low + (high - low) * float(random.random())


def happens(random: np.random.Generator, probability: float) -> bool:
    """Draw True with the given probability."""
    return bool(random.random() < probability)


def choose(random: np.random.Generator, weights: Mapping[str, float]) -> str:
    """Draw a name with probability proportional to its weight."""
    position = float(random.random()) * sum(weights.values())
    for name, weight in weights.items():
        position -= weight
        if position < 0.0:
            return name
    return name


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

    def draw(random: np.random.Generator, _: Factors) -> float:
        return long_tailed(random, std, wide_std, share)

    return continuous(name, -limit, limit, words, draw, unit="deg", **more)


def occasional(name: str, probability: float, low: float, *, meaning: str = "") -> Factor:
    """A factor that is mostly 0: else, with the given probability, uniform from `low` to 1."""
    words = f"0 or, with probability {probability:g}, uniform from {low:g} to 1{meaning}"

    def draw(random: np.random.Generator, _: Factors) -> float:
        return uniform(random, low, 1.0) if happens(random, probability) else 0.0

    return continuous(name, 0.0, 1.0, words, draw)


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


def check_factors(specs: tuple[Factor, ...], factors: Factors, *, domain: str) -> None:
    """Raise ValueError unless `factors` names each factor once, with a value in its range."""
    names = [spec.name for spec in specs]
    unknown, missing = set(factors) - set(names), set(names) - set(factors)
    if unknown or missing:
        raise ValueError(
            f"factors of domain {domain!r}: unknown {sorted(unknown)}, missing {sorted(missing)}; "
            f"start from sample_factors({domain!r}, seed) and change values. Known: {names}"
        )
    for spec in specs:
        value = factors[spec.name]
        if spec.kind == "continuous":
            fits = spec.values[0] <= value <= spec.values[1]
        else:
            fits = value in spec.values
        if not fits:
            raise ValueError(
                f"factor {spec.name!r} of domain {domain!r} is {value!r}; expected "
                f"{'a number within' if spec.kind == 'continuous' else 'one of'} {spec.values}"
            )
