"""Find out what a file is by its first bytes, and open it with the reader of its format."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import nvidia, rosinality, tensorflow
from sa_helpers.checkpoints.carried import NVIDIA_PICKLE, TENSORFLOW_PICKLE, TORCH_FILE
from sa_helpers.checkpoints.contents import Contents
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.own_format import model_files, open_own_format
from sa_helpers.checkpoints.pickle_machine import PickleMachine
from sa_helpers.checkpoints.spans import Span, StoredTensor, open_span
from sa_helpers.checkpoints.torch_files import LEGACY_MAGIC, read_legacy, read_zipped

_ARCHIVES = {
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
}
_TAR_MAGIC = 257
_MAX_HEADER_BYTES = 1 << 40
_KNOWN = (
    "NVIDIA's .pkl (PyTorch or TensorFlow), rosinality's, e4e's, pSp's and StyleGAN-NADA's .pt, "
    "and .safetensors with .json"
)


@contextmanager
def open_checkpoint(path: Path) -> Iterator[tuple[Contents, Callable[[], str]]]:
    """Open a file of any known format; its weights can be read while the block lasts.

    Returns:
        What it holds, and a function that gives the SHA-256 of the weights' file.

    Raises:
        CheckpointError: Another kind of file, or a damaged or harmful one.
    """
    if not path.is_file() and any(file.is_file() for file in model_files(path)):
        with open_own_format(path) as opened:
            yield opened
        return
    with open_span(path) as span:
        is_own = _is_own_format(span)
        if not is_own:
            yield _read(span), span.sha256
    if is_own:
        with open_own_format(path) as opened:
            yield opened


def require_weights_file(path: Path) -> None:
    """Check that a file begins like a checkpoint, be it complete or not.

    Raises:
        CheckpointError: It is a web page, an archive or empty; the remedy is stated.
    """
    with open_span(path) as span:
        _refuse_what_is_none(span)


def _is_own_format(span: Span) -> bool:
    """Tell JSON, or the eight bytes of a length and JSON; pickles would give absurd lengths."""
    head = span.part(0, min(9, span.length)).read()
    is_header = head[8:] == b"{" and int.from_bytes(head[:8], "little") < _MAX_HEADER_BYTES
    return head[:1] == b"{" or is_header


def _read(span: Span) -> Contents:
    _refuse_what_is_none(span)
    head = span.part(0, min(4, span.length)).read()
    if head[:2] == b"PK":
        return _from_torch(read_zipped(span), span)
    if head[:1] != b"\x80":
        raise CheckpointError(
            f"{span.path} begins with {head!r}, like no checkpoint. Expected {_KNOWN}."
        )
    return _from_pickle(span)


def _refuse_what_is_none(span: Span) -> None:
    head = span.part(0, min(512, span.length)).read()
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


def _from_pickle(span: Span) -> Contents:
    """Read a bare pickle: a torch file of before 1.6, or a pickle of NVIDIA's.

    Which one shows only in its content, so the reader knows the names of all three at first; what
    its format does not need is refused by the readers, which look at types.
    """
    names = {**TORCH_FILE, **NVIDIA_PICKLE, **TENSORFLOW_PICKLE}
    root = PickleMachine(span, allowed=names).load()
    if root == LEGACY_MAGIC:
        return _from_torch(read_legacy(span), span)
    if isinstance(root, tuple) and len(root) == 3:
        return tensorflow.read_pickle(root)
    if isinstance(root, dict) and "G_ema" in root:
        is_state = isinstance(root["G_ema"], dict)
        return nvidia.read_state_dicts(root) if is_state else nvidia.read_pickle(root)
    raise _unknown(root, span)


def _from_torch(root: Any, span: Span) -> Contents:
    if isinstance(root, dict):
        root = _bare_state_dict(root)
        if isinstance(root.get("state_dict"), dict):
            return rosinality.read_encoder_checkpoint(root)
        if isinstance(root.get("g_ema"), dict):
            return rosinality.read_checkpoint(root)
        if isinstance(root.get("G_ema"), dict):
            return nvidia.read_state_dicts(root)
    raise _unknown(root, span)


def _bare_state_dict(root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name the part of a file that is one state dict; other files stay as they are."""
    if isinstance(root.get("synthesis.b4.const"), StoredTensor):
        return {"G_ema": root}
    return {"g_ema": root} if isinstance(root.get("input.input"), StoredTensor) else root


def _unknown(root: Any, span: Span) -> CheckpointError:
    keys = [str(key)[:40] for key in root][:8] if isinstance(root, dict) else []
    return CheckpointError(
        f"{span.path} holds {type(root).__name__} {keys or ''}, not a StyleGAN2 checkpoint. "
        f"Expected {_KNOWN}."
    )
