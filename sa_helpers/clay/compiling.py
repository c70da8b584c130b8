"""Compile kernels with numba, cached on disk where a cache can be written."""

from collections.abc import Callable
from typing import Any

import numba

# Only liberties that leave every finite result as it is: no reordering of sums, no fused
# multiply-add. So bytes depend neither on the processor nor on what the compiler inlines.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"nnan", "ninf", "nsz"},
}


def compiled(function: Callable) -> Callable:
    """Compile `function` on its first call, without holding the interpreter lock.

    The machine code is cached beside the source or in the user's cache folder (NUMBA_CACHE_DIR
    moves it). Where neither can be written, each process compiles afresh, which takes a minute.
    """
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # numba found no folder that it may write
        return numba.njit(**OPTIONS)(function)
