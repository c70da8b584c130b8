"""Directions: recovered where they are known, applied where they are meant."""

import numpy as np
import pytest
import torch

from sa_helpers.editing import (
    Direction,
    channel_effects,
    channel_sigmas,
    closed_form_directions,
    edit_channel,
    fit_hyperplane,
    fit_regression,
    orthogonalise,
    principal_directions,
    style_direction,
)
from sa_helpers.latents import w_plus_from_seeds, z_from_seeds, z_to_w_plus
from sa_helpers.networks import Generator, GeneratorConfig


@pytest.fixture(scope="module")
def latents():
    return torch.randn(600, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def truth():
    vector = torch.tensor([2.0, -1.0, 0.5, 0, 0, 0, 0, 1.0])
    return vector / vector.norm()


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    config = GeneratorConfig(
        img_resolution=16,
        channels={4: 6, 8: 5, 16: 4},
        z_dim=8,
        w_dim=8,
        num_mapping_layers=2,
    )
    return Generator(config).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def w_plus(generator):
    return w_plus_from_seeds(generator, range(5), truncation_psi=1.0)


class TestFitting:
    def test_a_separable_attribute_gives_its_normal_and_offset(self, latents, truth):
        plane = fit_hyperplane(latents, (latents @ truth > 0.4).numpy(), name="smile")
        assert plane.vector.norm() == pytest.approx(1)
        assert plane.vector @ truth > 0.99
        assert plane.offset == pytest.approx(0.4, abs=0.1)
        is_right = (plane.distances(latents) > 0) == (latents @ truth > 0.4)
        assert is_right.float().mean() > 0.97

    def test_one_class_is_refused(self, latents):
        with pytest.raises(ValueError, match="one class"):
            fit_hyperplane(latents, np.ones(600, bool), name="smile")

    def test_regression_finds_the_steepest_way_and_the_neutral_plane(self, latents, truth):
        noise = np.random.default_rng(0).normal(size=600)
        values = (latents @ truth).numpy() * 20 + 5 + noise
        found = fit_regression(latents, values, name="yaw", neutral=15.0)
        assert found.vector @ truth > 0.99
        assert found.offset == pytest.approx(0.5, abs=0.02), "20 x + 5 = 15 at x = 0.5"

    def test_orthogonalised_directions_leave_the_others_alone(self, latents, truth):
        other = Direction("other", torch.eye(8)[0])
        third = Direction("third", torch.nn.functional.normalize(torch.ones(8), dim=0))
        left = orthogonalise(Direction("smile", truth), [other, third])
        assert left.vector.norm() == pytest.approx(1)
        assert left.vector @ other.vector == pytest.approx(0, abs=1e-6)
        assert left.vector @ third.vector == pytest.approx(0, abs=1e-6)
        assert orthogonalise(other, []) is other
        with pytest.raises(ValueError, match="nothing is left"):
            orthogonalise(other, [other, third])


class TestUnsupervised:
    def test_the_first_component_is_the_stretched_axis(self, latents):
        stretched = latents * torch.tensor([1.0, 1, 5, 1, 1, 3, 1, 1])
        first, second = principal_directions(stretched, num_directions=2)
        assert first.vector[2].abs() > 0.99
        assert second.vector[5].abs() > 0.99

    def test_the_strongest_eigenvector_changes_styles_most(self, generator, w_plus):
        def change(direction):
            styles = generator.synthesis.w_plus_to_s
            moved, still = styles(direction.move(w_plus, 1.0)), styles(w_plus)
            pairs = zip(moved.space.layers, moved, still, strict=True)
            return sum(((a - b) ** 2).sum() for layer, a, b in pairs if not layer.is_torgb)

        directions = closed_form_directions(generator, num_directions=8)
        changes = [float(change(direction)) for direction in directions]
        assert changes == sorted(changes, reverse=True)
        assert changes[0] > 1.2 * changes[-1]


class TestMoving:
    def test_only_the_named_layers_move_and_the_input_stays(self, w_plus, truth):
        before = w_plus.clone()
        moved = Direction("smile", truth).move(w_plus, torch.arange(5.0), layers=[0, 3])
        assert torch.equal(w_plus, before)
        torch.testing.assert_close(moved[2, 3] - w_plus[2, 3], 2 * truth)
        assert torch.equal(moved[:, [1, 2, 4, 5]], w_plus[:, [1, 2, 4, 5]])
        everywhere = Direction("smile", truth).move(w_plus, -1.0)
        torch.testing.assert_close(everywhere, w_plus - truth)
        with pytest.raises(IndexError):
            Direction("smile", truth).move(w_plus, 1.0, layers=[6])


class TestStyles:
    def test_sigmas_are_those_of_the_samples(self, generator):
        sigmas = channel_sigmas(generator, range(300), truncation_psi=0.7)
        z = z_from_seeds(range(300), z_dim=8)
        styles = generator.synthesis.w_plus_to_s(z_to_w_plus(generator, z, truncation_psi=0.7))
        torch.testing.assert_close(sigmas[6:12], styles[1].std(dim=0))

    def test_an_edit_moves_one_channel_by_its_sigmas(self, generator, w_plus):
        sigmas = channel_sigmas(generator, range(50), truncation_psi=1.0)
        styles = generator.synthesis.w_plus_to_s(w_plus)
        edited = edit_channel(styles, "3_2", sigmas=sigmas, amount=-2.0)
        difference = edited.cat() - styles.cat()
        (column,) = difference.abs().sum(dim=0).nonzero()[:, 0].tolist()
        torch.testing.assert_close(difference[:, column], (-2 * sigmas[column]).expand(5))
        assert torch.equal(edited["3_2"], edited[3][:, 2])

    def test_a_direction_keeps_the_channels_that_matter(self, generator, w_plus):
        def redness(images):
            return images[:, 0].mean(dim=(1, 2)).numpy()

        sigmas = channel_sigmas(generator, range(50), truncation_psi=1.0)
        names = ["0_0", "0_1", "3_0", "3_1", "6_0"]
        effects = channel_effects(generator, w_plus, redness, sigmas=sigmas, names=names)
        assert effects.shape == (5, 5)
        styles = generator.synthesis.w_plus_to_s(w_plus)
        up = edit_channel(styles, "3_1", sigmas=sigmas, amount=3.0)
        down = edit_channel(styles, "3_1", sigmas=sigmas, amount=-3.0)
        render = generator.synthesis.s_to_image
        np.testing.assert_allclose(
            effects[3], (redness(render(up)) - redness(render(down))) / 6, atol=1e-6
        )
        direction = style_direction(effects, names, space=styles.space, num_channels=2)
        assert direction.count_nonzero() == 2
        assert direction.norm() == pytest.approx(1)
        step = 0.5 * sigmas * direction
        more = styles.space.split(styles.cat() + step)
        assert redness(render(more)).mean() > redness(render(styles)).mean()


class TestDegenerateInput:
    def test_values_that_are_all_equal_tell_no_direction(self, latents):
        with pytest.raises(ValueError, match="nothing tells a direction"):
            fit_regression(latents, np.full(len(latents), 3.0), name="yaw")

    def test_others_that_depend_on_each_other_are_refused(self, truth):
        other = Direction("other", torch.eye(8)[2], 1.0)
        with pytest.raises(ValueError, match="combinations of others"):
            orthogonalise(Direction("yaw", truth, 2.0), [other, other])
        assert orthogonalise(Direction("yaw", truth, 2.0), [other]).offset == 0

    @pytest.mark.parametrize("layers", [[], [-1], [0, 99]])
    def test_unknown_layers_are_refused(self, generator, layers):
        with pytest.raises(ValueError, match="expected some of 0 to"):
            closed_form_directions(generator, layers=layers, num_directions=1)

    def test_a_deviation_needs_two_seeds(self, generator):
        with pytest.raises(ValueError, match="two or more"):
            channel_sigmas(generator, [0], truncation_psi=1.0)

    @pytest.mark.parametrize(
        ("effects", "num_channels"),
        [(np.ones((2, 3)), 0), (np.ones((2, 1)), 1), (np.zeros((2, 3)), 1)],
    )
    def test_no_effect_gives_no_direction(self, generator, w_plus, effects, num_channels):
        styles = generator.synthesis.w_plus_to_s(w_plus)
        with pytest.raises(ValueError, match="with some effect"):
            style_direction(effects, ["0_0", "0_1"], space=styles.space, num_channels=num_channels)
