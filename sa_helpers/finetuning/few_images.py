"""Children of the clay parent from few images, with and without the remedies, kept as records.

`python -m workshop few-images` trains every child of the chapter on fine-tuning, judges it on the
way and keeps the curves and some samples. Here they are described and read.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from sa_helpers import images, runtime
from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning.children import Evaluation
from sa_helpers.finetuning.settings import TrainingSettings

FLUENT_EMOJI = Path(__file__).parent.parent / "data" / "fluent_emoji"
"""204 heads of people, 128 px, JPEG, drawn by Microsoft."""

RECORDS = Path(__file__).parent.parent / "data" / "few_images"
PARENT = Path(__file__).parent.parent / "models" / "clay" / "human"
STAGE_KIMG = (0.0, 0.5, 1.0, 2.0, 4.0)
NUM_HELD_OUT, NUM_FEW = 40, 30
SHOWN_SEEDS = range(5)
SHOWN_PSI = 0.7
FOLLOWED_SEEDS = range(1000, 1024)
PERCEPTUAL_NETWORK = "st-lpips-alex"
_KEYS = {"identity", "provenance", "evaluations", "from_parent", "from_others"}

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
        evaluations: One a stage, the parent first.
        from_parent: Perceptual distance from the parent's images of the same seeds.
        from_others: The same from the parent's images of other seeds, averaged over a few.
    """

    identity: dict[str, Any]
    provenance: dict[str, Any]
    evaluations: list[Evaluation]
    from_parent: Float[ndarray, "stages seeds"]
    from_others: Float[ndarray, "stages seeds"]

    @property
    def kimg(self) -> list[float]:
        """Of the stages."""
        return [evaluation.kimg for evaluation in self.evaluations]


def read_record(name: str, *, folder: Path = RECORDS) -> Record:
    """Read what is kept of a child of the comparison.

    Raises:
        ValueError: No such record; the message tells how to make it.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise ValueError(
            f'There is no record "{name}" in {folder}; expected one of {list(VARIANTS)}. '
            "`python -m workshop few-images` makes them."
        )
    values = runtime.read_json(path)
    if not isinstance(values, dict) or not values.keys() >= _KEYS:
        raise ValueError(f"{path} is no such record. Delete it and make it again.")
    return Record(
        values["identity"],
        values["provenance"],
        [Evaluation.from_dict(evaluation) for evaluation in values["evaluations"]],
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
