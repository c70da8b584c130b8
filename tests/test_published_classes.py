"""Class-conditional networks, and networks of other colours: folded into the usual kind."""

from pathlib import Path

import pytest
import torch
from conditional_networks import (
    NUM_CLASSES,
    conditional_pair,
    reference_logits,
    reference_w,
)
from published_files import make_pair, nvidia_pickle, rosinality_state
from torch import Tensor

from sa_helpers.checkpoints import CheckpointError, convert, describe, load_model, to_nvidia_state
from sa_helpers.commands import main
from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pair() -> tuple[Generator, Discriminator]:
    return conditional_pair()


@pytest.fixture(scope="module")
def path(tmp_path_factory, pair) -> Path:
    folder = tmp_path_factory.mktemp("conditional")
    return nvidia_pickle(folder / "c.pkl", *pair, overrides={"c_dim": NUM_CLASSES})


def latents() -> Tensor:
    return torch.randn(4, 7, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("class_index", [0, 3, NUM_CLASSES - 1])
def test_images_and_logits_are_those_of_the_class(pair, path, class_index):
    model, (generator, discriminator) = load_model(path, class_index=class_index), pair
    z = latents()
    w = reference_w(generator, z, class_index)
    torch.testing.assert_close(model.generator.mapping(z), w, atol=1e-5, rtol=0.0)
    w_plus = w[:, None].expand(-1, generator.num_ws, -1)
    images = model.generator(z, truncation_psi=1.0)
    torch.testing.assert_close(images, generator.synthesis(w_plus), atol=1e-4, rtol=0.0)
    logits = model.discriminator(images)
    expected = reference_logits(discriminator, images, class_index)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0.0)


def test_classes_differ_and_the_mean_latent_is_common(path):
    first, second = (load_model(path, class_index=index).generator for index in (0, 1))
    with torch.no_grad():
        images = [network(latents(), truncation_psi=1.0) for network in (first, second)]
    assert (images[0] - images[1]).abs().max() > 0.01
    assert torch.equal(first.w_avg, second.w_avg)


def test_the_folded_networks_are_of_the_usual_kind(path):
    model = load_model(path, class_index=2)
    assert (model.generator.config.z_dim, model.generator.mapping.fc0.weight.shape[1]) == (7, 7)
    assert set(model.generator.state_dict()) == set(Generator(model.generator.config).state_dict())
    styles = model.generator.synthesis.w_plus_to_s(torch.zeros(1, model.generator.num_ws, 7))
    assert model.generator.synthesis.s_to_image(styles).shape == (1, 3, 16, 16)
    images = model.generator(latents(), truncation_psi=1.0)
    model.discriminator(images).sum().backward()
    assert model.generator.mapping.fc0.weight.grad.abs().sum() > 0


def test_the_description_says_so(path):
    plain, folded = describe(path), describe(path, class_index=2)
    assert plain.settings["num_classes"] == NUM_CLASSES
    assert "choose one of 5 classes" in str(plain)
    assert folded.settings["class_index"] == 2
    assert "class 2 of 5 was folded" in str(folded)
    assert folded == load_model(path, class_index=2).description
    assert plain.generator.z_dim == 7


@pytest.mark.parametrize("class_index", [None, NUM_CLASSES, -1])
def test_a_class_has_to_be_chosen_among_those_there_are(path, class_index):
    with pytest.raises(CheckpointError, match=r"class_index=0.*--class-index.*up to 4"):
        load_model(path, class_index=class_index)


def test_other_models_have_no_class(tmp_path):
    path = nvidia_pickle(tmp_path / "n.pkl", *make_pair())
    with pytest.raises(CheckpointError, match="not class-conditional"):
        load_model(path, class_index=0)


def test_the_command_line_converts_a_class(tmp_path, path, capsys):
    assert main(["describe", str(path), "--class-index", "1"]) == 0
    assert "class 1 of 5" in capsys.readouterr().out
    assert main(["convert", str(path), str(tmp_path / "one")]) == 1
    assert "--class-index" in capsys.readouterr().err
    assert main(["convert", str(path), str(tmp_path / "one"), "--class-index", "1"]) == 0
    again, model = load_model(tmp_path / "one"), load_model(path, class_index=1)
    assert again.record["source"]["settings"]["class_index"] == 1
    with torch.no_grad():
        images = [m.generator(latents(), truncation_psi=0.5) for m in (again, model)]
    assert torch.equal(*images)


def test_state_dicts_of_conditional_networks(tmp_path, pair, path):
    generator, discriminator = pair
    states = {"G_ema": to_nvidia_state(generator), "D": to_nvidia_state(discriminator)}
    torch.save(states, tmp_path / "s.pt")
    model, expected = load_model(tmp_path / "s.pt", class_index=3), load_model(path, class_index=3)
    for part in ("generator", "discriminator"):
        state = getattr(expected, part).state_dict()
        for name, value in getattr(model, part).state_dict().items():
            assert torch.equal(value, state[name]), name


def test_a_conditional_network_without_its_embedding_is_no_network_of_larger_z(tmp_path):
    generator, _ = conditional_pair()
    torch.save({"g_ema": rosinality_state(generator)}, tmp_path / "r.pt")
    with pytest.raises(CheckpointError, match="class-conditional network"):
        load_model(tmp_path / "r.pt")


def coloured_pair(num_channels: int) -> tuple[Generator, Discriminator]:
    torch.manual_seed(num_channels)
    channels = {4: 5, 8: 4, 16: 3}
    sizes = {"img_resolution": 16, "channels": channels, "img_channels": num_channels}
    generator = Generator(GeneratorConfig(**sizes, z_dim=7, w_dim=7, num_mapping_layers=1))
    discriminator = Discriminator(DiscriminatorConfig(**sizes))
    for network in (generator, discriminator):
        for name, weight in network.named_parameters():
            if name.endswith("bias"):
                weight.data.normal_()
    return generator.eval(), discriminator.eval()


@torch.no_grad()
@pytest.mark.parametrize("num_channels", [1, 4])
def test_grey_and_transparent_networks_make_colours(tmp_path, num_channels):
    generator, discriminator = coloured_pair(num_channels)
    path = nvidia_pickle(tmp_path / "n.pkl", generator, discriminator)
    model = load_model(path)
    expected = generator(latents(), truncation_psi=1.0)
    images = model.generator(latents(), truncation_psi=1.0)
    theirs = expected.expand(-1, 3, -1, -1) if num_channels == 1 else expected[:, :3]
    torch.testing.assert_close(images, theirs, atol=1e-6, rtol=0.0)
    opaque = expected if num_channels == 1 else torch.cat([theirs, torch.ones(4, 1, 16, 16)], 1)
    torch.testing.assert_close(
        model.discriminator(images), discriminator(opaque), atol=1e-4, rtol=0.0
    )
    assert "channels" in str(describe(path)) or "transparency" in str(describe(path))
    assert convert(path, tmp_path / "own").is_file()


def test_two_channels_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="2 channels"):
        load_model(nvidia_pickle(tmp_path / "n.pkl", coloured_pair(2)[0]))
