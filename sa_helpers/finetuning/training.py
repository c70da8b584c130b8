"""A training as it is asked for: from which networks, on which images, with which settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sa_helpers import checkpoints, runtime
from sa_helpers.datasets import TrainingImages, clay_images, folder_images, zipped_images
from sa_helpers.finetuning.initial_networks import CLAY_CHANNELS, new_networks
from sa_helpers.finetuning.resizing import grow, shrink, widen
from sa_helpers.finetuning.run import Progress, Run
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.finetuning.trainer import Trainer
from sa_helpers.images import MAX_PIXELS, Fit
from sa_helpers.networks import Discriminator, Generator

_DEFAULT_PX = 128


@dataclass(frozen=True, kw_only=True)
class Start:
    """The networks that a training starts from: those of a model, or random ones.

    Args:
        parent: Model to fine-tune: a shipped one such as human, a run's folder, or a file.
        grow_from: Model of half the resolution, which gets a block more.
        shrink_from: Model of twice the resolution, which loses a block.
        img_resolution: Side of the images in pixels, with random weights only; None means 128.
        channels: Feature maps by resolution, where others are wanted; those of a model can only
            grow.

    Raises:
        ValueError: More than one model, or a model and a resolution.
    """

    parent: Path | None = None
    grow_from: Path | None = None
    shrink_from: Path | None = None
    img_resolution: int | None = None
    channels: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Reject contradictions, before anything is read."""
        given = [path for path in (self.parent, self.grow_from, self.shrink_from) if path]
        if len(given) > 1:
            raise ValueError(
                f"There are {len(given)} models to start from; name at most one of parent, "
                "grow_from and shrink_from."
            )
        if given and self.img_resolution is not None:
            raise ValueError(
                f"img_resolution {self.img_resolution} goes with training from scratch only; "
                "leave it out, the parent decides."
            )

    @property
    def model(self) -> Path | None:
        """The model to start from; None means random weights."""
        return self.parent or self.grow_from or self.shrink_from

    def networks(self, *, seed: int) -> tuple[Generator, Discriminator, dict[str, Any] | None]:
        """Make the networks, and say what a record keeps of their origin.

        Args:
            seed: Of the weights that are new.

        Raises:
            CheckpointError: No such model.
            ValueError: It has no discriminator, or sizes that cannot be.
        """
        path = self.model
        if path is None:
            generator, discriminator = new_networks(
                img_resolution=self.img_resolution or _DEFAULT_PX,
                seed=seed,
                channels={**CLAY_CHANNELS, **self.channels},
            )
            return generator, discriminator, None
        path = checkpoints.find_model(path)
        loaded = checkpoints.load_model(path)
        if loaded.discriminator is None:
            raise ValueError(
                f"{self.model} holds no discriminator, which training needs. Choose a model that "
                f"has one: a run's, or of the shipped ones {' or '.join(_trainable())}."
            )
        networks = (loaded.generator, loaded.discriminator)
        if self.grow_from is not None:
            networks = grow(*networks, seed=seed)
        elif self.shrink_from is not None:
            networks = shrink(*networks, seed=seed)
        if self.channels:
            networks = widen(*networks, channels=dict(self.channels), seed=seed)
        origin = {
            "name": path.resolve().parent.name if path.stem == "model" else path.stem,
            "path": str(self.model),
            "sha256": loaded.sha256,
            "is_grown": self.grow_from is not None,
            "is_shrunk": self.shrink_from is not None,
            "is_widened": bool(self.channels),
            "kimg": loaded.record.get("kimg"),
            "train_sec": loaded.record.get("train_sec"),
            "parent": loaded.record.get("parent"),
        }
        return *networks, origin


def _trainable() -> list[str]:
    """Names of the shipped models that training can start from."""
    models = checkpoints.shipped_models()
    return [name for name, path in models.items() if checkpoints.describe(path).discriminator]


@dataclass(frozen=True, kw_only=True)
class ImageChoice:
    """Which images of a source a training sees.

    Args:
        num_images: Clay images to render.
        first_seed: Seed of the first clay image.
        fit: How images of a folder become squares: "crop" cuts a centred one out, "pad" puts white
            beside them.
        max_image_mpx: Megapixels of the largest image of a folder that is read.
    """

    num_images: int = 16000
    first_seed: int = 0
    fit: Fit = "crop"
    max_image_mpx: int = MAX_PIXELS // 10**6

    def __post_init__(self) -> None:
        """Reject what would leave no images."""
        for name in ("num_images", "max_image_mpx"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 1 or more.")

    def of(self, source: str, *, img_resolution: int) -> TrainingImages:
        """Open them.

        Args:
            source: "clay:DOMAIN", or the path of a folder or a zip archive of images.
            img_resolution: Side in pixels.

        Raises:
            ValueError: No such domain, or no images there.
        """
        kind, _, domain = source.partition(":")
        if kind == "clay" and domain:
            return clay_images(
                domain,
                num_images=self.num_images,
                img_resolution=img_resolution,
                first_seed=self.first_seed,
            )
        open_images = zipped_images if Path(source).is_file() else folder_images
        return open_images(
            Path(source),
            img_resolution=img_resolution,
            fit=self.fit,
            max_pixels=self.max_image_mpx * 10**6,
        )


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that decides what becomes of a training.

    Args:
        data: "clay:DOMAIN", or the path of a folder or a zip archive of images.
        settings: Of the run.
        start: Where it begins.
        images: Which of the data.
        num_evaluation_images: Images in each distance.
    """

    data: str
    settings: TrainingSettings
    start: Start = field(default_factory=Start)
    images: ImageChoice = field(default_factory=ImageChoice)
    num_evaluation_images: int = 1000

    def run(
        self,
        folder: Path,
        *,
        command: str,
        num_rounds: int = 1,
        num_low_blocks: int | None = None,
        num_workers: int = 0,
        device: torch.device | None = None,
        on_images: Callable[[TrainingImages], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Path:
        """Train to the end, or on from the last state, and return the path of the model.

        Args:
            folder: Of the run, see `Run`.
            command: What was typed; the record holds it.
            num_rounds: See `Trainer`.
            num_low_blocks: See `Trainer`.
            num_workers: See `RealImages`; images that are mapped from the disk need none.
            device: None takes the best there is.
            on_images: Called with the images before the training begins.
            on_progress: See `Run`.

        Raises:
            ValueError: Networks or images cannot be had, or the folder holds another run.
            FloatingPointError: The training diverged.
        """
        device = device or runtime.default_device()
        generator, discriminator, parent = self.start.networks(seed=self.settings.seed)
        data = runtime.after_one_a_machine(
            lambda: self.images.of(self.data, img_resolution=generator.config.img_resolution)
        )
        if on_images is not None:
            on_images(data)
        trainer = Trainer(
            generator=generator,
            discriminator=discriminator,
            data=data,
            settings=self.settings,
            device=device,
            dtype=runtime.compute_dtype(device),
            num_rounds=num_rounds,
            num_low_blocks=num_low_blocks,
            num_workers=num_workers if data.description["kind"] == "zip" else 0,
        )
        run = Run(
            trainer,
            folder,
            provenance={"parent": parent, **runtime.provenance(command)},
            num_evaluation_images=self.num_evaluation_images,
            on_progress=on_progress,
        )
        return run.train()
