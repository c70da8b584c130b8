"""Where a model lies and what lies beside it: in a run's folder, in the package, or in a file."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import CheckpointError, find_model, read_record, shipped_models
from sa_helpers.checkpoints.detecting import weights_file
from sa_helpers.checkpoints.own_format import model_files
from sa_helpers.checkpoints.places import RUN_MODEL, is_run
from sa_helpers.family.records import checked_record
from sa_helpers.runtime import shown


@dataclass(frozen=True)
class Place:
    """Where a model lies.

    Attributes:
        name: What the model is called there.
        path: Of its file; of our own format without ending.
        folder: In which encoders, surveys and the like of it lie.
        run: Folder of the run that made it, where it lies in one.
    """

    name: str
    path: Path
    folder: Path
    run: Path | None = None

    def record(self) -> dict[str, Any]:
        """How the model came about, as far as its file can be asked; of others' formats nothing.

        Raises:
            ValueError: The record is of another form than ours.
        """
        try:
            record = read_record(self.path)
        except CheckpointError:  # opening the weights will say what is wrong
            return {}
        return checked_record(record, place=f"'{shown(self.path)}'")


def place_of(named: str | Path) -> Place:
    """Where a model lies that is named as for `checkpoints.find_model`.

    Raises:
        CheckpointError: There is no such model; the message lists what would do.
    """
    path = find_model(named)
    folder = path.parent
    if path.stem == RUN_MODEL and is_run(folder):
        return Place(folder.resolve().name, folder / RUN_MODEL, folder, run=folder)
    own, _ = model_files(path)
    return Place(path.stem, path.with_suffix("") if own.is_file() else path, folder)


def record_of(path: Path) -> dict[str, Any]:
    """The record of a model of our own format, checked.

    Raises:
        ValueError: It cannot be read, or is of another form.
    """
    try:
        record = read_record(path)
    except CheckpointError as error:
        raise ValueError(
            f"The record of '{shown(path)}' cannot be read ({error}) Leave in the folder "
            "only models that save_model wrote; name others in a family.toml."
        ) from error
    return checked_record(record, place=f"'{shown(path)}'")


def parent_of_run(folder: Path, record: Mapping[str, Any]) -> Place | None:
    """Where the model lies that a run was fine-tuned from; None for networks of other sizes.

    It is known by the digest of its file. Looked at are the path in the record, the folders beside
    the run, and the shipped models.

    Args:
        folder: Of the run.
        record: Of its model.

    Raises:
        ValueError: It is not there any more; the message says what was looked for.
    """
    origin = record.get("parent")
    if not origin or any(origin.get(key) for key in ("is_grown", "is_shrunk", "is_widened")):
        return None
    wanted = origin.get("sha256")
    for path in _candidates(folder, origin):
        if _digest(path) == wanted:
            return place_of(path)
    raise ValueError(
        f"The run in '{shown(folder)}' was fine-tuned from {shown(origin['name'])} (sha256 "
        f"{shown(str(wanted)[:12])}), which lies neither at "
        f"{shown(origin.get('path', 'its path'))} nor beside the run nor among the shipped models. "
        "Put it beside the run, or name both in a family.toml."
    )


def _candidates(folder: Path, origin: Mapping[str, Any]) -> Iterator[Path]:
    """Files that could be the parent, the likeliest first."""
    name, typed = origin["name"], origin.get("path")
    whole = folder.resolve()
    bases = [Path(), *whole.parents] if isinstance(typed, str) else []
    named = [base / str(typed) for base in bases]
    beside = whole.parent / name
    shipped = [path for known, path in shipped_models().items() if known == name]
    for path in [*named, beside, model_files(beside)[0], *shipped]:
        with contextlib.suppress(CheckpointError):
            yield find_model(path)


def _digest(path: Path) -> str:
    with weights_file(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
