import copy

import numpy as np
import pytest
import torch
from closeness import assert_equal_up_to_rounding

from sa_helpers import alignment
from sa_helpers.blending import drop_top_resolution
from sa_helpers.family import open_family
from sa_helpers.latents import z_from_seeds
from sa_helpers.metrics import perceptual_distance
from sa_helpers.networks import Generator, GeneratorConfig

CONFIG = GeneratorConfig(
    img_resolution=32,
    channels={4: 8, 8: 8, 16: 6, 32: 4},
    z_dim=16,
    w_dim=16,
    num_mapping_layers=2,
)
SEEDS = range(3)


def new_generator(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Generator(CONFIG).eval().requires_grad_(False)


def brightened(generator, amount):
    """Add a constant to every pixel."""
    brighter = copy.deepcopy(generator)
    with torch.no_grad():
        brighter.get_parameter("synthesis.b32.torgb.bias").add_(amount)
    return brighter


@pytest.fixture(scope="module")
def parent():
    return new_generator(0)


@pytest.mark.slow
def test_an_image_does_not_depend_on_the_other_seeds(parent):
    many = alignment.images_from_seeds(parent, range(20), truncation_psi=0.7)
    one = alignment.images_from_seeds(parent, [18], truncation_psi=0.7)
    assert_equal_up_to_rounding(many[18:19], one)


def test_images_are_those_of_the_generator(parent):
    z = z_from_seeds(SEEDS, z_dim=16)
    expected = parent(z, truncation_psi=0.7)
    images = alignment.images_from_seeds(parent, SEEDS, truncation_psi=0.7)
    assert torch.equal(images, expected)


def test_image_changes_are_the_perceptual_distances_of_the_pairs(parent):
    child = new_generator(1)
    changes = alignment.image_changes(
        parent, {"same": parent, "child": child}, SEEDS, truncation_psi=1.0
    )
    z = z_from_seeds(SEEDS, z_dim=16)
    images = [model(z, truncation_psi=1.0) for model in (parent, child)]
    np.testing.assert_array_equal(changes["same"], 0)
    np.testing.assert_allclose(changes["child"], perceptual_distance(*images), rtol=1e-5)
    assert (changes["child"] > 0.01).all()


def test_transition_starts_at_zero_and_its_steps_are_between_neighbours(parent):
    stages = [(0.0, parent), (1.0, brightened(parent, 0.3)), (4.0, brightened(parent, 0.3))]
    transition = alignment.measure_transition(stages, SEEDS, truncation_psi=1.0)
    np.testing.assert_array_equal(transition.kimg, [0, 1, 4])
    assert transition.from_start.shape == (3, 3)
    np.testing.assert_array_equal(transition.from_start[0], 0)
    np.testing.assert_array_equal(transition.steps[0], transition.from_start[1])
    np.testing.assert_array_equal(transition.steps[1], 0)
    assert (transition.from_start[1] > 0).all()


def test_share_and_pace_of_a_known_transition():
    transition = alignment.Transition(
        kimg=np.array([0.0, 2.0, 8.0]),
        from_start=np.array([[0.0], [0.3], [0.4]]),
        steps=np.array([[0.3], [0.6]]),
    )
    np.testing.assert_allclose(transition.share, [[0], [0.75], [1]])
    np.testing.assert_allclose(transition.pace, [[0.15], [0.1]])
    assert [transition.last_before(share) for share in (0.2, 0.25, 0.9, 1.0)] == [0, 1, 1, 2]


@pytest.mark.parametrize("kimg", [[0.0], [0.0, 4.0, 4.0], [0.0, 8.0, 2.0]])
def test_transition_refuses_stages_out_of_order(parent, kimg):
    with pytest.raises(ValueError, match="in order of training"):
        alignment.measure_transition([(k, parent) for k in kimg], SEEDS, truncation_psi=1.0)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_child_is_aligned_even_where_its_weights_moved_far(parent, share):
    stranger, child = new_generator(1), copy.deepcopy(parent)
    with torch.no_grad():
        for weight, other in zip(child.parameters(), stranger.parameters(), strict=True):
            weight.add_(other, alpha=share)
    assert alignment.are_aligned(parent, child)
    # Adding independent weights of the same spread leaves a correlation of 1 / sqrt(1 + share^2).
    expected = (1 + share**2) ** -0.5
    assert alignment.weight_correlations(parent, child)["conv"] == pytest.approx(expected, abs=0.05)


def test_models_of_other_random_weights_are_not_aligned_and_the_reader_is_warned(parent):
    with pytest.warns(UserWarning, match="trained independently"):
        assert not alignment.are_aligned(parent, new_generator(1))


@pytest.mark.slow
def test_the_shipped_children_are_aligned_by_a_wide_margin():
    clay = open_family("clay")
    for name in clay.child_names:
        child, parent = clay[name].generator, clay.parent.generator
        if child.config.img_resolution < parent.config.img_resolution:
            parent = drop_top_resolution(parent)
        correlations = alignment.weight_correlations(parent, child)
        assert min(correlations.values()) > 3 * alignment.MIN_CORRELATION


def test_the_shipped_stranger_is_not_aligned():
    clay = open_family("clay")
    with pytest.warns(UserWarning, match="trained independently"):
        assert not alignment.are_aligned(clay.parent.generator, clay["human_unrelated"].generator)


def test_latents_of_the_same_mapping_network_do_not_differ(parent):
    np.testing.assert_array_equal(alignment.latent_distances(parent, parent, SEEDS), 0)


def test_the_w_of_another_z_is_one_unit_away(parent):
    # Rolling the columns of the first layer maps z as the parent maps a rolled z: another z.
    child = copy.deepcopy(parent)
    weight = child.get_parameter("mapping.fc0.weight")
    with torch.no_grad():
        weight.copy_(weight.roll(5, dims=1))
    distances = alignment.latent_distances(parent, child, range(2000))
    assert np.sqrt(np.mean(distances**2)) == pytest.approx(1.0, rel=0.05)


def test_unrelated_mapping_networks_are_at_least_as_far_apart_as_other_z(parent):
    distances = alignment.latent_distances(parent, new_generator(1), range(500))
    assert np.sqrt(np.mean(distances**2)) > 0.9


def test_latent_distances_need_a_spread(parent):
    with pytest.raises(ValueError, match="two or more"):
        alignment.latent_distances(parent, parent, [0])
