"""Train the children of the comparison of few images, judge them, and keep the records."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray

from sa_helpers import checkpoints, images, metrics, runtime
from sa_helpers.commands.options import Count, use_num_threads
from sa_helpers.commands.running import if_interrupted, say
from sa_helpers.datasets import TrainingImages, folder_images
from sa_helpers.finetuning import (
    child_trainer,
    evaluate,
    few_images,
    train_until,
)
from sa_helpers.finetuning.few_images import (
    FLUENT_EMOJI,
    FOLLOWED_SEEDS,
    PARENT,
    PERCEPTUAL_NETWORK,
    RECORDS,
    SHOWN_PSI,
    SHOWN_SEEDS,
    VARIANTS,
    Record,
    Variant,
    divide,
    identity,
    is_current,
)
from sa_helpers.latents import images_from_seeds
from sa_helpers.networks import Generator
from workshop.options import Kept, Names

_NUM_OTHERS = 4


def make_records(
    names: Names = (),
    *,
    parent: Kept = PARENT,
    data: Kept = FLUENT_EMOJI,
    records: Kept = RECORDS,
    num_threads: Count = 1,
) -> None:
    """Make the records of children of few images.

    The chapter on fine-tuning compares them. What is there already, made from the same parent,
    images and settings, is not made again. For example:
      python -m workshop few-images few few_ada

    Args:
        parent: Model that they start from.
        data: Folder of images.
        records: Folder of the records.
        num_threads: CPU threads.
    """
    use_num_threads(num_threads)
    unknown = [name for name in names if name not in VARIANTS]
    if unknown:
        raise ValueError(f"{unknown} are unknown; expected some of {list(VARIANTS)}.")
    resolution = checkpoints.load_model(parent).generator.config.img_resolution
    domain = folder_images(data, img_resolution=resolution)
    with if_interrupted("the same command goes on after the records that are finished"):
        for name in names or VARIANTS:
            if is_current(name, domain=domain, parent=parent, folder=records):
                say(f"{name}: is there")
                continue
            record, sheet = make(VARIANTS[name], domain=domain, parent=parent)
            write(name, record, sheet, folder=records)
            say(f"{name}: {record.provenance['seconds']} s")


def make(variant: Variant, *, domain: TrainingImages, parent: Path) -> tuple[Record, ndarray]:
    """Train and judge one child.

    Returns:
        Its record, and one sheet of samples, with a row for each stage that `read_samples` gives.
    """
    started, parts = time.monotonic(), divide(domain)
    data = parts.few if variant.is_few else parts.many
    trainer = child_trainer(parent, data, settings=variant.settings)
    evaluations, models = [], []
    for kimg in few_images.STAGE_KIMG:
        models.append(train_until(trainer, kimg))
        evaluations.append(evaluate(trainer, domain=domain, held_out=parts.held_out))
    provenance = {
        **runtime.provenance("python -m workshop few-images"),
        "dtype": str(trainer.dtype).removeprefix("torch."),
        "device": trainer.device.type,
        "seconds": round(time.monotonic() - started),
    }
    known = identity(variant, data, parent=parent)
    same, *others = (_from_parent(models, shift=shift) for shift in range(1 + _NUM_OTHERS))
    record = Record(known, provenance, evaluations, same, np.mean(others, axis=0))
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
        "evaluations": [evaluation.to_dict() for evaluation in record.evaluations],
        "from_parent": np.round(record.from_parent, 4).tolist(),
        "from_others": np.round(record.from_others, 4).tolist(),
    }
    images.write_image(folder / f"{name}.jpg", sheet)
    with runtime.replacing(folder / f"{name}.json") as file:
        file.write((json.dumps(values) + "\n").encode())
