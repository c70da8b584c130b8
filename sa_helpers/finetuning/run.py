"""A training run as a folder: state, snapshots, sample sheets, and a record of it all.

state.pt              everything needed to continue exactly, replaced atomically
record.json           settings, data, versions, command and curves so far
sheets/<kimg>.jpg     100 uncurated samples
snapshots/<kimg>.*    the averaged generator at the kimg that the settings name
best.*                the pair of networks at the smallest distance so far
model.*               the finished pair of networks

Several processes may drive one run, see `runtime.joined`; the first of them writes.
"""

import functools
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sa_helpers import checkpoints, images, metrics, runtime
from sa_helpers.checkpoints.places import RUN_BEST, RUN_MODEL, RUN_RECORD, RUN_STATE
from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning.health import warnings_of
from sa_helpers.finetuning.parts import with_plain_weights
from sa_helpers.finetuning.sampling import sample_sheet
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.finetuning.trainer import StepReport, Trainer
from sa_helpers.latents import images_from_seeds
from sa_helpers.seeds import Drawn, first_seeds

FEATURE_NETWORK = "efficientnet-lite0"
_TICK_KIMG = 1.0
_EVALUATION_CHUNK = 50
_NUM_NEIGHBORS = 5
# What a run may change when it continues, because no weight depends on it.
_OUTER_SETTINGS = ("total_kimg", "snapshot_kimg", "evaluation_kimg", "state_kimg")
# What makes a parent: not its name or place, nor how long it took.
_PARENTHOOD = ("sha256", "is_grown", "is_shrunk")


@dataclass(frozen=True)
class Progress:
    """What a run tells while it goes.

    Attributes:
        event: A state was "resumed", the run has "trained" about a kimg more or "measured" the
            distance to its data, or it was "finished" by an earlier process.
        kimg: Where it stands.
        total_kimg: Where it ends.
        values: Of what was trained a row of the record's `losses`, of what was measured one of its
            distances.
        left_sec: How long the rest will take, as far as that is known.
        warnings: What goes wrong since then, a sentence each.
    """

    event: Literal["resumed", "trained", "measured", "finished"]
    kimg: float
    total_kimg: float
    values: Mapping[str, float]
    left_sec: float | None = None
    warnings: tuple[str, ...] = ()


class Run:
    """Drives a trainer to the end of its settings and keeps the run's folder up to date.

    Args:
        trainer: A fresh trainer; a state in `folder` is loaded into it.
        folder: Where the run lives; made if missing.
        provenance: What else the record holds: parent, command line, thread count. A run belongs to
            its parent, by the digest of the weights.
        num_evaluation_images: Generated and real images in each distance.
        on_progress: Called about every kimg, and with what else `Progress` knows.

    Raises:
        ValueError: The state in `folder` is damaged, or belongs to another parent, other settings
            or other images; the message names the difference.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        *,
        provenance: dict[str, Any],
        num_evaluation_images: int = 1000,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.trainer, self.folder, self.on_progress = trainer, folder, on_progress
        self.provenance = provenance
        self.num_evaluation_images = num_evaluation_images
        self.losses: list[dict[str, float]] = []
        self.distances: list[dict[str, float]] = []
        self.train_sec = 0.0
        self._ticks, self._started = _Averages(), 0.0
        self._num_warned = 0
        if runtime.is_first():
            folder.mkdir(parents=True, exist_ok=True)
            runtime.remove_abandoned(folder, is_recursive=True)
        runtime.wait_for_all()
        if self._state_path.exists():
            self._load_state()
        self._require_agreement()

    def train(self) -> Path:
        """Train to the end and return the path of the finished model.

        Every interruption costs at most the kimg since the last state. A finished run is left as it
        is, its record included.
        """
        settings = self.trainer.settings
        if runtime.from_first(self._is_finished):
            self._tell("finished")
            return self.folder / "model.safetensors"
        if not self.distances:
            self._evaluate()
        self._started = time.monotonic()
        while self._kimg < settings.total_kimg:
            before = self._kimg
            self._ticks.add(self.trainer.step())
            is_last = self._kimg >= settings.total_kimg
            if is_last or _passes(before, self._kimg, _TICK_KIMG):
                self._tick()
            self._keep_snapshots(before)
            if is_last or _passes(before, self._kimg, settings.evaluation_kimg):
                self._pause_for(self._evaluate)
            if is_last or _passes(before, self._kimg, settings.state_kimg):
                self._pause_for(self._save_state)
        self._save_record()  # a stop after the last state may have left an older one
        if runtime.is_first():
            self._save_model(RUN_MODEL)
        runtime.wait_for_all()
        return self.folder / "model.safetensors"

    @property
    def warnings(self) -> list[dict[str, float | str]]:
        """What went wrong so far, see `health.warnings_of`."""
        return warnings_of(self.losses, self.distances)

    @property
    def record(self) -> dict[str, Any]:
        """All that is known of the run; JSON-ready."""
        trainer = self.trainer
        return {
            **self.provenance,
            "data": {**trainer.data.description, **trainer.data.origin},
            "settings": trainer.settings.to_dict(),
            "dtype": str(trainer.dtype).removeprefix("torch."),
            "device": trainer.device.type,
            "num_processes": runtime.num_processes(),
            "num_rounds": trainer.num_rounds,
            "num_low_blocks": trainer.num_low_blocks,
            "versions": runtime.versions(),
            "kimg": self._kimg,
            "train_sec": round(self.train_sec, 3),
            "losses": self.losses,
            "warnings": self.warnings,
            "distance": {
                "name": f"Fréchet distance, {metrics.describe(FEATURE_NETWORK)}",
                "num_images": self.num_evaluation_images,
                "num_real_images": len(self._reals),
                "curve": self.distances,
            },
        }

    def _is_finished(self) -> bool:
        """Whether the model of the last state is there, and no more is asked for."""
        if self._kimg < self.trainer.settings.total_kimg:
            return False
        try:
            finished = checkpoints.load_model(self.folder / RUN_MODEL).record
        except checkpoints.CheckpointError:
            return False
        return bool(finished["kimg"] == self._kimg)

    @property
    def _kimg(self) -> float:
        return self.trainer.num_images_seen / 1000

    @property
    def _state_path(self) -> Path:
        return self.folder / RUN_STATE

    @functools.cached_property
    def _reals(self) -> TrainingImages:
        """The images that generated ones are compared with."""
        return self.trainer.data.first(self.num_evaluation_images)

    def _require_agreement(self) -> None:
        """Check that all processes train the same, from the same."""
        trainer = self.trainer
        runtime.require_agreement(
            images=str(trainer.data.description),
            settings=str(trainer.settings),
            place=f"kimg {self._kimg:g}",
            weights=runtime.digest(trainer.generator, trainer.discriminator),
        )

    def _tell(
        self,
        event: Any,
        values: Mapping[str, float] | None = None,
        *,
        left_sec: float | None = None,
    ) -> None:
        new = [str(row["warning"]) for row in self.warnings[self._num_warned :]]
        self._num_warned += len(new)
        if self.on_progress is not None and runtime.is_first():
            total = self.trainer.settings.total_kimg
            self.on_progress(
                Progress(event, self._kimg, total, dict(values or {}), left_sec, tuple(new))
            )

    def _count_time(self) -> None:
        now = time.monotonic()
        self.train_sec += now - self._started
        self._started = now

    def _pause_for(self, task: Callable[[], None]) -> None:
        """Do something whose time does not count as training."""
        self._count_time()
        task()
        self._started = time.monotonic()

    def _tick(self) -> None:
        """Note and report what happened since the last tick."""
        self._count_time()
        means, count = self._ticks.means(), self._ticks.num_steps
        sec = max(self.train_sec - self._ticks.since_sec, 1e-9)
        speed = count * self.trainer.settings.batch_size / sec
        p = self.trainer.ada_probability
        self.losses.append(
            {
                "kimg": self._kimg,
                **means,
                "ada_probability": round(p, 4),
                "images_per_sec": round(speed, 1),
                "train_sec": round(self.train_sec, 3),
            }
        )
        left_kimg = max(0.0, self.trainer.settings.total_kimg - self._kimg)
        self._tell("trained", self.losses[-1], left_sec=left_kimg * 1000 / speed)
        self._ticks = _Averages(since_sec=self.train_sec)

    def _keep_snapshots(self, before_kimg: float) -> None:
        if not runtime.is_first():
            return
        for kimg in self.trainer.settings.snapshot_kimg:
            if before_kimg < kimg <= self._kimg:
                checkpoints.save_model(
                    self.folder / "snapshots" / f"{kimg:g}kimg",
                    generator=with_plain_weights(self.trainer.generator_ema),
                    record={**self.record, "kimg": self._kimg, "losses": []},
                )

    def _evaluate(self) -> None:
        """Measure the distance to the data and draw a sheet, with the averaged generator."""
        generator, dtype = self.trainer.generator_ema, self.trainer.dtype
        seeds = first_seeds(Drawn.JUDGED, self.num_evaluation_images)
        chunks = [seeds[i : i + _EVALUATION_CHUNK] for i in range(0, len(seeds), _EVALUATION_CHUNK)]
        features = runtime.share_out(chunks, self._generated_features)
        scores = runtime.from_first(lambda: self._judge(np.concatenate(features)))
        self.distances.append({"kimg": self._kimg, **scores})
        if runtime.is_first():
            if self._kimg > 0 and self.distances[-1] == min(self.distances, key=_distance):
                self._save_model(RUN_BEST)
            sheet = sample_sheet(generator, dtype=dtype)
            images.write_image(self.folder / "sheets" / f"{self._kimg:07.1f}.jpg", sheet)
        self._tell("measured", self.distances[-1])

    def _generated_features(self, seeds: Sequence[int]) -> np.ndarray:
        generator, dtype = self.trainer.generator_ema, self.trainer.dtype
        batch = images_from_seeds(generator, seeds, truncation_psi=1.0, dtype=dtype)
        return metrics.extract_features(batch, network=FEATURE_NETWORK)

    def _judge(self, fake: np.ndarray) -> dict[str, float]:
        """Compare with the data: how far, and which share of it is made."""
        reals = self._reals
        key = f"{len(reals)} images of {reals.img_resolution} px: {reals.sha256}"
        real = metrics.cached_features(key, reals.batches, network=FEATURE_NETWORK)
        scores = {"frechet_distance": round(metrics.frechet_distance(fake, real), 4)}
        num_neighbors = min(_NUM_NEIGHBORS, len(fake) - 1, len(real) - 1)
        if num_neighbors:
            found = metrics.manifold_scores(real, fake, num_neighbors=num_neighbors)
            scores |= {"recall": round(found.recall, 4), "coverage": round(found.coverage, 4)}
        return scores

    def _save_state(self) -> None:
        if not runtime.is_first():
            return
        runtime.save_state(self._state_path, self._state())
        self._save_record()

    def _save_record(self) -> None:
        if not runtime.is_first():
            return
        record = json.dumps(self.record, indent=1, ensure_ascii=False) + "\n"
        with runtime.replacing(self.folder / RUN_RECORD) as file:
            # A name of a file may hold what is no text; JSON writes it with a backslash as well.
            file.write(record.encode(errors="backslashreplace"))

    def _state(self) -> dict[str, Any]:
        return {
            "parent": self.provenance.get("parent"),
            "settings": self.trainer.settings.to_dict(),
            "data": dict(self.trainer.data.description),
            "num_evaluation_images": self.num_evaluation_images,
            "trainer": self.trainer.state_dict(),
            "losses": self.losses,
            "distances": self.distances,
            "train_sec": self.train_sec,
            "ticks": self._ticks.to_dict(),
        }

    def _load_state(self) -> None:
        fresh = self._state()
        state = runtime.load_state(self._state_path, keys=fresh)
        self._require_fit([name for name in fresh if not _is_sound(name, state[name])])
        self._require_same_beginning(state)
        self._require_fit(list(self.trainer.misfits(state["trainer"])))
        self.trainer.load_state_dict(state["trainer"])
        stored = TrainingSettings.from_dict(state["settings"])
        _require_same_cooldown(stored, self.trainer.settings, kimg=self._kimg, folder=self.folder)
        self.losses, self.distances = state["losses"], state["distances"]
        self.train_sec = state["train_sec"]
        self._ticks = _Averages.from_dict(state["ticks"])
        self._num_warned = len(self.warnings)
        self._tell("resumed")

    def _require_fit(self, problems: list[str]) -> None:
        if problems:
            listed = runtime.shown("; ".join(problems))
            raise ValueError(
                f"{self._state_path} does not fit this training: {listed} ({len(problems)} in "
                "all). Delete it to start the training anew."
            )

    def _require_same_beginning(self, state: dict[str, Any]) -> None:
        """Check that the state is of this parent, these settings and these images."""
        parents = state["parent"], self.provenance.get("parent")
        if len({_parenthood(parent) for parent in parents}) > 1:
            before, now = map(_parent_text, parents)
            raise _other_run(self.folder, f"parent: {before} there, {now} now")
        given = self.trainer.settings.to_dict()
        outer = {name: given[name] for name in _OUTER_SETTINGS}
        _require_same("settings", {**state["settings"], **outer}, given, self.folder)
        _require_same("images", state["data"], self.trainer.data.description, self.folder)
        if state["num_evaluation_images"] != self.num_evaluation_images:
            counts = f"{state['num_evaluation_images']} there, {self.num_evaluation_images} now"
            raise _other_run(self.folder, f"number of evaluation images: {counts}")

    def _save_model(self, name: str) -> None:
        checkpoints.save_model(
            self.folder / name,
            generator=with_plain_weights(self.trainer.generator_ema),
            discriminator=self.trainer.discriminator,
            record=self.record,
        )


class _Averages:
    """Means of the step reports since the last tick; a state holds them, for the next process."""

    def __init__(self, *, since_sec: float = 0.0) -> None:
        self.since_sec = since_sec
        self._reports: list[StepReport] = []

    @property
    def num_steps(self) -> int:
        return len(self._reports)

    def add(self, report: StepReport) -> None:
        self._reports.append(report)

    def means(self) -> dict[str, float]:
        columns = zip(*map(astuple, self._reports), strict=True)
        names = ("generator", "discriminator", "real_sign")
        return {n: round(float(np.mean(c)), 4) for n, c in zip(names, columns, strict=True)}

    def to_dict(self) -> dict[str, Any]:
        return {"since_sec": self.since_sec, "reports": [list(astuple(r)) for r in self._reports]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "_Averages":
        averages = cls(since_sec=values["since_sec"])
        averages._reports = [StepReport(*row) for row in values["reports"]]
        return averages


def _distance(row: Mapping[str, float]) -> float:
    return row["frechet_distance"]


def _passes(before: float, after: float, interval: float) -> bool:
    """Whether a multiple of `interval` lies in (before, after]."""
    return int(after / interval) > int(before / interval)


def _is_sound(name: str, value: Any) -> bool:
    """Whether an entry of a state has the form that `Run` gives it."""
    if name in ("losses", "distances"):
        return isinstance(value, list) and all(
            isinstance(row, dict) and "kimg" in row and _are_numbers(row.values()) for row in value
        )
    if name == "ticks":
        return (
            isinstance(value, dict)
            and value.keys() == {"since_sec", "reports"}
            and _are_numbers([value["since_sec"]])
            and isinstance(value["reports"], list)
            and all(
                isinstance(r, list) and len(r) == 3 and _are_numbers(r) for r in value["reports"]
            )
        )
    if name in ("train_sec", "num_evaluation_images"):
        return _are_numbers([value])
    return isinstance(value, dict) or (name == "parent" and value is None)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(type(v) in (int, float) and math.isfinite(v) for v in values)


def _parenthood(parent: dict[str, Any] | None) -> tuple[str, ...] | None:
    return None if parent is None else tuple(str(parent.get(key)) for key in _PARENTHOOD)


def _parent_text(parent: dict[str, Any] | None) -> str:
    if parent is None:
        return "none, random weights"
    how = [key.removeprefix("is_") for key in ("is_grown", "is_shrunk") if parent.get(key)]
    digest = f"sha256 {str(parent.get('sha256'))[:12]}"
    return f"{runtime.shown(parent.get('name'))} ({', '.join([digest, *how])})"


def _require_same(what: str, stored: dict[str, Any], given: dict[str, Any], folder: Path) -> None:
    differing = sorted(k for k in {*stored, *given} if stored.get(k) != given.get(k))
    if differing:
        listed = ", ".join(f"{k}: {stored.get(k)} there, {given.get(k)} now" for k in differing)
        raise _other_run(folder, f"{what} ({runtime.shown(listed, max_length=1000)})")


def _other_run(folder: Path, difference: str) -> ValueError:
    return ValueError(
        f"{folder} holds a run with other {difference}. Name another folder, or repeat the command "
        "that started that run."
    )


def _require_same_cooldown(
    stored: TrainingSettings, given: TrainingSettings, *, kimg: float, folder: Path
) -> None:
    """Refuse another length once the learning rate has begun to fall, as it falls to the end."""
    shares = [settings.learning_rate_share(kimg) for settings in (stored, given)]
    if shares[0] != shares[1]:
        raise ValueError(
            f"{folder} stands at {kimg:g} of {stored.total_kimg:g} kimg, {shares[0]:.0%} of its "
            f"learning rate left, which would be {shares[1]:.0%} with total_kimg "
            f"{given.total_kimg:g}. Let it end as it began, and train its model on as a --parent."
        )
