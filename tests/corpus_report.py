"""Open files in this process and tell of each: outcome, seconds, peak memory above the start.

`python tests/corpus_report.py` reads paths from the standard input, one a line, and writes a line
of JSON for each. It runs in a process of its own, so that a crash is an outcome too.
"""

import json
import sys
import time
from pathlib import Path

import torch

from sa_helpers import checkpoints


def _peak_bytes() -> int:
    """Peak of the memory in use since it was last reset (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _answer(path: Path) -> tuple[str, str]:
    """What comes of a file: opened and drawn from, refused, or an exception that should not be."""
    outcome = "opened"
    for read in (checkpoints.describe, checkpoints.load_model):
        try:
            read(path)
        except checkpoints.CheckpointError as error:
            outcome, message = "refused", str(error)
        except Exception as error:
            return type(error).__name__, str(error)[:300]
        else:
            message = ""
    return outcome, message


def main() -> None:
    """Warm up, then answer for every path."""
    torch.zeros(2, 2) @ torch.zeros(2, 2)
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        _reset_peak()
        start, began, used = _peak_bytes(), time.monotonic(), time.process_time()
        outcome, message = _answer(path)
        entry = {
            "name": path.name,
            "outcome": outcome,
            "message": message,
            "sec": round(time.monotonic() - began, 3),
            "cpu_sec": round(time.process_time() - used, 3),
            "bytes": path.stat().st_size,
            "growth_bytes": _peak_bytes() - start,
        }
        print(json.dumps(entry), flush=True)


if __name__ == "__main__":
    main()
