"""A run belongs to its beginning, tells what it used, and refuses what was damaged."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from interrupted_tasks import _mean_colours
from PIL import Image

from sa_helpers import checkpoints, images, metrics
from sa_helpers.commands import main
from sa_helpers.finetuning import new_networks
from sa_helpers.finetuning import run as running
from sa_helpers.runtime import load_state, save_state

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quick_features(monkeypatch, tmp_path):
    """Mean colours stand in for the features of a network."""
    monkeypatch.setenv("SA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(metrics, "extract_features", _mean_colours)
    monkeypatch.setattr(metrics.feature_cache, "extract_features", _mean_colours)


@pytest.fixture
def data(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(8):
        path = tmp_path / "data" / f"{i}.png"
        images.write_image(path, rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return tmp_path / "data"


def parent(path: Path, *, seed: int, width: int = 8) -> Path:
    networks = new_networks(
        img_resolution=8, seed=seed, channels={4: width, 8: width}, latent_dim=8
    )
    checkpoints.save_model(path, *networks, record={"kimg": 1.0})
    return path


def train(folder: Path, data: Path, *more: str) -> int:
    return main([
        "finetune", str(data), str(folder), "--total-kimg", "0.032", "--batch-size", "8",
        "--state-kimg", "0.016", "--num-evaluation-images", "8", "--device", "cpu", *more,
    ])  # fmt: skip


class TestBeginning:
    @pytest.fixture
    def parents(self, tmp_path) -> dict[str, Path]:
        return {
            "one": parent(tmp_path / "one", seed=0),
            "two": parent(tmp_path / "two", seed=1),
            "wide": parent(tmp_path / "wide", seed=0, width=16),
        }

    @pytest.mark.parametrize("other", ["two", "wide", None])
    def test_another_parent_is_refused_by_name(self, tmp_path, data, parents, other, capsys):
        folder = tmp_path / "run"
        assert train(folder, data, "--parent", str(parents["one"])) == 0
        before = (folder / "record.json").read_bytes()
        start = ["--parent", str(parents[other])] if other else ["--img-resolution", "8"]
        assert train(folder, data, "--total-kimg", "0.048", *start) == 1
        said = capsys.readouterr().err
        assert "other parent: one (sha256 " in said
        assert (f"{other} (sha256 " if other else "none, random weights now") in said
        assert "Traceback" not in said
        assert (folder / "record.json").read_bytes() == before

    def test_the_same_parent_elsewhere_and_the_same_images_renamed_continue(
        self, tmp_path, data, parents, capsys
    ):
        folder = tmp_path / "run"
        assert train(folder, data, "--parent", str(parents["one"])) == 0
        parent(tmp_path / "moved", seed=0)
        data.rename(tmp_path / "renamed")
        arguments = ["--parent", str(tmp_path / "moved"), "--total-kimg", "0.048"]
        assert train(folder, tmp_path / "renamed", *arguments) == 0
        assert "resumed at kimg" in capsys.readouterr().out

    def test_other_images_or_evaluations_are_refused(self, tmp_path, data, parents, capsys):
        folder, start = tmp_path / "run", ["--parent", str(parents["one"])]
        assert train(folder, data, *start) == 0
        assert train(folder, data, *start, "--num-evaluation-images", "4") == 1
        assert "evaluation images: 8 there, 4 now" in capsys.readouterr().err
        images.write_image(data / "9.png", np.zeros((8, 8, 3), np.uint8))
        assert train(folder, data, *start) == 1
        assert "other images (num_images: 8 there, 9 now" in capsys.readouterr().err


class TestRecord:
    def test_it_says_what_was_used_and_how_it_went_from_the_start(self, tmp_path, data, capsys):
        (data / "broken.png").write_bytes(b"words")
        (data / "again.png").write_bytes((data / "0.png").read_bytes())
        assert train(tmp_path / "run", data, "--img-resolution", "8") == 0
        record = json.loads((tmp_path / "run" / "record.json").read_text())
        assert record["data"]["files"]["used"] == 8
        assert set(record["data"]["left_out"]) == {"again.png", "broken.png"}
        assert record["train_sec"] > 0
        (row,) = record["losses"]
        assert row["kimg"] == 0.032
        assert row["ada_probability"] == 0
        assert record["distance"]["num_real_images"] == 8
        out = capsys.readouterr().out
        assert "10 files found: 8 used as images, 2 left out" in out
        assert "train_sec" not in out

    def test_fewer_real_images_than_generated_ones_are_said(self, tmp_path, data):
        options = ["--img-resolution", "8", "--num-evaluation-images", "20"]
        assert train(tmp_path / "run", data, *options) == 0
        distance = json.loads((tmp_path / "run" / "record.json").read_text())["distance"]
        assert (distance["num_images"], distance["num_real_images"]) == (20, 8)


class TestInterruption:
    @pytest.mark.parametrize(
        ("state_kimg", "said"), [("0.008", "last state"), ("9", "starts anew")]
    )
    def test_ctrl_c_promises_what_is_there(
        self, tmp_path, data, state_kimg, said, monkeypatch, capsys
    ):
        step, count = running.Trainer.step, []

        def interrupted(trainer):
            count.append(1)
            if len(count) == 3:
                raise KeyboardInterrupt
            return step(trainer)

        monkeypatch.setattr(running.Trainer, "step", interrupted)
        options = ["--img-resolution", "8", "--state-kimg", state_kimg]
        assert train(tmp_path / "run", data, *options) == 130
        assert said in capsys.readouterr().err
        assert ("starts anew" in said) == (not (tmp_path / "run" / "state.pt").exists())


class TestDamage:
    @pytest.fixture
    def run(self, tmp_path, data) -> Path:
        assert train(tmp_path / "run", data, "--img-resolution", "8") == 0
        return tmp_path / "run"

    def refusal(self, run: Path, data: Path, capsys) -> str:
        capsys.readouterr()
        assert train(run, data, "--img-resolution", "8", "--total-kimg", "0.048") == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "state.pt" in said
        assert "Delete it to start" in said
        assert "weights_only" not in said
        return said

    def test_cut_flipped_or_zeroed_anywhere_it_is_refused(self, run, data, capsys):
        path = run / "state.pt"
        whole = path.read_bytes()
        for position in np.linspace(0, len(whole) - 1, 8).astype(int):
            path.write_bytes(whole[:position])
            assert "digest does not match" in self.refusal(run, data, capsys)
            flipped = bytes([whole[position] ^ 0x10])
            path.write_bytes(whole[:position] + flipped + whole[position + 1 :])
            assert "digest does not match" in self.refusal(run, data, capsys)
        path.write_bytes(whole[:-4096] + bytes(4096))
        assert "digest does not match" in self.refusal(run, data, capsys)
        path.write_bytes(whole)
        assert train(run, data, "--img-resolution", "8", "--total-kimg", "0.048") == 0

    @pytest.mark.parametrize(
        ("where", "value"),
        [
            (("trainer",), None),
            (("trainer", "generator"), {}),
            (("trainer", "generator", "mapping.w_avg"), torch.zeros(3)),
            (("trainer", "generator", "mapping.w_avg"), torch.full((128,), float("nan"))),
            (("trainer", "generator", "mapping.w_avg"), torch.zeros(128, dtype=torch.int32)),
            (("trainer", "generator", "mapping.w_avg"), "text"),
            (("trainer", "discriminator_optimizer", "param_groups"), []),
            (("trainer", "discriminator_optimizer", "state"), {999: {}}),
            (("trainer", "discriminator_optimizer", "state", 0), {}),
            (("trainer", "discriminator_optimizer", "state", 0, "exp_avg"), torch.zeros(1)),
            (("trainer", "num_steps"), "4"),
            (("trainer", "num_steps"), 4.0),
            (("trainer", "unknown"), 1),
            (("losses",), None),
            (("losses",), [[1.0]]),
            (("distances",), [{"kimg": "1"}]),
            (("train_sec",), float("nan")),
            (("ticks",), {"since_sec": 0.0, "reports": [[1.0]]}),
            (("settings",), "text"),
            (("data",), []),
            (("parent",), 3),
        ],
    )
    def test_a_sealed_state_of_another_structure_is_refused(self, run, data, where, value, capsys):
        path = run / "state.pt"
        state = load_state(path, keys=())
        inner = state
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = value
        save_state(path, state)
        assert "does not fit this training" in self.refusal(run, data, capsys)

    def test_settings_of_another_edition_are_named(self, run, data, capsys):
        state = load_state(run / "state.pt", keys=())
        state["settings"]["of_tomorrow"] = 1
        save_state(run / "state.pt", state)
        assert train(run, data, "--img-resolution", "8") == 1
        assert "of_tomorrow: 1 there, None now" in capsys.readouterr().err


def test_a_large_image_may_be_allowed(tmp_path, data):
    Image.new("1", (9000, 9000)).save(data / "large.png")
    for options, used in ((["--max-image-mpx", "82"], 9), ([], 8)):
        folder = tmp_path / f"run{used}"
        assert train(folder, data, "--img-resolution", "8", *options) == 0
        record = json.loads((folder / "record.json").read_text())
        assert record["data"]["files"]["used"] == used


def test_leftovers_of_killed_runs_go_at_the_next_start(tmp_path, data):
    folder = tmp_path / "run"
    for place in ("", "sheets", "snapshots"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / ".model.safetensors.abcd_123.partial").write_bytes(b"half")
    assert train(folder, data, "--img-resolution", "8") == 0
    assert not list(folder.rglob("*.partial"))
