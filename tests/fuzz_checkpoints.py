"""Mutate checkpoints of every format and report what comes of them: `make fuzz`.

Each file opens, or is refused by a `CheckpointError` that names it. Anything else is a fault:
another exception, a crash, an answer that takes too long or too much memory.
"""

import argparse
import json
import random
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from conditional_networks import NUM_CLASSES, conditional_pair
from published_files import (
    make_pair,
    nada_file,
    nvidia_pickle,
    rosinality_state,
    tensorflow_pickle,
)
from safetensors.torch import save_file

from sa_helpers.checkpoints import save_model, to_nvidia_state

_BATCH = 1000
_MAX_GROWTH_BYTES = 200e6
_MAX_CPU_SEC = 2.0
_HERE = Path(__file__).parent


def source_files(folder: Path) -> dict[str, bytes]:
    """Small files of all formats, by name."""
    pair = make_pair(8)
    paths = [tensorflow_pickle(folder / f"tensorflow{p}", *pair, protocol=p) for p in (2, 4)]
    paths += [nvidia_pickle(folder / f"nvidia{p}", *pair, protocol=p) for p in (2, 4)]
    paths.append(nvidia_pickle(folder / "pti", pair[0], is_alone=True, is_torch_file=True))
    conditional = conditional_pair()
    overrides = {"c_dim": NUM_CLASSES}
    paths.append(nvidia_pickle(folder / "conditional", *conditional, overrides=overrides))
    paths.append(nada_file(folder / "nada", pair[0]))
    paths.append(save_model(folder / "own", *pair, record={"kimg": 1.5, "name": "own"}))
    state = {"g_ema": rosinality_state(pair[0])}
    torch.save(state, folder / "old", _use_new_zipfile_serialization=False)
    save_file(to_nvidia_state(pair[0]), folder / "hub")
    return {p.name: p.read_bytes() for p in (*paths, folder / "old", folder / "hub")}


def mutated(files: Sequence[bytes], random_: random.Random) -> bytes:
    """One of some files with a few changes of its bytes: mostly where its structure is."""
    content = bytearray(random_.choice(files))
    for _ in range(random_.randint(1, 3)):
        start = _place(len(content), random_)
        stop = min(len(content), start + random_.randint(0, 12))
        content[start:stop] = _change(bytes(content), start, stop, files, random_)
        if not content:
            break
    return bytes(content)


def _place(length: int, random_: random.Random) -> int:
    ends = (random_.randrange(min(length, 3000)), length - 1 - random_.randrange(min(length, 3000)))
    return random_.choice((*ends, random_.randrange(length)))


def _change(
    content: bytes, start: int, stop: int, files: Sequence[bytes], random_: random.Random
) -> bytes:
    kind = random_.randrange(6)
    if kind == 0:
        return random_.randbytes(random_.randint(0, 12))
    if kind == 1:  # once more
        return content[start:stop] * 2
    if kind == 2:  # lengths, indices and sizes beyond all
        extreme = random_.choice((0, 1, 2**7, 2**15, 2**31 - 1, 2**32 - 1, 2**63, 2**64 - 1))
        return struct.pack("<Q", extreme)[: random_.choice((1, 2, 4, 8))]
    if kind == 3:  # a piece of another file
        other = random_.choice(files)
        at = _place(len(other), random_)
        return other[at : at + random_.randint(1, 200)]
    if kind == 4:  # a number of JSON, or a bit
        return random_.choice((b"1e999", b"-1", b"[", b'"', b"{}", b"NaN", b"null", b"9" * 400))
    return bytes([content[start] ^ 1 << random_.randrange(8)]) + content[start + 1 : stop]


def answers(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """What comes of each file, in a process of its own that is started again after a crash."""
    left = list(paths)
    while left:
        run = subprocess.run(
            [sys.executable, str(_HERE / "corpus_report.py")],
            input="\n".join(map(str, left)),
            capture_output=True,
            text=True,
            check=False,
        )
        rows = [json.loads(line) for line in run.stdout.splitlines()]
        yield from rows
        left = left[len(rows) :]
        if left:
            yield {"name": left.pop(0).name, "outcome": f"exit {run.returncode}", "message": ""}


def faults(row: dict[str, Any]) -> list[str]:
    """What is wrong with an answer."""
    if row["outcome"] not in ("opened", "refused"):
        return [f"{row['outcome']}: {row['message']}"]
    found = []
    if row["outcome"] == "refused" and row["name"] not in row["message"]:
        found.append(f"no file named: {row['message']}")
    if row["growth_bytes"] > 2 * row["bytes"] + _MAX_GROWTH_BYTES:
        found.append(f"{row['growth_bytes'] / 1e6:.0f} MB")
    if row["cpu_sec"] > 2 * _MAX_CPU_SEC:  # each file is described and loaded
        found.append(f"{row['cpu_sec']:.1f} s")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Try many files; the result is 0 where none shows a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="files (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the changes (default %(default)s)")
    parser.add_argument("--keep", type=Path, help="folder for the files that show faults")
    options = parser.parse_args(arguments)
    random_, rows, wrong = random.Random(options.seed), [], 0
    with tempfile.TemporaryDirectory() as name:
        files = list(source_files(Path(name)).values())
        for first in range(0, options.count, _BATCH):
            paths = []
            for index in range(first, min(first + _BATCH, options.count)):
                paths.append(Path(name) / f"fuzzed{index:06}")
                paths[-1].write_bytes(mutated(files, random_))
            for path, row in zip(paths, answers(paths), strict=True):
                for fault in faults(row):
                    wrong += 1
                    print(f"{row['name']}: {fault}", flush=True)
                    if options.keep:
                        options.keep.mkdir(parents=True, exist_ok=True)
                        (options.keep / path.name).write_bytes(path.read_bytes())
                rows.append(row)
                path.unlink()
            print(f"{len(rows)} files, {wrong} faults", file=sys.stderr, flush=True)
    _report(rows, wrong)
    return int(wrong > 0)


def _report(rows: Sequence[dict[str, Any]], wrong: int) -> None:
    measured = [row for row in rows if "sec" in row]
    print(f"files            {len(rows)}")
    for outcome, count in Counter(row["outcome"] for row in rows).most_common():
        print(f"  {outcome:<14} {count}")
    print(f"faults           {wrong}")
    print(f"slowest answer   {max(r['cpu_sec'] for r in measured) / 2:.2f} s of computing")
    print(
        f"peak memory      {max(r['growth_bytes'] for r in measured) / 1e6:.0f} MB above the start"
    )


if __name__ == "__main__":
    sys.exit(main())
