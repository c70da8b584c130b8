"""Make models of the family again, from their recipes, and put them where they ship."""

import glob
import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tyro.conf import FlagCreatePairsOff

from sa_helpers import checkpoints
from sa_helpers.commands.finetuning import train
from sa_helpers.commands.options import Count, Device, NumThreads
from sa_helpers.commands.running import if_interrupted, say, typed_command
from sa_helpers.finetuning.quality import measure_quality
from sa_helpers.recognition import READERS, AttributeNetwork
from sa_helpers.runtime import remove_abandoned, staging
from workshop.options import FAMILY, Kept, Names, Runs
from workshop.recipes import RECIPES, Recipe, in_order, read_recipes

_DIGEST_LETTERS = 8


def rebuild(
    names: Names = (),
    *,
    recipes: Kept = RECIPES,
    family: Kept = FAMILY,
    runs: Runs = Path("runs"),
    ship: FlagCreatePairsOff[bool] = False,
    num_quality_images: Count = 2000,
    device: Device = None,
    num_threads: NumThreads = None,
) -> None:
    """Train the models that ship again, from their recipes.

    Each comes after the one that it starts from. A run that was interrupted continues from its last
    state, and a finished one is not run again, so the same command leads to the end however often
    it is stopped. For example:
      python -m workshop rebuild toon dog --ship

    Args:
        recipes: File of recipes.
        family: Folder of the family.
        ship: Put finished models into the family's folder.
        num_quality_images: Images of each kind that a shipped model is judged by.
    """
    known = read_recipes(recipes)
    chosen = in_order(known, names or [name for name, r in known.items() if r.is_shipped])
    origins = {recipe.origin for recipe in known.values()}
    _announce(chosen, family)
    with if_interrupted("the same command goes on after what is finished"):
        for recipe in chosen:
            run = runs / recipe.name
            say(f"== {recipe.name}")
            train(
                recipe.training_in(runs),
                run,
                command=typed_command(),
                device=device,
                num_threads=num_threads,
            )
            if ship and recipe.is_shipped:
                _ship_once(
                    run,
                    family / recipe.name,
                    is_origin=recipe.name in origins,
                    num_quality_images=num_quality_images,
                )


def _ship_once(run: Path, target: Path, **how: Any) -> None:
    """Ship a model, unless it is the one that was shipped."""
    if _is_shipped(run, target):
        _tidy(target)
    else:
        say(f"shipped: {ship_run(run, target, **how)}")


def _announce(recipes: Sequence[Recipe], family: Path) -> None:
    """Say what is about to be made and, where records know it, how long that took before."""
    hours = dict(_training_hours(family))
    known = [name for recipe in recipes if (name := recipe.name) in hours]
    say(f"models: {' '.join(recipe.name for recipe in recipes)}")
    if known:
        total = sum(hours[name] for name in known)
        say(f"last time {', '.join(known)} took {total:.1f} hours of training")


def _training_hours(family: Path) -> Iterator[tuple[str, float]]:
    """Names and hours of the shipped models and of the runs that they grew from."""
    for path in family.glob("*.safetensors"):
        origin: Any = {"name": path.stem, **_record(path.with_suffix(""))}
        while isinstance(origin, dict):
            name, sec = origin.get("name"), origin.get("train_sec")
            if isinstance(name, str) and isinstance(sec, int | float):
                yield name, sec / 3600
            origin = origin.get("parent")


def _record(model: Path) -> dict[str, Any]:
    """Record of a model; empty where there is none that can be read."""
    try:
        return checkpoints.read_record(model)
    except checkpoints.CheckpointError:
        return {}


def _is_shipped(run: Path, target: Path) -> bool:
    """Whether the family holds the model of a run already, judged."""
    shipped, made = _record(target), _record(run / "model")
    is_judged = shipped.pop("quality", None) is not None
    shipped.pop("snapshots", None)
    return is_judged and shipped == made


def ship_run(run: Path, target: Path, *, is_origin: bool, num_quality_images: int) -> Path:
    """Put a finished run into a family: model, record and snapshots.

    Who opens the family meanwhile, or after a kill at any moment, finds the old model with its
    snapshots or the new one with its own: the snapshots lie in a folder that is named after what is
    in it, and the record of the model, which is written last, names that folder.

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
        OSError: Something cannot be written; what was shipped before is unchanged.
    """
    model = checkpoints.load_model(run / "model")
    record, data = dict(model.record), model.record["data"]
    if data["kind"] == "clay":
        record["quality"] = measure_quality(
            model.generator,
            domain=data["domain"],
            first_seed=data["first_seed"],
            num_images=num_quality_images,
            reader=reader_of(data["domain"], target.parent),
        )
    dtype = torch.float16 if is_origin else torch.bfloat16
    record["snapshots"] = _ship_snapshots(run, target, dtype=dtype)
    shipped = checkpoints.save_model(
        target,
        model.generator,
        model.discriminator if is_origin else None,
        record=record,
        dtype=dtype,
    )
    _tidy(target)
    return shipped


def _ship_snapshots(run: Path, target: Path, *, dtype: torch.dtype) -> str | None:
    """Put the snapshots of a run beside those of the family; the name of their folder, if any."""
    found = sorted(run.glob("snapshots/*.safetensors"))
    if not found:
        return None
    with staging(target.parent / "snapshots" / target.name) as staged:
        digest = hashlib.sha256()
        for path in found:
            snapshot = checkpoints.load_model(path)
            written = checkpoints.save_model(
                staged / path.stem, snapshot.generator, record=snapshot.record, dtype=dtype
            )
            digest.update(f"{path.stem} {checkpoints.load_model(written).sha256}\n".encode())
        folder = staged.parent / f"{target.name}-{digest.hexdigest()[:_DIGEST_LETTERS]}"
        if not folder.is_dir():
            staged.rename(folder)
    return folder.name


def _tidy(target: Path) -> None:
    """Remove the snapshots of earlier models of this name, and what a kill left behind."""
    kept = _record(target).get("snapshots", target.name)
    remove_abandoned(target.parent, is_recursive=True)
    own = re.compile(rf"{re.escape(target.name)}(-[0-9a-f]{{{_DIGEST_LETTERS}}})?")
    for folder in (target.parent / "snapshots").glob(f"{glob.escape(target.name)}*"):
        if own.fullmatch(folder.name) and folder.name != kept:
            shutil.rmtree(folder)


def reader_of(domain: str, family: Path) -> AttributeNetwork | None:
    """What the family has to read the factors of a domain; None where there is nothing.

    Raises:
        CheckpointError: It is damaged.
    """
    path = family / "readers" / f"{domain}.safetensors"
    if not path.exists():
        return None
    reader, _ = READERS.load(path)
    return reader if isinstance(reader, AttributeNetwork) else None
