"""Make models of a family again, from their recipes: `python -m sa_helpers.finetuning.rebuild`."""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from sa_helpers import checkpoints
from sa_helpers.command_line import add_num_threads
from sa_helpers.finetuning.command_line import main as train
from sa_helpers.finetuning.quality import measure_quality
from sa_helpers.finetuning.recipes import Recipe, in_order, read_recipes

MODELS = Path(__file__).parent.parent / "models"
_DESCRIPTION = """
Train models of a family as their recipes say, each after the one it starts from. A run that was
interrupted continues from its last state, and a finished one is not run again, so the same command
leads to the end however often it is stopped.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, else that of the run that failed)."""
    options = _build_parser().parse_args(arguments)
    family = MODELS / options.family
    try:
        recipes = read_recipes(family / "recipes.toml")
        chosen = in_order(recipes, options.names or list(recipes))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _announce(chosen, family)
    for recipe in chosen:
        print(f"== {recipe.name}", flush=True)
        threads = ["--num-threads", str(options.num_threads)] if options.num_threads else []
        status = train([*recipe.arguments(options.runs), *threads])
        if status:
            return status
        run, target = options.runs / recipe.name, family / recipe.name
        if options.ship and recipe.is_shipped and not _is_shipped(run, target):
            shipped = ship(
                run,
                target,
                is_origin=recipe.name in {r.origin for r in recipes.values()},
                num_quality_images=options.num_quality_images,
            )
            print(f"shipped: {shipped}", flush=True)
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sa_helpers.finetuning.rebuild", description=_DESCRIPTION
    )
    parser.add_argument("names", nargs="*", help="models (default: all of the family)")
    parser.add_argument("--family", default="clay", help="default %(default)s")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder of the runs (default %(default)s)"
    )
    add_num_threads(parser)
    parser.add_argument(
        "--ship", action="store_true", help="put finished models into the family's folder"
    )
    parser.add_argument(
        "--num-quality-images",
        type=int,
        default=2000,
        help="images of each kind that a shipped model is judged by (default %(default)s)",
    )
    return parser


def _announce(recipes: Sequence[Recipe], family: Path) -> None:
    """Say what is about to be made and, where records know it, how long that took before."""
    hours = dict(_training_hours(family))
    known = [name for recipe in recipes if (name := recipe.name) in hours]
    print("models:", " ".join(recipe.name for recipe in recipes))
    if known:
        total = sum(hours[name] for name in known)
        print(f"last time {', '.join(known)} took {total:.1f} hours of training", flush=True)


def _training_hours(family: Path) -> Iterator[tuple[str, float]]:
    """Names and hours of the shipped models and of the runs that they grew from."""
    for path in family.glob("*.safetensors"):
        record = checkpoints.read_record(path)
        yield path.stem, record["train_sec"] / 3600
        origin = record.get("parent")
        while origin:
            if origin.get("train_sec") is not None:
                yield origin["name"], origin["train_sec"] / 3600
            origin = origin.get("parent")


def _is_shipped(run: Path, target: Path) -> bool:
    """Whether the family holds the model of a run already, judged."""
    if not target.with_suffix(".safetensors").exists():
        return False
    shipped, made = (checkpoints.read_record(path) for path in (target, run / "model"))
    return shipped.pop("quality", None) is not None and shipped == made


def ship(run: Path, target: Path, *, is_origin: bool, num_quality_images: int) -> Path:
    """Put a finished run into a family: model, record and snapshots.

    The record gains the `quality` of the model, as `measure_quality` returns it.

    Args:
        run: Folder of the run.
        target: Path of the shipped model, without ending.
        is_origin: Whether other models start from this one: then the weights are those of the run,
            to the bit and with the discriminator. Else they are the generator's alone, in bfloat16,
            in which training computes and which compresses better: a third of the size.
        num_quality_images: See `measure_quality`.

    Returns:
        The path of the shipped weights.

    Raises:
        CheckpointError: The run has no intact model.
    """
    model = checkpoints.load(run / "model")
    record, data = dict(model.record), model.record["data"]
    if data["kind"] == "clay":
        record["quality"] = measure_quality(
            model.generator,
            domain=data["domain"],
            first_seed=data["first_seed"],
            num_images=num_quality_images,
        )
    dtype = torch.float16 if is_origin else torch.bfloat16
    discriminator = model.discriminator if is_origin else None
    snapshots = target.parent / "snapshots" / target.name
    shutil.rmtree(snapshots, ignore_errors=True)
    for path in sorted(run.glob("snapshots/*.safetensors")):
        snapshot = checkpoints.load(path)
        checkpoints.save_model(
            snapshots / path.stem, snapshot.generator, record=snapshot.record, dtype=dtype
        )
    # The model comes last: where it lies, all of it is shipped.
    return checkpoints.save_model(
        target, model.generator, discriminator, record=record, dtype=dtype
    )


if __name__ == "__main__":
    sys.exit(main())
