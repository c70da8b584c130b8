"""Command line of the trainer: `python -m sa_helpers.finetuning --help`."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sa_helpers import checkpoints, images, runtime
from sa_helpers.command_line import (
    add_num_threads,
    add_settings,
    positive_int,
    refuse,
    settings_from,
    use_num_threads,
)
from sa_helpers.datasets import TrainingImages, clay_images, folder_images
from sa_helpers.finetuning.initial_networks import CLAY_CHANNELS, new_networks
from sa_helpers.finetuning.resizing import grow, shrink, widen
from sa_helpers.finetuning.run import Run
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.finetuning.trainer import Trainer
from sa_helpers.networks import Discriminator, Generator

_DESCRIPTION = """
Train a StyleGAN2, or fine-tune a child from a parent. The run lives in a folder; the same command
again continues it where it stopped. Examples:

  # a parent from scratch at 64 px, then grown to 128 px
  python -m sa_helpers.finetuning runs/human64 --data clay:human --img-resolution 64 --total-kimg 100
  python -m sa_helpers.finetuning runs/human --data clay:human --grow-from runs/human64/model --total-kimg 100

  # a child from it, and one from your own folder of images
  python -m sa_helpers.finetuning runs/dog --data clay:dog --parent runs/human/model --total-kimg 32
  python -m sa_helpers.finetuning runs/mine --data path/to/images --parent runs/human/model --total-kimg 10 --ada-target 0.6
"""  # noqa: E501


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 refused with a message)."""
    options = build_parser().parse_args(arguments)
    try:
        _run(options, command=shlex.join(arguments if arguments is not None else sys.argv[1:]))
    except (ValueError, OSError, FloatingPointError) as error:
        return refuse(error)
    except KeyboardInterrupt:
        is_kept = (options.folder / "state.pt").is_file()
        what = "continues from the last state" if is_kept else "starts anew: no state was saved yet"
        print(f"interrupted; the same command {what}", file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser: where and what, then one option a field of `TrainingSettings`."""
    parser = argparse.ArgumentParser(
        prog="python -m sa_helpers.finetuning",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="folder of the run")
    parser.add_argument("--data", required=True, help="clay:DOMAIN, or a folder of images")
    parser.add_argument(
        "--num-images", type=int, default=16000, help="clay images to render (default %(default)s)"
    )
    parser.add_argument(
        "--first-seed", type=int, default=0, help="seed of the first clay image (default 0)"
    )
    parser.add_argument(
        "--max-image-mpx",
        type=positive_int,
        default=images.MAX_PIXELS // 10**6,
        help="megapixels of the largest image of the folder that is read (default %(default)s)",
    )
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--parent", type=Path, help="model to fine-tune")
    start.add_argument("--grow-from", type=Path, help="model of half the resolution to grow")
    start.add_argument("--shrink-from", type=Path, help="model of twice the resolution to cut")
    parser.add_argument(
        "--img-resolution", type=int, help="pixels; from scratch only (default 128)"
    )
    parser.add_argument(
        "--channels",
        type=_width,
        nargs="*",
        default=[],
        metavar="PX:MAPS",
        help="feature maps of a resolution, such as 128:32; those of a given model can only grow",
    )
    parser.add_argument("--device", help="cpu, cuda or mps (default: the best there is)")
    add_num_threads(parser)
    parser.add_argument(
        "--num-evaluation-images",
        type=positive_int,
        default=1000,
        help="images in each distance (default %(default)s)",
    )
    settings = parser.add_argument_group("settings", "see sa_helpers.finetuning.TrainingSettings")
    add_settings(settings, TrainingSettings)
    return parser


def _width(text: str) -> tuple[int, int]:
    """Read a resolution and its number of feature maps, as the `type` of an option."""
    resolution, _, maps = text.partition(":")
    return positive_int(resolution), positive_int(maps)


def _run(options: argparse.Namespace, *, command: str) -> None:
    settings = settings_from(options, TrainingSettings)
    use_num_threads(options)
    device = runtime.named_device(options.device) if options.device else runtime.default_device()
    generator, discriminator, parent = _initial_networks(options, seed=settings.seed)
    data = _training_images(options, img_resolution=generator.config.img_resolution)
    print(f"images: {data.summary}", flush=True)
    trainer = Trainer(
        generator=generator,
        discriminator=discriminator,
        data=data,
        settings=settings,
        device=device,
        dtype=runtime.compute_dtype(device),
    )
    run = Run(
        trainer,
        options.folder,
        provenance={
            "parent": parent,
            **runtime.provenance(f"python -m sa_helpers.finetuning {command}"),
        },
        num_evaluation_images=options.num_evaluation_images,
        report=lambda line: print(line, flush=True),
    )
    print(f"finished: {run.train()}")


def _initial_networks(
    options: argparse.Namespace, *, seed: int
) -> tuple[Generator, Discriminator, dict[str, Any] | None]:
    """Networks to start from, and what the record says of their origin."""
    origin: Path | None = options.parent or options.grow_from or options.shrink_from
    channels = dict(options.channels)
    if origin is None:
        generator, discriminator = new_networks(
            img_resolution=options.img_resolution or 128,
            seed=seed,
            channels={**CLAY_CHANNELS, **channels},
        )
        return generator, discriminator, None
    if options.img_resolution is not None:
        raise ValueError(
            f"--img-resolution {options.img_resolution} goes with training from scratch only; "
            "leave it out, the parent decides."
        )
    loaded = checkpoints.load_model(origin)
    if loaded.discriminator is None:
        raise ValueError(
            f"{origin} holds no discriminator, which training needs; choose a model that has one."
        )
    parent = {
        "name": origin.parent.name if origin.stem == "model" else origin.stem,
        "sha256": loaded.sha256,
        "is_grown": options.grow_from is not None,
        "is_shrunk": options.shrink_from is not None,
        "kimg": loaded.record.get("kimg"),
        "train_sec": loaded.record.get("train_sec"),
        "parent": loaded.record.get("parent"),
    }
    networks = (loaded.generator, loaded.discriminator)
    if options.grow_from is not None:
        networks = grow(*networks, seed=seed)
    elif options.shrink_from is not None:
        networks = shrink(*networks, seed=seed)
    if channels:
        networks = widen(*networks, channels=channels, seed=seed)
    return *networks, parent


def _training_images(options: argparse.Namespace, *, img_resolution: int) -> TrainingImages:
    kind, _, domain = options.data.partition(":")
    if kind == "clay" and domain:
        return clay_images(
            domain,
            num_images=options.num_images,
            img_resolution=img_resolution,
            first_seed=options.first_seed,
        )
    return folder_images(
        Path(options.data),
        img_resolution=img_resolution,
        max_pixels=options.max_image_mpx * 10**6,
    )
