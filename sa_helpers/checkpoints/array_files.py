"""Arrays beside the models, such as surveys and latents: one compressed NumPy archive each.

What the arrays are stands in the archive as JSON, under the name `meaning`.
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy import ndarray

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.runtime import FILE_FAULTS, replacing, shown

_MAX_BYTES = 1 << 28
Made = TypeVar("Made")


def save_arrays(path: Path, arrays: Mapping[str, ndarray], *, meaning: dict[str, Any]) -> Path:
    """Write arrays whole or not at all.

    Args:
        path: Ends in .npz; its folder is made.
        arrays: By name.
        meaning: What they are, and how they came about; JSON-ready.
    """
    with replacing(path) as stream:
        np.savez_compressed(stream, **arrays, meaning=np.array(json.dumps(meaning)))  # type: ignore[arg-type]
    return path


def load_arrays(
    path: Path,
    *,
    make: Callable[[dict[str, Any], Mapping[str, ndarray]], Made],
    kind: str,
    remedy: str,
) -> Made:
    """Read what `save_arrays` wrote.

    Args:
        path: Of the file.
        make: From the meaning and the arrays to what they stand for.
        kind: What the file should hold, such as "survey of channels".
        remedy: Sentence for the error, how to make such a file.

    Raises:
        CheckpointError: A missing or damaged file, or one of another kind.
    """
    try:
        with open(path, "rb") as stream:
            _require_moderate(stream)
            with np.load(stream, allow_pickle=False) as file:
                return make(json.loads(str(file["meaning"])), file)
    except (OSError, *FILE_FAULTS) as error:
        # What numpy says of pickles is advice to load them in the unsafe way.
        cause = "it holds pickles" if "allow_pickle" in str(error) else shown(error)
        raise CheckpointError(f"{path} is no {kind} ({cause}). {remedy}") from error


def _require_moderate(stream: BinaryIO) -> None:
    """Refuse archives that would unfold to more than such files ever hold."""
    with zipfile.ZipFile(stream) as archive:
        num_bytes = sum(entry.file_size for entry in archive.infolist())
    if num_bytes > _MAX_BYTES:
        raise ValueError(f"it unfolds to {num_bytes / 1e6:.0f} MB")
    stream.seek(0)
