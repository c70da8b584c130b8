"""Localized channels: derivatives against autograd, scores in closed cases, tables."""

import inspect

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from closeness import assert_equal_up_to_rounding
from tiny_networks import tiny_generator

from sa_helpers.channels import (
    GRID,
    NO_REGION,
    ChannelRegions,
    channel_agreement,
    channel_maps,
    discover_channels,
    distinct_places,
    grid_labels,
    kept_share,
    overlap_by_chance,
    overlap_of_models,
    overlap_scores,
    overlap_table,
    own_ranks,
    regained_share,
    region_strengths,
    strongest_cells,
)
from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.networks import Generator


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator({4: 6, 8: 6, 16: 5, 32: 4, 64: 3})


@pytest.fixture(scope="module")
def w_plus(generator):
    return w_plus_from_seeds(generator, range(3), truncation_psi=1.0)


class TestMaps:
    def test_they_are_the_derivatives_that_autograd_finds_pixel_by_pixel(self, generator, w_plus):
        maps = channel_maps(generator, w_plus[:1], batch_size=7)
        styles = generator.synthesis.w_plus_to_s(w_plus[:1])
        joined = styles.cat().requires_grad_(True)
        images = generator.synthesis.s_to_image(styles.space.split(joined), noise="const")
        small = F.adaptive_avg_pool2d(images, GRID)
        names = styles.space.feature_names
        columns = [styles.space.index(name) for name in names]
        assert len(maps) == len(names)
        for y, x in ((0, 0), (9, 20), (31, 31)):
            rows = [
                torch.autograd.grad(small[0, c, y, x], joined, retain_graph=True)[0][0]
                for c in range(3)
            ]
            expected = torch.stack(rows).abs().mean(dim=0)[columns]
            assert_equal_up_to_rounding(maps[:, y, x], expected)

    def test_the_batch_size_changes_nothing(self, generator, w_plus):
        torch.testing.assert_close(
            channel_maps(generator, w_plus[:1], batch_size=5),
            channel_maps(generator, w_plus[:1], batch_size=64),
        )

    def test_maps_are_of_one_image(self, generator, w_plus):
        with pytest.raises(ValueError, match="latents of 2 images"):
            inspect.unwrap(channel_maps)(generator, w_plus[:1].expand(2, -1, -1))

    def test_chosen_channels_have_the_maps_that_they_have_among_all(self, generator, w_plus):
        names = generator.synthesis.style_space.feature_names
        chosen = ["8_2", "0_3", "2_1", "0_5"]
        rows = sorted(names.index(name) for name in chosen)
        torch.testing.assert_close(
            channel_maps(generator, w_plus[:1], names=chosen),
            channel_maps(generator, w_plus[:1])[rows],
        )

    @pytest.mark.parametrize("names", [["1_0"], ["0_6"], []])
    def test_channels_that_there_are_not_are_refused(self, generator, w_plus, names):
        with pytest.raises(ValueError, match="from 0_0 to"):
            channel_maps(generator, w_plus[:1], names=names)

    def test_distinct_places_are_what_a_map_does_not_share_with_the_others(self):
        maps = torch.rand(5, 8, 8, generator=torch.Generator().manual_seed(0))
        places = distinct_places(maps)
        torch.testing.assert_close(places.square().mean(dim=(1, 2)), torch.ones(5))
        strength = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])[:, None, None]
        torch.testing.assert_close(distinct_places(strength * maps), places)
        shares = maps / maps.sum(dim=(1, 2), keepdim=True)
        common = torch.rand(8, 8, generator=torch.Generator().manual_seed(1))
        on_top = shares + 4 * common / common.sum()
        torch.testing.assert_close(distinct_places(on_top), places, atol=1e-3, rtol=1e-3)

    def test_names_leave_colour_layers_out(self, generator, w_plus):
        names = generator.synthesis.style_space.feature_names
        assert names[:7] == ["0_0", "0_1", "0_2", "0_3", "0_4", "0_5", "2_0"]
        assert not any(name.startswith(("1_", "4_", "7_")) for name in names)


class TestScores:
    labels = np.zeros((4, 4), np.int64)
    labels[:2, :2] = 1
    labels[3, 3] = 2

    def test_a_channel_that_acts_exactly_on_a_region_scores_one_over_its_size(self):
        maps = torch.from_numpy((self.labels == 1) * 1.0)[None]
        scores = overlap_scores(maps, self.labels, num_regions=4)
        assert scores[0, 1] == pytest.approx(1 / 4)
        assert scores[0, 3] == 0, "an absent region"
        assert scores[0].argmax() == 1

    def test_a_small_region_is_not_lost_beside_a_large_one(self):
        maps = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(0))
        maps[0, 3, 3] = 2.0
        assert overlap_scores(maps, self.labels, num_regions=3)[0].argmax() == 2

    def test_strengths_are_means_inside_the_regions(self):
        maps = torch.zeros(1, 4, 4)
        maps[0, 0, :2] = torch.tensor([4.0, 2.0])
        strengths = region_strengths(maps, self.labels, num_regions=4)
        assert strengths[0, :3].tolist() == [0, 1.5, 0]
        assert np.isnan(strengths[0, 3]), "an absent region"

    def test_masks_are_reduced_by_majority(self):
        masks = np.zeros((1, 64, 64), np.uint8)
        masks[0, :2, :2] = [[1, 1], [1, 0]]
        masks[0, :2, 2:4] = [[1, 1], [0, 0]]
        labels = grid_labels(masks, num_regions=2)
        assert labels[0, 0, :3].tolist() == [1, 0, 0]
        with pytest.raises(ValueError, match="48x48"):
            grid_labels(np.zeros((1, 48, 48), np.uint8), num_regions=2)


def regions_of(winners, is_present=None) -> ChannelRegions:
    winners = np.asarray(winners)
    if is_present is None:
        is_present = np.ones((len(winners), 3))
    names = tuple(f"0_{i}" for i in range(winners.shape[1]))
    return ChannelRegions(
        names,
        ("skin", "eye", "ear"),
        winners,
        np.asarray(is_present, dtype=bool),
        np.ones((len(names), 3)),
    )


class TestRegions:
    def test_a_rate_counts_only_images_that_contain_the_region(self):
        found = regions_of([[1], [1], [0], [0]], [[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]])
        assert found.rates[0, :2].tolist() == [0.5, 1.0]
        assert np.isnan(found.rates[0, 2])
        assert found.localized().tolist() == [1]

    def test_a_region_that_few_images_show_has_no_channels(self):
        is_present = np.ones((8, 3))
        is_present[1:, 2] = 0
        found = regions_of([[2]] + [[1]] * 7, is_present)
        assert found.rates[0].tolist() == [0, 7 / 8, 1]
        assert found.localized().tolist() == [1]
        assert found.localized(min_share=0).tolist() == [2]

    def test_a_channel_needs_more_than_three_quarters(self):
        found = regions_of([[1, 1], [1, 1], [1, 1], [1, 0], [1, 0]])
        assert found.localized().tolist() == [1, NO_REGION]
        assert found.localized(min_rate=0.5).tolist() == [1, 1]
        assert found.localized(min_rate=0.5, min_gap=0.5).tolist() == [1, NO_REGION]

    def test_discovery_joins_the_parts(self, generator, w_plus):
        masks = np.zeros((3, 64, 64), np.uint8)
        masks[:, 20:40, 20:40] = 1
        found = discover_channels(generator, w_plus, masks, regions=("around", "middle", "none"))
        assert found.winners.shape == (3, len(found.names))
        assert found.is_present.tolist() == [[True, True, False]] * 3
        scores = overlap_scores(
            channel_maps(generator, w_plus[1:2]),
            grid_labels(masks, num_regions=3)[1],
            num_regions=3,
        )
        np.testing.assert_array_equal(found.winners[1], scores.argmax(axis=1))
        with pytest.raises(ValueError, match="2 masks for 3"):
            discover_channels(generator, w_plus, masks[:2], regions=("around", "middle"))


class TestTables:
    first = np.array([0, 0, 1, 1, NO_REGION, 2])
    second = np.array([0, 1, 1, 1, 1, NO_REGION])

    def test_counts_and_the_diagonal(self):
        table = overlap_table(self.first, self.second, num_regions=3)
        assert table.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]

    def test_chance_agrees_with_its_closed_form(self):
        first = np.array([0] * 10 + [1] * 10)
        counts = overlap_by_chance(first, first, [0] * 20, num_permutations=2000)
        # Each of 20 places gets its own region with probability one half.
        assert counts.mean() == pytest.approx(10, abs=0.3)
        alone = overlap_by_chance(first, first, list(range(20)), num_permutations=5)
        assert alone.tolist() == [20.0] * 5, "a layer of one channel cannot be shuffled"


def test_the_strongest_cells_are_as_many_as_asked_for():
    maps = torch.tensor([[[1.0, 4.0], [3.0, 2.0]], [[0.0, 0.1], [0.2, 0.3]]])
    chosen = strongest_cells(maps, torch.tensor([2, 3]))
    assert chosen.tolist() == [[[False, True], [True, False]], [[False, True], [True, True]]]


class TestOverlapOfModels:
    parent = regions_of([[0, 1, 1, 2, 0], [0, 1, 1, 2, 1]])
    child = regions_of([[0, 1, 0, 0, 0], [0, 1, 0, 1, 0]])

    def test_regions_of_both_are_counted_with_totals(self):
        overlap = overlap_of_models(self.parent, self.child)
        assert overlap.child_regions == ("skin: 3", "eye: 1")
        assert overlap.parent_regions == ("skin\n1", "eye\n2", "ear\n1")
        assert overlap.counts.tolist() == [[1, 1, 0], [0, 1, 0]]
        with pytest.raises(ValueError, match=r"\[5, 1\] channels"):
            overlap_of_models(self.parent, regions_of([[0], [0]]))

    def test_the_share_that_is_kept_counts_the_diagonal(self):
        assert kept_share(self.parent, self.child).mean == pytest.approx(2 / 4)
        assert kept_share(self.parent, self.parent).mean == 1
        with pytest.raises(ValueError, match=r"\[5, 1\] channels"):
            kept_share(self.parent, regions_of([[0], [0]]))

    def test_its_interval_is_over_the_channels_and_holds_the_share(self):
        rng = np.random.default_rng(0)
        steady = regions_of(np.tile(rng.integers(3, size=100), (8, 1)))
        # Acts elsewhere in a quarter of the images, so that the threshold is missed half the time.
        moody = regions_of(np.where(rng.random((8, 100)) < 0.25, 0, steady.winners))
        share = kept_share(steady, moody)
        assert share.num_samples == 100
        assert 0.05 < share.mean - share.low < 0.15
        assert 0.05 < share.high - share.mean < 0.15
        assert kept_share(steady, steady).low == 1
        assert np.isnan(kept_share(regions_of([[0], [1]]), regions_of([[0], [1]])).mean)

    def test_only_what_was_lost_can_be_regained(self):
        # The child has lost channels 2 and 3. In the grandchild, 2 acts on the eye again.
        grandchild = regions_of([[2, 1, 1, 0, 0], [2, 1, 1, 0, 0]])
        assert regained_share(self.parent, self.child, grandchild).mean == pytest.approx(1 / 2)
        assert regained_share(self.parent, self.child, self.parent).mean == 1
        assert regained_share(self.parent, self.child, self.child).mean == 0
        assert np.isnan(regained_share(self.parent, self.parent, self.child).mean)
        with pytest.raises(ValueError, match=r"\[5, 5, 1\] channels"):
            regained_share(self.parent, self.child, regions_of([[0], [0]]))


class TestOwnRanks:
    layers = (0,) * 60 + (2,) * 40
    rng = np.random.default_rng(0)
    first = rng.standard_normal((100, 6))

    def test_the_namesake_of_a_channel_of_the_same_model_is_the_best_match(self):
        assert own_ranks([(self.first, self.first)], self.layers).max() == 0

    def test_scale_and_mean_of_a_layer_do_not_matter(self):
        moved = self.first.copy()
        moved[60:] = 5 * moved[60:] + 3
        assert own_ranks([(self.first, moved)], self.layers).max() == 0

    def test_ranks_of_unrelated_models_are_evenly_spread(self):
        second = np.random.default_rng(1).standard_normal((100, 6))
        ranks = own_ranks([(self.first, second)], self.layers)
        assert ranks.mean() == pytest.approx(0.5, abs=0.1)
        assert (ranks <= 0.2).mean() == pytest.approx(0.2, abs=0.1)

    def test_the_opposite_channel_is_the_worst_match(self):
        assert own_ranks([(self.first, -self.first)], self.layers).min() == 1

    def test_a_second_kind_of_table_can_tell_what_the_first_leaves_open(self):
        pairs = [(self.first, self.first), (self.first, -self.first)]
        mixed = own_ranks(pairs, self.layers)
        assert 0.3 < mixed.mean() < 0.7, "equal weights cancel"

    def test_tables_count_alike_however_many_columns_they_have(self):
        second, third = (np.random.default_rng(i).standard_normal((100, 6)) for i in (1, 2))
        ranks = own_ranks([(self.first, self.first), (second, third)], self.layers)
        wide = (np.tile(second, 5), np.tile(third, 5))
        np.testing.assert_array_equal(
            own_ranks([(self.first, self.first), wide], self.layers), ranks
        )

    def test_tables_have_to_match(self):
        with pytest.raises(ValueError, match="equal shapes"):
            own_ranks([(self.first, self.first[:, :2])], self.layers)


class TestAgreement:
    layers = (0,) * 40 + (2,) * 24

    def draw(self, seed):
        return np.random.default_rng(seed).standard_normal((64, 5))

    def test_equal_tables_agree_fully_and_opposite_ones_not_at_all(self):
        table = self.draw(0)
        assert channel_agreement(table, 3 * table + 1, self.layers).mean() == pytest.approx(1)
        assert channel_agreement(table, -table, self.layers).mean() == pytest.approx(-1)

    def test_it_is_the_mean_correlation_within_layers(self):
        first, second = self.draw(1), self.draw(2)
        first[40:] += 100.0
        second[40:] += 100.0
        correlations = [
            np.corrcoef(first[rows, k], second[rows, k])[0, 1] * (rows.stop - rows.start) / 64
            for rows in (slice(0, 40), slice(40, 64))
            for k in range(5)
        ]
        agreement = channel_agreement(first, second, self.layers)
        assert agreement.mean() == pytest.approx(sum(correlations) / 5)
        assert abs(agreement.mean()) < 0.3, "that a layer is strong in both is no agreement"

    def test_tables_have_to_match_and_be_finite(self):
        with pytest.raises(ValueError, match="equal shapes"):
            channel_agreement(self.draw(0), self.draw(0)[:, :2], self.layers)
        with pytest.raises(ValueError, match="finite"):
            channel_agreement(self.draw(0), np.full((64, 5), np.nan), self.layers)
