import json

import pytest
import torch

from sa_helpers import checkpoints, family
from sa_helpers.blending import drop_top_resolution
from sa_helpers.networks import Generator, GeneratorConfig

CONFIG = GeneratorConfig(
    img_resolution=8, channels={4: 4, 8: 4}, z_dim=4, w_dim=4, num_mapping_layers=1
)


def save(path, *, const, parent=None, kimg=32.0, is_grown=False):
    generator = Generator(CONFIG)
    with torch.no_grad():
        generator.get_parameter("synthesis.b4.const").fill_(const)
    origin = parent and {"name": parent, "is_grown": is_grown}
    checkpoints.save_model(path, generator, record={"parent": origin, "kimg": kimg})


def const_of(generator):
    return float(generator.get_parameter("synthesis.b4.const").mean())


@pytest.fixture
def folder(tmp_path):
    """A parent that was grown from a smaller model, a child, a grandchild, a stranger."""
    root = tmp_path / "zoo"
    save(root / "human", const=1, parent="human64", is_grown=True, kimg=200.0)
    save(root / "dog", const=2, parent="human")
    save(root / "cat", const=3, parent="dog")
    save(root / "stranger", const=4)
    for kimg, name in ((16, "16"), (2, "2"), (0.5, "0.5"), (32, "32")):
        save(root / "snapshots" / "dog" / f"{name}kimg", const=10 + kimg, parent="human")
    return root


def test_a_family_shows_itself_in_one_line(folder):
    shown = repr(family.family(folder))
    assert shown.startswith("Family(")
    assert "human" in shown
    assert len(shown) < 200
    assert "\n" not in shown


def test_family_finds_its_parent_and_its_descendants(folder):
    zoo = family.family(folder)
    assert zoo.name == "zoo"
    assert zoo.parent_name == "human"
    assert zoo.names == ("human", "cat", "dog", "stranger")
    assert zoo.child_names == ("cat", "dog")
    assert [zoo.parent_of(name) for name in zoo.names] == [None, "dog", "human", None]


def test_training_counts_the_runs_before_unless_they_are_of_the_family(tmp_path):
    root = tmp_path / "zoo"
    save(root / "dog", const=2, parent="human", kimg=32.0)
    earliest = {"name": "human32", "kimg": 30.0, "train_sec": 600.0}
    earlier = {"name": "human64", "kimg": 90.0, "train_sec": 1200.0, "parent": earliest}
    record = {"parent": earlier, "kimg": 200.0, "train_sec": 7200.0}
    checkpoints.save_model(root / "human", Generator(CONFIG), record=record)
    zoo = family.family(root)
    assert zoo.training_kimg("human") == 320.0
    assert zoo.training_kimg("dog") == 32.0
    assert zoo.training_hours("human") == 2.5


def test_models_are_opened_by_name_once_and_ready_for_inference(folder):
    zoo = family.family(str(folder))
    assert const_of(zoo.parent) == 1
    assert const_of(zoo.child("cat")) == 3
    assert const_of(zoo.model("stranger")) == 4
    assert zoo.parent is zoo.model("human")
    assert not zoo.parent.training
    assert not any(weight.requires_grad for weight in zoo.parent.parameters())


def test_records_are_read_without_weights(folder):
    zoo = family.family(folder)
    for weights in folder.rglob("*.safetensors"):
        weights.write_bytes(b"")
    assert zoo.record("dog")["kimg"] == 32
    with pytest.raises(checkpoints.CheckpointError, match=r"dog\.safetensors"):
        zoo.child("dog")


def test_snapshots_come_in_order_without_the_finished_child(folder):
    snapshots = family.family(folder).snapshots("dog")
    assert [kimg for kimg, _ in snapshots] == [0.5, 2.0, 16.0]
    assert [const_of(model) for _, model in snapshots] == [10.5, 12.0, 26.0]


def test_stages_run_from_the_parent_to_the_child(folder):
    stages = family.family(folder).stages("dog")
    assert [kimg for kimg, _ in stages] == [0, 0.5, 2, 16, 32]
    assert [const_of(model) for _, model in stages] == [1, 10.5, 12, 26, 2]
    assert [const_of(model) for _, model in family.family(folder).stages("cat")] == [2, 3]


def test_a_model_without_snapshots_has_none(folder):
    assert family.family(folder).snapshots("cat") == []


def test_environment_names_the_default_family(folder, monkeypatch):
    monkeypatch.setenv("SA_FAMILY", str(folder))
    assert family.family().name == "zoo"


def test_shipped_family_is_the_default(monkeypatch):
    monkeypatch.delenv("SA_FAMILY", raising=False)
    if "clay" not in family.shipped_families():
        pytest.skip("the clay family is not trained yet")
    clay = family.family()
    assert (clay.name, clay.parent_name) == ("clay", "human")
    assert {"toon", "dog"} <= set(clay.child_names)
    for name in clay.child_names:
        parent, child = clay.model(clay.parent_of(name)), clay.child(name)
        if clay.record(name)["parent"].get("is_shrunk"):
            parent = drop_top_resolution(parent)
        assert child.config == parent.config


def test_unknown_family_says_what_would_do(tmp_path):
    with pytest.raises(ValueError, match=r'no family "fotos".*or a folder.*SA_FAMILY'):
        family.family("fotos")
    with pytest.raises(ValueError, match="no family"):
        family.family(tmp_path)


@pytest.mark.parametrize("method", ["model", "record", "snapshots", "path", "parent_of"])
def test_unknown_model_lists_the_known_ones(folder, method):
    with pytest.raises(ValueError, match=r"no model \"wolf\".*'cat', 'dog'"):
        getattr(family.family(folder), method)("wolf")


@pytest.mark.parametrize("name", ["human", "wolf"])
def test_what_is_no_child_lists_the_children(folder, name):
    with pytest.raises(ValueError, match=rf'no child "{name}".*\[\'cat\', \'dog\'\]'):
        family.family(folder).child(name)


def test_two_possible_parents_are_reported(folder):
    save(folder / "puppet", const=5, parent="stranger")
    with pytest.raises(ValueError, match=r"'human', 'stranger'.*possible parents"):
        _ = family.family(folder).parent


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"schema_version": 1})])
def test_damaged_record_is_named(folder, content):
    (folder / "dog.json").write_text(content)
    with pytest.raises(ValueError, match=r"dog\.json"):
        family.family(folder)


def test_models_opened_in_inference_mode_have_gradients_for_others(folder):
    with torch.inference_mode():
        generator = family.family(folder).model("dog")
    w_plus = torch.randn(1, generator.num_ws, generator.config.w_dim, requires_grad=True)
    generator.synthesis(w_plus).sum().backward()
    assert w_plus.grad.abs().sum() > 0
    assert not generator.get_parameter("synthesis.b4.const").is_inference()
