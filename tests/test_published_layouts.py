"""Files that users bring: layouts that open, and refusals that say what else a file is."""

import re
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from hostile_files import archive
from pickle_assembler import (
    HEAD,
    NONE,
    STOP,
    call,
    data,
    items,
    module,
    named,
    nvidia,
    row,
    table,
    tensorflow,
    tensorflow_network,
    text,
)
from published_files import (
    encoder_file,
    make_encoder,
    make_pair,
    nvidia_pickle,
    rosinality_state,
    tensorflow_pickle,
)
from safetensors.torch import save_file
from torch import Tensor, nn

from sa_helpers.checkpoints import (
    CheckpointError,
    describe,
    export,
    load_model,
    save_model,
    to_nvidia_state,
    to_rosinality_state,
)
from sa_helpers.commands import main

pytestmark = pytest.mark.slow


@pytest.fixture
def pair() -> tuple[nn.Module, nn.Module]:
    return make_pair()


def assert_same(network: nn.Module, other: nn.Module | None, *, but: str = "nothing") -> None:
    assert other is not None
    state = other.state_dict()
    for name, value in network.state_dict().items():
        if not name.endswith(but):
            assert torch.equal(state[name], value), name


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value.clone().contiguous() for name, value in state.items()}


class TestFilesThatOpen:
    def test_pti_saves_a_generator_by_torch(self, tmp_path, pair):
        path = nvidia_pickle(tmp_path / "p.pt", pair[0], is_alone=True, is_torch_file=True)
        assert_same(pair[0], load_model(path).generator)
        path = nvidia_pickle(tmp_path / "q.pt", *pair, is_torch_file=True)
        assert_same(pair[1], load_model(path).discriminator)

    @pytest.mark.parametrize("protocol", [2, 4])
    def test_a_pickle_of_one_network(self, tmp_path, pair, protocol):
        path = nvidia_pickle(tmp_path / "n.pkl", *pair, is_alone=True, protocol=protocol)
        assert_same(pair[0], load_model(path).generator)

    def test_a_pickle_without_an_averaged_generator(self, tmp_path, pair):
        model = load_model(nvidia_pickle(tmp_path / "n.pkl", *pair, key="G"))
        assert_same(pair[0], model.generator)
        assert "no averaged generator" in str(model.description)

    @pytest.mark.parametrize("protocol", [2, 4])
    def test_a_pickle_from_a_gpu_opens_without_one(self, tmp_path, pair, protocol, monkeypatch):
        monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        path = nvidia_pickle(tmp_path / "n.pkl", *pair, protocol=protocol)
        assert b"cuda:0" in path.read_bytes()
        assert_same(pair[0], load_model(path).generator)

    @pytest.mark.parametrize("key", ["g", "g_ema", "ema", "generator", "state_dict", "params_ema"])
    def test_a_state_dict_under_many_keys(self, tmp_path, pair, key):
        torch.save({key: rosinality_state(pair[0]), "step": 3}, tmp_path / "r.pt")
        model = load_model(tmp_path / "r.pt")
        assert_same(pair[0], model.generator, but="w_avg")
        assert ("no averaged generator" in str(model.description)) == (key == "g")

    @pytest.mark.parametrize("prefix", ["module.", "generator.", "g_ema.module.", "G_ema."])
    @pytest.mark.parametrize("make", [to_rosinality_state, to_nvidia_state])
    def test_a_state_dict_behind_many_prefixes(self, tmp_path, pair, prefix, make):
        state = prefixed(make(pair[0]), prefix)
        torch.save(state, tmp_path / "flat.pt")
        torch.save({"state_dict": state, "epoch": 1}, tmp_path / "wrapped.pt")
        for name in ("flat.pt", "wrapped.pt"):
            assert_same(pair[0], load_model(tmp_path / name).generator, but="w_avg")

    @pytest.mark.parametrize("make", [to_rosinality_state, to_nvidia_state])
    def test_safetensors_of_a_hub(self, tmp_path, pair, make):
        save_file(prefixed(make(pair[0]), ""), tmp_path / "model.safetensors")
        model = load_model(tmp_path / "model.safetensors")
        assert_same(pair[0], model.generator, but="w_avg")
        both = {**prefixed(make(pair[0]), "g_ema."), **prefixed(make(pair[1]), "d.")}
        save_file(both, tmp_path / "both.safetensors")
        assert_same(pair[1], load_model(tmp_path / "both.safetensors").discriminator)

    def test_the_averaged_generator_is_preferred(self, tmp_path, pair):
        other, _ = make_pair(seed=8)
        state = {"g": rosinality_state(other), "g_ema": rosinality_state(pair[0])}
        torch.save({**state, "latent_avg": pair[0].w_avg}, tmp_path / "r.pt")
        model = load_model(tmp_path / "r.pt")
        assert_same(pair[0], model.generator)
        torch.save({"first": state["g"], "second": state["g_ema"]}, tmp_path / "two.pt")
        with pytest.raises(CheckpointError, match=r"several generators \(first, second"):
            load_model(tmp_path / "two.pt")

    def test_several_gpus_and_an_encoder(self, tmp_path, pair):
        encoder = make_encoder(pair[0], is_offset=True)
        path = encoder_file(tmp_path / "e.pt", pair[0], encoder)
        content = torch.load(path, weights_only=True)
        content["state_dict"] = prefixed(content["state_dict"], "module.")
        torch.save(content, path)
        model = load_model(path)
        assert_same(encoder, model.encoder)
        assert_same(pair[0], model.generator)

    @pytest.mark.parametrize("name", ["m.pkl", "m.pt", "m"])
    def test_weights_of_half_precision_take_twice_the_file(self, tmp_path, name):
        generator, _ = make_pair(8, latent_dim=64, num_mapping_layers=8)
        state = {k: v.half() for k, v in rosinality_state(generator).items()}
        torch.save({"g_ema": state, "latent_avg": generator.w_avg.half()}, tmp_path / name)
        assert load_model(tmp_path / name).generator.w_avg.dtype == torch.float32


def refusal(path: Path) -> str:
    """What both readers say of a file that they refuse; it names the file."""
    messages = set()
    for read in (load_model, describe):
        with pytest.raises(CheckpointError) as caught:
            read(path)
        messages.add(str(caught.value))
    (message,) = messages
    assert path.name in message
    return message


def written(folder: Path, content: bytes) -> Path:
    path = folder / "given.bin"
    path.write_bytes(content)
    return path


def variables(*names: str) -> bytes:
    dtype = call(named("numpy", "dtype"), text("f4"))
    value = call(named("numpy.core.multiarray", "scalar"), dtype, data(bytes(4)))
    return items(*(row(text(name), value) for name in names))


class TestRefusals:
    def test_stylegan3(self, tmp_path):
        layers = {"input": module(), "L0_36_512": module()}
        content = nvidia(module(modules={"synthesis": module(modules=layers)}))
        assert "StyleGAN3" in refusal(written(tmp_path, content))
        states = {
            "synthesis.input.weight": torch.ones(2),
            "synthesis.L1_36_512.bias": torch.ones(2),
        }
        torch.save({"G_ema": states}, tmp_path / "s.pt")
        assert "StyleGAN3" in refusal(tmp_path / "s.pt")

    def test_stylegan_xl(self, tmp_path):
        mapping = module(modules={"embed_proj": module()})
        content = nvidia(module(modules={"mapping": mapping}))
        assert "StyleGAN-XL" in refusal(written(tmp_path, content))
        content = HEAD + named("pg_modules.discriminator", "ProjectedDiscriminator") + STOP
        assert "Projected GAN or StyleGAN-XL" in refusal(written(tmp_path, content))

    @pytest.mark.parametrize("name", ["8x8/ToRGB_lod5/weight", "4x4/Const/StyleMod/weight"])
    def test_configurations_a_to_d(self, tmp_path, name):
        synthesis = tensorflow_network(variables=variables(name))
        content = tensorflow(tensorflow_network(components=table({"synthesis": synthesis})))
        assert "configurations a to d" in refusal(written(tmp_path, content))

    def test_images_that_are_not_square(self, tmp_path, pair):
        state = to_nvidia_state(pair[0])
        state["synthesis.b4.const"] = torch.ones(6, 4, 7)
        torch.save({"G_ema": state}, tmp_path / "n.pt")
        assert "4 × 7 pixels" in refusal(tmp_path / "n.pt")
        state = to_rosinality_state(pair[0])
        state["input.input"] = torch.ones(1, 6, 3, 5)
        torch.save({"g_ema": state}, tmp_path / "r.pt")
        assert "not square" in refusal(tmp_path / "r.pt")

    def test_odd_blocks(self, tmp_path, pair):
        sides = {"4": "6", "8": "12", "16": "24"}
        state = {
            re.sub(r"\.b(\d+)\.", lambda m: f".b{sides[m[1]]}.", name): value
            for name, value in to_nvidia_state(pair[0]).items()
        }
        torch.save({"G_ema": state}, tmp_path / "n.pt")
        assert "6, 12, 24" in refusal(tmp_path / "n.pt")

    def test_the_pickle_from_inside_a_torch_file(self, tmp_path, pair):
        torch.save({"g_ema": rosinality_state(pair[0])}, tmp_path / "r.pt")
        with zipfile.ZipFile(tmp_path / "r.pt") as file:
            file.extractall(tmp_path / "out")
        (inner,) = (tmp_path / "out").rglob("data.pkl")
        assert "Give the .pt itself" in refusal(inner)
        shutil.copy(inner, tmp_path / "model.pkl")
        assert "data.pkl from inside" in refusal(tmp_path / "model.pkl")

    def test_an_encoder_of_another_resolution(self, tmp_path, pair):
        encoder = make_encoder(make_pair(32)[0], is_offset=True)
        path = encoder_file(tmp_path / "e.pt", pair[0], encoder)
        assert "gives 8 latents" in refusal(path)

    def test_an_encoder_without_options_asks_for_its_kind(self, tmp_path, pair):
        path = encoder_file(tmp_path / "e.pt", pair[0], make_encoder(pair[0], is_offset=True))
        content = torch.load(path, weights_only=True)
        del content["opts"]
        torch.save(content, path)
        assert "'encoder_type': 'Encoder4Editing'" in refusal(path)

    def test_restyle(self, tmp_path, pair):
        path = encoder_file(tmp_path / "e.pt", pair[0], make_encoder(pair[0], is_offset=True))
        content = torch.load(path, weights_only=True)
        content["state_dict"]["encoder.input_layer.0.weight"] = torch.ones(16, 6, 3, 3)
        torch.save(content, path)
        assert "ReStyle" in refusal(path)

    def test_whole_models_of_other_codes(self, tmp_path):
        content = archive(HEAD + named("model", "Generator") + b")R" + STOP)
        assert "whole model was pickled" in refusal(written(tmp_path, content))
        torch.save({"model.diffusion_model.x": torch.ones(1)}, tmp_path / "sd.ckpt")
        assert "diffusion model" in refusal(tmp_path / "sd.ckpt")

    def test_a_discriminator_alone(self, tmp_path):
        meta = table({"version": NONE, "class_name": text("Discriminator")})
        alone = call(named("torch_utils.persistence", "_reconstruct_persistent_obj"), meta)
        assert "discriminator alone" in refusal(written(tmp_path, HEAD + alone + STOP))

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"conv_clamp": "256"}, "conv_clamp = '256'"),
            ({"conv_clamp": [256.0]}, "conv_clamp = 'list'"),
            ({"conv_clamp": float("nan")}, "conv_clamp = 'nan'"),
            ({"conv_clamp": -1.0}, "conv_clamp = -1.0"),
            ({"mapping_lr_multiplier": "x"}, "= 'x'"),
            ({"mbstd_group_size": 0}, "mbstd_group_size = 0"),
            ({"mbstd_group_size": 1e400}, "mbstd_group_size = 'inf'"),
        ],
    )
    @pytest.mark.parametrize("layout", ["nvidia", "rosinality"])
    def test_senseless_settings(self, tmp_path, pair, settings, words, layout):
        path = export(tmp_path / "e.pt", *pair, layout=layout)
        content = torch.load(path, weights_only=True)
        content["sa_helpers"] |= settings
        torch.save(content, path)
        assert words in refusal(path)

    def test_a_conditional_network_of_tensorflow(self, tmp_path, pair):
        path = tensorflow_pickle(tmp_path / "t.pkl", *pair, label_size=10)
        assert "legacy.py" in refusal(path)


class TestMessages:
    def test_they_name_the_file_wherever_they_come_from(self, tmp_path, pair, capsys):
        torch.save({"g_ema": {"input.input": torch.ones(1, 6, 4, 4)}}, tmp_path / "some.pt")
        assert main(["describe", str(tmp_path / "some.pt")]) == 1
        assert capsys.readouterr().err.count("some.pt") == 1

    def test_nothing_that_a_terminal_obeys_reaches_it(self, tmp_path, pair):
        evil = "\x1b]0;owned\x07\n\u202e\x9b"
        state = {**rosinality_state(pair[0]), evil: torch.ones(1)}
        torch.save({"g_ema": state}, tmp_path / "r.pt")
        message = refusal(tmp_path / "r.pt")
        assert message.isprintable()
        assert "owned" in message
        save_file({f"generator.{evil}": torch.ones(1)}, tmp_path / "s.safetensors")
        with pytest.raises(CheckpointError) as caught:
            load_model(tmp_path / "s.safetensors")
        assert str(caught.value).isprintable()

    def test_long_names_make_no_long_messages(self, tmp_path, pair):
        state = {**rosinality_state(pair[0]), "x" * 1_000_000: torch.ones(1)}
        torch.save({"g_ema": state}, tmp_path / "r.pt")
        assert len(refusal(tmp_path / "r.pt")) < 2000
        save_file({"y" * 1_000_000: torch.ones(1)}, tmp_path / "s.safetensors")
        assert len(refusal(tmp_path / "s.safetensors")) < 2000

    @pytest.mark.parametrize("name", ["x" * 5000, "nul\0", "", "/dev/null", "."])
    def test_paths_that_are_no_file(self, tmp_path, name):
        with pytest.raises(CheckpointError):
            load_model(tmp_path / name if name else Path())

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        import os

        os.mkfifo(tmp_path / "pipe")
        assert "no file of bytes" in refusal(tmp_path / "pipe")

    def test_describe_never_sends_to_describe(self, tmp_path):
        torch.save({"g_ema": {"input.input": torch.ones(1, 6, 4, 4)}}, tmp_path / "r.pt")
        assert "see describe" not in refusal(tmp_path / "r.pt")

    def test_a_model_in_a_folder_of_the_same_name(self, tmp_path, pair):
        (tmp_path / "m").mkdir()
        save_model(tmp_path / "m", pair[0], record={})
        assert load_model(tmp_path / "m").record == {}
