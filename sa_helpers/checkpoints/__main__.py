"""Command line: `python -m sa_helpers.checkpoints describe|convert`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.exporting import LAYOUTS, convert
from sa_helpers.checkpoints.loading import describe


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sa_helpers.checkpoints",
        description="Look into StyleGAN2 checkpoints of any published format, and convert them. "
        "Nothing that a file carries is ever run.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    what = commands.add_parser("describe", help="tell what a file holds, without loading weights")
    what.add_argument("source", type=Path, help="a checkpoint")
    what.add_argument("--json", action="store_true", help="for programs")
    how = commands.add_parser("convert", help="write a checkpoint in another format")
    how.add_argument("source", type=Path, help="a checkpoint")
    how.add_argument("target", type=Path, help="what to write; for safetensors without ending")
    how.add_argument("--to", choices=LAYOUTS, default="safetensors", help="default: %(default)s")
    how.add_argument("--half", action="store_true", help="float16, half the size")
    how.add_argument("--parent", help="name of the model that this one was fine-tuned from")
    how.add_argument("--kimg", type=float, help="how long it was fine-tuned, if known")
    for command in (what, how):
        command.add_argument(
            "--class-index",
            type=int,
            metavar="INDEX",
            help="class of a class-conditional model, from 0",
        )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the result is the exit status."""
    options = parse_arguments(arguments)
    try:
        if options.command == "describe":
            description = describe(options.source, class_index=options.class_index)
            text = json.dumps(description.to_dict(), indent=2)
            print(text if options.json else description)
            return 0
        written = convert(
            options.source,
            options.target,
            layout=options.to,
            dtype=torch.float16 if options.half else torch.float32,
            parent=options.parent,
            kimg=options.kimg,
            class_index=options.class_index,
        )
    except (CheckpointError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"wrote {written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
