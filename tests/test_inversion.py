"""Inversion: latents come back, spaces nest, schedules and noise follow their definitions."""

import dataclasses
import inspect

import pytest
import torch
from closeness import assert_equal_up_to_rounding
from tiny_networks import tiny_generator

from sa_helpers.images import resize
from sa_helpers.inversion import InversionSettings, invert
from sa_helpers.inversion.optimisation import learning_rate_factor, noise_regularisation
from sa_helpers.latents import SPACES, z_from_seeds, z_to_w_plus
from sa_helpers.metrics import perceptual_distance
from sa_helpers.networks import Generator

LARGE = {4: 12, 8: 12, 16: 8, 32: 6, 64: 6}  # half the size is still large enough to compare
QUICK = InversionSettings(num_steps=60, learning_rate=0.05, latent_noise=0.02, pixel_weight=4.0)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator({4: 12, 8: 12, 16: 8, 32: 6})


@pytest.fixture(scope="module")
def targets(generator) -> torch.Tensor:
    z = z_from_seeds(range(100, 103), z_dim=8)
    with torch.no_grad():
        return generator(z, truncation_psi=0.7)


class TestInvert:
    @pytest.mark.slow
    @pytest.mark.parametrize("space", list(SPACES))
    def test_the_loss_falls_and_the_result_is_what_it_says(self, generator, targets, space):
        before = {n: v.clone() for n, v in generator.state_dict().items()}
        found = invert(targets, generator, space=space, settings=QUICK)
        assert found.losses.shape == (60, 3)
        assert (found.losses[-5:].mean(dim=0) < 0.7 * found.losses[0]).all()
        torch.testing.assert_close(generator.synthesis(found.w_plus), found.images)
        assert not any(t.requires_grad for t in (found.latents, found.w_plus, found.images))
        assert all(torch.equal(v, before[n]) for n, v in generator.state_dict().items())

    def test_images_do_not_influence_each_other(self, generator, targets):
        short = InversionSettings(num_steps=6)
        together = invert(targets, generator, space="w", settings=short, seeds=[5, 6, 7])
        alone = invert(targets[1:2], generator, space="w", settings=short, seeds=[6])
        assert_equal_up_to_rounding(together.latents[1:2], alone.latents)

    def test_a_good_start_stays_good(self, generator, targets):
        z = z_from_seeds(range(100, 103), z_dim=8)
        start = z_to_w_plus(generator, z, truncation_psi=0.7)
        settings = InversionSettings(num_steps=5, learning_rate=1e-4, latent_noise=0.0)
        found = invert(targets, generator, space="w_plus", settings=settings, start=start)
        assert found.distances.max() < 0.02

    def test_a_search_can_begin_at_the_nearest_sample(self, generator):
        z = z_from_seeds([3, 7], z_dim=8)
        targets = generator(z, truncation_psi=0.7)
        settings = InversionSettings(num_steps=1, num_candidates=10, latent_noise=0.0)
        for name, space in SPACES.items():
            found = invert(targets, generator, space=name, settings=settings)
            assert found.losses[0].max() < 1e-4, "seeds 3 and 7 are among the candidates"
            if space.is_before_mapping:
                torch.testing.assert_close(
                    found.latents, z[:, None].expand_as(found.latents), atol=0.02, rtol=0
                )

    def test_the_coarse_steps_see_the_images_at_half_size(self, generator, targets):
        large = torch.nn.functional.interpolate(targets, scale_factor=2.0)
        model = tiny_generator(LARGE).eval().requires_grad_(False)
        steps = {"num_steps": 4, "learning_rate": 1e-9, "latent_noise": 0.0, "pixel_weight": 0.0}
        settings = InversionSettings(**steps, coarse_share=0.5, patience=1)
        losses = invert(large, model, space="w", settings=settings).losses
        mean_image = model.synthesis(model.w_avg.expand(3, model.num_ws, -1))
        fine = perceptual_distance(mean_image, large)
        coarse = perceptual_distance(
            resize(mean_image, img_resolution=32), resize(large, img_resolution=32)
        )
        assert_equal_up_to_rounding(losses[0], coarse, rtol=1e-3)
        assert_equal_up_to_rounding(losses[2], fine, rtol=1e-3)

    def test_patience_ends_a_search_that_stands_still(self, generator, targets):
        settings = InversionSettings(num_steps=50, learning_rate=1e-12, patience=3)
        steps = []
        invert(
            targets, generator, space="w", settings=settings, report=lambda s, _: steps.append(s)
        )
        assert len(steps) < 50

    def test_noise_can_be_searched_too(self, generator, targets):
        settings = InversionSettings(num_steps=4, noise_weight=1.0)
        found = invert(targets, generator, space="w", settings=settings)
        assert [tuple(noise.shape) for noise in found.noise_maps][-1] == (3, 1, 32, 32)
        for noise in found.noise_maps:
            torch.testing.assert_close(noise.square().mean(dim=(1, 2, 3)), torch.ones(3))

    def test_patience_begins_with_the_fine_steps(self, monkeypatch):
        model = tiny_generator(LARGE).eval().requires_grad_(False)
        settings = dataclasses.replace(QUICK, num_steps=20, coarse_share=0.5, patience=3)
        monkeypatch.setattr(
            "sa_helpers.inversion.optimisation._Search._losses",
            # The coarse losses are the smaller ones, and the fine ones fall all the time.
            lambda search, progress: (
                search.latents.sum(dim=(1, 2)) * 0 + (progress if progress < 0.5 else 9 - progress)
            ),
        )
        found = invert(torch.zeros(1, 3, 64, 64), model, space="w", settings=settings)
        assert len(found.losses) == 20

    @pytest.mark.parametrize(
        ("space", "shape"),
        [("w_plus", (1, 8, 8)), ("w_plus", (3, 1, 8)), ("w", (3, 8, 8)), ("z", (3, 1, 7))],
    )
    def test_a_start_of_another_space_is_refused(self, generator, targets, space, shape):
        assert generator.num_ws == 8
        with pytest.raises(ValueError, match="start is"):
            inspect.unwrap(invert)(targets, generator, space=space, start=torch.zeros(shape))

    def test_nothing_to_invert_and_settings_without_a_meaning_are_refused(self, generator, targets):
        with pytest.raises(ValueError, match="no images"):
            invert(targets[:0], generator, space="w", settings=QUICK)
        for change in ({"num_candidates": -1}, {"patience": 0}):
            with pytest.raises(ValueError, match="num_candidates is"):
                dataclasses.replace(QUICK, **change)

    def test_mistakes_are_named(self, generator, targets):
        with pytest.raises(ValueError, match='no space "x"'):
            invert(targets, generator, space="x")
        with pytest.raises(ValueError, match="16x16"):
            invert(targets[:, :, :16, :16], generator, space="w")
        with pytest.raises(ValueError, match="2 seeds for 3"):
            invert(targets, generator, space="w", seeds=[1, 2])
        with pytest.raises(ValueError, match="rampup"):
            InversionSettings(rampup=0.0)
        with pytest.raises(ValueError, match="coarse_share"):
            InversionSettings(coarse_share=1.0)


class TestSchedule:
    def test_the_learning_rate_rises_stays_and_falls(self):
        settings = InversionSettings()
        factors = [learning_rate_factor(p, settings) for p in (0.0, 0.025, 0.05, 0.5, 0.75, 1.0)]
        assert factors == pytest.approx([0.0, 0.5, 1.0, 1.0, 1.0, 0.0])
        assert learning_rate_factor(0.875, settings) == pytest.approx(0.5)

    def test_smooth_noise_is_penalised_and_white_noise_is_not(self):
        white = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
        smooth = torch.nn.functional.avg_pool2d(white, 5, stride=1, padding=2)
        smooth = smooth / smooth.std()
        assert (noise_regularisation([white]) < 0.15).all()
        assert (noise_regularisation([smooth]) > 0.5).all()
