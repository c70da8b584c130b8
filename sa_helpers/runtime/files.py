"""Files that are whole or not there, that show when they were changed, and that never pile up."""

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import pickle
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sa_helpers.runtime.texts import shown

FILE_FAULTS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,  # RecursionError included
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the readers of archives, pickles and JSON raise on a damaged or hostile file."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SUFFIX = ".partial"
_ABANDONED = re.compile(rf"\..+\.[a-z0-9_]{{8}}{re.escape(_SUFFIX)}")  # what tempfile names so
_SEAL = b"sha256:"
_SEAL_BYTES = len(_SEAL) + 64
_BLOCK_BYTES = 1 << 20


def cache_dir() -> Path:
    """Folder for everything that can be made again; SA_CACHE_DIR overrides the user's cache."""
    wish = os.environ.get("SA_CACHE_DIR")
    if wish:
        return Path(wish)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sa_helpers"


def version_of(*paths: Path) -> tuple[tuple[int, ...] | None, ...]:
    """What changes when a file is replaced or written to: the key of caches, beside its path.

    Returns:
        One entry a path: identity, times and size; None where there is no such file.
    """
    return tuple(_version(path) for path in paths)


def _version(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, num_bytes: int = 0) -> Iterator[io.BufferedRandom]:
    """Open a file to write that takes the place of `path` when the block ends well.

    A reader sees the old file or the new one, never half of one, and nothing is left behind when
    the block raises. The content is on the disk before the name is. What processes left in the
    folder that were killed meanwhile is removed.

    Args:
        path: Where the file goes; its folder is made.
        num_bytes: How large it will be, as far as that is known before it is written.

    Raises:
        OSError: It cannot be written. Where the disk is full, path and needed room are stated.
    """
    path, partial, stream = Path(path), None, None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent)
        partial, stream = _new_partial(path)
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(partial, 0o644)  # mkstemp makes files that only their owner may read
        os.replace(partial, path)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise _no_room(error, path, max(num_bytes, stream.num_bytes if stream else 0)) from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


class _Measuring(io.BufferedRandom):
    """Remembers how far anyone wanted to write."""

    num_bytes = 0

    def write(self, data: Any) -> int:
        self.num_bytes = max(self.num_bytes, self.tell() + memoryview(data).nbytes)
        return super().write(data)


def _new_partial(path: Path) -> tuple[Path, _Measuring]:
    """Open a hidden file beside `path`, locked as long as it is open."""
    while True:
        handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=_SUFFIX, dir=path.parent)
        if _lock(handle):
            return Path(name), _Measuring(io.FileIO(handle, "r+b"))
        os.close(handle)


def _prefix(path: Path) -> str:
    """The beginning of a name tells what a partial file is; all of it may be too long for one."""
    return f".{os.fsdecode(os.fsencode(path.name)[:100])}."


def _lock(handle: int) -> bool:
    """Say that we live; False where another process has just removed this as abandoned."""
    with contextlib.suppress(OSError):  # there are file systems without locks
        fcntl.flock(handle, fcntl.LOCK_EX)
    return os.fstat(handle).st_nlink > 0


def _no_room(error: OSError, path: Path, needed: int) -> OSError:
    folder = next(folder for folder in path.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(folder).free
    return OSError(
        error.errno,
        f"{error.strerror}: '{shown(path)}' needs {needed / 1e6:.3f} MB or more, and its disk has "
        f"{free / 1e6:.3f} MB free, unless a quota allows less. Make room, or name another folder; "
        "what was there is unchanged",
    )


def remove_abandoned(folder: Path, *, is_recursive: bool = False) -> None:
    """Remove what `replacing` and `staging` left in a folder when their processes were killed.

    What a living process writes is locked by it, and stays.
    """
    for found in folder.rglob(f".*{_SUFFIX}") if is_recursive else folder.glob(f".*{_SUFFIX}"):
        if _ABANDONED.fullmatch(found.name):
            _remove_unless_locked(found)


def _remove_unless_locked(partial: Path) -> None:
    with contextlib.suppress(OSError):  # it was finished meanwhile, or belongs to somebody else
        handle = os.open(partial, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if partial.is_dir():
                shutil.rmtree(partial)
            else:
                partial.unlink()
        finally:
            os.close(handle)


@contextlib.contextmanager
def staging(path: Path) -> Iterator[Path]:
    """Make a hidden folder beside `path`, to be filled and renamed; else it is removed at the end.

    Args:
        path: What the folder will be renamed to, or so; the folder around it is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent)
    folder, handle = _new_folder(path)
    try:
        os.chmod(folder, 0o755)
        yield folder
    finally:
        os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder(path: Path) -> tuple[Path, int]:
    while True:
        name = tempfile.mkdtemp(prefix=_prefix(path), suffix=_SUFFIX, dir=path.parent)
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(name, os.O_RDONLY)
            if _lock(handle):
                return Path(name), handle
            os.close(handle)


@contextlib.contextmanager
def sealing(path: Path, *, num_bytes: int = 0) -> Iterator[io.BufferedRandom]:
    """Like `replacing`, and the file ends in its own digest, so that `is_sealed` sees any change.

    Formats that are read from their beginning, or from a directory near their end, such as NumPy's
    and zip archives, are read as before.
    """
    with replacing(path, num_bytes=num_bytes) as stream:
        yield stream
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0, os.SEEK_END)
        stream.write(_SEAL + digest.encode())


def is_sealed(path: Path) -> bool:
    """Whether a file is as `sealing` left it.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        left = os.fstat(stream.fileno()).st_size - _SEAL_BYTES
        while left > 0 and (block := stream.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            left -= len(block)
        return left == 0 and stream.read() == _SEAL + digest.hexdigest().encode()
