"""Graphs and weights for pages: they draw what torch draws, for every shipped model."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from sa_helpers.blending import interpolate_weights
from sa_helpers.channels import ChannelRegions
from sa_helpers.channels.survey import SURVEYS, ChannelSurvey
from sa_helpers.checkpoints import CheckpointError, load_model, save_model
from sa_helpers.commands import main
from sa_helpers.editing import Direction, channel_sigmas
from sa_helpers.editing.scales import SCALES, ScaledDirection, Scales
from sa_helpers.family import open_family
from sa_helpers.images import read_image
from sa_helpers.latents import z_from_seeds, z_to_w_plus
from sa_helpers.live import (
    architecture_key,
    export_graph,
    graph_path,
    require_no_noise,
    run_graph,
    weights_of_graph,
    write_app_data,
)
from sa_helpers.networks import Generator, GeneratorConfig

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "book" / "_build" / "extra" / "live"  # an export takes long, so the site's is used
SHIPPED = open_family("clay")
SNAPSHOTS = [path for name in SHIPPED.names for _, path in SHIPPED[name].snapshot_paths]
FILES = [SHIPPED[name].path for name in SHIPPED.names] + SNAPSHOTS
MAX_ERROR = 1e-4
CONFIG = GeneratorConfig(
    img_resolution=8, channels={4: 5, 8: 3}, z_dim=16, w_dim=6, num_mapping_layers=2, conv_clamp=2.0
)


def graph_of(config: GeneratorConfig) -> Path:
    """The site's graph, made here if the site was not built yet."""
    path = graph_path(BUILT, config)
    return path if path.is_file() else export_graph(config, path)


def random_generator(seed: int) -> Generator:
    torch.manual_seed(seed)
    return Generator(CONFIG).eval().requires_grad_(False)


def error_of(generator: Generator, graph: Path) -> float:
    """Largest difference of a picture between torch and the graph, with edited styles."""
    z = z_from_seeds([6], z_dim=generator.config.z_dim)
    w_plus = z_to_w_plus(generator, z, truncation_psi=0.7)
    styles = generator.synthesis.w_plus_to_s(w_plus)
    torch.manual_seed(0)
    edit = 0.1 * torch.randn_like(styles.cat())
    expected = generator.synthesis.s_to_image(styles.space.split(styles.cat() + edit), noise="none")
    drawn = run_graph(graph, w_plus, edit, weights_of_graph(generator))
    assert expected.std() > 0.01
    return float((drawn - expected).abs().max())


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@torch.inference_mode()
def test_the_graph_draws_what_torch_draws_for_every_shipped_model(path):
    generator = load_model(path, parts=()).generator.float()
    assert error_of(generator, graph_of(generator.config)) < MAX_ERROR


@pytest.fixture(scope="module")
def small_graph(tmp_path_factory) -> Path:
    return export_graph(CONFIG, tmp_path_factory.mktemp("graphs") / "small.onnx")


@torch.inference_mode()
def test_one_graph_serves_all_weights_of_its_sizes_and_their_blends(small_graph):
    parent, child = random_generator(0), random_generator(1)
    for generator in (parent, child, interpolate_weights(parent, child, amount=0.3)):
        assert error_of(generator, small_graph) < MAX_ERROR


def test_a_graph_holds_no_weights(small_graph):
    graph = onnx.load(small_graph).graph
    given = {entry.name for entry in graph.input}
    assert given == {"w_plus", "edit", *weights_of_graph(random_generator(0))}
    assert sum(np.prod(constant.dims) for constant in graph.initializer) < 500


def test_exporting_leaves_random_numbers_and_networks_alone(small_graph, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    path = export_graph(CONFIG, tmp_path / "again.onnx")
    assert torch.equal(torch.rand(1), expected)
    assert path.read_bytes() == small_graph.read_bytes()


def test_models_with_noise_are_refused():
    generator = random_generator(0)
    require_no_noise(generator, name="quiet")
    generator.get_parameter("synthesis.b8.conv1.noise_strength").fill_(0.1)
    with pytest.raises(ValueError, match='"loud" adds noise'):
        require_no_noise(generator, name="loud")


def test_the_page_draws_the_z_that_torch_draws():
    rows = json.loads((ROOT / "live" / "tests" / "torch_normals.json").read_text())
    z = z_from_seeds([row["seed"] for row in rows], z_dim=len(rows[0]["z"]))
    stored = torch.tensor([row["z"] for row in rows])
    # torch's logarithms and cosines differ by some units of the last place between processors.
    torch.testing.assert_close(z, stored, atol=1e-5, rtol=1e-5)


@pytest.fixture
def toys(tmp_path):
    """A family with all that a page needs: a parent, a child with a snapshot, their companions."""
    root = tmp_path / "toys"
    save_model(root / "human", random_generator(0), record={"parent": None, "kimg": 9.0})
    child = {"parent": {"name": "human"}, "kimg": 4.0}
    save_model(root / "red_toon", random_generator(1), record=child)
    save_model(root / "snapshots" / "red_toon" / "0.5kimg", random_generator(2), record=child)
    sha256 = open_family(root)["human"].sha256
    yaw = ScaledDirection(Direction("yaw_deg", torch.ones(6) / 6**0.5), "°", 0.02, (-31.4, 29.6))
    record = {"model_sha256": sha256}
    SCALES.save(root / "directions" / "human.npz", Scales({"yaw_deg": yaw}, record))
    names = tuple(f"0_{channel}" for channel in range(5))
    winners, present = np.zeros((4, 5), dtype=np.int64), np.ones((4, 2), dtype=bool)
    winners[:, 3:] = 1
    found = ChannelRegions(names, ("hair", "skin"), winners, present, np.ones((5, 2)))
    effects = np.array([[0.5, -2], [0.01, 0.02], [0, 0], [0.3, 0], [0, 0.2]])
    survey = ChannelSurvey(found, ("smile", "beard"), effects, record)
    SURVEYS.save(root / "channels" / "human.npz", survey)
    return root


def test_the_list_says_what_there_is(toys, tmp_path):
    folder = tmp_path / "app"
    path = write_app_data(open_family(toys), folder)
    manifest = json.loads(path.read_text())
    assert manifest["parent"] == "human"
    human, toon = manifest["models"]
    assert (toon["name"], toon["label"], toon["parent"]) == ("red_toon", "red toon", "human")
    assert [row["ref"] for row in toon["snapshots"]] == ["red_toon@0.5"]
    files = [human, toon, *toon["snapshots"]]
    files += [sizes["graph"] for sizes in manifest["architectures"].values()]
    assert {row["file"]: row["bytes"] for row in files} == {
        file.name: file.stat().st_size
        for file in folder.iterdir()
        if file.is_file() and file != path
    }
    assert read_image(folder / "stills" / "red_toon.jpg").shape == (256, 256, 3)
    sizes = manifest["architectures"][human["architecture"]]
    assert (sizes["num_ws"], sizes["z_dim"], sizes["layers"][2]["name"]) == (4, 16, "b8.conv0")
    [yaw] = manifest["directions"]
    assert (yaw["label"], yaw["unit"], yaw["reach"]) == ("yaw", "°", [-31.0, 30.0])


def test_channels_are_listed_with_region_factor_and_deviation(toys, tmp_path):
    models = open_family(toys)
    channels = json.loads(write_app_data(models, tmp_path / "app").read_text())["channels"]
    assert [row["name"] for row in channels[4:7]] == ["0_4", "1_0", "1_1"]
    assert [row["region"] for row in channels[:6]] == ["hair"] * 3 + ["skin"] * 2 + [None]
    assert [row["factor"] for row in channels[:6]] == [
        "beard", None, None, "smile", "beard", None,
    ]  # fmt: skip
    sigmas = channel_sigmas(models.parent.generator, range(10_000), truncation_psi=0.7)
    assert [row["sigma"] for row in channels] == pytest.approx(sigmas.tolist(), rel=1e-5)


def test_weights_are_copied_as_they_are_stored_without_noise(toys, tmp_path):
    folder = tmp_path / "app"
    manifest = json.loads(write_app_data(open_family(toys), folder).read_text())
    copied = load_file(folder / manifest["models"][0]["file"])
    stored = load_file(toys / "human.safetensors")
    assert not any("noise" in name for name in copied)
    assert set(weights_of_graph(random_generator(0))) < set(copied)
    for name, weight in copied.items():
        assert weight.dtype == stored[f"generator.{name}"].dtype
        assert torch.equal(weight, stored[f"generator.{name}"])


def test_files_of_earlier_models_go_and_graphs_stay(toys, tmp_path):
    folder = tmp_path / "app"
    write_app_data(open_family(toys), folder)
    graph = graph_path(folder, CONFIG)
    changed = graph.stat().st_mtime_ns
    (folder / "cow-0000.safetensors").write_bytes(b"")
    (folder / "synthesis-8-old.onnx").write_bytes(b"")
    (folder / "live.js").write_text("")
    write_app_data(open_family(toys), folder)
    assert (folder / "live.js").exists()
    assert [*folder.glob("*.onnx")] == [graph]
    assert graph.stat().st_mtime_ns == changed
    assert not (folder / "cow-0000.safetensors").exists()


def test_the_name_of_a_graph_tells_its_sizes():
    other = GeneratorConfig.from_dict({**CONFIG.to_dict(), "conv_clamp": None})
    assert architecture_key(CONFIG).startswith("8-")
    assert architecture_key(CONFIG) != architecture_key(other)
    assert architecture_key(CONFIG) == architecture_key(GeneratorConfig(**CONFIG.to_dict()))


def test_companions_of_other_weights_are_refused(toys, tmp_path, capsys):
    survey = open_family(toys)["human"].survey
    survey.record["model_sha256"] = "another"
    SURVEYS.save(toys / "channels" / "human.npz", survey)
    with pytest.raises(
        CheckpointError, match=r"other weights than those of human\..*sa-helpers survey"
    ):
        write_app_data(open_family(toys), tmp_path / "app")
    (toys / "directions" / "human.npz").unlink()
    assert main(["live", str(tmp_path / "app"), "--family", str(toys)]) == 1
    assert "sa-helpers scale" in capsys.readouterr().err
