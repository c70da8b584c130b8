import numpy as np
import pytest
import torch
from closeness import assert_equal_up_to_rounding

from sa_helpers import morphing
from sa_helpers.blending import interpolate_weights
from sa_helpers.latents import z_from_seeds, z_to_w_plus
from sa_helpers.metrics import perceptual_distance
from sa_helpers.morphing import Ending
from sa_helpers.networks import Generator, GeneratorConfig

CONFIG = GeneratorConfig(
    img_resolution=32,
    channels={4: 8, 8: 8, 16: 6, 32: 4},
    z_dim=16,
    w_dim=16,
    num_mapping_layers=2,
)


def ending(seed, *, num_images=2):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator(CONFIG).eval().requires_grad_(False)
    z = z_from_seeds(range(10 * seed, 10 * seed + num_images), z_dim=16)
    return Ending(generator, z_to_w_plus(generator, z, truncation_psi=1.0))


@pytest.fixture(scope="module")
def source():
    return ending(0)


@pytest.fixture(scope="module")
def target():
    return ending(1)


def test_a_straight_path_has_equal_steps():
    path = morphing.path_along([(0, 0), (1, 1)], num_steps=4)
    np.testing.assert_allclose(path, np.stack([np.linspace(0, 1, 5)] * 2, axis=1))


def test_a_path_visits_its_corners_and_its_steps_are_equally_long():
    path = morphing.path_along([(0, 0), (1, 0), (1, 1), (0.5, 1)], num_steps=10)
    np.testing.assert_allclose(path[[0, 4, 8, 10]], [(0, 0), (1, 0), (1, 1), (0.5, 1)])
    np.testing.assert_allclose(np.linalg.norm(np.diff(path, axis=0), axis=1), 0.25)


@pytest.mark.parametrize(
    ("corners", "num_steps"),
    [([(0, 0)], 4), ([(0, 0), (0, 0), (1, 1)], 4), ([(0, 0), (1, 1)], 0)],
)
def test_a_path_without_length_is_refused(corners, num_steps):
    with pytest.raises(ValueError, match="two corners or more"):
        morphing.path_along(corners, num_steps=num_steps)


def test_the_arc_is_a_quarter_of_a_circle_that_leaves_along_the_weights():
    path = morphing.arc(num_steps=6)
    np.testing.assert_allclose(path[[0, -1]], [(0, 0), (1, 1)], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(path - [1, 0], axis=1), 1)
    assert (path[1:-1, 1] > path[1:-1, 0]).all()
    chords = np.linalg.norm(np.diff(path, axis=0), axis=1)
    np.testing.assert_allclose(chords, chords[0])


def test_evening_out_halves_a_step_that_is_twice_as_long():
    path = morphing.path_along([(0, 0), (1, 1)], num_steps=2)
    even = morphing.even_out(path, np.array([1.0, 3.0]))
    # Half of the length 4 is reached a third into the second step.
    np.testing.assert_allclose(even, [(0, 0), (2 / 3, 2 / 3), (1, 1)])


def test_evening_out_leaves_an_even_path_alone():
    path = morphing.path_along([(0, 0), (0, 1), (1, 1)], num_steps=6)
    np.testing.assert_allclose(morphing.even_out(path, np.full(6, 0.3)), path, atol=1e-12)


def test_the_ends_of_a_morph_are_the_images_of_the_two_models(source, target):
    path = morphing.path_along([(0, 0), (1, 0), (1, 1)], num_steps=2)
    first, corner, last = morphing.morph(source, target, path)
    assert torch.equal(first, source.generator.synthesis(source.w_plus))
    assert torch.equal(corner, source.generator.synthesis(target.w_plus))
    assert_equal_up_to_rounding(last, target.generator.synthesis(target.w_plus))


def test_a_point_inside_mixes_latents_by_t1_and_weights_by_t2(source, target):
    (frame,) = morphing.morph(source, target, np.array([[0.25, 0.75]]))
    model = interpolate_weights(source.generator, target.generator, amount=0.75)
    expected = model.synthesis(0.75 * source.w_plus + 0.25 * target.w_plus)
    assert_equal_up_to_rounding(frame, expected)


def test_frames_stand_in_the_order_of_the_path(source, target):
    path = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 1.0]])
    frames = morphing.morph(source, target, path)
    for point, frame in zip(path, frames, strict=True):
        alone = morphing.morph(source, target, point[None])[0]
        assert_equal_up_to_rounding(frame, alone)


def test_a_morph_needs_as_many_targets_as_sources(source):
    with pytest.raises(ValueError, match="expected equal shapes"):
        morphing.morph(source, ending(1, num_images=3), np.zeros((1, 2)))


def test_the_grid_is_read_like_a_page():
    points = morphing.grid_points(num_steps=2)
    np.testing.assert_allclose(points[:4], [(0, 0), (0.5, 0), (1, 0), (0, 0.5)])
    np.testing.assert_allclose(points[-1], (1, 1))
    assert len(points) == 9


def test_a_cross_fade_mixes_pixels():
    black, white = -torch.ones(2, 3, 8, 8), torch.ones(2, 3, 8, 8)
    frames = morphing.cross_fade(black, white, num_steps=4)
    expected = torch.linspace(-1, 1, 5)
    torch.testing.assert_close(frames.mean(dim=(2, 3, 4)), expected[:, None].expand(5, 2))


def test_steps_are_the_distances_of_neighbours(source, target):
    frames = morphing.morph(source, target, morphing.arc(num_steps=3))
    steps = morphing.perceptual_steps(frames)
    assert steps.shape == (3, 2)
    np.testing.assert_allclose(steps[1], perceptual_distance(frames[1], frames[2]), rtol=1e-4)


def test_a_standstill_has_no_steps(source):
    frames = morphing.morph(source, source, np.zeros((3, 2)))
    np.testing.assert_array_equal(morphing.perceptual_steps(frames), 0)


def test_unevenness_is_one_for_equal_steps_and_their_number_for_a_jump():
    lengths = np.array([[0.1, 0.0], [0.1, 0.8], [0.1, 0.0], [0.1, 0.0]])
    np.testing.assert_allclose(morphing.unevenness(lengths), [1, 4])


def test_edges_of_a_mix_have_half_the_energy():
    bars = torch.zeros(2, 3, 16, 16)
    bars[0, :, :, 4], bars[1, :, :, 11] = 1.0, 1.0
    frames = morphing.cross_fade(bars[:1], bars[1:], num_steps=2)
    energies = morphing.edge_energy(frames)[:, 0]
    torch.testing.assert_close(energies[1] / energies[[0, 2]].mean(), torch.tensor(0.5))
    # Two edges of height 1 in each of 16 rows of 15 differences.
    assert energies[0] == pytest.approx(2 / 15)
