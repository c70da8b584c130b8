"""Look into checkpoints, and convert them."""

import json
from pathlib import Path
from typing import Annotated, Literal

import torch
from tyro.conf import DisallowNone, FlagCreatePairsOff, Positional, arg

from sa_helpers import checkpoints

Switch = FlagCreatePairsOff[bool]
ClassIndex = Annotated[
    int | None,
    DisallowNone,
    arg(help="Class of a class-conditional model, from 0.", help_behavior_hint=""),
]
Said = Annotated[str | None, DisallowNone]


def describe(
    source: Positional[Path],
    *,
    json_: Annotated[Switch, arg(name="json")] = False,
    class_index: ClassIndex = None,
) -> None:
    """Tell what a checkpoint holds.

    Any published format is understood. No weights are loaded, and nothing that the file carries is
    ever run. For example:
      sa-helpers describe downloaded.pkl

    Args:
        source: A checkpoint.
        json_: Answer for programs.
    """
    description = checkpoints.describe(source, class_index=class_index)
    print(json.dumps(description.to_dict(), indent=2) if json_ else description)


def convert(
    source: Positional[Path],
    target: Positional[Path],
    *,
    to: Literal["safetensors", "nvidia", "rosinality"] = "safetensors",
    half: Switch = False,
    parent: Annotated[Said, arg(help_behavior_hint="")] = None,
    kimg: Annotated[float | None, DisallowNone, arg(help_behavior_hint="")] = None,
    class_index: ClassIndex = None,
) -> None:
    """Write a checkpoint in another format.

    Nothing that the file carries is ever run. For example:
      sa-helpers convert downloaded.pkl mine/dog --parent human --kimg 24

    Args:
        source: A checkpoint of any published format.
        target: What to write; for safetensors without ending.
        to: Format.
        half: In float16, half the size.
        parent: Name of the model that this one was fine-tuned from.
        kimg: How long it was fine-tuned, if known.
    """
    written = checkpoints.convert(
        source,
        target,
        layout=to,
        dtype=torch.float16 if half else torch.float32,
        parent=parent,
        kimg=kimg,
        class_index=class_index,
    )
    print(f"wrote {written}")
