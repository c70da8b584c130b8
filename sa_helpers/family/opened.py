"""What files hold, opened once for all callers, and anew where the files are others by now."""

import functools
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from sa_helpers.runtime import version_of

Opened = TypeVar("Opened")
_MAX_KEPT = 128


def opened(
    open_: Callable[..., Opened], path: Path, *arguments: Hashable, files: Iterable[Path] = ()
) -> Opened:
    """Return what `open_(path, *arguments)` does; it is called again only when files have changed.

    What is returned is shared between callers, and not to be changed in place.

    Args:
        open_: A function of a module, as it is part of the key.
        path: What it opens.
        arguments: What else it is given.
        files: All that it reads, if that is more than `path`.
    """
    return _opened(open_, path, arguments, version_of(*(files or (path,))))


@functools.lru_cache(maxsize=_MAX_KEPT)
def _opened(
    open_: Callable[..., Any], path: Path, arguments: tuple[Hashable, ...], _: Hashable
) -> Any:
    return open_(path, *arguments)
