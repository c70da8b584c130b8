"""Look into checkpoints, and convert them."""

import json
from pathlib import Path
from typing import Annotated, Literal

import torch
from tyro.conf import DisallowNone, FlagCreatePairsOff, Positional, arg

from sa_helpers import checkpoints
from sa_helpers.checkpoints.exporting import why_unfit
from sa_helpers.commands.options import Model

Switch = FlagCreatePairsOff[bool]
ClassIndex = Annotated[
    int | None,
    DisallowNone,
    arg(help="Class of a class-conditional model, from 0.", help_behavior_hint=""),
]
Said = Annotated[str | None, DisallowNone]


def describe(
    source: Model,
    *,
    json_: Annotated[Switch, arg(name="json")] = False,
    class_index: ClassIndex = None,
) -> None:
    """Tell what a checkpoint holds.

    Any published format is understood. No weights are loaded, and nothing that the file carries is
    ever run. For example:
      sa-helpers describe downloaded.pkl

    Args:
        json_: Answer for programs.
    """
    description = checkpoints.describe(source, class_index=class_index)
    print(json.dumps(description.to_dict(), indent=2) if json_ else description)


def convert(
    source: Model,
    target: Positional[Path],
    *,
    to: Literal["safetensors", "nvidia", "rosinality"] = "safetensors",
    half: Switch = False,
    no_discriminator: Switch = False,
    parent: Annotated[Said, arg(help_behavior_hint="")] = None,
    kimg: Annotated[float | None, DisallowNone, arg(help_behavior_hint="")] = None,
    class_index: ClassIndex = None,
) -> None:
    """Write a checkpoint in another format.

    Nothing that the file carries is ever run, and no bit is lost unless asked for. Models of ours
    need no conversion: a run's folder opens as it is. For example:
      sa-helpers convert downloaded.pkl mine/dog --parent human --kimg 24
      sa-helpers convert runs/faces faces.pt --to nvidia

    Args:
        target: What to write; for safetensors without ending.
        to: Format.
        half: In float16 at any rate; else only where that keeps every bit.
        no_discriminator: Leave it out, half of the weights, which only training needs.
        parent: Name of the model that this one was fine-tuned from.
        kimg: How long it was fine-tuned, if known.
    """
    written = checkpoints.convert(
        source,
        target,
        layout=to,
        dtype=torch.float16 if half else None,
        has_discriminator=not no_discriminator,
        parent=parent,
        kimg=kimg,
        class_index=class_index,
    )
    description = checkpoints.describe(written)
    parts = ["generator", *(p for p in ("discriminator", "encoder") if getattr(description, p))]
    dtype = description.settings.get("stored_dtype", "float32")
    print(
        f"wrote {written}: {description.num_bytes / 1e6:.1f} MB, {' and '.join(parts)} in {dtype}"
    )
    unfit = why_unfit(description.generator, layout=to) if to != "safetensors" else None
    if unfit is not None:
        print(f"note: {unfit} Only code that is told the feature maps one by one takes this file.")
