"""The queue: in order, never twice, past failures, beside other workers, and pairs in 16 bits."""

import dataclasses
import fcntl
import shutil
from pathlib import Path
from typing import Any

import pytest

from sa_helpers import checkpoints
from sa_helpers.finetuning import widen
from workshop import queue
from workshop.__main__ import main
from workshop.options import FAMILY
from workshop.recipes import Recipe, read_recipes

pytestmark = pytest.mark.slow

RECIPES = """
[defaults]
batch_size = 4
is_noise_used = false
num_evaluation_images = 4
num_images = 8
r1_gamma = 0.1
total_kimg = 0.016

[base]
data = "clay:human"
img_resolution = 8

[parent]
parent = "base"
is_shipped = true
data = "clay:human"
channels = { 8 = 130 }

[child]
parent = "parent"
data = "clay:toon"
trained_part = "low_rank_conv"

[other]
parent = "parent"
data = "clay:toon"
"""

ORIGINS = (("parent", "human"), ("parent", "dog"))


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SA_DEVICE", "cpu")
    monkeypatch.setenv("SA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "recipes.toml").write_text(RECIPES)
    return tmp_path


def work(place: Path, *options: str) -> int:
    recipes, runs = ("--recipes", str(place / "recipes.toml")), ("--runs", str(place / "runs"))
    return main(["queue", *options, *recipes, *runs, "--num-threads", "1"])


def test_all_is_trained_in_order_and_once(place, capsys):
    assert work(place, "--pairs", str(place / "pairs")) == 0
    made = [line for line in capsys.readouterr().out.splitlines() if line.startswith("== ")]
    assert made == ["== base", "== parent", "== child", "== other"]
    pair = checkpoints.load_model(place / "pairs" / "parent")
    assert pair.discriminator is not None
    assert pair.generator.config.channels == {4: 128, 8: 130}
    files = {p: p.stat().st_mtime_ns for p in place.rglob("*.safetensors")}
    assert work(place) == 0
    assert "== parent: finished before" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in place.rglob("*.safetensors")} == files


def test_what_led_to_a_finished_model_is_not_needed_again(place, capsys):
    work(place, "parent")
    shutil.rmtree(place / "runs" / "base")
    capsys.readouterr()
    assert work(place, "other") == 0
    assert "== base" not in capsys.readouterr().out
    assert not (place / "runs" / "base").exists()


def test_a_failure_keeps_back_only_what_starts_from_it(place, capsys):
    recipes = place / "recipes.toml"
    recipes.write_text(RECIPES.replace('data = "clay:toon"\ntrained', 'data = "clay:cow"\ntrained'))
    assert work(place) == 1
    assert "not finished: child" in capsys.readouterr().err
    assert (place / "runs" / "other" / "model.safetensors").exists()


def test_another_workers_run_is_left_to_it(place, capsys, monkeypatch):
    (place / "runs" / "child").mkdir(parents=True)
    stream = (place / "runs" / "child" / "lock").open("w")
    fcntl.flock(stream, fcntl.LOCK_EX)
    monkeypatch.setattr(queue.time, "sleep", lambda _: stream.close())  # the other one ends
    assert work(place) == 0
    printed = capsys.readouterr().out
    assert printed.index("child: another worker") < printed.index("== other")
    assert printed.rindex("== other") < printed.rindex("== child")


def test_options_go_before_those_of_recipes(place, capsys):
    assert work(place, "base", "--batch-size", "8", "--learning-rate", "0.004") == 0
    settings = checkpoints.load_model(place / "runs" / "base" / "model").record["settings"]
    assert (settings["batch_size"], settings["learning_rate"]) == (8, 0.004)


def test_mistakes_end_with_a_message(place, capsys):
    assert work(place, "stranger") == 1
    assert "stranger" in capsys.readouterr().err


def plain(recipe: Recipe) -> dict[str, Any]:
    """All values of a recipe by name."""
    parts = dataclasses.asdict(recipe.training)
    return {**parts.pop("settings"), **parts.pop("images"), **parts.pop("start"), **parts}


class TestLongerFamily:
    recipes = read_recipes(queue.RECIPES)

    def test_compared_trainings_begin_alike(self):
        children = [r for r in self.recipes.values() if (r.origin_key, r.origin) in ORIGINS]
        assert len(children) > 40
        alike = ("batch_size", "learning_rate", "r1_gamma", "ema_half_life_kimg", "num_images")
        assert len({tuple(plain(r)[k] for k in alike) for r in children}) == 1
        for recipe in children:
            settings = recipe.training.settings
            assert settings.total_kimg - settings.cooldown_kimg >= 40

    def test_parent_and_stranger_differ_in_their_seeds_alone(self):
        stages = ("32", "64", "128", "_start", "_first", "_second", "")
        for name in (f"human{stage}" for stage in stages):
            parent = self.recipes[name]
            stranger = self.recipes[name.replace("human", "human_unrelated")]
            differing = {k for k, v in plain(parent).items() if v != plain(stranger)[k]}
            assert differing == {"seed"}

    def test_what_a_mirror_would_change_is_not_mirrored(self):
        for name in ("human_right", "dog_one_side"):
            assert self.recipes[name].training.settings.is_mirrored is False

    def test_a_widened_generator_stays_small_enough_for_a_page(self):
        shipped = checkpoints.load_model(FAMILY / "human")
        assert shipped.discriminator is not None
        channels = dict(self.recipes["human_first"].training.start.channels)
        wide, _ = widen(shipped.generator, shipped.discriminator, channels=channels, seed=0)
        assert 2 * sum(t.numel() for t in wide.state_dict().values()) < 3e6
