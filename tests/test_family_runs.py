"""A run's folder is a family as it is, and a `family.toml` takes runs, files and shipped models."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from interrupted_tasks import _mean_colours
from test_runs import data, parent, train

from sa_helpers import checkpoints, metrics
from sa_helpers.checkpoints import CheckpointError
from sa_helpers.commands import main
from sa_helpers.family import is_shipped, open_family

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    """A parent's file, and a run that was fine-tuned from it, in one folder."""
    folder = tmp_path_factory.mktemp("shelf")
    parent(folder / "people", seed=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SA_CACHE_DIR", str(folder / "cache"))
        patch.setattr(metrics, "extract_features", _mean_colours)
        patch.setattr(metrics.feature_cache, "extract_features", _mean_colours)
        images = data.__wrapped__(folder)
        options = ["--parent", str(folder / "people"), "--snapshot-kimg", "0.016"]
        assert train(folder / "runs" / "faces", images, *options) == 0
    return folder


@pytest.fixture
def copy(shelf, tmp_path) -> Path:
    """The run alone, elsewhere, with a parent that is not where the record says."""
    shutil.copytree(shelf / "runs", tmp_path / "runs")
    for path in (tmp_path / "runs" / "faces").rglob("*.safetensors"):
        model = checkpoints.load_model(path)
        origin = {**model.record["parent"], "path": "moved/away"}
        record = {**model.record, "parent": origin}
        checkpoints.save_model(path, model.generator, model.discriminator, record=record)
    return tmp_path / "runs" / "faces"


class TestRun:
    def test_it_is_a_family_of_two_with_stages(self, shelf):
        models = open_family(shelf / "runs" / "faces")
        assert models.name == "faces"
        assert models.names == ("people", "faces")
        assert models["faces"].parent is models.parent
        assert models.near_and_distant == ("faces", "faces")
        assert [kimg for kimg, _ in models["faces"].stages] == [0.0, 0.016, 0.032]
        assert models.parent.path == shelf / "people"
        assert not is_shipped(models)

    def test_the_command_lists_it(self, shelf, capsys):
        assert main(["list", str(shelf / "runs" / "faces")]) == 0
        assert "faces              people " in capsys.readouterr().out

    def test_nothing_is_copied(self, shelf):
        before = sorted(shelf.rglob("*"))
        assert open_family(shelf / "runs" / "faces")["faces"].stages
        assert sorted(shelf.rglob("*")) == before

    def test_the_best_stage_opens_with_it(self, shelf, copy):
        shutil.copy(shelf / "people.safetensors", copy.parent)
        for best in copy.glob("best.*"):
            best.unlink()
        with pytest.raises(CheckpointError, match="keeps no best stage"):
            _ = open_family(copy)["faces"].best
        shutil.copy(copy / "snapshots" / "0.016kimg.safetensors", copy / "best.safetensors")
        models = open_family(copy)
        (kimg, best), (_, snapshot) = models["faces"].best, models["faces"].snapshots[0]
        assert kimg == 0.016
        assert all(map(torch.equal, best.state_dict().values(), snapshot.state_dict().values()))
        with pytest.raises(CheckpointError, match=r'"people".* in no folder of a run'):
            _ = models.parent.best

    def test_a_moved_parent_is_found_beside_the_run_by_its_digest(self, shelf, copy):
        with pytest.raises(ValueError, match=r"people \(sha256 .*neither at moved/away nor beside"):
            open_family(copy)
        parent(copy.parent / "people", seed=1)  # another model of that name
        with pytest.raises(ValueError, match="nor beside"):
            open_family(copy)
        shutil.copy(shelf / "people.safetensors", copy.parent / "people.safetensors")
        assert open_family(copy).parent.path == copy.parent.resolve() / "people"

    def test_a_run_called_like_its_parent_is_its_child(self, shelf, copy):
        shutil.copy(shelf / "people.safetensors", copy.parent)
        (copy.parent / "parents").mkdir()
        shutil.move(copy.parent / "people.safetensors", copy.parent / "parents")
        namesake = copy.rename(copy.parent / "parents" / "people")
        models = open_family(namesake)
        assert models.names == ("people_parent", "people")
        assert models["people"].parent.name == "people_parent"

    def test_an_unfinished_one_says_so(self, tmp_path):
        (tmp_path / "state.pt").write_bytes(b"")
        with pytest.raises(CheckpointError, match="not finished"):
            open_family(tmp_path)

    def test_a_model_called_record_makes_no_run(self, shelf, tmp_path):
        weights = checkpoints.load_model(shelf / "people")
        checkpoints.save_model(tmp_path / "record", weights.generator, record={})
        (tmp_path / "record.json").write_text('{"schema_version": 1, "generator": {}}')
        assert open_family(tmp_path).names == ("record",)


class TestListing:
    def test_paths_runs_and_shipped_names(self, shelf, tmp_path):
        (tmp_path / "family.toml").write_text(
            f"""
            parent = "people"
            [models.people]
            file = "{shelf}/people.safetensors"
            [models.mine]
            file = "{shelf}/runs/faces"
            [models.human]
            file = "human"
            """
        )
        models = open_family(tmp_path)
        assert models["mine"].parent.name == "people"
        assert [kimg for kimg, _ in models["mine"].stages] == [0.0, 0.016, 0.032]
        assert models["human"].generator.config.img_resolution == 128
        assert models["human"].has_encoder

    def test_a_path_is_no_place_for_a_download(self, tmp_path):
        entry = '[models.a]\nfile = "../a.pkl"\nurl = "https://example.org/a.pkl"\n'
        (tmp_path / "family.toml").write_text(entry)
        with pytest.raises(ValueError, match="mere name"):
            open_family(tmp_path)


class TestNames:
    def test_a_model_is_named_by_folder_file_or_shipped_name(self, shelf):
        digests = {
            named: checkpoints.load_model(named, parts=()).sha256
            for named in (shelf / "runs" / "faces", shelf / "runs" / "faces" / "model", "human")
        }
        assert len(set(digests.values())) == 2
        assert digests["human"] == open_family("clay").parent.sha256
        assert checkpoints.describe("human").generator.img_resolution == 128

    @pytest.mark.parametrize("named", ["humam", "", "~", "human\0", "x" * 5000, "/dev/null/a"])
    def test_what_would_do_is_listed(self, named):
        with pytest.raises(CheckpointError) as caught:
            checkpoints.load_model(named)
        assert len(str(caught.value)) < 2000

    def test_an_empty_folder_is_named(self, tmp_path):
        with pytest.raises(
            CheckpointError, match=r"without a model.*folder of a finished run.*toon"
        ):
            checkpoints.load_model(tmp_path)

    def test_a_training_starts_from_a_shipped_name(self, shelf, tmp_path, monkeypatch):
        monkeypatch.setenv("SA_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setattr(metrics, "extract_features", _mean_colours)
        monkeypatch.setattr(metrics.feature_cache, "extract_features", _mean_colours)
        options = ["--parent", "human", "--total-kimg", "0.008", "--num-evaluation-images", "2"]
        assert train(tmp_path / "run", shelf / "data", *options) == 0
        origin = json.loads((tmp_path / "run" / "record.json").read_text())["parent"]
        assert (origin["name"], origin["path"]) == ("human", "human")
        models = open_family(tmp_path / "run")
        assert models.parent.sha256 == origin["sha256"] == open_family("clay").parent.sha256
        assert models.parent.has_survey
