"""Records of models: what a family relies on in them is checked when it is opened."""

import math
import re
from collections.abc import Mapping
from typing import Any

from sa_helpers.runtime import shown

_MERE_NAME = re.compile(r"\w[\w .,+-]*")
_MAX_NAME_BYTES = 200  # leaves room for endings; most file systems take 255
_MAX_GENERATIONS = 100


def is_mere_name(value: object) -> bool:
    """Whether this is the name of a file or a model, not a path or something else."""
    return (
        isinstance(value, str)
        and _MERE_NAME.fullmatch(value) is not None
        and len(value.encode()) <= _MAX_NAME_BYTES
    )


def is_amount(value: object) -> bool:
    """Whether this is a finite number, 0 or more."""
    return type(value) in (int, float) and 0 <= value < math.inf  # type: ignore[operator]


def checked_record(record: object, *, place: str) -> dict[str, Any]:
    """Check the entries of a record that a family reads; others may be anything.

    Args:
        record: How a model came about, as a file says it.
        place: Where it stands, for the message.

    Raises:
        ValueError: An entry is of a wrong type or out of its range; the message names it.
    """
    problem = _problem(record)
    if problem is not None or not isinstance(record, dict):
        raise ValueError(
            f"The record in {place} is not as expected: {problem}. Save the model again with "
            "save_model, or take it out of the folder."
        )
    return dict(record)


def _problem(record: object) -> str | None:
    if not isinstance(record, Mapping):
        return f"it is no table but {shown(record, max_length=60)}"
    data = record.get("data")
    if data is not None and not isinstance(data, Mapping):
        return f'"data" is {shown(data, max_length=60)}'
    if data and data.get("kind") == "clay" and not is_mere_name(data.get("domain")):
        return f'"domain" is {shown(data.get("domain"), max_length=60)}'
    snapshots = record.get("snapshots")
    if snapshots is not None and not is_mere_name(snapshots):
        return f'"snapshots" is {shown(snapshots, max_length=60)}; expected the name of a folder'
    return _problem_of_descent(record)


def _problem_of_descent(record: Mapping[str, Any]) -> str | None:
    run: Any = record
    for _ in range(_MAX_GENERATIONS):
        for key in ("kimg", "train_sec"):
            if run.get(key) is not None and not is_amount(run[key]):
                return f'"{key}" is {shown(run[key], max_length=60)}; expected a number from 0 on'
        run = run.get("parent")
        if run is None:
            return None
        if not isinstance(run, Mapping) or not isinstance(run.get("name"), str):
            return f'"parent" is {shown(run, max_length=60)}; expected a table with a "name"'
    return f"it has more than {_MAX_GENERATIONS} ancestors"
