"""Self-checks of the exercises: each says what is wrong with an answer, or nothing.

A check is a public function of this package, named as its exercise's label. Its first arguments are
what the exercise asks for; those after the star are what the chapter has already made. Tolerances
are wide enough for other processors and seeds, and narrow enough that a wrong model, unit or
direction is seen.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from . import functions_of_parts, training, transfer, uses_of_alignment
from .answers import Wrong, is_open


def _checks() -> dict[str, Callable[..., None]]:
    modules = (transfer, functions_of_parts, uses_of_alignment, training)
    return {
        f"exercise-{name.replace('_', '-')}": function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


CHECKS = _checks()
"""Label of an exercise to its check."""


def asked_of(label: str) -> list[str]:
    """Names of the variables that an exercise asks for."""
    return _names(label, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def given_to(label: str) -> list[str]:
    """Names of the variables that the chapter has made and the check reads."""
    return _names(label, inspect.Parameter.KEYWORD_ONLY)


def _names(label: str, kind: Any) -> list[str]:
    parameters = inspect.signature(CHECKS[label]).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is kind]


def check(label: str, variables: Mapping[str, Any]) -> None:
    """Print that an answer is right, or say what is wrong with it.

    Args:
        label: Of the exercise.
        variables: Those of the notebook: `globals()`.

    Raises:
        Wrong: The answer is missing or wrong, or cells of the chapter have not been run.
    """
    absent = [name for name in given_to(label) if name not in variables]
    if absent:
        raise Wrong(f"run the chapter's cells first: {', '.join(absent)} is not there")
    open_names = [name for name in asked_of(label) if is_open(variables.get(name, ...))]
    if open_names:
        raise Wrong(f"still to be set: {', '.join(open_names)}")
    CHECKS[label](**{name: variables[name] for name in asked_of(label) + given_to(label)})
    print("Right.")
