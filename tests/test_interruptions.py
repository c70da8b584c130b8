"""Kills at forty moments: what was there is whole, and the same command comes to the same end."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import interrupted_tasks as tasks
import killing
import numpy as np
import pytest
import torch
from web_server import serving

from sa_helpers import checkpoints, family, images

pytestmark = pytest.mark.slow

NUM_MOMENTS = 10
WALL_CLOCK = {"train_sec", "images_per_sec", "command"}  # a command names its folder


def without_wall_clock(value):
    if isinstance(value, dict):
        return {k: without_wall_clock(v) for k, v in value.items() if k not in WALL_CLOCK}
    return [without_wall_clock(v) for v in value] if isinstance(value, list) else value


def content(folder: Path) -> dict:
    """All files of a run: models as their numbers and records, the others as they are."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pt"):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".safetensors":
            model = checkpoints.load_model(path)
            found[name] = [without_wall_clock(model.record), digest(model.generator)]
        elif path.suffix == ".json":
            record = json.loads(path.read_text())
            found[name] = without_wall_clock(record) if "schema_version" not in record else None
        else:
            found[name] = path.read_bytes()
    return found


def digest(network: torch.nn.Module) -> str:
    parts = [value.numpy().tobytes() for value in network.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.partial")]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for i in range(12):
        array = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        images.write_image(folder / f"{i}.png", array)
    return folder


class TestTraining:
    def test_records_and_weights_are_those_of_an_uninterrupted_run(self, data, tmp_path):
        whole = tmp_path / "whole"
        count = killing.run(tasks.train, whole, data, tmp_path / "cache")
        expected = content(whole)
        for moment in killing.moments(count, NUM_MOMENTS):
            folder, cache = tmp_path / f"killed{moment}", tmp_path / f"cache{moment}"
            assert killing.run(tasks.train, folder, data, cache, moment=moment) is None
            killing.run(tasks.train, folder, data, cache)
            assert content(folder) == expected, moment
            assert leftovers(folder) == leftovers(cache) == []

    def test_the_time_of_a_resumed_run_adds_up(self, data, tmp_path):
        whole, cache = tmp_path / "whole", tmp_path / "cache"
        count = killing.run(tasks.train, whole, data, cache)
        folder = tmp_path / "killed"
        killing.run(tasks.train, folder, data, cache, moment=count - 6)
        before = json.loads((folder / "record.json").read_text())
        killing.run(tasks.train, folder, data, cache)
        after = json.loads((folder / "record.json").read_text())
        assert 0 < before["train_sec"] <= after["train_sec"]
        assert [row["kimg"] for row in after["losses"]] == [0.08]


class TestConversion:
    @pytest.mark.parametrize("layout", ["safetensors", "nvidia"])
    def test_a_reader_finds_the_old_model_or_the_new_one(self, layout, tmp_path):
        source, ending = tmp_path / "new", "" if layout == "safetensors" else ".pt"
        tasks.save(source, 2.0)
        tasks.save(tmp_path / "old", 1.0)
        target = tmp_path / f"target{ending}"
        tasks.convert(tmp_path / "old", target, layout)
        if target.with_suffix(".json").exists():
            pytest.skip("models of our own format are two files here")
        kept = tmp_path / "kept"
        shutil.copytree(tmp_path, kept, ignore=lambda *_: ["kept"])
        count = killing.run(tasks.convert, source, kept / target.name, layout)
        seen = set()
        for moment in killing.moments(count, NUM_MOMENTS // 2):
            assert killing.run(tasks.convert, source, target, layout, moment=moment) is None
            seen.add(tasks.value_of(checkpoints.load_model(target).generator))
        assert 1.0 in seen
        assert seen <= {1.0, 2.0}
        killing.run(tasks.convert, source, target, layout)
        assert tasks.value_of(checkpoints.load_model(target).generator) == 2.0
        assert leftovers(tmp_path) == []


class TestShipment:
    def test_a_model_has_its_own_snapshots_at_every_moment(self, tmp_path):
        for name, value in (("before", 1.0), ("after", 2.0)):
            tasks.make_run(tmp_path / name, value)
        if (tmp_path / "after" / "model.json").exists():
            pytest.skip("models of our own format are two files here")
        shelf = tmp_path / "shelf"
        tasks.ship(tmp_path / "before", shelf / "dog")
        count = killing.run(tasks.ship, tmp_path / "after", tmp_path / "other" / "dog")
        seen = []
        for moment in killing.moments(count, NUM_MOMENTS):
            folder = tmp_path / f"shelf{moment}"
            shutil.copytree(shelf, folder)
            assert (
                killing.run(tasks.ship, tmp_path / "after", folder / "dog", moment=moment) is None
            )
            seen.append(self.values(folder))
            assert seen[-1] in ([1.0] * 3, [2.0] * 3), moment
            killing.run(tasks.ship, tmp_path / "after", folder / "dog")
            assert self.values(folder) == [2.0] * 3
            assert len(list((folder / "snapshots").iterdir())) == 1
            assert leftovers(folder) == []
        assert seen[0] == [1.0] * 3

    def values(self, folder: Path) -> list[float]:
        models = family.open_family(folder)
        stages = [model for _, model in models["dog"].snapshots]
        return [tasks.value_of(model) for model in (models["dog"].generator, *stages)]


class TestDownload:
    def test_the_next_call_ends_in_the_right_file(self, tmp_path):
        tasks.save(tmp_path / "made", 3.0)
        checkpoints.convert(tmp_path / "made", tmp_path / "made.pt", layout="nvidia")
        whole = (tmp_path / "made.pt").read_bytes()
        with serving() as site:
            site.files["/model.pt"] = whole
            url = f"{site.address}/model.pt"
            count = killing.run(tasks.fetch, url, tmp_path / "counted" / "model.pt")
            for moment in killing.moments(count, NUM_MOMENTS):
                path = tmp_path / str(moment) / "model.pt"
                assert killing.run(tasks.fetch, url, path, moment=moment) is None
                assert not path.exists() or path.read_bytes() == whole
                killing.run(tasks.fetch, url, path)
                assert path.read_bytes() == whole
                assert sorted(os.listdir(path.parent)) == ["model.pt", "model.pt.sha256"]
