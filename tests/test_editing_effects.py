"""Edits and what they do: nothing at zero, the same as their parts, changes with the right sign."""

import numpy as np
import pytest
import torch
from tiny_networks import tiny_generator

from sa_helpers import clay
from sa_helpers.editing import (
    Direction,
    channel_sigmas,
    edit_channel,
    edit_images,
    factor_changes,
    move_channel,
    move_channels,
    move_w,
    side_effect,
    standardise,
)
from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition import AttributeNetwork, FactorCoding


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator({4: 6, 8: 6, 16: 5, 32: 4, 64: 3, 128: 3})


@pytest.fixture(scope="module")
def w_plus(generator):
    return w_plus_from_seeds(generator, range(3), truncation_psi=0.7)


@pytest.fixture(scope="module")
def sigmas(generator):
    return channel_sigmas(generator, range(50), truncation_psi=0.7)


@pytest.fixture(scope="module")
def attributes() -> AttributeNetwork:
    specs = [s for s in clay.factor_specs("human") if s.name in ("yaw_deg", "fringe", "collar")]
    torch.manual_seed(1)
    coding = FactorCoding.fit(specs, clay.render("human", range(12)).factors)
    return AttributeNetwork(coding).eval().requires_grad_(False)


DIRECTION = Direction("any", torch.nn.functional.normalize(torch.arange(8.0) - 3, dim=0))


class TestEdits:
    def test_an_amount_of_zero_changes_nothing(self, generator, w_plus, sigmas):
        plain = generator.synthesis(w_plus)
        vector = torch.zeros_like(sigmas)
        vector[5] = 1
        for edit in (
            move_w(DIRECTION),
            move_channel("2_1", sigmas=sigmas),
            move_channels(vector, sigmas=sigmas),
        ):
            assert torch.equal(edit_images(generator, w_plus, edit, 0.0), plain)
            assert not torch.equal(edit_images(generator, w_plus, edit, 3.0), plain)

    def test_moving_w_in_chosen_layers_leaves_the_others(self, generator, w_plus):
        plain = generator.synthesis.w_plus_to_s(w_plus)
        styles = move_w(DIRECTION, layers=[0])(generator, w_plus, 2.0)
        assert not torch.equal(styles[0], plain[0])
        assert all(torch.equal(styles[i], plain[i]) for i in range(1, len(styles)))

    def test_many_channels_are_the_sum_of_single_ones(self, generator, w_plus, sigmas):
        plain = generator.synthesis.w_plus_to_s(w_plus)
        vector = torch.zeros_like(sigmas)
        vector[1], vector[4] = 0.6, -0.8
        both = move_channels(vector, sigmas=sigmas)(generator, w_plus, 2.0)
        one = edit_channel(plain, "0_1", sigmas=sigmas, amount=1.2)
        expected = edit_channel(one, "0_4", sigmas=sigmas, amount=-1.6)
        torch.testing.assert_close(both.cat(), expected.cat())


class TestChanges:
    def test_changes_are_differences_of_what_is_read(self, generator, w_plus, attributes):
        edit = move_w(DIRECTION)
        changes = factor_changes(generator, w_plus, edit, attributes, amount=1.0)
        assert set(changes) == {"yaw_deg", "fringe"}, "categories have no single number"
        up, down = (
            attributes.read(edit_images(generator, w_plus, edit, amount)) for amount in (1, -1)
        )
        np.testing.assert_allclose(changes["yaw_deg"], up["yaw_deg"] - down["yaw_deg"])
        back = factor_changes(generator, w_plus, edit, attributes, amount=-1.0)
        np.testing.assert_allclose(back["yaw_deg"], -changes["yaw_deg"])

    def test_standardised_changes_and_side_effects_in_closed_form(self, attributes):
        std = attributes.coding.field("yaw_deg").std
        changes = {"yaw_deg": np.array([2 * std]), "fringe": np.array([0.5])}
        standardised = standardise(changes, attributes)
        assert standardised["yaw_deg"] == pytest.approx(2)
        assert standardised["fringe"] == pytest.approx(0.5)
        three = {**standardised, "other": np.array([1.0])}
        assert side_effect(three, "yaw_deg") == pytest.approx(np.sqrt((0.25 + 1) / 2))
        for some, wanted in ((three, "yaw"), ({"fringe": three["fringe"]}, "fringe")):
            with pytest.raises(ValueError, match="and others"):
                side_effect(some, wanted)
