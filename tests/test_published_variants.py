"""Published formats in their variants: protocols, clamps, fp16 layers, encoders, old torch files.

Of these no real file can be part of the project, so the tests write them (`published_files`).
"""

import contextlib
import functools
import struct
import tempfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from closeness import assert_equal_up_to_rounding
from hypothesis import given, settings
from hypothesis import strategies as st
from published_files import (
    encoder_file,
    make_encoder,
    make_pair,
    nada_file,
    nvidia_pickle,
    rosinality_state,
    tensorflow_arrays,
    tensorflow_pickle,
)
from torch import Tensor, nn

from sa_helpers.checkpoints import CheckpointError, convert, describe, load_model, save_model
from sa_helpers.networks import Encoder, EncoderConfig
from sa_helpers.networks.filters import upsampling_conv

pytestmark = pytest.mark.slow


def assert_same(network: nn.Module, other: nn.Module, *, atol: float = 0.0) -> None:
    assert network.config == other.config
    state = other.state_dict()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(state[name], value, atol=atol, rtol=0.0)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder, in which executed source code would leave a file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestNvidia:
    @pytest.mark.parametrize("protocol", [2, 3, 4, 5])
    def test_every_protocol_gives_every_bit_and_runs_no_source(self, folder, protocol):
        pair = make_pair()
        model = load_model(nvidia_pickle(folder / "n.pkl", *pair, protocol=protocol))
        assert_same(pair[0], model.generator)
        assert_same(pair[1], model.discriminator)
        assert [file.name for file in folder.iterdir()] == ["n.pkl"]

    @pytest.mark.parametrize("depth", [1, 2, 8])
    def test_sizes_and_settings_are_read_from_the_file(self, folder, depth):
        pair = make_pair(32, num_mapping_layers=depth, conv_clamp=256.0)
        path = nvidia_pickle(folder / "n.pkl", *pair, num_fp16_res=2, is_channels_last=True)
        model = load_model(path)
        assert_same(pair[0], model.generator)
        assert_same(pair[1], model.discriminator)
        assert model.description.settings["num_fp16_res"] == 2
        assert model.description.settings["w_avg_beta"] == 0.995
        assert describe(path) == model.description

    def test_the_discriminator_can_be_left_out(self, folder):
        path = nvidia_pickle(folder / "n.pkl", *make_pair())
        assert load_model(path, parts=()).discriminator is None

    @pytest.mark.parametrize(
        ("overrides", "words"),
        [
            ({"architecture": "orig"}, "architecture = 'orig'"),
            ({"use_noise": False}, "use_noise = False"),
        ],
    )
    def test_variants_that_have_no_layers_here_are_named(self, folder, overrides, words):
        path = nvidia_pickle(folder / "n.pkl", *make_pair(), overrides=overrides)
        with pytest.raises(CheckpointError, match=words):
            load_model(path)

    def test_another_version_is_named(self, folder):
        path = nvidia_pickle(folder / "n.pkl", *make_pair(), version=7)
        with pytest.raises(CheckpointError, match=r"version 7.*reads 6"):
            load_model(path)


class TestTensorflow:
    @pytest.mark.parametrize("protocol", [2, 3, 4])
    @pytest.mark.parametrize("version", [4, 5])
    def test_weights_without_tensorflow(self, folder, protocol, version):
        pair = make_pair(32, num_mapping_layers=8)
        path = tensorflow_pickle(
            folder / "t.pkl", *pair, protocol=protocol, version=version, truncation_psi=0.5
        )
        model = load_model(path)
        # Styles are stored without the 1 that is their mean, so they lose their last bit.
        assert_same(pair[0], model.generator, atol=1e-6)
        assert_same(pair[1], model.discriminator)
        assert model.description.settings["truncation_psi"] == 0.5
        assert [file.name for file in folder.iterdir()] == ["t.pkl"]

    @torch.no_grad()
    def test_images_agree_to_1e_4(self, folder):
        generator, _ = make_pair(32)
        loaded = load_model(tensorflow_pickle(folder / "t.pkl", generator)).generator
        z = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
        for noise in ("const", "none"):
            expected = generator(z, truncation_psi=0.5, noise=noise)
            images = loaded(z, truncation_psi=0.5, noise=noise)
            assert_equal_up_to_rounding(images, expected)

    @torch.no_grad()
    def test_the_upsampling_kernel_acts_as_tensorflow_defines_it(self, folder):
        """Zeros between the pixels, then the stored kernel without a flip, then the low-pass."""
        generator, _ = make_pair()
        kernel = torch.from_numpy(
            tensorflow_arrays(generator)["synthesis/8x8/Conv0_up/weight"].copy()
        )
        loaded = load_model(tensorflow_pickle(folder / "t.pkl", generator)).generator
        weight = loaded.synthesis.b8.conv0.weight
        x = torch.randn(1, weight.shape[1], 4, 4, generator=torch.Generator().manual_seed(0))
        spread = torch.zeros(1, weight.shape[1], 8, 8)
        spread[:, :, ::2, ::2] = x
        wide = F.conv2d(F.pad(spread, (2, 1, 2, 1)), kernel.permute(3, 2, 0, 1))
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        low_pass = torch.outer(taps, taps).expand(weight.shape[0], 1, 4, 4)
        expected = F.conv2d(wide, low_pass, padding=1, groups=weight.shape[0])
        assert_equal_up_to_rounding(upsampling_conv(x, weight), expected)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"version": 3}, "version 3.*StyleGAN2"),
            ({"label_size": 10}, "label_size = 10"),
            ({"architecture": "orig"}, "architecture = 'orig'"),
        ],
    )
    def test_other_versions_and_variants_are_named(self, folder, options, words):
        with pytest.raises(CheckpointError, match=words):
            load_model(tensorflow_pickle(folder / "t.pkl", *make_pair(), **options))


class TestRosinality:
    def test_nada(self, folder):
        generator, _ = make_pair()
        model = load_model(nada_file(folder / "nada.pt", generator))
        assert model.description.format == "StyleGAN-NADA"
        state = model.generator.state_dict()
        for name, value in generator.state_dict().items():
            if name != "mapping.w_avg":
                assert torch.equal(state[name], value), name
        z = torch.randn(20_000, 7, generator=torch.Generator().manual_seed(9))
        with torch.no_grad():
            mean = generator.mapping(z).mean(dim=0)
        torch.testing.assert_close(state["mapping.w_avg"], mean, atol=0.05, rtol=0.0)
        assert "mean latent" in model.description.notes[0]

    def test_files_without_noise_maps_get_the_same_ones_each_time(self, folder):
        generator, _ = make_pair()
        state = rosinality_state(generator)
        state = {name: value for name, value in state.items() if not name.startswith("noises")}
        torch.save({"g_ema": state, "latent_avg": generator.w_avg}, folder / "old.pt")
        first, second = (load_model(folder / "old.pt") for _ in range(2))
        assert_same(first.generator, second.generator)
        assert "noise maps" in first.description.notes[0]

    @pytest.mark.parametrize("is_zipped", [True, False])
    def test_torch_files_of_every_age(self, folder, is_zipped):
        generator, _ = make_pair()
        content = {"g_ema": OrderedDict(rosinality_state(generator)), "latent_avg": generator.w_avg}
        torch.save(content, folder / "r.pt", _use_new_zipfile_serialization=is_zipped)
        assert_same(generator, load_model(folder / "r.pt").generator)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
    def test_other_precisions_become_float32(self, folder, dtype):
        generator, _ = make_pair()
        state = {name: value.to(dtype) for name, value in rosinality_state(generator).items()}
        torch.save({"g_ema": state, "latent_avg": generator.w_avg.to(dtype)}, folder / "r.pt")
        loaded = load_model(folder / "r.pt").generator
        assert loaded.w_avg.dtype == torch.float32
        assert torch.equal(loaded.w_avg, generator.w_avg.to(dtype).float())

    def test_a_bare_state_dict(self, folder):
        generator, _ = make_pair()
        torch.save(rosinality_state(generator), folder / "r.pt")
        assert load_model(folder / "r.pt").generator.config == generator.config

    def test_another_filter_is_refused(self, folder):
        state = rosinality_state(make_pair()[0])
        state["to_rgbs.0.upsample.kernel"] = torch.ones(4, 4)
        torch.save({"g_ema": state}, folder / "r.pt")
        with pytest.raises(CheckpointError, match=r"upsample\.kernel"):
            load_model(folder / "r.pt")

    def test_a_flipped_bit_in_a_zipped_storage_fails_its_checksum(self, folder):
        generator, _ = make_pair()
        torch.save({"g_ema": rosinality_state(generator)}, folder / "r.pt")
        content = bytearray((folder / "r.pt").read_bytes())
        weight = generator.synthesis.b16.conv0.weight.detach().numpy().tobytes()
        content[content.index(weight) + 5] ^= 1
        (folder / "r.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match="checksum"):
            load_model(folder / "r.pt")


def published_encoder(state: dict[str, Tensor], images: Tensor, *, is_offset: bool) -> Tensor:
    """The forward pass of the published encoders, written from their papers as functions."""

    def norm(x: Tensor, name: str) -> Tensor:
        keys = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}.{key}"] for key in keys))

    def unit(x: Tensor, name: str, stride: int) -> Tensor:
        if f"{name}.shortcut_layer.0.weight" in state:
            skip = F.conv2d(x, state[f"{name}.shortcut_layer.0.weight"], stride=stride)
            skip = norm(skip, f"{name}.shortcut_layer.1")
        else:
            skip = F.max_pool2d(x, 1, stride)
        y = F.conv2d(norm(x, f"{name}.res_layer.0"), state[f"{name}.res_layer.1.weight"], padding=1)
        y = F.prelu(y, state[f"{name}.res_layer.2.weight"])
        y = F.conv2d(y, state[f"{name}.res_layer.3.weight"], stride=stride, padding=1)
        y = norm(y, f"{name}.res_layer.4")
        scale = F.conv2d(F.adaptive_avg_pool2d(y, 1), state[f"{name}.res_layer.5.fc1.weight"])
        scale = F.conv2d(scale.relu(), state[f"{name}.res_layer.5.fc2.weight"]).sigmoid()
        return skip + y * scale

    def head(x: Tensor, name: str) -> Tensor:
        for index in range(x.shape[-1].bit_length() - 1):
            parts = (state[f"{name}.convs.{2 * index}.{key}"] for key in ("weight", "bias"))
            x = F.leaky_relu(F.conv2d(x, *parts, stride=2, padding=1), 0.01)
        weight, bias = state[f"{name}.linear.weight"], state[f"{name}.linear.bias"]
        return F.linear(x.flatten(1), weight * weight.shape[1] ** -0.5, bias)

    def join(x: Tensor, y: Tensor, name: str) -> Tensor:
        up = F.interpolate(x, size=y.shape[2:], mode="bilinear", align_corners=True)
        return up + F.conv2d(y, state[f"{name}.weight"], state[f"{name}.bias"])

    x = F.conv2d(images, state["input_layer.0.weight"], padding=1)
    x = F.prelu(norm(x, "input_layer.1"), state["input_layer.2.weight"])
    taken = {}
    for index in range(24):
        x = unit(x, f"body.{index}", stride=2 if index in (0, 3, 7, 21) else 1)
        taken[index] = x
    middle = join(taken[23], taken[20], "latlayer1")
    fine = join(middle, taken[6], "latlayer2")
    count = len(state["w_plus_avg"])
    levels = [taken[23] if i < 3 else middle if i < 7 else fine for i in range(count)]
    codes = torch.stack([head(level, f"styles.{i}") for i, level in enumerate(levels)], dim=1)
    if is_offset:
        codes = torch.cat([codes[:, :1], codes[:, :1] + codes[:, 1:]], dim=1)
    return codes + state["w_plus_avg"]


class TestEncoders:
    @torch.no_grad()
    @pytest.mark.parametrize("is_offset", [True, False], ids=["e4e", "pSp"])
    @pytest.mark.parametrize("is_namespace", [True, False], ids=["namespace", "dict"])
    def test_both_networks_come_back(self, folder, is_offset, is_namespace):
        generator, _ = make_pair(32)
        encoder = make_encoder(generator, is_offset=is_offset)
        path = encoder_file(folder / "e.pt", generator, encoder, is_namespace=is_namespace)
        model = load_model(path)
        assert model.description.format == ("e4e" if is_offset else "pSp")
        assert_same(generator, model.generator)
        assert_same(encoder, model.encoder)
        assert describe(path).encoder == encoder.config
        images = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(1)) * 2 - 1
        w_plus = model.encoder(images)
        expected = published_encoder(encoder.state_dict(), images, is_offset=is_offset)
        assert_equal_up_to_rounding(w_plus, expected)
        assert model.generator.synthesis(w_plus).shape == (2, 3, 32, 32)

    def test_an_encoder_goes_through_our_own_format(self, folder):
        generator, _ = make_pair()
        encoder = make_encoder(generator, is_offset=True)
        convert(encoder_file(folder / "e.pt", generator, encoder), folder / "own")
        again = load_model(folder / "own")
        assert_same(encoder, again.encoder)
        assert again.record["source"]["format"] == "e4e"

    def test_the_published_size_has_the_published_number_of_weights(self):
        with torch.device("meta"):
            encoder = Encoder(EncoderConfig(num_ws=18, w_dim=512, is_offset=True))
        body = sum(
            p.numel() for part in (encoder.input_layer, encoder.body) for p in part.parameters()
        )
        # IR-SE-50 has 43.80 M with its output layer: a matrix, its bias and two normalisations.
        output_layer = 512 * 7 * 7 * 512 + 512 + 2 * (512 + 512)
        assert body + output_layer == 43_797_696

    def test_an_encoder_of_another_kind_is_named(self, folder):
        generator, _ = make_pair()
        path = encoder_file(folder / "e.pt", generator, make_encoder(generator, is_offset=True))
        content = torch.load(path, weights_only=True)
        content["opts"]["encoder_type"] = "BackboneEncoderUsingLastLayerIntoW"
        torch.save(content, path)
        with pytest.raises(CheckpointError, match="IntoW'"):
            load_model(path)


@pytest.mark.parametrize("name", ["renamed.safetensors", "renamed.json", "renamed", "renamed.zip"])
def test_the_content_decides_and_not_the_name(folder, name):
    generator, _ = make_pair()
    assert_same(generator, load_model(nvidia_pickle(folder / name, generator)).generator)


def test_random_numbers_are_left_alone(folder):
    path = nada_file(folder / "nada.pt", make_pair()[0])
    before = torch.random.get_rng_state()
    load_model(path)
    assert torch.equal(before, torch.random.get_rng_state())


def test_our_own_format_is_one_of_them(folder):
    save_model(folder / "own", *make_pair(), record={"kimg": 3})
    model = load_model(folder / "own.safetensors")
    assert (model.record["kimg"], model.description.format) == (3, "safetensors")


def test_a_tensor_that_claims_more_numbers_than_the_file_has(folder):
    """An absurd header costs no memory: nothing is read before it is known to be there."""
    pair = make_pair()
    content = nvidia_pickle(folder / "n.pkl", *pair, protocol=2).read_bytes()
    wrong = struct.pack("<BB", ord("K"), 7) + struct.pack("<BB", ord("K"), 7)
    huge = b"\x8a\x08" + struct.pack("<q", 2**40)
    assert wrong in content
    (folder / "n.pkl").write_bytes(content.replace(wrong, huge + huge, 1))
    with pytest.raises(CheckpointError, match="larger than its storage"):
        describe(folder / "n.pkl")


def test_numbers_of_numpy_in_big_endian_are_refused(folder):
    generator, _ = make_pair()
    path = tensorflow_pickle(folder / "t.pkl", generator, protocol=2)
    content = path.read_bytes()
    mark = b"X\x01\x00\x00\x00<"
    assert mark in content
    path.write_bytes(content.replace(mark, mark[:-1] + b">"))
    with pytest.raises(CheckpointError, match=r"dtype '>f4'"):
        load_model(path)


@functools.cache
def sources() -> dict[str, bytes]:
    """Small files of the formats that the fixtures do not cover."""
    pair = make_pair(8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [tensorflow_pickle(folder / f"tf{p}", *pair, protocol=p) for p in (2, 4)]
        paths += [nvidia_pickle(folder / f"nvidia{p}", *pair, protocol=p) for p in (3, 5)]
        paths.append(nada_file(folder / "nada", pair[0]))
        state = {"g_ema": rosinality_state(pair[0])}
        torch.save(state, folder / "old", _use_new_zipfile_serialization=False)
        return {path.name: path.read_bytes() for path in (*paths, folder / "old")}


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_mutated_files_load_or_are_refused_and_nothing_else(data):
    """Bytes are changed, cut out and repeated; whatever comes of it is a model or one error."""
    files = sources()
    content = bytearray(files[data.draw(st.sampled_from(sorted(files)))])
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content) - 1))
        stop = min(len(content), start + data.draw(st.integers(0, 12)))
        content[start:stop] = data.draw(st.binary(max_size=12) | st.just(content[start:stop] * 2))
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(CheckpointError):
        path = Path(folder) / "mutated"
        path.write_bytes(content)
        load_model(path)
