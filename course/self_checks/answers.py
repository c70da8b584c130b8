"""What checks need to look at answers of any form."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


class Wrong(AssertionError):
    """An answer that is missing or wrong; a notebook shows the sentence without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"Not yet: {self}"]


def require(is_right: object, message: str) -> None:
    """Refuse an answer with a sentence that says what is wrong."""
    if not is_right:
        raise Wrong(message)


def is_open(value: object) -> bool:
    """Whether an answer still holds the dots of the starter cell."""
    if isinstance(value, Mapping):
        return any(is_open(entry) for entry in value.values())
    return value is ...


def number(value: Any, name: str) -> float:
    """The mean of a number, an array, a tensor or an estimate with an interval."""
    value = getattr(value, "mean", value) if hasattr(value, "num_samples") else value
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"{name} has to be a number, not a {type(value).__name__}") from None
    require(array.size and np.isfinite(array).all(), f"{name} is empty or not finite")
    return float(array.mean())


def numbers(values: Any, name: str, keys: Iterable[Any]) -> dict[Any, float]:
    """The entries of a dictionary as numbers; it needs these keys and may have more."""
    require(isinstance(values, Mapping), f"{name} has to be a dictionary")
    missing = [key for key in keys if key not in values]
    require(not missing, f"{name} has no entry for {', '.join(map(repr, missing))}")
    return {key: number(value, f"{name}[{key!r}]") for key, value in values.items()}


def near(value: Any, expected: float, name: str, *, within: float, hint: str) -> None:
    """Refuse a number that is further from the expected one than `within`."""
    found = number(value, name)
    require(abs(found - expected) <= within, f"{name} is {found:.3g}, which is not it: {hint}")
