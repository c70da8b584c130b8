"""Train networks and fine-tune children."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import DisallowNone, OmitArgPrefixes, Positional, arg

from sa_helpers import runtime
from sa_helpers.commands.options import Count, Device, NumThreads, use_num_threads
from sa_helpers.commands.running import if_interrupted, say, typed_command
from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning import (
    ImageChoice,
    Progress,
    Start,
    Training,
    TrainingSettings,
    tensorboard_curves,
)
from sa_helpers.finetuning.presets import FEW_IMAGES, PRESETS

Preset = Annotated[
    Literal["few", "many", "scratch"] | None,
    DisallowNone,
    arg(help_behavior_hint="(default: many with a model to start from, else scratch)"),
]


def finetune(
    data: Positional[str],
    folder: Positional[Path],
    *,
    start: Annotated[OmitArgPrefixes[Start], DisallowNone],
    images: OmitArgPrefixes[ImageChoice],
    settings: OmitArgPrefixes[TrainingSettings],
    preset: Preset = None,
    num_evaluation_images: Count = 1000,
    num_rounds: Count = 1,
    num_low_blocks: int | None = None,
    num_workers: int = 0,
    device: Device = None,
    num_threads: NumThreads = None,
) -> None:
    """Train a network, or fine-tune a child from a parent.

    The run lives in a folder; the same command again goes on where it stopped, and the folder opens
    as a family. For example, a child of hundreds of images of your own, one of thousands, and a
    parent from scratch at 64 px that grows:
      sa-helpers finetune path/to/images runs/mine --parent human --preset few
      sa-helpers finetune clay:dog runs/dog --parent human --preset many
      sa-helpers finetune clay:human runs/human64 --img-resolution 64 --preset scratch
      sa-helpers finetune clay:human runs/human --grow-from runs/human64 --preset scratch
    Several GPUs, or processes, share each batch; any number goes on with a run:
      torchrun --nproc-per-node 8 -m sa_helpers finetune path/to/images runs/mine --parent human

    Args:
        data: clay:DOMAIN, or a folder or a zip archive of images.
        folder: Folder of the run.
        start: What to start from; random weights if no model is named.
        images: Which images.
        settings: How to train. The defaults are those of the preset.
        preset: Settings by purpose: few, for a child of less than a thousand images; many, for a
            child of more; scratch. What else is named goes before.
        num_evaluation_images: Images in each distance to the data.
        num_rounds: Portions in which each process computes its images, to save memory.
        num_low_blocks: Highest resolutions in the compute dtype, see SA_COMPUTE_DTYPE; the
            published models take 4, None means all.
        num_workers: Processes that decode the images of an archive ahead, for each GPU.
    """
    del preset  # `finetune_defaults` has made settings of it
    training = Training(
        data=data,
        settings=settings,
        start=start,
        images=images,
        num_evaluation_images=num_evaluation_images,
    )
    train(
        training,
        folder,
        command=typed_command(),
        num_rounds=num_rounds,
        num_low_blocks=num_low_blocks,
        num_workers=num_workers,
        device=device,
        num_threads=num_threads,
    )


def finetune_defaults(words: Sequence[str]) -> dict[str, TrainingSettings]:
    """The settings of the preset that is typed, or else of the one that fits the start."""
    joined = [part for word in words for part in word.split("=", 1)]
    after = (value for word, value in pairwise(joined) if word == "--preset")
    is_a_child = {"--parent", "--grow-from", "--shrink-from"} & {*joined}
    named = next(after, "many" if is_a_child else "scratch")
    return {"settings": PRESETS.get(named, PRESETS["many"])}  # tyro refuses what is unknown


def train(
    training: Training,
    folder: Path,
    *,
    command: str,
    num_rounds: int = 1,
    num_low_blocks: int | None = None,
    num_workers: int = 0,
    device: str | None = None,
    num_threads: int | None = None,
) -> None:
    """Run a training and print how it goes.

    Args:
        training: What is asked for.
        folder: Folder of the run.
        command: For the record.
        num_rounds: See `Trainer`.
        num_low_blocks: See `Trainer`.
        num_workers: See `RealImages`.
        device: Name of one; None takes the best there is.
        num_threads: None takes all.

    Raises:
        ValueError: See `Training.run`.
        FloatingPointError: The training diverged.
        KeyboardInterrupt: With what the same command will do.
    """
    use_num_threads(num_threads)
    with if_interrupted(lambda: _what_comes_next(folder)):
        path = training.run(
            folder,
            command=command,
            num_rounds=num_rounds,
            num_low_blocks=num_low_blocks,
            num_workers=num_workers,
            device=runtime.named_device(device) if device else None,
            on_images=lambda images: _say_images(images, training.settings),
            on_progress=_reporter(folder),
        )
    say(f"finished: {path}")


def _reporter(folder: Path) -> Callable[[Progress], None]:
    """Print how a run goes, and write it for TensorBoard where that is installed."""
    curves = tensorboard_curves(folder)

    def report(progress: Progress) -> None:
        say(sentence(progress))
        for warning in progress.warnings:
            say(f"warning: {warning}")
        if curves is not None:
            curves(progress)

    return report


def sentence(progress: Progress) -> str:
    """One line on how a run goes."""
    values, kimg = progress.values, f"kimg {progress.kimg:.1f}"
    if progress.event == "resumed":
        return f"resumed at {kimg}"
    if progress.event == "finished":
        return f"finished before, at {kimg}"
    if progress.event == "measured":
        diversity = [
            f"{name} {values[name]:.2f}" for name in ("recall", "coverage") if name in values
        ]
        return "  ".join([kimg, f"Fréchet distance {values['frechet_distance']:.3f}", *diversity])
    return (
        f"{kimg}/{progress.total_kimg:g}  G {values['generator']:.3f}  "
        f"D {values['discriminator']:.3f}  sign {values['real_sign']:.2f}  "
        f"ADA p {values['ada_probability']:.2f}  {values['images_per_sec']:.1f} images/s  "
        f"{(progress.left_sec or 0.0) / 60:.0f} min left"
    )


def _say_images(images: TrainingImages, settings: TrainingSettings) -> None:
    say(f"images: {images.summary}")
    if len(images) < FEW_IMAGES and settings.ada_target is None:
        say(f"fewer than {FEW_IMAGES} images soon overfit; --preset few is made for them")


def _what_comes_next(folder: Path) -> str:
    is_kept = (folder / "state.pt").is_file()
    what = "continues from the last state" if is_kept else "starts anew: no state was saved yet"
    return f"the same command {what}"
