"""Recipes: from which model, on which data and with which settings each model of a family is made.

A family's `recipes.toml` holds one table a model. Its keys are the options of the trainer's command
line, except `is_shipped`; `parent`, `grow_from` and `shrink_from` name another recipe, not a file.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa_helpers.finetuning.command_line import build_parser
from sa_helpers.runtime import read_toml, shown

_DEFAULTS = "defaults"
_NAME = re.compile(r"\w[\w.-]{0,99}")
_ORIGINS = ("parent", "grow_from", "shrink_from")


@dataclass(frozen=True)
class Recipe:
    """How one model is made.

    Attributes:
        name: Of the model, and of its folder below the runs.
        options: Of the trainer's command line, without those that name the origin.
        origin: Name of the recipe that the model starts from; None means random weights.
        origin_key: Option that names the origin: "parent", "grow_from" or "shrink_from".
        is_shipped: Whether the model belongs to the family, not only on the way to one that does.
    """

    name: str
    options: Mapping[str, Any]
    origin: str | None
    origin_key: str | None
    is_shipped: bool

    def arguments(self, runs: Path) -> list[str]:
        """Arguments of `python -m sa_helpers.finetuning` that make the model below `runs`."""
        arguments = [str(runs / self.name)]
        if self.origin is not None and self.origin_key is not None:
            arguments += _argument(self.origin_key, runs / self.origin / "model")
        for name, value in self.options.items():
            arguments += _argument(name, value)
        return arguments


def _argument(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    values = value if isinstance(value, list) else [value]
    return [f"--{flag}", *(str(v) for v in values)]


def read_recipes(path: Path) -> dict[str, Recipe]:
    """Read a family's recipes, by name, in the order of the file.

    Raises:
        ValueError: No such file, no valid TOML, an unknown option, or an origin that has no recipe.
    """
    try:
        tables = read_toml(path)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{shown(path)} cannot be read as recipes ({shown(error)}); expected a TOML file with "
            "one table a model. Name a family that ships recipes, such as clay."
        ) from error
    wrong = [name for name, table in tables.items() if not _is_recipe(name, table)]
    if wrong:
        raise ValueError(
            f"{shown(path)} has recipes that are no tables, or have wrong names or origins: "
            f"{shown(str(wrong))}. Expected [<name>], with at most one of {_ORIGINS}, a name."
        )
    defaults = tables.pop(_DEFAULTS, {})
    recipes = {name: _recipe(name, {**defaults, **table}) for name, table in tables.items()}
    for recipe in recipes.values():
        _check(recipe, recipes, path)
    return recipes


def _is_recipe(name: str, table: object) -> bool:
    if not isinstance(table, dict) or not _NAME.fullmatch(name):
        return False
    origins = [table[key] for key in _ORIGINS if key in table]
    return len(origins) <= 1 and all(isinstance(origin, str) for origin in origins)


def _recipe(name: str, table: dict[str, Any]) -> Recipe:
    key = next((key for key in _ORIGINS if key in table), None)
    origin = table[key] if key else None
    options = {k: v for k, v in table.items() if k not in (*_ORIGINS, "is_shipped")}
    return Recipe(name, options, origin, key, table.get("is_shipped", False) is True)


def _check(recipe: Recipe, recipes: Mapping[str, Recipe], path: Path) -> None:
    known = {action.dest for action in build_parser()._actions}
    unknown = sorted(set(recipe.options) - known)
    if unknown:
        raise ValueError(
            f"The recipe of {recipe.name} in {path} has the unknown options {unknown}; "
            "`python -m sa_helpers.finetuning --help` lists those that there are."
        )
    if recipe.origin is not None and recipe.origin not in recipes:
        raise ValueError(
            f"{recipe.name} in {path} starts from {recipe.origin}, which has no recipe; expected "
            f"one of {list(recipes)}."
        )


def in_order(recipes: Mapping[str, Recipe], names: Iterable[str]) -> list[Recipe]:
    """The recipes of `names` and all that they start from, every origin before its children.

    Raises:
        ValueError: A name without a recipe, or recipes that start from each other.
    """
    ordered: dict[str, Recipe] = {}
    for name in names:
        _append(name, recipes, ordered, descendants=())
    return list(ordered.values())


def _append(
    name: str,
    recipes: Mapping[str, Recipe],
    ordered: dict[str, Recipe],
    *,
    descendants: tuple[str, ...],
) -> None:
    if name not in recipes:
        raise ValueError(f'There is no recipe "{name}"; expected one of {list(recipes)}.')
    if name in descendants:
        raise ValueError(f"The recipes {[*descendants, name]} start from each other in a circle.")
    origin = recipes[name].origin
    if origin is not None:
        _append(origin, recipes, ordered, descendants=(*descendants, name))
    ordered.setdefault(name, recipes[name])
