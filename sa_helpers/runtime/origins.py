"""What a record says of the process that made something."""

from importlib.metadata import version
from typing import Any

import torch

_PACKAGES = ("torch", "numpy", "numba")


def provenance(command: str) -> dict[str, Any]:
    """Command, number of threads and versions, for a record; JSON-ready.

    Args:
        command: That makes the same again.
    """
    return {"command": command, "num_threads": torch.get_num_threads(), "versions": versions()}


def versions() -> dict[str, str]:
    """Versions of the packages on which the digits of a result depend."""
    return {name: version(name) for name in _PACKAGES}
