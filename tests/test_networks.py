"""Networks: parity with two published implementations, analytic cases and invariants."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from closeness import assert_equal_up_to_rounding
from foreign_weights import FIXTURES, nvidia_networks, rosinality_generator
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sa_helpers.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    Styles,
    StyleSpace,
    broadcast_w,
    truncate,
)
from sa_helpers.networks.config import block_resolutions
from sa_helpers.networks.convolution import conv2d, conv_transpose2d
from sa_helpers.networks.discriminator import append_minibatch_std
from sa_helpers.networks.filters import (
    downsampling_conv,
    low_pass,
    upsample_image,
    upsampling_conv,
)
from sa_helpers.networks.layers import FullyConnectedLayer
from sa_helpers.networks.synthesis import SynthesisLayer

PARITY = 1e-4
TINY = GeneratorConfig(
    img_resolution=16, channels={4: 6, 8: 5, 16: 4}, z_dim=7, w_dim=8, num_mapping_layers=2
)
TINY_DISCRIMINATOR = DiscriminatorConfig(img_resolution=16, channels={4: 6, 8: 5, 16: 4})


def max_error(actual: Tensor, expected: Tensor) -> float:
    """Largest difference, as a share of the largest value expected."""
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@pytest.fixture(scope="module")
def nvidia():
    arrays = np.load(FIXTURES / "nvidia_ada_32.npz")
    return *nvidia_networks(), {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def rosinality():
    arrays = np.load(FIXTURES / "rosinality_32.npz")
    return rosinality_generator(), {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    network = Generator(TINY)
    with torch.no_grad():
        network.w_avg.normal_()
        for name, parameter in network.named_parameters():
            if name.endswith(("noise_strength", "conv0.bias", "conv1.bias", "torgb.bias")):
                parameter.normal_()
    return network


@pytest.fixture
def discriminator() -> Discriminator:
    torch.manual_seed(1)
    return Discriminator(TINY_DISCRIMINATOR)


class TestParity:
    def test_latents_match_nvidia(self, nvidia):
        generator, _, expected = nvidia
        w_plus = broadcast_w(generator.mapping(expected["z"]), num_ws=generator.num_ws)
        truncated = truncate(w_plus, generator.w_avg, truncation_psi=0.5, cutoff=4)
        assert max_error(w_plus, expected["ws"]) < PARITY
        assert max_error(truncated, expected["ws_psi05_cutoff4"]) < PARITY

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("img_const_noise", {"truncation_psi": 1.0}),
            ("img_no_noise", {"truncation_psi": 1.0, "noise": "none"}),
            ("img_psi05_cutoff4", {"truncation_psi": 0.5, "cutoff": 4}),
        ],
    )
    def test_images_match_nvidia(self, nvidia, name, options):
        generator, _, expected = nvidia
        assert max_error(generator(expected["z"], **options), expected[name]) < PARITY

    def test_logits_match_nvidia(self, nvidia):
        _, discriminator, expected = nvidia
        logits = discriminator(expected["img_const_noise"])
        assert max_error(logits, expected["d_of_img_const_noise"]) < PARITY

    @pytest.mark.parametrize(("name", "psi"), [("img_const_noise", 1.0), ("img_psi05", 0.5)])
    def test_images_match_rosinality(self, rosinality, name, psi):
        generator, expected = rosinality
        images = generator(expected["z"], truncation_psi=psi)
        assert max_error(images, expected[name]) < PARITY

    def test_noise_changes_the_image_of_the_fixture(self, nvidia):
        _, _, expected = nvidia
        assert max_error(expected["img_const_noise"], expected["img_no_noise"]) > 0.01

    def test_bfloat16_stays_close(self, nvidia):
        generator, discriminator, expected = nvidia
        images = generator(expected["z"], truncation_psi=1.0, dtype=torch.bfloat16)
        reference = expected["img_const_noise"]
        assert images.dtype == torch.float32
        assert (images - reference).std() < 0.02 * reference.std()
        logits = discriminator(reference, dtype=torch.bfloat16)
        assert max_error(logits, expected["d_of_img_const_noise"]) < 0.05


class TestSamplesStayTheSame:
    def test_in_any_batch(self, generator):
        z = torch.randn(5, 7)
        together = generator(z, truncation_psi=0.7, noise=[3, 1, 4, 1, 5])
        alone = generator(z[2:3], truncation_psi=0.7, noise=[4])
        assert max_error(together[2:3], alone) < 1e-5

    def test_same_seed_same_noise(self, generator):
        z = torch.randn(1, 7).expand(3, -1)
        first, second, third = generator(z, truncation_psi=1.0, noise=[1, 1, 2])
        assert max_error(first, second) < 1e-5
        assert max_error(first, third) > 1e-3

    def test_fresh_noise_follows_its_generator(self, generator):
        z = torch.randn(2, 7)
        rng = torch.Generator().manual_seed(0)
        first, second = (generator(z, truncation_psi=1.0, noise=rng) for _ in range(2))
        again = generator(z, truncation_psi=1.0, noise=torch.Generator().manual_seed(0))
        assert max_error(first, second) > 1e-3
        assert max_error(first, again) == 0

    def test_discriminator_without_groups(self):
        network = Discriminator(
            DiscriminatorConfig(img_resolution=8, channels={4: 4, 8: 4}, mbstd_group_size=1)
        )
        images = torch.randn(3, 3, 8, 8)
        assert max_error(network(images)[1:2], network(images[1:2])) < 1e-5


class TestStyles:
    # Layers and channels of config-f as StyleSpace counts them.
    @staticmethod
    def config_f(img_resolution):
        return {r: min(512, 32768 // r) for r in block_resolutions(img_resolution)}

    @pytest.mark.parametrize(
        ("resolution", "num_layers", "num_channels"),
        [(256, 20, 8704), (512, 23, 8960), (1024, 26, 9088)],
    )
    def test_layers_of_config_f(self, resolution, num_layers, num_channels):
        config = GeneratorConfig(
            img_resolution=resolution,
            channels=self.config_f(resolution),
            z_dim=512,
            w_dim=512,
            num_mapping_layers=8,
        )
        space = StyleSpace.of(config)
        layers = space.layers
        assert len(layers) == num_layers
        assert sum(space.sizes) == len(space.names) == len(space.is_feature) == num_channels
        assert [space.index(name) for name in space.names] == list(range(num_channels))
        assert [i for i, layer in enumerate(layers) if layer.is_torgb] == [*range(1, num_layers, 3)]
        named = {i: layers[i].name for i in (6, 9, 12, 15)}
        assert named == {6: "b16.conv1", 9: "b32.conv1", 12: "b64.conv1", 15: "b128.conv1"}

    def test_layers_are_those_of_the_network(self, generator):
        for layer in generator.synthesis.style_space.layers:
            module = generator.synthesis.get_submodule(layer.name)
            assert module.affine.weight.shape == (layer.num_channels, TINY.w_dim)

    def test_going_through_styles_changes_nothing(self, generator):
        w_plus = torch.randn(2, TINY.num_ws, TINY.w_dim)
        styles = generator.synthesis.w_plus_to_s(w_plus)
        direct = generator.synthesis(w_plus)
        assert max_error(generator.synthesis.s_to_image(styles), direct) == 0
        assert max_error(styles.space.split(styles.cat()).cat(), styles.cat()) == 0

    def test_every_latent_reaches_the_image(self, generator):
        w_plus = torch.randn(1, TINY.num_ws, TINY.w_dim, requires_grad=True)
        generator.synthesis(w_plus).square().sum().backward()
        assert (w_plus.grad.abs().sum(dim=2) > 0).all()

    def test_an_edit_changes_one_channel_of_a_copy(self, generator):
        styles = generator.synthesis.w_plus_to_s(torch.randn(2, TINY.num_ws, TINY.w_dim))
        edited = styles.edit("3_2", torch.tensor([1.0, -2.0]))
        difference = edited.cat() - styles.cat()
        position = sum(styles.space.sizes[:3]) + 2
        assert difference.nonzero()[:, 1].tolist() == [position, position]
        torch.testing.assert_close(edited["3_2"] - styles["3_2"], torch.tensor([1.0, -2.0]))

    @pytest.mark.parametrize("name", ["3", "b8_1", "99_0", "0_99", "-1_0", ""])
    def test_unknown_channels_are_refused(self, generator, name):
        styles = generator.synthesis.w_plus_to_s(torch.zeros(1, TINY.num_ws, TINY.w_dim))
        with pytest.raises(KeyError):
            styles[name]

    def test_styles_of_another_network_are_refused(self, generator):
        space = StyleSpace.of(TINY)
        with pytest.raises(ValueError, match="w_plus_to_s"):
            Styles([torch.zeros(1, 3) for _ in space.layers], space)


class TestAnalytic:
    def test_demodulation_gives_unit_variance(self):
        torch.manual_seed(0)
        layer = SynthesisLayer(64, 32, w_dim=8, resolution=64, is_upsampling=False, conv_clamp=None)
        style = torch.randn(2, 64) * 10 + 5
        captured = []
        with torch.no_grad():
            # A large bias keeps every value on the straight side of the leaky ReLU.
            layer.bias.fill_(100.0)
            captured = layer(torch.randn(2, 64, 64, 64), style, None) / math.sqrt(2) - 100.0
        variances = captured[:, :, 1:-1, 1:-1].var(dim=(2, 3))
        assert variances.mean().item() == pytest.approx(1.0, abs=0.02)
        assert variances.std() < 0.1

    def test_demodulation_forgets_the_size_of_the_style(self, generator):
        layer = generator.synthesis.b8.conv1
        x, style = torch.randn(2, 5, 8, 8), torch.randn(2, 5)
        assert_equal_up_to_rounding(layer(x, style, None), layer(x, 7 * style, None))

    @pytest.mark.parametrize("is_upsampling", [False, True])
    def test_modulated_convolution_equals_scaled_weights(self, generator, is_upsampling):
        layer = generator.synthesis.b16.conv0 if is_upsampling else generator.synthesis.b16.conv1
        channels_in = layer.weight.shape[1]
        x, style = torch.randn(1, channels_in, 8, 8), torch.randn(1, channels_in)
        weight = layer.weight * style[:, :, None, None]
        weight = weight / weight.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        if is_upsampling:
            zeros = torch.zeros(1, channels_in, 19, 19)
            zeros[:, :, 2:-2:2, 2:-2:2] = x
            features = low_pass(F.conv2d(zeros, weight.flip(2, 3)), padding=1, gain=4.0)
        else:
            features = F.conv2d(x, weight, padding=1)
        expected = F.leaky_relu(features + layer.bias[:, None, None], 0.2) * math.sqrt(2)
        assert_equal_up_to_rounding(layer(x, style, None), expected)

    def test_filter_is_the_binomial(self):
        impulse = torch.zeros(1, 2, 7, 7)
        impulse[:, :, 3, 3] = 64.0
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        response = low_pass(impulse, padding=2)[0, 1]
        torch.testing.assert_close(response[2:6, 2:6], torch.outer(taps, taps))
        assert response.sum().item() == pytest.approx(64.0)

    def test_upsampling_keeps_constants_and_ramps(self):
        ramp = torch.arange(8.0).expand(1, 3, 8, 8)
        doubled = upsample_image(ramp)[0, 0, 4, 2:-2]
        torch.testing.assert_close(doubled, torch.arange(2, 14) / 2 - 0.25)

    @pytest.mark.parametrize("size", [1, 3])
    def test_downsampling_keeps_constants(self, size):
        weight = torch.zeros(1, 1, size, size)
        weight[..., size // 2, size // 2] = 1.0
        halved = downsampling_conv(torch.ones(1, 1, 16, 16), weight)
        assert halved.shape == (1, 1, 8, 8)
        torch.testing.assert_close(halved[..., 1:-1, 1:-1], torch.ones(1, 1, 6, 6))

    def test_up_and_down_are_adjoint(self):
        torch.manual_seed(0)
        weight, x, y = torch.randn(4, 3, 3, 3), torch.randn(2, 3, 8, 8), torch.randn(2, 4, 4, 4)
        down = (downsampling_conv(x, weight) * y).sum()
        up = (upsampling_conv(y, weight.transpose(0, 1)) * x).sum() / 4
        assert_equal_up_to_rounding(down, up)

    def test_equalised_learning_rate(self):
        torch.manual_seed(0)
        layer = FullyConnectedLayer(256, 256, lr_multiplier=0.01, bias_init=1.0)
        assert layer.weight.std().item() == pytest.approx(100.0, rel=0.02)
        output = layer(torch.randn(512, 256)).detach()
        assert output.mean().item() == pytest.approx(1.0, abs=0.02)
        assert output.std().item() == pytest.approx(1.0, abs=0.02)

    def test_mapping_ignores_the_length_of_z(self, generator):
        z = torch.randn(3, 7)
        torch.testing.assert_close(generator.mapping(z), generator.mapping(5 * z))

    def test_minibatch_std_counts_groups(self):
        values = torch.tensor([0.0, 10.0, 2.0, 10.0])[:, None, None, None].expand(4, 2, 4, 4)
        channel = append_minibatch_std(values, group_size=2)[:, 2, 0, 0]
        torch.testing.assert_close(channel, torch.tensor([1.0, 1e-4, 1.0, 1e-4]))

    def test_minibatch_std_refuses_odd_batches(self, discriminator):
        with pytest.raises(ValueError, match="multiple of 4"):
            discriminator(torch.zeros(6, 3, 16, 16))

    def test_clamp_bounds_the_features(self):
        layer = SynthesisLayer(4, 4, w_dim=4, resolution=8, is_upsampling=False, conv_clamp=0.5)
        features = layer(torch.randn(1, 4, 8, 8), torch.ones(1, 4), None)
        assert features.abs().max() == 0.5


class TestDerivatives:
    @pytest.mark.parametrize(("stride", "padding"), [(1, 1), (2, 0)])
    def test_convolutions_twice(self, stride, padding):
        torch.manual_seed(0)
        x = torch.randn(2, 2, 5, 5, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
        bias = torch.randn(3, dtype=torch.float64, requires_grad=True)

        def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
            return conv2d(x, weight, bias, stride=stride, padding=padding)

        assert torch.autograd.gradcheck(convolve, (x, weight, bias))
        assert torch.autograd.gradgradcheck(convolve, (x, weight, bias))

    def test_transposed_convolution_twice(self):
        torch.manual_seed(0)
        x = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(2, 3, 3, 3, dtype=torch.float64, requires_grad=True)
        expected = F.conv_transpose2d(x, weight, stride=2)
        torch.testing.assert_close(conv_transpose2d(x, weight, stride=2), expected)
        assert torch.autograd.gradgradcheck(
            lambda x, w: conv_transpose2d(x, w, stride=2), (x, weight)
        )

    @staticmethod
    def _matches_finite_differences(loss, parameter: Tensor) -> None:
        """Compare a directional derivative of `loss`, which holds a gradient, with differences."""
        direction = torch.randn_like(parameter)
        (gradient,) = torch.autograd.grad(loss(), parameter)
        # A small step: where a leaky ReLU changes sides, these losses jump.
        step, original = 1e-7, parameter.detach().clone()
        with torch.no_grad():
            parameter.copy_(original + step * direction)
        above = loss().item()
        with torch.no_grad():
            parameter.copy_(original - step * direction)
        below = loss().item()
        with torch.no_grad():
            parameter.copy_(original)
        expected = (above - below) / (2 * step)
        assert (gradient * direction).sum().item() == pytest.approx(expected, rel=1e-3)

    @pytest.mark.parametrize("name", ["b16.conv1.weight", "b8.skip.weight", "b16.fromrgb.bias"])
    def test_gradient_penalty(self, discriminator, name):
        discriminator.double()
        images = torch.randn(4, 3, 16, 16, dtype=torch.float64, requires_grad=True)

        def penalty() -> Tensor:
            logits = discriminator(images, dtype=torch.float64)
            (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
            return gradient.square().sum()

        self._matches_finite_differences(penalty, discriminator.get_parameter(name))

    @pytest.mark.parametrize("name", ["b16.conv0.weight", "b8.conv1.affine.bias", "b4.const"])
    def test_path_length(self, generator, name):
        generator.double()
        w_plus = torch.randn(2, 6, 8, dtype=torch.float64, requires_grad=True)

        def length() -> Tensor:
            images = generator.synthesis(w_plus, dtype=torch.float64)
            (gradient,) = torch.autograd.grad(images.square().sum(), w_plus, create_graph=True)
            return gradient.square().sum().sqrt()

        self._matches_finite_differences(length, generator.synthesis.get_parameter(name))

    def test_noise_can_be_optimised(self, generator):
        layer = generator.synthesis.b16.conv1
        layer.noise_const.requires_grad_()
        generator.synthesis(torch.randn(1, 6, 8)).square().sum().backward()
        assert (layer.noise_const.grad.abs() > 0).all()


class TestConfigs:
    @given(
        exponent=st.integers(3, 10),
        width=st.integers(1, 600),
        clamp=st.none() | st.floats(1, 256),
    )
    @settings(max_examples=50, deadline=None)
    def test_survive_json(self, exponent, width, clamp):
        channels = {2**i: width + i for i in range(2, exponent + 1)}
        sizes = {"img_resolution": 2**exponent, "channels": channels, "conv_clamp": clamp}
        config = GeneratorConfig(**sizes, z_dim=8, w_dim=8, num_mapping_layers=2)
        assert GeneratorConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
        judge = DiscriminatorConfig(**sizes)
        assert DiscriminatorConfig.from_dict(json.loads(json.dumps(judge.to_dict()))) == judge

    @pytest.mark.parametrize("resolution", [0, 4, 24, -8])
    def test_refuse_odd_resolutions(self, resolution):
        with pytest.raises(ValueError, match="power of two"):
            DiscriminatorConfig(img_resolution=resolution, channels={})

    def test_refuse_missing_channels(self):
        with pytest.raises(ValueError, match=r"\[8\]"):
            DiscriminatorConfig(img_resolution=16, channels={4: 1, 16: 1})

    def test_refuse_wrong_noise_and_latents(self, generator):
        with pytest.raises(ValueError, match="2 seeds for 3 samples"):
            generator(torch.randn(3, 7), truncation_psi=1.0, noise=[1, 2])
        with pytest.raises(ValueError, match="broadcast_w"):
            generator.synthesis.w_plus_to_s(torch.zeros(1, 5, 8))


def test_names_are_the_published_ones(generator, discriminator):
    names = set(generator.state_dict()) | set(discriminator.state_dict())
    expected = {
        "mapping.fc0.weight",
        "mapping.w_avg",
        "synthesis.b4.const",
        "synthesis.b8.conv0.affine.weight",
        "synthesis.b8.conv0.noise_strength",
        "synthesis.b8.conv0.noise_const",
        "synthesis.b8.torgb.affine.bias",
        "b16.fromrgb.weight",
        "b8.skip.weight",
        "b4.out.bias",
    }
    assert expected <= names


_TRACE = """
import torch
from sa_helpers.networks import Generator, GeneratorConfig

sizes = dict(img_resolution=8, channels={4: 6, 8: 5})
generator = Generator(GeneratorConfig(**sizes, z_dim=7, w_dim=8, num_mapping_layers=2))
styles = list(generator.synthesis.w_plus_to_s(torch.randn(2, 4, 8)))
maps = [torch.randn(2, 1, r, r) for r in (4, 8, 8)]
compiled = torch.compile(generator.synthesis.render, fullgraph=True, backend="eager")
assert torch.equal(compiled(styles, maps), generator.synthesis.render(styles, maps))
"""


@pytest.mark.slow
def test_rendering_can_be_traced_without_breaks():
    # In a process of its own: the checks of shapes that tests install cannot be traced.
    done = subprocess.run([sys.executable, "-c", _TRACE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
