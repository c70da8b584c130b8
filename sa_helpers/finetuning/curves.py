"""Curves of a run for TensorBoard, where that is installed."""

from collections.abc import Callable
from pathlib import Path

from sa_helpers.finetuning.run import Progress


def tensorboard_curves(folder: Path) -> Callable[[Progress], None] | None:
    """Make what writes a run's progress for `tensorboard --logdir`, one step an image.

    Args:
        folder: Of the run; the files go into `tensorboard` there.

    Returns:
        To be given to a run as `on_progress`; None where TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    writer: SummaryWriter | None = None

    def write(progress: Progress) -> None:
        nonlocal writer
        writer = writer or SummaryWriter(str(folder / "tensorboard"))
        step = round(progress.kimg * 1000)
        for name, value in progress.values.items():
            if name != "kimg":
                writer.add_scalar(f"{progress.event}/{name}", value, step)
        for sentence in progress.warnings:
            writer.add_text("warnings", sentence, step)
        writer.flush()

    return write
