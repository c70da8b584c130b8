"""Find out what a file is by its first bytes, and open it with the reader of its format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints.budget import Budget
from sa_helpers.checkpoints.contents import Contents
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import Span, open_span
from sa_helpers.checkpoints.finding import KNOWN, read_root
from sa_helpers.checkpoints.own_format import model_files, read_own_format
from sa_helpers.checkpoints.pickle_machine import PickleMachine
from sa_helpers.checkpoints.safetensors_files import is_safetensors, read_safetensors
from sa_helpers.checkpoints.torch_files import (
    LEGACY_MAGIC,
    allowed_names,
    read_legacy,
    read_zipped,
)

_ARCHIVES = {
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
}
_TAR_MAGIC = 257


@contextmanager
def open_checkpoint(path: Path) -> Iterator[tuple[Contents, Callable[[], str]]]:
    """Open a file of any known format; its weights can be read while the block lasts.

    Returns:
        What it holds, and a function that gives the SHA-256 of the weights' file.

    Raises:
        CheckpointError: Another kind of file, or a damaged or harmful one.
    """
    with open_span(weights_file(path)) as span:
        yield _read(span), span.sha256


def weights_file(path: Path) -> Path:
    """Path of the file that holds the weights: models of our own go by their name without ending.

    The JSON of a model that was saved as two files stands for its weights.
    """
    if path.name and not may_be_file(path):
        return model_files(path)[0]
    if path.suffix == ".json" and may_be_file(path):
        with open_span(path) as span:
            if span.head(1) == b"{":
                return model_files(path)[0]
    return path


def may_be_file(path: Path) -> bool:
    """Whether there is something at a path that is no folder."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):  # a name that no file can have; opening it says so
        return True


def require_weights_file(path: Path) -> None:
    """Check that a file begins like a checkpoint, be it complete or not.

    Raises:
        CheckpointError: It is a web page, an archive or empty; the remedy is stated.
    """
    with open_span(path) as span:
        _refuse_what_is_none(span)


def _read(span: Span) -> Contents:
    _refuse_what_is_none(span)
    budget = Budget(span.path)
    head = span.head(4)
    if head[:2] == b"PK":
        return read_root(read_zipped(span, budget), budget)
    if head[:1] == b"\x80" and not is_safetensors(span):
        return _from_pickle(span, budget)
    if not is_safetensors(span):
        raise CheckpointError(
            f"{span.path} begins with {head!r}, like no checkpoint. Expected {KNOWN}."
        )
    tensors, metadata = read_safetensors(span, budget)
    own = read_own_format(span, tensors, metadata, budget)
    return read_root(tensors, budget) if own is None else own


def _refuse_what_is_none(span: Span) -> None:
    head = span.head(512)
    if not head:
        raise CheckpointError(f"{span.path} is empty. The download failed; repeat it.")
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise CheckpointError(
            f"{span.path} is a web page, not a checkpoint. Google Drive sends one when a file's "
            "quota is exceeded or to say that it was not scanned for viruses: open the address in "
            "a browser, read what it says, and save the file itself."
        )
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{span.path} is a pointer of Git LFS. Run `git lfs pull` to get the file itself."
        )
    kind = next((what for magic, what in _ARCHIVES.items() if head.startswith(magic)), None)
    if kind is None and head[_TAR_MAGIC : _TAR_MAGIC + 5] == b"ustar":
        kind = "a tar archive"
    if kind:
        raise CheckpointError(f"{span.path} is {kind}. Unpack it and load what is inside.")


def _from_pickle(span: Span, budget: Budget) -> Contents:
    """Read a bare pickle: a torch file of before 1.6, or a pickle of NVIDIA's."""
    root: Any = PickleMachine(span, allowed=allowed_names(budget), budget=budget).load()
    if type(root) is int and root == LEGACY_MAGIC:
        root = read_legacy(span, budget)
    return read_root(root, budget)
