"""A training run as a folder: state, snapshots, sample sheets, and a record of it all.

state.pt              everything needed to continue exactly, replaced atomically
record.json           settings, data, versions, command and curves so far
sheets/<kimg>.jpg     100 uncurated samples
snapshots/<kimg>.*    the averaged generator at the kimg that the settings name
model.*               the finished pair of networks
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sa_helpers import checkpoints, images, metrics, runtime
from sa_helpers.finetuning.sampling import sample_images, sample_sheet
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.finetuning.trainer import StepReport, Trainer

FEATURE_NETWORK = "efficientnet-lite0"
_EVALUATION_SEED = 1_000_000
_TICK_KIMG = 1.0
_STATE = ("settings", "data", "trainer", "losses", "distances", "train_sec")
# What a run may change when it continues, because no weight depends on it.
_OUTER_SETTINGS = ("total_kimg", "snapshot_kimg", "evaluation_kimg", "state_kimg")
_PACKAGES = ("torch", "numpy", "numba")


class Run:
    """Drives a trainer to the end of its settings and keeps the run's folder up to date.

    Args:
        trainer: A fresh trainer; a state in `folder` is loaded into it.
        folder: Where the run lives; made if missing.
        provenance: What else the record holds: parent, command line, thread count.
        num_evaluation_images: Generated and real images in each distance.
        report: Called with one line of progress about every kimg.

    Raises:
        ValueError: The state in `folder` belongs to other settings or other images.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        *,
        provenance: dict[str, Any],
        num_evaluation_images: int = 1000,
        report: Callable[[str], None] = print,
    ) -> None:
        self.trainer, self.folder, self.report = trainer, folder, report
        self.provenance = provenance
        self.num_evaluation_images = num_evaluation_images
        self.losses: list[dict[str, float]] = []
        self.distances: list[dict[str, float]] = []
        self.train_sec = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if self._state_path.exists():
            self._load_state()

    def train(self) -> Path:
        """Train to the end and return the path of the finished model.

        Every interruption costs at most the kimg since the last state. A finished run is left as it
        is, its record included.
        """
        settings = self.trainer.settings
        if self._is_finished():
            self.report(f"finished before, at kimg {self._kimg:.1f}")
            return self.folder / "model.safetensors"
        if not self.distances:
            self._evaluate()
        last_time, last_seen, ticks = time.monotonic(), self._kimg, _Averages()
        while self._kimg < settings.total_kimg:
            before = self._kimg
            ticks.add(self.trainer.step())
            if _passes(before, self._kimg, _TICK_KIMG):
                now = time.monotonic()
                self.train_sec += now - last_time
                speed = (self._kimg - last_seen) * 1000 / max(now - last_time, 1e-9)
                self._tick(ticks, images_per_sec=speed)
                last_time, last_seen, ticks = time.monotonic(), self._kimg, _Averages()
            self._keep_snapshots(before)
            if _passes(before, self._kimg, settings.evaluation_kimg):
                self._evaluate()
                last_time, last_seen = time.monotonic(), self._kimg
            if _passes(before, self._kimg, settings.state_kimg):
                self._save_state()
        if self.distances[-1]["kimg"] < self._kimg:
            self._evaluate()
        self._save_state()
        return self._save_model()

    @property
    def record(self) -> dict[str, Any]:
        """All that is known of the run; JSON-ready."""
        trainer = self.trainer
        return {
            **self.provenance,
            "data": trainer.data.description,
            "settings": trainer.settings.to_dict(),
            "dtype": str(trainer.dtype).removeprefix("torch."),
            "device": trainer.device.type,
            "versions": {name: version(name) for name in _PACKAGES},
            "kimg": self._kimg,
            "train_sec": round(self.train_sec, 1),
            "losses": self.losses,
            "distance": {
                "name": f"Fréchet distance, {metrics.describe(FEATURE_NETWORK)}",
                "num_images": self.num_evaluation_images,
                "curve": self.distances,
            },
        }

    def _is_finished(self) -> bool:
        """Whether the model of the last state is there, and no more is asked for."""
        if self._kimg < self.trainer.settings.total_kimg:
            return False
        try:
            finished = checkpoints.load(self.folder / "model").record
        except checkpoints.CheckpointError:
            return False
        return bool(finished["kimg"] == self._kimg)

    @property
    def _kimg(self) -> float:
        return self.trainer.num_images_seen / 1000

    @property
    def _state_path(self) -> Path:
        return self.folder / "state.pt"

    def _tick(self, ticks: "_Averages", *, images_per_sec: float) -> None:
        means = ticks.means()
        speed = round(images_per_sec, 1)
        self.losses.append({"kimg": self._kimg, **means, "images_per_sec": speed})
        total = self.trainer.settings.total_kimg
        left_sec = max(0.0, total - self._kimg) * 1000 / images_per_sec
        self.report(
            f"kimg {self._kimg:.1f}/{total:g}  G {means['generator']:.3f}  "
            f"D {means['discriminator']:.3f}  sign {means['real_sign']:.2f}  "
            f"ADA p {self.trainer.ada_probability:.2f}  {images_per_sec:.1f} images/s  "
            f"{left_sec / 60:.0f} min left"
        )

    def _keep_snapshots(self, before_kimg: float) -> None:
        for kimg in self.trainer.settings.snapshot_kimg:
            if before_kimg < kimg <= self._kimg:
                checkpoints.save_model(
                    self.folder / "snapshots" / f"{kimg:g}kimg",
                    generator=self.trainer.generator_ema,
                    record={**self.record, "kimg": self._kimg, "losses": []},
                )

    def _evaluate(self) -> None:
        """Measure the distance to the data and draw a sheet, with the averaged generator."""
        generator, data = self.trainer.generator_ema, self.trainer.data
        count = min(self.num_evaluation_images, len(data))
        real = metrics.cached_features(
            json.dumps({**data.description, "evaluated": count}, sort_keys=True),
            lambda: images.from_uint8(np.asarray(data.array[:count])),
            network=FEATURE_NETWORK,
        )
        seeds = range(_EVALUATION_SEED, _EVALUATION_SEED + self.num_evaluation_images)
        chunks = (seeds[i : i + 50] for i in range(0, len(seeds), 50))
        dtype = self.trainer.dtype
        batches = (sample_images(generator, c, truncation_psi=1.0, dtype=dtype) for c in chunks)
        fake = metrics.extract_features(batches, network=FEATURE_NETWORK)
        distance = metrics.frechet_distance(fake, real)
        self.distances.append({"kimg": self._kimg, "frechet_distance": round(distance, 4)})
        self.report(f"kimg {self._kimg:.1f}  Fréchet distance {distance:.3f}")
        sheet = sample_sheet(generator, dtype=dtype)
        images.write_image(self.folder / "sheets" / f"{self._kimg:07.1f}.jpg", sheet)

    def _save_state(self) -> None:
        state = {
            "settings": self.trainer.settings.to_dict(),
            "data": self.trainer.data.description,
            "trainer": self.trainer.state_dict(),
            "losses": self.losses,
            "distances": self.distances,
            "train_sec": self.train_sec,
        }
        runtime.save_state(self._state_path, state)
        record = json.dumps(self.record, indent=1, ensure_ascii=False) + "\n"
        with runtime.replacing(self.folder / "record.json") as file:
            file.write(record.encode())

    def _load_state(self) -> None:
        state = runtime.load_state(self._state_path, keys=_STATE)
        settings = TrainingSettings.from_dict(state["settings"])
        given = self.trainer.settings
        comparable = replace(settings, **{name: getattr(given, name) for name in _OUTER_SETTINGS})
        _require_same("settings", comparable.to_dict(), given.to_dict(), self.folder)
        _require_same("images", state["data"], self.trainer.data.description, self.folder)
        self.trainer.load_state_dict(state["trainer"])
        self.losses, self.distances = state["losses"], state["distances"]
        self.train_sec = state["train_sec"]
        self.report(f"resumed at kimg {self._kimg:.1f}")

    def _save_model(self) -> Path:
        return checkpoints.save_model(
            self.folder / "model",
            generator=self.trainer.generator_ema,
            discriminator=self.trainer.discriminator,
            record=self.record,
        )


class _Averages:
    """Means of the step reports since the last tick."""

    def __init__(self) -> None:
        self._reports: list[StepReport] = []

    def add(self, report: StepReport) -> None:
        self._reports.append(report)

    def means(self) -> dict[str, float]:
        def mean(name: str) -> float:
            return round(float(np.mean([getattr(r, name) for r in self._reports])), 4)

        return {
            "generator": mean("generator_loss"),
            "discriminator": mean("discriminator_loss"),
            "real_sign": mean("real_sign"),
        }


def _passes(before: float, after: float, interval: float) -> bool:
    """Whether a multiple of `interval` lies in (before, after]."""
    return int(after / interval) > int(before / interval)


def _require_same(what: str, stored: dict[str, Any], given: dict[str, Any], folder: Path) -> None:
    differing = sorted(k for k in {*stored, *given} if stored.get(k) != given.get(k))
    if differing:
        listed = ", ".join(f"{k}: {stored.get(k)} there, {given.get(k)} now" for k in differing)
        raise ValueError(
            f"{folder} holds a run with other {what} ({listed}). Name another folder, or repeat "
            "the command that started that run."
        )
