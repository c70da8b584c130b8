"""Options that several verbs have."""

import os
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

import sa_helpers

FAMILY = Path(sa_helpers.__file__).parent / "models" / "clay"
"""Folder of the models that ship."""

Kept = Annotated[Path, arg(help_behavior_hint=lambda path: f"(default: {os.path.relpath(path)})")]
"""A file or folder of the repository, named as the reader sees it."""

Names = Annotated[
    Positional[tuple[str, ...]],
    arg(metavar="[NAME ...]", help="Which ones.", help_behavior_hint="(default: all)"),
]
Runs = Annotated[Path, arg(help="Folder of the runs.")]
