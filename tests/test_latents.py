"""Latent spaces: seeds, truncation and broadcasting."""

import pytest
import torch

from sa_helpers.latents import (
    SPACES,
    broadcast_w,
    images_from_seeds,
    images_from_w_plus,
    latents_to_w_plus,
    truncate,
    w_plus_from_seeds,
    z_from_seeds,
    z_to_w_plus,
)
from sa_helpers.networks import Generator, GeneratorConfig


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    network = Generator(
        GeneratorConfig(
            img_resolution=8, channels={4: 4, 8: 4}, z_dim=6, w_dim=5, num_mapping_layers=2
        )
    )
    network.w_avg.normal_()
    return network.requires_grad_(False)


def test_z_depends_on_its_own_seed_only():
    assert torch.equal(z_from_seeds([7, 8, 9], z_dim=6)[1:2], z_from_seeds([8], z_dim=6))


def test_ends_of_truncation():
    w_plus, w_avg = torch.randn(3, 4, 5), torch.randn(5)
    torch.testing.assert_close(truncate(w_plus, w_avg, truncation_psi=1.0), w_plus)
    mean = truncate(w_plus, w_avg, truncation_psi=0.0)
    torch.testing.assert_close(mean, w_avg.expand(3, 4, 5))
    # Psi of -1 is the mirror image, which leaves the mean where it is.
    mirrored = truncate(w_plus, w_avg, truncation_psi=-1.0)
    torch.testing.assert_close((mirrored + w_plus) / 2, mean)


@pytest.mark.parametrize("cutoff", [0, 1, 4])
def test_cutoff_spares_the_later_layers(cutoff):
    w_plus, w_avg = torch.randn(2, 4, 5), torch.randn(5)
    truncated = truncate(w_plus, w_avg, truncation_psi=0.5, cutoff=cutoff)
    torch.testing.assert_close(truncated[:, :cutoff], (w_plus[:, :cutoff] + w_avg) / 2)
    assert torch.equal(truncated[:, cutoff:], w_plus[:, cutoff:])


@pytest.mark.parametrize("cutoff", [-1, 5])
def test_cutoff_outside_the_layers_is_refused(cutoff):
    with pytest.raises(ValueError, match=rf"cutoff is {cutoff}; .*\[0, 4\]"):
        truncate(torch.zeros(1, 4, 5), torch.zeros(5), truncation_psi=0.5, cutoff=cutoff)


def test_broadcasting_repeats_w():
    w = torch.randn(2, 5)
    w_plus = broadcast_w(w, num_ws=3)
    assert all(torch.equal(w_plus[:, i], w) for i in range(3))
    w_plus[:, 0] = 0  # Layers do not share memory.
    assert torch.equal(w_plus[:, 1], w)


def test_step_by_step_equals_the_generator(generator):
    z = z_from_seeds([1, 2], z_dim=6)
    w_plus = z_to_w_plus(generator, z, truncation_psi=0.7, cutoff=2)
    direct = generator(z, truncation_psi=0.7, cutoff=2)
    assert torch.equal(generator.synthesis(w_plus), direct)


def test_truncation_has_no_silent_default(generator):
    with pytest.raises(TypeError, match="truncation_psi"):
        z_to_w_plus(generator, torch.zeros(1, 6))
    with pytest.raises(TypeError, match="truncation_psi"):
        generator(torch.zeros(1, 6))


class TestSpaces:
    @pytest.mark.parametrize("name", list(SPACES))
    def test_every_space_reaches_the_mean_image_from_its_start(self, generator, name):
        space = SPACES[name]
        w_plus = space.to_w_plus(
            generator, space.start(generator, num_images=2), truncation_psi=0.0
        )
        assert w_plus.shape == (2, generator.num_ws, generator.config.w_dim)
        torch.testing.assert_close(w_plus, generator.w_avg.expand_as(w_plus))

    def test_plus_spaces_hold_the_plain_ones(self, generator):
        z = z_from_seeds([4], z_dim=6)[:, None]
        plain = SPACES["z"].to_w_plus(generator, z, truncation_psi=0.7)
        layers = z.expand(-1, generator.num_ws, -1)
        plus = SPACES["z_plus"].to_w_plus(generator, layers, truncation_psi=0.7)
        torch.testing.assert_close(plain, plus)
        torch.testing.assert_close(plain, z_to_w_plus(generator, z[:, 0], truncation_psi=0.7))

    def test_the_spread_of_w_is_measured(self, generator):
        w = generator.mapping(z_from_seeds(range(10_000), z_dim=6))
        expected = (w - generator.w_avg).norm(dim=1).square().mean().sqrt()
        assert SPACES["w"].spread(generator) == pytest.approx(expected.item(), rel=1e-4)
        assert SPACES["z_plus"].spread(generator) == 1.0

    def test_latents_of_a_space_become_w_plus(self, generator):
        z = z_from_seeds([4, 5], z_dim=6)[:, None]
        given = latents_to_w_plus(generator, z, space="z", truncation_psi=0.7)
        torch.testing.assert_close(given, w_plus_from_seeds(generator, [4, 5], truncation_psi=0.7))


def test_images_of_seeds_do_not_depend_on_their_batch(generator):
    seeds = range(19)  # more than one batch
    images = images_from_seeds(generator, seeds, truncation_psi=0.7)
    alone = images_from_seeds(generator, [17], truncation_psi=0.7)
    torch.testing.assert_close(images[17:18], alone)
    w_plus = w_plus_from_seeds(generator, seeds, truncation_psi=0.7)
    torch.testing.assert_close(images_from_w_plus(generator, w_plus), images)
