"""`python -m sa_helpers.translation`: train a translator between two clay domains, and store it."""

import argparse
import dataclasses
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sa_helpers import clay, runtime
from sa_helpers.command_line import (
    add_num_threads,
    add_settings,
    refuse,
    settings_from,
    use_num_threads,
)
from sa_helpers.datasets import clay_images
from sa_helpers.translation.training import CutSettings, train_translator
from sa_helpers.translation.translator import TRANSLATORS

_IMG_RESOLUTION = 128
_DESCRIPTION = """
Train the learned baseline, CUT, between two domains of the clay world. Its state lies beside the
file until the training is done: the same command again goes on from there. Example:

  python -m sa_helpers.translation runs/translators/dog_cat.safetensors dog cat
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 refused with a message)."""
    options = _build_parser().parse_args(arguments)
    command = shlex.join(arguments if arguments is not None else sys.argv[1:])
    use_num_threads(options)
    try:
        path = _train(options, command=f"python -m sa_helpers.translation {command}")
    except (ValueError, OSError) as error:
        return refuse(error)
    except KeyboardInterrupt:
        what = "continues from the last state" if _state_path(options).is_file() else "starts anew"
        print(f"interrupted; the same command {what}", file=sys.stderr)
        return 130
    print(f"stored: {path}")
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sa_helpers.translation",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", type=Path, help="file to write, ending in .safetensors")
    parser.add_argument("source", help="clay domain to translate from")
    parser.add_argument("target", help="clay domain to translate to")
    add_num_threads(parser)
    parser.add_argument(
        "--num-images", type=int, default=8000, help="of each domain (default %(default)s)"
    )
    add_settings(parser, CutSettings)
    return parser


def _train(options: argparse.Namespace, *, command: str) -> Path:
    settings = settings_from(options, CutSettings)
    for name in (options.source, options.target):
        clay.factor_specs(name)  # An unknown domain is refused before the other one is rendered.
    source, target = (
        clay_images(name, num_images=options.num_images, img_resolution=_IMG_RESOLUTION)
        for name in (options.source, options.target)
    )
    state_path = _state_path(options)
    started = time.monotonic()
    translator = train_translator(
        source,
        target,
        settings,
        state_path=state_path,
        report=lambda line: print(line, flush=True),
    )
    record: dict[str, Any] = {
        **runtime.provenance(command),
        "source": source.description,
        "target": target.description,
        "settings": dataclasses.asdict(settings),
        "last_session_sec": round(time.monotonic() - started, 1),
    }
    path = TRANSLATORS.save(options.path, translator, record=record)
    state_path.unlink(missing_ok=True)
    return path


def _state_path(options: argparse.Namespace) -> Path:
    return Path(options.path).with_suffix(".state.pt")


if __name__ == "__main__":
    sys.exit(main())
