"""Checkpoints of published formats: parity, round trips, and files that mean harm or are broken."""

import contextlib
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from foreign_weights import FIXTURES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sa_helpers.checkpoints import CheckpointError, convert, describe, export, load_model
from sa_helpers.commands import main
from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

NVIDIA = FIXTURES / "nvidia_ada_32.pkl"
ROSINALITY = [FIXTURES / f"rosinality_{kind}_32.pt" for kind in ("converted", "trained")]


def difference(images: torch.Tensor, expected: np.ndarray) -> float:
    """Largest difference, as a share of the largest value expected."""
    return float(np.abs(images.numpy() - expected).max() / np.abs(expected).max())


class TestParity:
    @pytest.mark.slow
    @torch.no_grad()
    def test_nvidia_images_and_logits(self):
        model, expected = load_model(NVIDIA), np.load(FIXTURES / "nvidia_ada_32.npz")
        z = torch.from_numpy(expected["z"])
        images = model.generator(z, truncation_psi=1.0)
        assert difference(images, expected["img_const_noise"]) < 1e-4
        images = model.generator(z, truncation_psi=0.5, cutoff=4)
        assert difference(images, expected["img_psi05_cutoff4"]) < 1e-4
        images = model.generator(z, truncation_psi=1.0, noise="none")
        assert difference(images, expected["img_no_noise"]) < 1e-4
        logits = model.discriminator(torch.from_numpy(expected["img_const_noise"]))
        assert difference(logits, expected["d_of_img_const_noise"]) < 1e-4

    @torch.no_grad()
    @pytest.mark.parametrize("path", ROSINALITY, ids=lambda path: path.stem)
    def test_rosinality_images(self, path):
        model, expected = load_model(path), np.load(FIXTURES / "rosinality_32.npz")
        z = torch.from_numpy(expected["z"])
        images = model.generator(z, truncation_psi=1.0)
        assert difference(images, expected["img_const_noise"]) < 1e-4
        if path == ROSINALITY[0]:  # the trained one holds no mean latent to truncate towards
            images = model.generator(z, truncation_psi=0.5)
            assert difference(images, expected["img_psi05"]) < 1e-4

    @pytest.mark.slow
    def test_a_description_needs_no_weights(self):
        told = describe(NVIDIA).to_dict()
        assert told["generator"]["img_resolution"] == 32
        assert told["generator"]["num_mapping_layers"] == 4
        assert told["discriminator"] is not None


@pytest.fixture(scope="module")
def pair() -> tuple[Generator, Discriminator]:
    torch.manual_seed(3)
    channels = {4: 6, 8: 5, 16: 4}
    config = GeneratorConfig(
        img_resolution=16, channels=channels, z_dim=7, w_dim=9, num_mapping_layers=3
    )
    generator = Generator(config).eval()
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.normal_()
    generator.w_avg.normal_()
    discriminator = Discriminator(DiscriminatorConfig(img_resolution=16, channels=channels))
    return generator, discriminator


class TestRoundTrips:
    @pytest.mark.parametrize("layout", ["nvidia", "rosinality"])
    def test_exported_networks_come_back_bit_by_bit(self, tmp_path, pair, layout):
        again = load_model(export(tmp_path / "out.pt", *pair, layout=layout))
        for before, after in zip(pair, (again.generator, again.discriminator), strict=True):
            assert after.config == before.config
            for name, value in before.state_dict().items():
                assert torch.equal(after.state_dict()[name], value), name

    @pytest.mark.slow
    @pytest.mark.parametrize("source", [NVIDIA, *ROSINALITY], ids=lambda path: path.stem)
    def test_every_format_goes_through_all_others_and_back(self, tmp_path, source):
        first = load_model(source).generator
        path: Path = source
        for step, layout in enumerate(("safetensors", "rosinality", "nvidia", "safetensors")):
            ending = "" if layout == "safetensors" else ".pt"
            path = convert(path, tmp_path / f"step{step}{ending}", layout=layout)
        last = load_model(path).generator
        assert last.config == first.config
        for name, value in first.state_dict().items():
            assert torch.equal(last.state_dict()[name], value), name

    def test_exports_are_plain_state_dicts(self, tmp_path, pair):
        path = export(tmp_path / "out.pt", *pair, layout="rosinality")
        content = torch.load(path, weights_only=True)
        assert {"g_ema", "latent_avg", "d"} <= content.keys()
        assert content["g_ema"]["conv1.conv.weight"].shape == (1, 6, 6, 3, 3)

    @pytest.mark.slow
    def test_the_command_line_describes_and_converts(self, tmp_path, capsys):
        assert main(["describe", str(NVIDIA), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["generator"]["img_resolution"] == 32
        assert main(["convert", str(NVIDIA), str(tmp_path / "mine"), "--parent", "ffhq"]) == 0
        assert load_model(tmp_path / "mine").record["parent"]["name"] == "ffhq"
        assert main(["describe", str(tmp_path / "absent.pkl")]) == 1
        assert "absent.pkl" in capsys.readouterr().err


class Harmful:
    """Pickles to a call of a function with arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def _swap(module: bytes, name: bytes) -> bytes:
    """The NVIDIA fixture with another global in place of OrderedDict (protocol 4 or lower)."""
    plain = pickle.dumps(OrderedDict(), protocol=2)
    return plain.replace(b"ccollections\nOrderedDict", b"c" + module + b"\n" + name)


def _zipped_torch(path: Path, content: object) -> bytes:
    torch.save(content, path)
    return path.read_bytes()


@pytest.fixture
def marker(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "harm_was_done"


HOSTILE = {
    "a call of the shell": lambda _: pickle.dumps(Harmful(os.system, "touch harm_was_done")),
    "an evaluation": lambda _: pickle.dumps(Harmful(eval, "open('harm_was_done', 'w')")),
    "a call of the shell in a list": lambda _: pickle.dumps(
        {"G_ema": [Harmful(os.system, "touch harm_was_done")]}
    ),
    "an old pickle of the shell": lambda _: _swap(b"posix", b"system"),
    "a global of builtins": lambda _: _swap(b"builtins", b"exec"),
    "a torch loader": lambda _: _swap(b"torch", b"load"),
    "a torch file with a call": lambda folder: _zipped_torch(
        folder / "evil.pt", {"g_ema": Harmful(os.system, "touch harm_was_done")}
    ),
    "a pickle bomb": lambda _: b"\x80\x04" + b"]" + b"2a" * 200_000 + b".",
    "an absurd length": lambda _: b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"x.",
    "an endless nesting": lambda _: b"\x80\x04" + b"(" * 300_000 + b".",
    "nothing": lambda _: b"",
    "a page of Google Drive": lambda _: (
        b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>"
    ),
    "a picture": lambda _: b"\x89PNG\r\n\x1a\n" + bytes(64),
    "half a file": lambda _: NVIDIA.read_bytes()[:900_000],
    "half a torch file": lambda _: ROSINALITY[0].read_bytes()[:200_000],
    "text": lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
    "a plain dictionary": lambda _: pickle.dumps({"weights": [1, 2, 3]}),
    "another torch file": lambda folder: _zipped_torch(folder / "o.pt", {"model": torch.ones(3)}),
    "an absurd safetensors header": lambda _: (2**60).to_bytes(8, "little") + b"{}",
}


class TestHostileFiles:
    @pytest.mark.slow
    @pytest.mark.parametrize("name", list(HOSTILE))
    @pytest.mark.parametrize("reader", [load_model, describe], ids=["load", "describe"])
    def test_they_are_refused_and_nothing_runs(self, tmp_path, marker, name, reader):
        path = tmp_path / "given.pkl"
        path.write_bytes(HOSTILE[name](tmp_path))
        before = sorted(p.name for p in tmp_path.iterdir())
        with pytest.raises(CheckpointError) as caught:
            reader(path)
        assert len(str(caught.value)) > 40, "a cause and a remedy"
        assert not marker.exists()
        assert sorted(p.name for p in tmp_path.iterdir()) == before, "nothing is written"

    def test_the_refused_global_is_named(self, tmp_path):
        path = tmp_path / "given.pkl"
        path.write_bytes(pickle.dumps(Harmful(os.system, "true")))
        with pytest.raises(CheckpointError, match=r"posix\.system"):
            load_model(path)

    def test_weights_that_are_not_numbers(self, tmp_path):
        content = torch.load(ROSINALITY[0], weights_only=True)
        content["g_ema"]["conv1.conv.weight"][0, 0, 0, 0, 0] = float("nan")
        torch.save(content, tmp_path / "nan.pt")
        with pytest.raises(CheckpointError, match="NaN"):
            load_model(tmp_path / "nan.pt")

    def test_a_weight_of_another_shape(self, tmp_path):
        content = torch.load(ROSINALITY[0], weights_only=True)
        content["g_ema"]["conv1.activate.bias"] = torch.zeros(7)
        torch.save(content, tmp_path / "odd.pt")
        with pytest.raises(CheckpointError):
            load_model(tmp_path / "odd.pt")

    def test_a_zip_of_a_checkpoint(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "given.zip", "w") as archive:
            archive.write(NVIDIA, "ffhq.pkl")
        with pytest.raises(CheckpointError):
            load_model(tmp_path / "given.zip")


SOURCES = {path.name: path.read_bytes() for path in (NVIDIA, ROSINALITY[0])}


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), name=st.sampled_from(sorted(SOURCES)))
def test_mutated_files_load_or_are_refused_and_nothing_else(tmp_path, data, name):
    content = bytearray(SOURCES[name])
    # Structure is dense at both ends; changes there matter more than changes of a weight.
    place = st.one_of(
        st.integers(0, 3000),
        st.integers(len(content) - 3000, len(content) - 1),
        st.integers(0, len(content) - 1),
    )
    for position in data.draw(st.lists(place, min_size=1, max_size=6)):
        content[position] = data.draw(st.integers(0, 255))
    path = tmp_path / "mutated.bin"
    path.write_bytes(content)
    with contextlib.suppress(CheckpointError):
        load_model(path)
