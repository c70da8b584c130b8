"""`python -m sa_helpers.inversion`: train an encoder and measure it, or search many latents."""

import argparse
import dataclasses
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sa_helpers import checkpoints, clay, runtime
from sa_helpers.command_line import (
    add_num_threads,
    add_settings,
    positive_int,
    refuse,
    settings_from,
    use_num_threads,
)
from sa_helpers.inversion import searching
from sa_helpers.inversion.adapted_encoder import ENCODERS, encoders
from sa_helpers.inversion.encoder_training import (
    EncoderSettings,
    reconstruction_errors,
    train_encoder,
)
from sa_helpers.inversion.latent_encoder import LatentEncoder
from sa_helpers.latents import SPACES

HELD_OUT_SEED = 2_000_000
_DESCRIPTION = r"""
Train an encoder for a model, one network with a head for each latent space; or invert held-out
images by search and keep their latents. Examples:

  python -m sa_helpers.inversion encoder runs/dog-encoder.safetensors runs/dog/model dog
  python -m sa_helpers.inversion encoder encoders/toon.safetensors toon toon \
    --origin encoders/human.safetensors --rank 8
  python -m sa_helpers.inversion search runs/dog-latents.npz runs/dog/model dog --space z
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 refused with a message)."""
    options = build_parser().parse_args(arguments)
    command = shlex.join(arguments if arguments is not None else sys.argv[1:])
    use_num_threads(options)
    try:
        if options.task == "search":
            path = searching.run(options)
        else:
            path = _train(options, command=f"python -m sa_helpers.inversion {command}")
    except (ValueError, OSError) as error:
        return refuse(error)
    print(f"stored: {path}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser: a task, where and what; for encoders one option a field of `EncoderSettings`."""
    parser = argparse.ArgumentParser(
        prog="python -m sa_helpers.inversion",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(dest="task", required=True)
    searching.add_arguments(tasks.add_parser("search", help="invert held-out images"))
    _add_encoder_arguments(tasks.add_parser("encoder", help="train an encoder"))
    return parser


def _add_encoder_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="file to write, ending in .safetensors")
    parser.add_argument("model", type=Path, help="checkpoint of the generator")
    parser.add_argument("domain", help="clay domain to train on, the generator's own")
    parser.add_argument("spaces", nargs="*", help=f"default: {' '.join(SPACES)}")
    parser.add_argument("--origin", type=Path, help="encoder of an aligned model to start from")
    add_num_threads(parser)
    parser.add_argument(
        "--num-held-out", type=positive_int, default=200, help="default %(default)s"
    )
    add_settings(parser, EncoderSettings)


def _train(options: argparse.Namespace, *, command: str) -> Path:
    settings = settings_from(options, EncoderSettings)
    clay.factor_specs(options.domain)  # Whatever can be refused is, before anything is rendered.
    unknown = [space for space in options.spaces if space not in SPACES]
    if unknown:
        raise ValueError(f"The spaces {unknown} are unknown; expected some of {list(SPACES)}.")
    origin = _origin(options, rank=settings.rank)
    loaded = checkpoints.load_model(options.model, parts=())
    generator = loaded.generator.requires_grad_(False)
    seeds = range(settings.first_seed, settings.first_seed + settings.num_images)
    print(f"rendering {len(seeds)} images of {options.domain}", flush=True)
    size = generator.config.img_resolution
    rendered = _render(options, seeds, size)
    started = time.monotonic()
    encoder = train_encoder(
        generator,
        rendered,
        settings,
        spaces=tuple(options.spaces) or tuple(SPACES),
        origin=origin,
        report=lambda line: print(line, flush=True),
    )
    name = options.model.parent.name if options.model.stem == "model" else options.model.stem
    record: dict[str, Any] = {
        **runtime.provenance(command),
        "model": name,
        "model_sha256": loaded.sha256,
        "domain": options.domain,
        "settings": dataclasses.asdict(settings),
        "train_sec": round(time.monotonic() - started, 1),
        "num_held_out": options.num_held_out,
    }
    held_out = range(HELD_OUT_SEED, HELD_OUT_SEED + options.num_held_out)
    images = _render(options, held_out, size)
    errors = reconstruction_errors(encoder, generator, images, network=settings.network)
    record["held_out"] = {
        space: {name: round(value, 4) for name, value in row.items()}
        for space, row in errors.items()
    }
    for space, row in record["held_out"].items():
        print(space, row)
    origin_name = options.origin.stem if settings.rank else None
    return encoders(origin=origin_name).save(options.path, encoder, record=record)


def _origin(options: argparse.Namespace, *, rank: int) -> LatentEncoder | None:
    """The encoder to start from; of a change it has to be another one, in the same folder."""
    path, origin = options.path.resolve(), options.origin and options.origin.resolve()
    if rank and origin is None:
        raise ValueError("A change of low rank needs an encoder to start from: name it, --origin.")
    if rank and (origin.parent != path.parent or origin == path):
        raise ValueError(f"A change of {origin.name} has to be another file beside it, not {path}.")
    return ENCODERS.load(origin)[0] if origin else None


def _render(options: argparse.Namespace, seeds: Sequence[int], size: int) -> np.ndarray:
    threads = options.num_threads
    return clay.render(options.domain, seeds, img_resolution=size, num_threads=threads).images


if __name__ == "__main__":
    sys.exit(main())
