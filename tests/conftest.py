"""Test set-up: shapes and types are checked in every call, and a worker uses one thread."""

import os
from pathlib import Path

# numba and OpenMP read these once, when they are first imported.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from jaxtyping import install_import_hook

ROOT = Path(__file__).resolve().parent.parent


def modules_to_check() -> list[str]:
    """List the modules with annotations to check, without those that numba compiles.

    numba must see its functions undecorated; what they are given is checked where it is made.
    """
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in ("sa_helpers", "workshop")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "__init__.py" and "\n@compiled\n" not in path.read_text(encoding="utf-8")
    ]


# From here on, importing either package gives functions that check their jaxtyping annotations.
install_import_hook(modules_to_check(), "type_checking.check")

torch.set_num_threads(1)

if os.environ.get("SA_PERTURB_WEIGHTS"):
    import perturbed_weights  # noqa: F401
