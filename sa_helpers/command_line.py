"""What the command lines of trainings share: one option a setting, and the number of threads."""

import argparse
import dataclasses
import sys
import types
import typing
from typing import Any, TypeVar

import torch

from sa_helpers.runtime import shown

Settings = TypeVar("Settings")
_MAX_ERROR = 2000  # letters


def add_settings(parser: argparse._ActionsContainer, kind: type) -> None:
    """Add one option for each field of a dataclass of settings, with the field's default.

    Switches have a positive and a negative form, tuples take any number of values, and numbers
    that may be None take `none`. Fields without a default are required.

    Args:
        parser: Or a group of one.
        kind: The dataclass.
    """
    kinds = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        _add_setting(parser, field, kinds[field.name])


def settings_from(options: argparse.Namespace, kind: type[Settings]) -> Settings:
    """Build the settings from the options that `add_settings` added.

    Raises:
        ValueError: The settings refuse a value.
    """
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})


def refuse(error: BaseException) -> int:
    """Print an error, without what a terminal would obey, and return the exit status 1.

    What is printed may contain names and text from files that somebody else made.
    """
    print(
        "error: " + shown(str(error) or type(error).__name__, max_length=_MAX_ERROR),
        file=sys.stderr,
    )
    return 1


def positive_int(text: str) -> int:
    """Read a whole number from 1 on, as the `type` of an option."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is below 1")
    return value


def add_num_threads(parser: argparse.ArgumentParser) -> None:
    """Add the option that `use_num_threads` reads."""
    parser.add_argument("--num-threads", type=positive_int, help="CPU threads (default: all)")


def use_num_threads(options: argparse.Namespace) -> None:
    """Let torch compute with so many threads as the options say, if they do."""
    if options.num_threads:
        torch.set_num_threads(options.num_threads)


def _add_setting(
    parser: argparse._ActionsContainer, field: dataclasses.Field[Any], kind: Any
) -> None:
    flag = "--" + field.name.replace("_", "-")
    if field.default is dataclasses.MISSING:
        parser.add_argument(flag, type=kind, required=True)
    elif kind is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default)
    elif typing.get_origin(kind) is tuple:
        (item, *_) = typing.get_args(kind)
        parser.add_argument(
            flag, type=item, nargs="*", default=field.default, metavar=item.__name__
        )
    elif isinstance(kind, types.UnionType):
        parser.add_argument(flag, type=_number_or_none, default=field.default, metavar="X|none")
    else:
        parser.add_argument(flag, type=kind, default=field.default, help="default %(default)s")


def _number_or_none(text: str) -> float | None:
    return None if text.lower() == "none" else float(text)
