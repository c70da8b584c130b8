"""Children of the clay parent from few images, with and without the remedies, kept as records.

    python -m sa_helpers.finetuning.few_images

trains every child of the chapter on fine-tuning, judges it on the way and keeps the curves and some
samples. What is there already, made from the same parent, images and settings, is not made again.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray

from sa_helpers import checkpoints, images, metrics, runtime
from sa_helpers.command_line import positive_int, refuse, use_num_threads
from sa_helpers.datasets import TrainingImages, folder_images
from sa_helpers.finetuning.children import Judgement, child_trainer, judge, train_until
from sa_helpers.finetuning.emoji import FLUENT_EMOJI
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.latents import images_from_seeds
from sa_helpers.networks import Generator

RECORDS = Path(__file__).parent.parent / "data" / "few_images"
PARENT = Path(__file__).parent.parent / "models" / "clay" / "human"
STAGE_KIMG = (0.0, 0.5, 1.0, 2.0, 4.0)
NUM_HELD_OUT, NUM_FEW = 40, 30
SHOWN_SEEDS = range(5)
SHOWN_PSI = 0.7
FOLLOWED_SEEDS = range(1000, 1024)
PERCEPTUAL_NETWORK = "st-lpips-alex"
_NUM_OTHERS = 4
_KEYS = {"identity", "provenance", "judgements", "from_parent", "from_others"}

_ADA: dict[str, Any] = {"ada_target": 0.6, "ada_kimg": 8.0}
_FROZEN: dict[str, Any] = {"num_frozen_discriminator_blocks": 3}


@dataclass(frozen=True)
class Variant:
    """One child of the comparison: on how many images, and with which changes of the settings."""

    is_few: bool
    changes: Mapping[str, Any]

    @property
    def settings(self) -> TrainingSettings:
        """Those of the shipped children, with the changes."""
        return TrainingSettings.of_a_child(total_kimg=STAGE_KIMG[-1], **self.changes)


VARIANTS = {
    "many": Variant(False, {}),
    "few": Variant(True, {}),
    "few_ada": Variant(True, _ADA),
    "few_again": Variant(True, {"seed": 1}),
    "few_ada_again": Variant(True, {**_ADA, "seed": 1}),
    "few_frozen": Variant(True, _FROZEN),
}


@dataclass(frozen=True)
class Parts:
    """A folder divided: what some children see, what all children of many see, what none sees."""

    few: TrainingImages
    many: TrainingImages
    held_out: TrainingImages


def divide(data: TrainingImages, *, seed: int = 0) -> Parts:
    """Set images aside at random; the few are among the many.

    Raises:
        ValueError: Fewer images than the held-out and the few ones together.
    """
    if len(data) < NUM_HELD_OUT + NUM_FEW:
        raise ValueError(
            f"There are {len(data)} images; expected {NUM_HELD_OUT + NUM_FEW} or more, of which "
            f"{NUM_HELD_OUT} are kept apart and {NUM_FEW} are the few."
        )
    order = np.random.default_rng(seed).permutation(len(data)).tolist()
    held_out, others = order[:NUM_HELD_OUT], order[NUM_HELD_OUT:]
    return Parts(data.take(others[:NUM_FEW]), data.take(others), data.take(held_out))


@dataclass(frozen=True)
class Record:
    """What is kept of one child.

    Attributes:
        identity: Everything that it depends on: parent, images, settings.
        provenance: Of this run: command, versions, threads, arithmetic, seconds.
        judgements: One a stage, the parent first.
        from_parent: Perceptual distance from the parent's images of the same seeds.
        from_others: The same from the parent's images of other seeds, averaged over a few.
    """

    identity: dict[str, Any]
    provenance: dict[str, Any]
    judgements: list[Judgement]
    from_parent: Float[ndarray, "stages seeds"]
    from_others: Float[ndarray, "stages seeds"]

    @property
    def kimg(self) -> list[float]:
        """Of the stages."""
        return [judgement.kimg for judgement in self.judgements]


def read_record(name: str, *, folder: Path = RECORDS) -> Record:
    """Read what is kept of a child of the comparison.

    Raises:
        ValueError: No such record; the message tells how to make it.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise ValueError(
            f'There is no record "{name}" in {folder}; expected one of {list(VARIANTS)}. '
            "`python -m sa_helpers.finetuning.few_images` makes them."
        )
    values = runtime.read_json(path)
    if not isinstance(values, dict) or not values.keys() >= _KEYS:
        raise ValueError(f"{path} is no such record. Delete it and make it again.")
    return Record(
        values["identity"],
        values["provenance"],
        [Judgement.from_dict(judgement) for judgement in values["judgements"]],
        np.array(values["from_parent"]),
        np.array(values["from_others"]),
    )


def read_samples(
    name: str, *, folder: Path = RECORDS
) -> list[UInt8[ndarray, "seeds height width 3"]]:
    """Images of `SHOWN_SEEDS`, as they are kept.

    Returns:
        One array a stage: of the child of many images every stage after the parent, of the others
        the last one only.

    Raises:
        FileNotFoundError: No such file.
    """
    sheet = images.read_image(folder / f"{name}.jpg")
    side = sheet.shape[1] // len(SHOWN_SEEDS)
    rows = np.split(sheet, sheet.shape[0] // side, axis=0)
    return [np.stack(np.split(row, len(SHOWN_SEEDS), axis=1)) for row in rows]


def identity(variant: Variant, data: TrainingImages, *, parent: Path) -> dict[str, Any]:
    """Everything that a child depends on, JSON-ready."""
    weights = parent.with_suffix(".safetensors").read_bytes()
    return {
        "parent": {"name": parent.name, "sha256": hashlib.sha256(weights).hexdigest()},
        "data": data.description,
        "settings": variant.settings.to_dict(),
        "stage_kimg": list(STAGE_KIMG),
    }


def make(variant: Variant, *, domain: TrainingImages, parent: Path) -> tuple[Record, ndarray]:
    """Train and judge one child.

    Returns:
        Its record, and one sheet of samples, with a row for each stage that `read_samples` gives.
    """
    started, parts = time.monotonic(), divide(domain)
    data = parts.few if variant.is_few else parts.many
    trainer = child_trainer(parent, data, settings=variant.settings)
    judgements, models = [], []
    for kimg in STAGE_KIMG:
        models.append(train_until(trainer, kimg))
        judgements.append(judge(trainer, domain=domain, held_out=parts.held_out))
    provenance = {
        **runtime.provenance("python -m sa_helpers.finetuning.few_images"),
        "dtype": str(trainer.dtype).removeprefix("torch."),
        "device": trainer.device.type,
        "seconds": round(time.monotonic() - started),
    }
    known = identity(variant, data, parent=parent)
    same, *others = (_from_parent(models, shift=shift) for shift in range(1 + _NUM_OTHERS))
    record = Record(known, provenance, judgements, same, np.mean(others, axis=0))
    return record, _sheet(models[-1:] if variant.is_few else models[1:])


@torch.inference_mode()
def _from_parent(models: Sequence[Generator], *, shift: int) -> Float[ndarray, "stages seeds"]:
    """Distance of each stage's images from the first stage's, of the seeds `shift` places on."""
    rows = [_shown(model, FOLLOWED_SEEDS) for model in models]
    partners = rows[0].roll(shift, dims=0)
    distances = [
        metrics.perceptual_distance(partners, row, network=PERCEPTUAL_NETWORK) for row in rows
    ]
    return torch.stack(distances).double().numpy()


def _sheet(models: Sequence[Generator]) -> UInt8[ndarray, "height width 3"]:
    rows = [images.to_uint8(_shown(model, SHOWN_SEEDS)) for model in models]
    return images.make_grid(np.concatenate(rows), num_columns=len(SHOWN_SEEDS))


def _shown(model: Generator, seeds: range) -> torch.Tensor:
    return images_from_seeds(model, seeds, truncation_psi=SHOWN_PSI)


def write(name: str, record: Record, sheet: ndarray, *, folder: Path) -> None:
    """Keep a record and its samples."""
    values = {
        "identity": record.identity,
        "provenance": record.provenance,
        "judgements": [judgement.to_dict() for judgement in record.judgements],
        "from_parent": np.round(record.from_parent, 4).tolist(),
        "from_others": np.round(record.from_others, 4).tolist(),
    }
    images.write_image(folder / f"{name}.jpg", sheet)
    with runtime.replacing(folder / f"{name}.json") as file:
        file.write((json.dumps(values) + "\n").encode())


def is_current(name: str, *, domain: TrainingImages, parent: Path, folder: Path) -> bool:
    """Whether a record is there and made from this parent, these images and these settings."""
    parts, variant = divide(domain), VARIANTS[name]
    data = parts.few if variant.is_few else parts.many
    try:
        kept = read_record(name, folder=folder).identity
        settings = TrainingSettings.from_dict(kept["settings"])  # later options at their defaults
    except (ValueError, KeyError):
        return False
    kept = {**kept, "settings": settings.to_dict()}
    return kept == identity(variant, data, parent=parent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 refused with a message)."""
    parser = argparse.ArgumentParser(prog="python -m sa_helpers.finetuning.few_images")
    parser.add_argument("names", nargs="*", help=f"children (default: all, {list(VARIANTS)})")
    parser.add_argument("--parent", type=Path, default=PARENT, help="default: clay's parent")
    parser.add_argument("--data", type=Path, default=FLUENT_EMOJI, help="default: the emoji")
    parser.add_argument("--records", type=Path, default=RECORDS, help="folder of the records")
    parser.add_argument("--num-threads", type=positive_int, default=1, help="default %(default)s")
    options = parser.parse_args(arguments)
    use_num_threads(options)
    try:
        _make_records(options)
    except (ValueError, OSError) as error:
        return refuse(error)
    return 0


def _make_records(options: argparse.Namespace) -> None:
    unknown = [name for name in options.names if name not in VARIANTS]
    if unknown:
        raise ValueError(f"{unknown} are unknown; expected some of {list(VARIANTS)}.")
    resolution = checkpoints.load_model(options.parent).generator.config.img_resolution
    domain = folder_images(options.data, img_resolution=resolution)
    for name in options.names or VARIANTS:
        where = {"domain": domain, "parent": options.parent, "folder": options.records}
        if is_current(name, **where):
            print(f"{name}: is there", flush=True)
            continue
        record, sheet = make(VARIANTS[name], domain=domain, parent=options.parent)
        write(name, record, sheet, folder=options.records)
        print(f"{name}: {record.provenance['seconds']} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
