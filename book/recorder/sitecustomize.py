"""Record which of the project's files a notebook's kernel reads, and every process that it starts.

Python imports this module when it starts, before anything else, wherever this folder is on
PYTHONPATH; `run_stale.py` sees to that, and names in the environment the file to write to and the
project's folder. A line of the record is a path: of a file that was opened to be read (of a module,
its source), or, with a slash at its end, of a folder whose entries were listed.

Files that compiled code opens by itself (such as safetensors' own reader) are not seen. Another
`sitecustomize` that Python would find is hidden while this one is on PYTHONPATH.
"""

import os
import sys
from importlib.util import source_from_cache
from typing import Any

RECORD, ROOT = "SA_RECORD", "SA_RECORD_ROOT"
LISTINGS = ("os.listdir", "os.scandir")


def start(record: str, root: str) -> None:
    """Write from now on, for as long as this process lives, what it and its forks read."""
    stream = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    seen: set[tuple[str, bool]] = set()

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        is_listing = event in LISTINGS
        if not is_listing and (event != "open" or (arguments[2] or 0) & os.O_WRONLY):
            return
        given = "." if arguments[0] is None else arguments[0]
        if not isinstance(given, str | bytes | os.PathLike):
            return  # a descriptor, which an earlier event has opened
        path = os.path.abspath(os.fsdecode(given))
        if (path, is_listing) not in seen:
            seen.add((path, is_listing))
            path = os.path.realpath(source_from_cache(path) if path.endswith(".pyc") else path)
            if path.startswith(root + os.sep):
                os.write(stream, os.fsencode(f"{path}{os.sep if is_listing else ''}\n"))

    sys.addaudithook(hear)


if RECORD in os.environ:
    start(os.environ[RECORD], os.environ[ROOT])
