"""Recipes: from which model, on which data and with which settings each model of a family is made.

A file of recipes holds one table a model, and one of defaults. Its keys are `data` and
`num_evaluation_images`, and the fields of `Start`, `ImageChoice` and `TrainingSettings`; `parent`,
`grow_from` and `shrink_from` name another recipe, not a file. `is_shipped` marks what belongs to
the family and is not only on the way to a model that does.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa_helpers.finetuning import ImageChoice, Start, Training, TrainingSettings
from sa_helpers.runtime import read_toml, shown

FOLDER = Path(__file__).parent
RECIPES = FOLDER / "recipes.toml"
"""Of the models that ship."""
_DEFAULTS = "defaults"
_NAME = re.compile(r"\w[\w.-]{0,99}")
_ORIGINS = ("parent", "grow_from", "shrink_from")


@dataclass(frozen=True)
class Recipe:
    """How one model is made.

    Attributes:
        name: Of the model, and of its folder below the runs.
        training: What is done, but for the model that it starts from.
        origin: Name of the recipe that the model starts from; None means random weights.
        origin_key: Field of `Start` for the origin: "parent", "grow_from" or "shrink_from".
        is_shipped: Whether the model belongs to the family, not only on the way to one that does.
    """

    name: str
    training: Training
    origin: str | None
    origin_key: str | None
    is_shipped: bool

    def training_in(self, runs: Path) -> Training:
        """What is done, from the model that it starts from, which was made below `runs`."""
        if self.origin is None or self.origin_key is None:
            return self.training
        model: dict[str, Any] = {self.origin_key: runs / self.origin / "model"}
        start = dataclasses.replace(self.training.start, **model)
        return dataclasses.replace(self.training, start=start)


def read_recipes(path: Path) -> dict[str, Recipe]:
    """Read recipes, by name, in the order of the file.

    Raises:
        ValueError: No such file, no valid TOML, an unknown key, a value that cannot be, or an
            origin that has no recipe.
    """
    try:
        tables = read_toml(path)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{shown(path)} cannot be read as recipes ({shown(error)}); expected a TOML file with "
            "one table a model."
        ) from error
    wrong = [name for name, table in tables.items() if not _is_recipe(name, table)]
    if wrong:
        raise ValueError(
            f"{shown(path)} has recipes that are no tables, or have wrong names or origins: "
            f"{shown(str(wrong))}. Expected [<name>], with at most one of {_ORIGINS}, a name."
        )
    defaults = tables.pop(_DEFAULTS, {})
    recipes = {}
    for name, table in tables.items():
        try:
            recipes[name] = _recipe(name, {**defaults, **table})
        except (ValueError, TypeError) as error:
            raise ValueError(f"The recipe of {name} in {path} is wrong: {error}") from error
    for recipe in recipes.values():
        if recipe.origin is not None and recipe.origin not in recipes:
            raise ValueError(
                f"{recipe.name} in {path} starts from {recipe.origin}, which has no recipe; "
                f"expected one of {list(recipes)}."
            )
    return recipes


def _is_recipe(name: str, table: object) -> bool:
    if not isinstance(table, dict) or not _NAME.fullmatch(name):
        return False
    origins = [table[key] for key in _ORIGINS if key in table]
    return len(origins) <= 1 and all(isinstance(origin, str) for origin in origins)


def _recipe(name: str, table: dict[str, Any]) -> Recipe:
    values = dict(table)
    is_shipped = values.pop("is_shipped", False) is True
    key = next((key for key in _ORIGINS if key in values), None)
    origin = values.pop(key) if key else None
    training = Training(
        start=_taken(Start, values),
        images=_taken(ImageChoice, values),
        settings=_taken(TrainingSettings, values),
        **{k: values.pop(k) for k in ("data", "num_evaluation_images") if k in values},
    )
    if values:
        raise ValueError(f"{shown(sorted(values))} are no keys of a recipe.")
    return Recipe(name, training, origin, key, is_shipped)


def _taken(kind: type[Any], values: dict[str, Any]) -> Any:
    """Build a dataclass from the values of its fields, which are taken out of the table."""
    kinds = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind) if field.name in values]
    return kind(**{name: _typed(values.pop(name), kinds[name], name) for name in names})


def _typed(value: Any, kind: Any, name: str) -> Any:
    """A value of TOML as a field wants it: whole numbers are floats too, and lists tuples."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(value, list):
        return tuple(_typed(item, inner[0], name) for item in value)
    if origin is Mapping and isinstance(value, dict):
        return {int(key): _typed(item, inner[1], name) for key, item in value.items()}
    if origin is types.UnionType:
        kind = inner[0]
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(kind, type) or type(value) is not kind:
        raise ValueError(f"{name} is {shown(repr(value))}, which is no {kind}.")
    return value


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
