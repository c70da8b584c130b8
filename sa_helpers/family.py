"""Families of aligned models: which there are, who descends from whom, and how to open them.

A family is a folder: one `<name>.safetensors` with its `<name>.json` a model, and the snapshots
of its training in `snapshots/<name>/<kimg>kimg.*`. Who is whose parent stands in the records.
"""

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa_helpers import checkpoints
from sa_helpers.networks import Generator

DEFAULT_FAMILY = "clay"
_SHIPPED = Path(__file__).parent / "models"
_WEIGHTS = ".safetensors"
_SNAPSHOT = f"kimg{_WEIGHTS}"


def shipped_families() -> tuple[str, ...]:
    """Names of the families that come with the package."""
    return tuple(sorted({file.parent.name for file in _SHIPPED.glob(f"*/*{_WEIGHTS}")}))


def family(name: str | os.PathLike[str] | None = None) -> "Family":
    """Open a family of aligned models; weights are read when a model is asked for.

    Args:
        name: A shipped family such as "clay", or the path of a folder with models. None takes the
            environment variable SA_FAMILY, and "clay" where it is not set.

    Raises:
        ValueError: No such family or folder, or a folder without a parent and children.
    """
    name = name or os.environ.get("SA_FAMILY") or DEFAULT_FAMILY
    folder = next((f for f in (_SHIPPED / name, Path(name)) if any(f.glob(f"*{_WEIGHTS}"))), None)
    if folder is None:
        raise ValueError(
            f'There is no family "{name}"; expected one of {list(shipped_families())}, or a folder '
            f"that holds models as <name>{_WEIGHTS} with <name>.json. Check SA_FAMILY if you did "
            "not name it yourself."
        )
    records = {path.stem: _read_record(path) for path in sorted(folder.glob(f"*{_WEIGHTS}"))}
    return Family(folder.name, folder, records)


@dataclass(frozen=True)
class Family:
    """The models of one family, opened when asked for and then kept.

    Models are shared between callers and not to be changed in place; `sa_helpers.blending` makes
    new ones.

    Attributes:
        name: Of the family.
        folder: Where its files are.
        records: Name to record, the JSON beside the weights.
    """

    name: str
    folder: Path
    records: Mapping[str, dict[str, Any]]

    @property
    def names(self) -> tuple[str, ...]:
        """All models: the parent first, then the others by name."""
        return (self.parent_name, *(n for n in self.records if n != self.parent_name))

    @property
    def parent_name(self) -> str:
        """Name of the model that the family descends from.

        Raises:
            ValueError: None or several could be it.
        """
        roots = [name for name in self.records if self.parent_of(name) is None]
        named = [root for root in roots if root in map(self.parent_of, self.records)]
        candidates = named or roots
        if len(candidates) != 1:
            raise ValueError(
                f'The family "{self.name}" has {candidates} as possible parents; expected one. '
                f'The records in {self.folder} name each model\'s "parent".'
            )
        return candidates[0]

    @property
    def parent(self) -> Generator:
        """The model that the family descends from."""
        return self.model(self.parent_name)

    @property
    def child_names(self) -> tuple[str, ...]:
        """All models that were fine-tuned from another one of the family."""
        return tuple(name for name in self.records if self.parent_of(name) is not None)

    def parent_of(self, name: str) -> str | None:
        """Name of the model that `name` was fine-tuned from; None for one trained from scratch."""
        origin = self.record(name).get("parent") or {}
        return origin["name"] if origin.get("name") in self.records else None

    def child(self, name: str) -> Generator:
        """Open a model that was fine-tuned from another one of the family.

        Raises:
            ValueError: No such child; the message lists those that there are.
        """
        if name not in self.child_names:
            raise ValueError(
                f'The family "{self.name}" has no child "{name}"; expected one of '
                f"{list(self.child_names)}."
            )
        return self.model(name)

    def model(self, name: str) -> Generator:
        """Open any model of the family, in evaluation mode.

        Raises:
            ValueError: No such model; the message lists those that there are.
            CheckpointError: Its files are damaged.
        """
        return _open(self.path(name))

    def path(self, name: str) -> Path:
        """Path of a model's files, without ending.

        Raises:
            ValueError: No such model.
        """
        self.record(name)
        return self.folder / name

    def record(self, name: str) -> dict[str, Any]:
        """What is known of a model: domain, settings, kimg, versions, curves.

        Raises:
            ValueError: No such model.
        """
        if name not in self.records:
            raise ValueError(
                f'The family "{self.name}" has no model "{name}"; expected one of '
                f"{list(self.records)}."
            )
        return self.records[name]

    def training_kimg(self, name: str) -> float:
        """Kimg that a model has seen since it left another model of the family, or random weights.

        A model that was grown, or continued from another run, counts the kimg of those runs too.

        Raises:
            ValueError: No such model.
        """
        return self._sum_over_runs(name, "kimg")

    def training_hours(self, name: str) -> float:
        """Hours of training in which a model saw its `training_kimg`, on whatever it ran.

        Raises:
            ValueError: No such model.
        """
        return self._sum_over_runs(name, "train_sec") / 3600

    def _sum_over_runs(self, name: str, key: str) -> float:
        """Sum of an entry of the records of a model's own runs."""
        run: dict[str, Any] | None = self.record(name)
        total = 0.0
        while run and (run is self.records[name] or run["name"] not in self.records):
            total += float(run.get(key) or 0.0)
            run = run.get("parent")
        return total

    def snapshots(self, name: str) -> list[tuple[float, Generator]]:
        """Open the models that were kept on the way from the parent to the child.

        Returns:
            (kimg, model) in order of training. The parent and the finished child are not among
            them.

        Raises:
            ValueError: No such model.
        """
        end_kimg = float(self.record(name).get("kimg", float("inf")))
        files = (self.folder / "snapshots" / name).glob(f"*{_SNAPSHOT}")
        kept = sorted((float(file.name.removesuffix(_SNAPSHOT)), file) for file in files)
        return [
            (kimg, _open(file.with_name(file.name.removesuffix(_WEIGHTS))))
            for kimg, file in kept
            if 0 < kimg < end_kimg
        ]

    def stages(self, name: str) -> list[tuple[float, Generator]]:
        """Open a fine-tuning from end to end: its parent at 0 kimg, its snapshots, the child.

        Returns:
            (kimg, model) in order of training.

        Raises:
            ValueError: No such child.
        """
        child, kimg = self.child(name), float(self.record(name)["kimg"])
        parent = self.model(str(self.parent_of(name)))
        return [(0.0, parent), *self.snapshots(name), (kimg, child)]


def _read_record(weights_path: Path) -> dict[str, Any]:
    path = weights_path.with_suffix(".json")
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["record"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"The record in '{path}' cannot be read ({error!r}); expected the JSON that save_model "
            "wrote with the weights. Copy both files of the model, or save it again."
        ) from error


@functools.lru_cache(maxsize=64)
def _open(path: Path) -> Generator:
    return checkpoints.load_model(path).generator.eval().requires_grad_(False)
