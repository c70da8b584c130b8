"""Compile kernels with numba, cached on disk where a cache can be written."""

from collections.abc import Callable

import numba

OPTIONS = {"nogil": True, "fastmath": True, "error_model": "numpy"}


def compiled(function: Callable) -> Callable:
    """Compile `function` on its first call, without holding the interpreter lock.

    The machine code is cached beside the source or in the user's cache folder (NUMBA_CACHE_DIR
    moves it). Where neither can be written, each process compiles afresh, which takes some seconds.
    """
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # numba found no folder that it may write
        return numba.njit(**OPTIONS)(function)
