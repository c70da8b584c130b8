"""Recipes: read, ordered, and followed to the same weights by however many interruptions."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sa_helpers import checkpoints, family
from sa_helpers.checkpoints import CheckpointError, read_record
from sa_helpers.finetuning import ImageChoice, Start, TrainingSettings
from workshop.__main__ import main
from workshop.rebuild import ship_run
from workshop.recipes import RECIPES as SHIPPED
from workshop.recipes import in_order, read_recipes

RECIPES = """
[defaults]
batch_size = 4
is_noise_used = false
num_evaluation_images = 4
num_images = 8
r1_gamma = 0.1

[base]
data = "clay:human"
img_resolution = 8
total_kimg = 0.016

[parent]
grow_from = "base"
is_shipped = true
data = "clay:human"
total_kimg = 0.016

[child]
parent = "parent"
is_shipped = true
data = "clay:toon"
total_kimg = 0.032
snapshot_kimg = [0.008, 0.016]
state_kimg = 0.008
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipes.toml"
    path.write_text(text)
    return path


class TestReading:
    def test_tables_become_trainings(self, tmp_path):
        recipes = read_recipes(write(tmp_path, RECIPES))
        training = recipes["child"].training_in(Path("runs"))
        assert training.start == Start(parent=Path("runs/parent/model"))
        assert training.images == ImageChoice(num_images=8)
        assert training.settings == TrainingSettings(
            total_kimg=0.032,
            batch_size=4,
            is_noise_used=False,
            r1_gamma=0.1,
            snapshot_kimg=(0.008, 0.016),
            state_kimg=0.008,
        )
        assert (training.data, training.num_evaluation_images) == ("clay:toon", 4)
        grown = recipes["parent"].training_in(Path("runs"))
        assert grown.start == Start(grow_from=Path("runs/base/model"))
        assert not recipes["base"].is_shipped

    def test_whole_numbers_are_what_a_command_line_would_make_of_them(self, tmp_path):
        text = "total_kimg = 24\nsnapshot_kimg = [1, 2]\nchannels = { 64 = 32 }"
        recipe = read_recipes(write(tmp_path, f"[a]\ndata = 'clay:human'\n{text}"))["a"]
        values = [recipe.training.settings.total_kimg, *recipe.training.settings.snapshot_kimg]
        assert list(map(repr, values)) == ["24.0", "1.0", "2.0"]
        assert recipe.training.start.channels == {64: 32}

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("[a\n", "cannot be read"),
            ('[a]\nlearning_rat = 1\ntotal_kimg = 1\ndata = "clay:human"', "learning_rat"),
            ('[a]\nparent = "b"\ndata = "clay:human"\ntotal_kimg = 1', "no recipe"),
            ('[a]\ndata = "clay:human"', "total_kimg"),
            ("[a]\ntotal_kimg = 1", "data"),
            ('[a]\ndata = "clay:human"\ntotal_kimg = "long"', "total_kimg is 'long'"),
            ('[a]\ndata = "clay:human"\ntotal_kimg = 1\nseed = 1.5', "seed is 1.5"),
            ('[a]\ndata = "clay:human"\ntotal_kimg = -1', "total_kimg is -1"),
        ],
    )
    def test_mistakes_are_named(self, tmp_path, text, problem):
        with pytest.raises(ValueError, match=problem):
            read_recipes(write(tmp_path, text))

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(ValueError, match="absent"):
            read_recipes(tmp_path / "absent.toml")


class TestOrder:
    def test_origins_come_first_and_once(self, tmp_path):
        recipes = read_recipes(write(tmp_path, RECIPES))
        ordered = [recipe.name for recipe in in_order(recipes, ["child", "parent"])]
        assert ordered == ["base", "parent", "child"]

    def test_a_circle_is_refused(self, tmp_path):
        shared = '[defaults]\ndata = "clay:human"\ntotal_kimg = 1\n'
        text = shared + '[a]\nparent = "b"\n[b]\nparent = "a"'
        with pytest.raises(ValueError, match="circle"):
            in_order(read_recipes(write(tmp_path, text)), ["a"])

    def test_an_unknown_name_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="stranger"):
            in_order(read_recipes(write(tmp_path, RECIPES)), ["stranger"])


class TestShippedRecipes:
    @pytest.fixture
    def recipes(self):
        return read_recipes(SHIPPED)

    def test_every_shipped_model_has_one_and_records_it(self, recipes):
        clay = family.open_family("clay")
        assert set(clay.names) <= {name for name, recipe in recipes.items() if recipe.is_shipped}
        for name in clay.names:
            settings = clay[name].record["settings"]
            wanted = recipes[name].training.settings.to_dict()
            assert settings == {key: wanted[key] for key in settings}, name
            assert (clay[name].record["parent"] or {}).get("name") == recipes[name].origin


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SA_DEVICE", "cpu")
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    write(tmp_path / "models" / "tiny", RECIPES)
    return tmp_path / "models" / "tiny"


class TestRebuild:
    def make(self, models: Path, runs: str, *names: str) -> int:
        folder = models.parent.parent / runs
        options = ["--ship", "--num-threads", "1", "--num-quality-images", "8"]
        options += ["--recipes", str(models / "recipes.toml"), "--family", str(models)]
        return main(["rebuild", *names, "--runs", str(folder), *options])

    @pytest.mark.slow
    def test_a_family_is_made_shipped_opened_and_made_again_alike(self, models, capsys):
        assert self.make(models, "runs") == 0
        made = family.open_family(models)
        assert made.names == ("parent", "child")
        assert [kimg for kimg, _ in made["child"].snapshots] == [0.008, 0.016]
        assert [path.name for path in models.glob("child.*")] == ["child.safetensors"]
        assert made["child"].record["quality"]["frechet_distance"] > 0
        parent, child = (checkpoints.load_model(models / name) for name in ("parent", "child"))
        assert parent.discriminator is not None, "child starts from it"
        assert child.discriminator is None, "nothing does"
        size = [(models / f"{name}.safetensors").stat().st_size for name in made.names]
        assert size[1] < 0.6 * size[0]
        first = load_file(models / "child.safetensors")
        assert self.make(models, "other", "child") == 0
        again = load_file(models / "child.safetensors")
        assert again.keys() == first.keys()
        assert all(torch.equal(again[name], first[name]) for name in first)
        assert "hours of training" in capsys.readouterr().out

    @pytest.mark.slow
    def test_a_finished_run_is_left_as_it_is(self, models, capsys):
        self.make(models, "runs", "parent")
        capsys.readouterr()
        runs = models.parent.parent / "runs"
        before = {p: p.stat().st_mtime_ns for p in runs.rglob("*") if p.is_file()}
        assert self.make(models, "runs", "parent") == 0
        assert capsys.readouterr().out.count("finished before") == 2
        assert {p: p.stat().st_mtime_ns for p in runs.rglob("*") if p.is_file()} == before

    @pytest.mark.slow
    def test_a_shipped_model_is_not_judged_again(self, models, capsys):
        self.make(models, "runs", "parent")
        assert "shipped: " in capsys.readouterr().out
        self.make(models, "runs", "parent")
        assert "shipped: " not in capsys.readouterr().out

    @pytest.mark.slow
    def test_a_model_lost_after_the_last_state_is_written_again(self, models):
        self.make(models, "runs", "parent")
        weights = models.parent.parent / "runs" / "parent" / "model.safetensors"
        content = weights.read_bytes()
        weights.unlink()
        assert self.make(models, "runs", "parent") == 0
        assert weights.read_bytes() == content

    @pytest.mark.slow
    def test_an_interrupted_shipment_is_made_up_for(self, models, monkeypatch, capsys):
        assert self.make(models, "runs", "parent") == 0
        real, calls = checkpoints.save_model, []

        def full(path, *args, **kwargs):
            if "snapshots" in str(path) and "models" in str(path):
                calls.append(path)
                if len(calls) == 2:
                    raise OSError("No space left on device")
            return real(path, *args, **kwargs)

        monkeypatch.setattr(checkpoints, "save_model", full)
        assert self.make(models, "runs", "child") == 1
        assert "No space" in capsys.readouterr().err
        assert self.make(models, "runs", "child") == 0
        made = family.open_family(models)
        assert [kimg for kimg, _ in made["child"].snapshots] == [0.008, 0.016]

    @pytest.mark.slow
    def test_a_damaged_run_is_not_shipped(self, models):
        self.make(models, "runs", "parent")
        shipped = (models / "parent.safetensors").read_bytes()
        weights = models.parent.parent / "runs" / "parent" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1])
        with pytest.raises(CheckpointError):
            ship_run(
                weights.parent,
                models / "parent",
                is_origin=True,
                num_quality_images=8,
            )
        assert (models / "parent.safetensors").read_bytes() == shipped

    def test_mistakes_end_with_a_message(self, models, capsys):
        assert self.make(models, "runs", "stranger") == 1
        assert "stranger" in capsys.readouterr().err
        assert main(["rebuild", "--recipes", "nowhere"]) == 1


@pytest.mark.slow
def test_records_hold_how_long_origins_took(models):
    TestRebuild().make(models, "runs", "parent")
    record = read_record(models / "parent")
    assert record["parent"]["train_sec"] >= 0
