"""Device, dtype, seeds and progress."""

import contextlib

import pytest
import torch

from sa_helpers.runtime import (
    compute_dtype,
    default_device,
    load_state,
    named_device,
    progress,
    randn_per_seed,
    replacing,
    save_state,
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
            torch.save(other, path)
            with pytest.raises(ValueError, match="holds no state"):
                load_state(path, keys=self.STATE)

    def test_no_flipped_byte_ends_in_another_error(self, tmp_path):
        path = tmp_path / "state.pt"
        save_state(path, self.STATE)
        whole = path.read_bytes()
        for position in range(0, len(whole), 3):
            path.write_bytes(
                whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :]
            )
            with contextlib.suppress(ValueError):
                load_state(path, keys=self.STATE)

    def test_a_full_disk_says_so_and_leaves_the_old_state(self, tmp_path, monkeypatch):
        path = tmp_path / "state.pt"
        save_state(path, self.STATE)
        whole = path.read_bytes()

        def fail(*_):
            raise RuntimeError("unexpected pos 704 vs 598")

        monkeypatch.setattr(torch, "save", fail)
        with pytest.raises(OSError, match="is the disk full"):
            save_state(path, self.STATE)
        assert path.read_bytes() == whole
        assert len(list(tmp_path.iterdir())) == 1
