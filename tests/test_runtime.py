"""Device, dtype, seeds and progress."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sa_helpers import runtime
from sa_helpers.runtime import (
    compute_dtype,
    default_device,
    is_sealed,
    load_state,
    named_device,
    progress,
    randn_per_seed,
    read_json,
    read_toml,
    remove_abandoned,
    replacing,
    save_state,
    sealing,
    shown,
    staging,
    version_of,
)


def test_environment_variable_picks_the_device(monkeypatch):
    monkeypatch.setenv("SA_DEVICE", "meta")
    assert default_device() == torch.device("meta")


def test_unknown_device_is_refused(monkeypatch):
    monkeypatch.setenv("SA_DEVICE", "gpu")
    with pytest.raises(ValueError, match='"gpu" is not there; expected "cpu"'):
        default_device()


def test_a_device_that_the_machine_lacks_is_refused():
    if torch.cuda.is_available():
        pytest.skip("the machine has it")
    with pytest.raises(ValueError, match='"cuda" is not there'):
        named_device("cuda")


def test_device_without_wish_computes(monkeypatch):
    monkeypatch.delenv("SA_DEVICE", raising=False)
    assert torch.ones(2, device=default_device()).sum().item() == 2


@pytest.mark.parametrize("has_instructions", [False, True])
def test_bfloat16_only_where_the_processor_has_it(monkeypatch, has_instructions):
    monkeypatch.delenv("SA_COMPUTE_DTYPE", raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_instructions})
    expected = torch.bfloat16 if has_instructions else torch.float32
    assert compute_dtype(torch.device("cpu")) == expected
    assert compute_dtype(torch.device("mps")) == torch.float32


def test_the_environment_may_choose_the_dtype(monkeypatch):
    for name, dtype in {"float32": torch.float32, "bfloat16": torch.bfloat16}.items():
        monkeypatch.setenv("SA_COMPUTE_DTYPE", name)
        assert compute_dtype(torch.device("cpu")) == dtype
    monkeypatch.setenv("SA_COMPUTE_DTYPE", "float8")
    with pytest.raises(ValueError, match=r"float8.*float32, bfloat16"):
        compute_dtype(torch.device("cpu"))


def test_a_seed_gives_the_same_sample_in_any_batch():
    together = randn_per_seed([5, 2**40, 0], (3, 4))
    for seed, sample in zip([5, 2**40, 0], together, strict=True):
        assert torch.equal(randn_per_seed([seed], (3, 4))[0], sample)
    assert not torch.equal(together[0], together[1])


def test_samples_are_standard_normal():
    samples = randn_per_seed(range(200), (100,))
    assert samples.mean().abs() < 0.03
    assert samples.std().item() == pytest.approx(1.0, abs=0.03)


def test_no_seeds_give_an_empty_batch_and_global_state_stays():
    before = torch.random.get_rng_state()
    assert randn_per_seed([], (4,)).shape == (0, 4)
    randn_per_seed([1], (4,))
    assert torch.equal(before, torch.random.get_rng_state())


def test_progress_is_silent_on_request(capsys, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert list(progress(range(3), desc="counting")) == [0, 1, 2]
    assert "counting" not in capsys.readouterr().err


def test_progress_hands_everything_on(capsys):
    assert list(progress(range(3), desc="counting")) == [0, 1, 2]
    assert "counting" in capsys.readouterr().err


def test_a_record_says_how_it_came_about():
    said = runtime.provenance("make it")
    assert said["command"] == "make it"
    assert said["num_threads"] == torch.get_num_threads()
    assert said["versions"] == runtime.versions()
    assert said["versions"]["torch"] == torch.__version__.partition("+")[0]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "file.bin"
    with replacing(path) as stream:
        stream.write(b"one")
        assert not path.exists()
    with replacing(path) as stream:
        stream.write(b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_replacement_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replacing(path) as stream:
        stream.writelines([b"half", "no bytes"])
    assert [file.name for file in tmp_path.iterdir()] == ["file.bin"]
    assert path.read_bytes() == b"old"


class TestState:
    STATE = {"step": 3, "weights": {"a": torch.arange(4.0)}}

    def test_it_comes_back(self, tmp_path):
        save_state(tmp_path / "state.pt", self.STATE)
        back = load_state(tmp_path / "state.pt", keys=self.STATE)
        assert back["step"] == 3
        assert torch.equal(back["weights"]["a"], torch.arange(4.0))

    def test_states_of_something_else_are_refused(self, tmp_path):
        path = tmp_path / "state.pt"
        for other in ({"step": 3}, [1, 2]):
            with sealing(path) as stream:
                torch.save(other, stream)
            with pytest.raises(ValueError, match="holds no state"):
                load_state(path, keys=self.STATE)

    def test_a_state_that_torch_alone_wrote_is_not_ours(self, tmp_path):
        torch.save(self.STATE, tmp_path / "state.pt")
        with pytest.raises(ValueError, match="digest does not match"):
            load_state(tmp_path / "state.pt", keys=self.STATE)

    @pytest.mark.slow
    def test_no_flipped_or_missing_byte_is_overlooked(self, tmp_path):
        path = tmp_path / "state.pt"
        save_state(path, self.STATE)
        whole = path.read_bytes()
        for position in range(0, len(whole), 3):
            flipped = bytes([whole[position] ^ 0x55])
            for content in (
                whole[:position],
                whole[:position] + flipped + whole[position + 1 :],
            ):
                path.write_bytes(content)
                with pytest.raises(ValueError, match="digest does not match"):
                    load_state(path, keys=self.STATE)

    def test_torch_reads_it_too(self, tmp_path):
        save_state(tmp_path / "state.pt", self.STATE)
        assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 3

    def test_a_bug_in_writing_is_no_full_disk(self, tmp_path, monkeypatch):
        def fail(*_):
            raise RuntimeError("a bug")

        monkeypatch.setattr(torch, "save", fail)
        with pytest.raises(RuntimeError, match="a bug"):
            save_state(tmp_path / "state.pt", self.STATE)

    def test_a_full_disk_says_so_and_leaves_the_old_state(self, tmp_path, monkeypatch):
        path = tmp_path / "state.pt"
        save_state(path, self.STATE)
        whole = path.read_bytes()

        def fail(*_):
            raise RuntimeError("unexpected pos 704 vs 598")

        monkeypatch.setattr(torch, "save", fail)
        with pytest.raises(OSError, match=r"is the disk full.*state\.pt' needs .* MB"):
            save_state(path, self.STATE)
        assert path.read_bytes() == whole
        assert len(list(tmp_path.iterdir())) == 1


class TestSeal:
    def test_any_change_is_seen_and_numpy_reads_on(self, tmp_path):
        path = tmp_path / "a.npz"
        with sealing(path) as stream:
            np.savez(stream, x=np.arange(5))
        assert is_sealed(path)
        assert np.load(path)["x"].tolist() == [0, 1, 2, 3, 4]
        whole = path.read_bytes()
        for content in (b"", whole[:-1], whole[1:], whole + b"0", whole[:40], whole[-71:]):
            path.write_bytes(content)
            assert not is_sealed(path)

    def test_an_empty_file_can_be_sealed(self, tmp_path):
        with sealing(tmp_path / "a"):
            pass
        assert is_sealed(tmp_path / "a")


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
import torch
from sa_helpers import checkpoints, images, metrics, runtime
from sa_helpers.datasets import folder_images
from sa_helpers.finetuning import new_networks

folder = Path(sys.argv[1])
networks = new_networks(img_resolution=32, seed=0)
for i in range(9):
    images.write_image(folder / "images" / f"{i}.png", np.full((4, 4, 3), i, np.uint8))
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
values = torch.zeros(100_000)
tasks = {
    "model": lambda: checkpoints.save_model(folder / "model", *networks, record={}),
    "state": lambda: runtime.save_state(folder / "state", {"values": values}),
    "image": lambda: images.write_image(folder / "image.png", noise),
    "npy": lambda: folder_images(folder / "images", img_resolution=64, cache_dir=folder / "npy"),
    "npz": lambda: metrics.cached_features(
        "key", lambda: [torch.zeros(50, 3, 64, 64)] * 3, cache_dir=folder / "npz"
    ),
}
for name, task in tasks.items():
    try:
        task()
        print(f"{name}: written")
    except OSError as error:
        print(f"{name}: {error}")
"""


@pytest.mark.slow
def test_a_full_disk_names_the_path_and_the_room(tmp_path):
    """A limit on the size of files stands in for the disk: the system refuses to write on."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TQDM_DISABLE": "1"},
    )
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert list(lines) == ["model", "state", "image", "npy", "npz"]
    for name, said in lines.items():
        assert str(tmp_path / name) in said, said
        assert re.search(r"needs \d+\.\d+ MB or more, and its disk has \d+\.\d+ MB free", said), (
            said
        )
        needed = float(re.search(r"needs (\S+) MB", said)[1])
        assert needed > 0.04
    kept = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {f"{i}.png" for i in range(9)}


class TestAbandoned:
    def test_what_the_dead_left_goes_and_what_the_living_write_stays(self, tmp_path):
        dead = tmp_path / ".model.abcdefg1.partial"
        dead.write_bytes(b"half")
        (tmp_path / ".folder.abcdefg1.partial").mkdir()
        (tmp_path / ".folder.abcdefg1.partial" / "inside").write_bytes(b"")
        others = [tmp_path / name for name in ("a.partial", ".a.partial", ".a.b.partial.txt")]
        for other in others:
            other.write_bytes(b"")
        with replacing(tmp_path / "one") as first, replacing(tmp_path / "two") as second:
            assert not dead.exists()
            first.write(b"1")
            second.write(b"2")
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
            ["one", "two", *(other.name for other in others)]
        )
        assert (tmp_path / "one").read_bytes() == b"1"

    def test_a_staged_folder_is_renamed_or_removed(self, tmp_path):
        with staging(tmp_path / "new") as staged:
            (staged / "file").write_bytes(b"")
            remove_abandoned(tmp_path)
            assert staged.is_dir()
            staged.rename(tmp_path / "new")
        with pytest.raises(ValueError, match="stop"), staging(tmp_path / "new") as staged:
            raise ValueError("stop")
        assert [p.name for p in tmp_path.iterdir()] == ["new"]

    def test_long_names_are_written(self, tmp_path):
        for name in ("n" * 255, "ä" * 127):
            with replacing(tmp_path / name) as stream:
                stream.write(b"1")
            assert (tmp_path / name).read_bytes() == b"1"


class TestVersion:
    def test_it_changes_with_the_file(self, tmp_path):
        path = tmp_path / "a"
        seen = [version_of(path)]
        for content in (b"one", b"two", b"three"):
            with replacing(path) as stream:
                stream.write(content)
            seen.append(version_of(path))
        assert len(set(seen)) == 4
        assert version_of(path) == version_of(path)
        assert version_of(tmp_path / ("n" * 5000)) == (None,)


class TestShown:
    @given(st.text() | st.binary() | st.lists(st.text()))
    def test_it_is_one_printable_line_of_bounded_length(self, value):
        text = shown(value, max_length=50)
        assert text.isprintable()
        assert len(text) <= 60 * 10

    def test_plain_words_stay(self):
        assert shown("Größe 5 – ok") == "Größe 5 – ok"
        assert shown("\x1b[31mred\n") == r"\x1b[31mred\n"

    def test_large_and_deep_values_are_cut(self):
        deep = []
        for _ in range(100_000):
            deep = [deep]
        assert len(shown(deep)) < 100
        assert len(shown({i: "x" * 10**6 for i in range(100)})) < 400
        assert "digits" in shown(10**5000)
        while deep:  # or Python's own clean-up would go as deep
            deep = deep.pop()


class TestTexts:
    @pytest.mark.parametrize(
        "content",
        [
            b"{",
            b"[" * 100_000,
            b"\xff",
            b'{"a": ' * 100_000,
            b"1" * 5000,
            b"{}" + b" " * 2000,
            b"\0",
        ],
    )
    def test_what_cannot_be_read_is_named(self, tmp_path, content):
        path = tmp_path / "a.json"
        path.write_bytes(content)
        for read in (read_json, read_toml):
            with pytest.raises(ValueError, match=r"a\.json") as caught:
                read(path, max_bytes=1000 if content.startswith(b"{}") else 1 << 20)
            assert len(str(caught.value)) < 1000

    def test_folders_are_named_too(self, tmp_path):
        with pytest.raises(ValueError, match="cannot be read"):
            read_json(tmp_path)
        with pytest.raises(FileNotFoundError):
            read_json(tmp_path / "absent")
