"""Options that several verbs have."""

from pathlib import Path
from typing import Annotated

import torch
from tyro.conf import DisallowNone, Positional, arg
from tyro.constructors import PrimitiveConstructorSpec


def _count(words: list[str]) -> int:
    value = int(words[0])
    if value < 1:
        raise ValueError(f"{value} is below 1")
    return value


_COUNT: PrimitiveConstructorSpec[int] = PrimitiveConstructorSpec(
    nargs=1,
    metavar="COUNT",
    instance_from_str=_count,
    is_instance=lambda value: value is None or isinstance(value, int),
    str_from_instance=lambda value: [str(value)],
)
Count = Annotated[int, _COUNT]
"""A whole number from 1 on."""


def _file(*endings: str) -> PrimitiveConstructorSpec[Path]:
    """A path that is written to, whose ending is checked before anything is computed."""

    def checked(words: list[str]) -> Path:
        path = Path(words[0])
        if path.suffix not in endings:
            raise ValueError(f"{path} has to end in {' or '.join(endings)}")
        return path

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="FILE",
        instance_from_str=checked,
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda value: [str(value)],
    )


PictureFile = Annotated[Path, _file(".png", ".jpg")]
VideoFile = Annotated[Path, _file(".mp4")]
LatentsFile = Annotated[Path, _file(".npz")]
NumThreads = Annotated[
    int | None, _COUNT, arg(help="CPU threads.", help_behavior_hint="(default: all)")
]
Model = Annotated[
    Positional[str], arg(help="A shipped model such as human, the folder of a run, or a file.")
]
Models = Annotated[
    Positional[tuple[str, ...]],
    arg(metavar="MODEL [MODEL ...]", help="Shipped models such as human, run folders, or files."),
]
Device = Annotated[
    str | None,
    DisallowNone,
    arg(help="cpu, cuda or mps.", help_behavior_hint="(default: the best there is)"),
]


def use_num_threads(num_threads: int | None) -> None:
    """Let torch compute with so many threads; None leaves it all."""
    if num_threads is not None:
        torch.set_num_threads(num_threads)
