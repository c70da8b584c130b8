"""Memory: a checkpoint is in it once, and files made to fill it cannot.

Peaks are those of a process of its own, above what it had after the imports.
"""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from published_files import make_pair, nvidia_pickle, rosinality_state, tensorflow_pickle
from safetensors import safe_open

from sa_helpers.checkpoints import save_model
from sa_helpers.checkpoints.own_format import digest_of
from sa_helpers.checkpoints.safetensors_files import with_metadata
from sa_helpers.networks import Generator, GeneratorConfig

MAX_GROWTH_BYTES = 150e6  # torch itself takes 50 to 90 MB when it first computes
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from sa_helpers.checkpoints import CheckpointError, describe, load_model
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
reader, *paths = sys.argv[1:]
for path in paths:
    before, started = peak(), time.monotonic()
    try:
        {"load": load_model, "describe": describe}[reader](Path(path))
        error = None
    except CheckpointError as caught:
        error = str(caught)
    print(json.dumps([peak() - before, time.monotonic() - started, error]))
"""
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="peaks are in KiB on Linux only")


def measure(reader: str, *paths: Path) -> list[tuple[float, float, str | None]]:
    """Open files in a process of their own: growth in bytes, seconds, and the error if any."""
    command = [sys.executable, "-c", MEASURE, reader, *map(str, paths)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return [tuple(json.loads(line)) for line in run.stdout.splitlines()]


def config_f(img_resolution: int) -> Generator:
    """A generator as wide as the published ones.

    At 64 px it has nearly all their weights: the blocks above have ever fewer channels, so that the
    published 1024 px generator is only a tenth larger. Every weight is read alone, so the peak is
    the sum of the weights and a few times the largest, which has the same size in both.
    """
    channels = {4 << i: 512 for i in range(img_resolution.bit_length() - 2)}
    config = GeneratorConfig(
        img_resolution=img_resolution, channels=channels, z_dim=512, w_dim=512, num_mapping_layers=8
    )
    torch.manual_seed(0)
    return Generator(config)


@pytest.mark.slow
@on_linux
def test_loading_takes_less_than_twice_the_file_and_describing_nothing(tmp_path):
    generator = config_f(64)
    paths = [nvidia_pickle(tmp_path / "nvidia.pkl", generator)]
    paths.append(tensorflow_pickle(tmp_path / "tensorflow.pkl", generator))
    torch.save({"g_ema": rosinality_state(generator)}, tmp_path / "rosinality.pt")
    paths.append(tmp_path / "rosinality.pt")
    paths.append(save_model(tmp_path / "own", generator, record={}, dtype=torch.float32))
    for path in paths:
        size = path.stat().st_size
        [(growth, _, error)] = measure("load", path)
        assert error is None
        assert growth < 2 * size, f"{path.name}: {growth / size:.2f} times the file"
        [(growth, _, error)] = measure("describe", path)
        assert error is None
        assert growth < 0.2 * size, f"{path.name}: {growth / size:.2f} times the file"


def _memo_bomb() -> bytes:
    """A list of two references to a list of two references to ...: 2^60 items, if copied."""
    steps = b"".join(b"](h" + bytes([i]) + b"h" + bytes([i]) + b"e\x94" for i in range(60))
    return b"\x80\x04(]\x94" + steps + b"t."


def _key_bomb() -> bytes:
    """The same of tuples as the key of a dict, which takes 2^60 steps to hash."""
    steps = b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(60))
    return b"\x80\x04)\x94" + steps + b"}h\x3cNs."


def _global_bomb() -> bytes:
    """The same of tuples as the name of a class, which takes 2^60 characters to show."""
    steps = b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(60))
    return b"\x80\x04)\x94" + steps + b"h\x3ch\x3c\x93."


def _copying_bomb() -> bytes:
    """One long list, handed to a constructor again and again."""
    items = b"](" + b"N" * 100_000 + b"e\x94"
    head = b"\x80\x04(" + items + b"ccollections\nOrderedDict\n\x94"
    return head + b"h\x01h\x00\x85R" * 50_000 + b"t."


def _text_bomb() -> bytes:
    """One long text, encoded again and again."""
    text = b"X" + (1 << 20).to_bytes(4, "little") + b"a" * (1 << 20) + b"\x94"
    calls = b"h\x01h\x00\x8c\x06latin1\x86R" * 50_000
    return b"\x80\x04(" + text + b"c_codecs\nencode\n\x94" + calls + b"t."


def _absurd_nested_storage(folder: Path) -> bytes:
    """A storage in a pickle in a pickle that announces 2^31 - 1 numbers."""
    generator, _ = make_pair(8, widths=(183, 183))
    content = nvidia_pickle(folder / "n.pkl", generator).read_bytes()
    honest = b"J" + (183 * 183 * 9).to_bytes(4, "little")
    assert honest in content
    return content.replace(honest, b"J\xff\xff\xff\x7f")


def _absurd_old_torch_file(folder: Path) -> bytes:
    state = {"input.input": torch.zeros(1, 77, 1, 1)}
    torch.save(state, folder / "o.pt", _use_new_zipfile_serialization=False)
    content = (folder / "o.pt").read_bytes()
    assert b"K\x4d" in content
    return content.replace(b"K\x4d", b"\x8a\x06" + (1 << 40).to_bytes(6, "little"))


def _zip_bomb() -> bytes:
    """A thousandfold compressed weight."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"g_ema": {}}, protocol=2))
        archive.writestr("archive/data/0", bytes(300_000_000))
    return stream.getvalue()


def _expanding_tensor(folder: Path) -> bytes:
    """One number, seen as 10^10 by steps of zero."""
    state = {"input.input": torch.zeros(1).expand(100_000, 100_000)}
    torch.save({"g_ema": state}, folder / "e.pt")
    return (folder / "e.pt").read_bytes()


def _own_format(folder: Path, **changes: object) -> bytes:
    """A model of our own with other sizes, and the digest that belongs to them."""
    path = save_model(folder / "own", make_pair()[0], record={})
    content = path.read_bytes()
    with safe_open(path, framework="pt") as file:
        description = json.loads(file.metadata()["sa_helpers"])
    description["generator"] |= changes
    text = json.dumps(description)
    numbers = with_metadata(content, {})[1]
    metadata = {"sa_helpers": text, "sha256": digest_of(text, iter([numbers]))}
    header, numbers = with_metadata(content, metadata)
    return header + bytes(numbers)


_WIDE = {"4": 60_000, "8": 60_000, "16": 60_000}
_LONG = b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}'

BOMBS: dict[str, Callable[[Path], bytes]] = {
    "lists of lists": lambda _: _memo_bomb(),
    "tuples of tuples as a key": lambda _: _key_bomb(),
    "tuples of tuples as a class": lambda _: _global_bomb(),
    "a constructor that copies": lambda _: _copying_bomb(),
    "a text that is encoded": lambda _: _text_bomb(),
    "an index of the memo beyond all": lambda _: b"\x80\x02]r\xff\xff\xff\xff.",
    "a frame beyond all": lambda _: b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
    "a text beyond all": lambda _: b"\x80\x04\x8d" + (1 << 40).to_bytes(8, "little") + b"x.",
    "bytes beyond all": lambda _: b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"x.",
    "an integer beyond all": lambda _: b"\x80\x02\x8b\xff\xff\xff\x7f" + bytes(9) + b".",
    "nothing but marks": lambda _: b"\x80\x04" + b"(" * 20_000_000 + b".",
    "nothing but sets": lambda _: b"\x80\x04" + b"\x8f" * 20_000_000 + b".",
    "a nested storage beyond all": _absurd_nested_storage,
    "an old torch file beyond all": _absurd_old_torch_file,
    "a zip bomb": lambda _: _zip_bomb(),
    "a tensor of steps of zero": _expanding_tensor,
    "a safetensors header beyond all": lambda _: (1 << 39).to_bytes(8, "little") + b"{",
    "a safetensors tensor beyond all": lambda _: len(_LONG).to_bytes(8, "little") + _LONG,
    "sizes beyond all": lambda folder: _own_format(folder, channels=_WIDE),
}
# Only reading the numbers shows what is wrong with these.
UNREAD = {"a nested storage beyond all", "sizes beyond all"}


@pytest.mark.slow
@on_linux
@pytest.mark.parametrize("reader", ["load", "describe"])
def test_bombs_fill_no_memory_and_take_no_time(tmp_path, reader):
    paths = []
    for index, make in enumerate(BOMBS.values()):
        folder = tmp_path / str(index)
        folder.mkdir()
        content = make(folder)
        paths.append(folder / "bomb")
        paths[-1].write_bytes(content)
    results = dict(zip(BOMBS, measure(reader, *paths), strict=True))
    opened = {name for name, (_, _, error) in results.items() if error is None}
    assert opened == (UNREAD if reader == "describe" else set())
    for name, (growth, seconds, _) in results.items():
        assert growth < MAX_GROWTH_BYTES, f"{name}: {growth / 1e6:.0f} MB"
        assert seconds < 20, f"{name}: {seconds:.1f} s"
