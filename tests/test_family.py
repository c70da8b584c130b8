import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from sa_helpers import checkpoints, family
from sa_helpers.blending import drop_top_resolution
from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

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


def test_a_family_and_its_models_show_themselves_in_one_line(folder):
    zoo = family.open_family(folder)
    assert repr(zoo) == "Family('zoo', models: cat, dog, human, stranger)"
    assert repr(zoo["dog"]) == "Member('dog' of 'zoo', fine-tuned from human)"
    assert repr(zoo["human"]) == "Member('human' of 'zoo')"
    assert str(zoo["dog"]) == "dog"


def test_a_family_shows_itself_as_a_table(folder):
    (folder / "encoders").mkdir()
    (folder / "encoders" / "dog.safetensors").touch()
    (folder / "channels").mkdir()
    (folder / "channels" / "human.npz").touch()
    table = family.open_family(folder)._repr_html_()
    row = '<tr><th scope="row">{}</th><td></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>'
    assert row.format("dog", "human", "32", "yes", "") in table
    assert row.format("human", "", "200", "", "yes") in table
    assert table.count("<tr>") == 5


def test_names_complete_and_are_counted(folder):
    zoo = family.open_family(folder)
    assert zoo._ipython_key_completions_() == list(zoo) == ["cat", "dog", "human", "stranger"]
    assert len(zoo) == 4
    assert "dog" in zoo
    assert "wolf" not in zoo


LATER = ("sklearn", "scipy", "torchvision", "lpips", "matplotlib", "numba", "PIL")


def test_opening_a_family_imports_little():
    code = """
import sys
from sa_helpers.family import open_family
models = open_family("clay")
models["toon"].parent, models["toon"].record, repr(models), models._repr_html_()
models["toon"].generator
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name for name in done.stdout.split() if name.split(".")[0] in LATER}


def test_family_finds_its_parent_and_its_descendants(folder):
    zoo = family.open_family(folder)
    assert zoo.name == "zoo"
    assert zoo.parent.name == "human"
    assert zoo.names == ("human", "cat", "dog", "stranger")
    assert zoo.child_names == ("cat", "dog")
    assert [zoo[name].parent for name in zoo.names] == [None, zoo["dog"], zoo["human"], None]


def test_training_counts_the_runs_before_unless_they_are_of_the_family(tmp_path):
    root = tmp_path / "zoo"
    save(root / "dog", const=2, parent="human", kimg=32.0)
    earliest = {"name": "human32", "kimg": 30.0, "train_sec": 600.0}
    earlier = {"name": "human64", "kimg": 90.0, "train_sec": 1200.0, "parent": earliest}
    record = {"parent": earlier, "kimg": 200.0, "train_sec": 7200.0}
    checkpoints.save_model(root / "human", Generator(CONFIG), record=record)
    zoo = family.open_family(root)
    assert zoo["human"].training_kimg == 320.0
    assert zoo["dog"].training_kimg == 32.0
    assert zoo["human"].training_hours == 2.5


def test_models_are_opened_by_name_once_and_ready_for_inference(folder):
    zoo = family.open_family(str(folder))
    assert const_of(zoo.parent.generator) == 1
    assert const_of(zoo["cat"].generator) == 3
    assert const_of(zoo["stranger"].generator) == 4
    assert zoo.parent.generator is zoo["human"].generator
    assert not zoo.parent.generator.training
    assert not any(weight.requires_grad for weight in zoo.parent.generator.parameters())


def test_records_are_read_without_weights(folder):
    zoo = family.open_family(folder)
    for weights in folder.rglob("*.safetensors"):
        weights.write_bytes(b"")
    assert zoo["dog"].record["kimg"] == 32
    with pytest.raises(checkpoints.CheckpointError, match=r"dog\.safetensors"):
        _ = zoo["dog"].generator


def test_snapshots_come_in_order_without_the_finished_child(folder):
    snapshots = family.open_family(folder)["dog"].snapshots
    assert [kimg for kimg, _ in snapshots] == [0.5, 2.0, 16.0]
    assert [const_of(model) for _, model in snapshots] == [10.5, 12.0, 26.0]


def test_stages_run_from_the_parent_to_the_child(folder):
    stages = family.open_family(folder)["dog"].stages
    assert [kimg for kimg, _ in stages] == [0, 0.5, 2, 16, 32]
    assert [const_of(model) for _, model in stages] == [1, 10.5, 12, 26, 2]
    assert [const_of(model) for _, model in family.open_family(folder)["cat"].stages] == [2, 3]


def test_a_model_has_a_discriminator_or_none(folder):
    generator = Generator(CONFIG)
    critic = Discriminator(DiscriminatorConfig(img_resolution=8, channels={4: 4, 8: 4}))
    checkpoints.save_model(folder / "wolf", generator, discriminator=critic, record={})
    zoo = family.open_family(folder)
    assert zoo["dog"].discriminator is None
    found = zoo["wolf"].discriminator
    assert found is zoo["wolf"].discriminator
    assert not any(weight.requires_grad for weight in found.parameters())


def test_a_model_without_snapshots_has_none(folder):
    assert family.open_family(folder)["cat"].snapshots == []


def test_environment_names_the_default_family(folder, monkeypatch):
    monkeypatch.setenv("SA_FAMILY", str(folder))
    assert family.open_family().name == "zoo"


def test_a_home_folder_in_the_environment_is_found(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    monkeypatch.setenv("SA_FAMILY", f"~/{folder.name}")
    assert family.open_family().names == family.open_family(folder).names


def test_shipped_family_is_the_default(monkeypatch):
    monkeypatch.delenv("SA_FAMILY", raising=False)
    if "clay" not in family.shipped_families():
        pytest.skip("the clay family is not trained yet")
    clay = family.open_family()
    assert (clay.name, clay.parent.name) == ("clay", "human")
    assert {"toon", "dog"} <= set(clay.child_names)
    for name in clay.child_names:
        parent, child = clay[name].parent.generator, clay[name].generator
        if clay[name].record["parent"].get("is_shrunk"):
            parent = drop_top_resolution(parent)
        assert child.config == parent.config


def test_unknown_family_says_what_would_do(tmp_path):
    with pytest.raises(ValueError, match=r'no family "fotos".*or a folder.*SA_FAMILY'):
        family.open_family("fotos")
    with pytest.raises(ValueError, match="no family"):
        family.open_family(tmp_path)


def test_unknown_model_lists_the_known_ones(folder):
    with pytest.raises(ValueError, match=r"no model \"wolf\".*'cat', 'dog'"):
        _ = family.open_family(folder)["wolf"]


def test_what_is_no_child_has_no_stages_and_lists_the_children(folder):
    with pytest.raises(ValueError, match=r'"human" was not fine-tuned.*\[\'cat\', \'dog\'\]'):
        _ = family.open_family(folder)["human"].stages


def test_two_possible_parents_are_reported(folder):
    save(folder / "puppet", const=5, parent="stranger")
    with pytest.raises(ValueError, match=r"'human', 'stranger'.*possible parents"):
        _ = family.open_family(folder).parent


def test_a_model_of_somebody_else_is_named(folder):
    save_file({"weight": torch.zeros(1)}, folder / "dog.safetensors")
    with pytest.raises(ValueError, match=r"dog\.safetensors.*convert"):
        family.open_family(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\x02" + bytes(7) + b"{}"])
def test_damaged_record_is_named(folder, content):
    (folder / "dog.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"dog\.safetensors"):
        family.open_family(folder)


def test_models_opened_in_inference_mode_have_gradients_for_others(folder):
    with torch.inference_mode():
        generator = family.open_family(folder)["dog"].generator
    w_plus = torch.randn(1, generator.num_ws, generator.config.w_dim, requires_grad=True)
    generator.synthesis(w_plus).sum().backward()
    assert w_plus.grad.abs().sum() > 0
    assert not generator.get_parameter("synthesis.b4.const").is_inference()
