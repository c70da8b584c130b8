"""From what people name a model by to the path of its file."""

from pathlib import Path

from sa_helpers.checkpoints.detecting import may_be_file, weights_file
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.finding import KNOWN

SHIPPED_MODELS = Path(__file__).parent.parent / "models"
"""Folder of the families that come with the package."""

RUN_MODEL, RUN_BEST, RUN_STATE, RUN_RECORD = "model", "best", "state.pt", "record.json"


def find_model(named: str | Path) -> Path:
    """Path of the model that somebody names, as `load_model` takes it.

    Args:
        named: Path of a checkpoint, ours with or without ending; the folder of a finished run; or
            the name of a model that comes with the package, such as "human". What lies on the disk
            goes first.

    Raises:
        CheckpointError: There is no such model; the message lists what would do.
    """
    path = Path(named)
    if may_be_file(weights_file(path / RUN_MODEL)):
        return path / RUN_MODEL
    if may_be_file(weights_file(path)):
        return path
    shipped = shipped_models()
    if str(named) in shipped:
        return shipped[str(named)]
    if path.is_dir() and is_run(path):
        raise CheckpointError(
            f"The run in {path} has no model yet: it has not finished. Give the command that "
            "started it again, or name what it kept so far: best, or one of snapshots/."
        )
    why = "it is a folder without a model" if path.is_dir() else "there is no such file"
    raise CheckpointError(
        f"{path} cannot be read: {why}. Expected {KNOWN}, the folder of a finished run, or one of "
        f"the shipped models {', '.join(shipped)}."
    )


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, finished or not."""
    record = folder / RUN_RECORD
    is_of_a_model = record.with_suffix(".safetensors").is_file()  # which is called "record"
    return (folder / RUN_STATE).is_file() or (record.is_file() and not is_of_a_model)


def shipped_models() -> dict[str, Path]:
    """Name to path of the models that come with the package."""
    files = sorted(SHIPPED_MODELS.glob("*/*.safetensors"))
    return {file.stem: file.with_suffix("") for file in files}
