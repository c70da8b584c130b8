"""Latent spaces: seeds, truncation and broadcasting."""

import pytest
import torch

from sa_helpers.latents import broadcast_w, truncate, z_from_seeds, z_to_w_plus
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
    return network


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
