import copy
import math

import pytest
import torch

from sa_helpers import blending
from sa_helpers.blending import COMPONENTS
from sa_helpers.networks import Generator, GeneratorConfig
from sa_helpers.networks.filters import upsample_image

CONFIG = GeneratorConfig(
    img_resolution=16, channels={4: 8, 8: 6, 16: 4}, z_dim=5, w_dim=7, num_mapping_layers=2
)


def new_generator(seed):
    """Build a generator in which no two entries agree between seeds, not even biases."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator(CONFIG)
        generator.load_state_dict(
            {name: torch.randn_like(value) for name, value in generator.state_dict().items()}
        )
    return generator.eval().requires_grad_(False)


@pytest.fixture
def parent():
    return new_generator(0)


@pytest.fixture
def child():
    return new_generator(1)


def equal_entries(model, other):
    state = other.state_dict()
    return {name for name, value in model.state_dict().items() if torch.equal(value, state[name])}


def test_every_entry_has_one_component(parent):
    named = {name: blending.component_of(name) for name in parent.state_dict()}
    assert set(named.values()) == set(COMPONENTS)
    expected = {
        "mapping.fc1.bias": "mapping",
        "mapping.w_avg": "mapping",
        "synthesis.b4.const": "conv",
        "synthesis.b8.conv0.weight": "conv",
        "synthesis.b8.conv0.noise_strength": "conv",
        "synthesis.b8.conv1.affine.bias": "affine",
        "synthesis.b8.torgb.affine.weight": "affine",
        "synthesis.b8.torgb.bias": "torgb",
    }
    assert {name: named[name] for name in expected} == expected


def test_component_of_refuses_foreign_names():
    with pytest.raises(ValueError, match="no weight of a generator"):
        blending.component_of("b8.conv0.weight")


@pytest.mark.parametrize("component", COMPONENTS)
def test_reset_takes_the_component_from_the_parent_and_nothing_else(child, parent, component):
    names = {n for n in parent.state_dict() if blending.component_of(n) == component}
    reset = blending.reset_component(child, parent, component)
    assert equal_entries(reset, parent) == names
    assert equal_entries(reset, child) == set(parent.state_dict()) - names


def test_reset_leaves_both_models_unchanged(child, parent):
    before = [copy.deepcopy(model.state_dict()) for model in (child, parent)]
    reset = blending.reset_component(child, parent, "conv")
    with torch.no_grad():
        for weight in reset.parameters():
            weight.zero_()
    for model, state in zip((child, parent), before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_resetting_all_components_gives_the_parent(child, parent):
    model = child
    for component in COMPONENTS:
        model = blending.reset_component(model, parent, component)
    assert equal_entries(model, parent) == set(parent.state_dict())


def test_resetting_convolutions_at_every_resolution_is_resetting_convolutions(child, parent):
    model = child
    for resolution in (4, 8, 16):
        model = blending.reset_component(model, parent, "conv", resolution=resolution)
    whole = blending.reset_component(child, parent, "conv")
    assert equal_entries(model, whole) == set(parent.state_dict())


def test_resetting_one_resolution_touches_that_block_only(child, parent):
    reset = blending.reset_component(child, parent, "conv", resolution=8)
    touched = equal_entries(reset, parent)
    assert touched == {
        f"synthesis.b8.{layer}.{entry}"
        for layer in ("conv0", "conv1")
        for entry in ("weight", "bias", "noise_strength", "noise_const")
    }


def test_mapping_reset_gives_the_parents_latents_and_synthesis_of_the_child(child, parent):
    reset = blending.reset_component(child, parent, "mapping")
    z = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    images = reset(z, truncation_psi=0.5)
    mixed = copy.deepcopy(child)
    mixed.mapping = parent.mapping
    assert torch.equal(images, mixed(z, truncation_psi=0.5))


@pytest.mark.parametrize("is_trainable", [False, True])
def test_reset_model_can_be_trained_exactly_if_the_child_can(child, parent, is_trainable):
    reset = blending.reset_component(child.requires_grad_(is_trainable), parent, "conv")
    assert {weight.requires_grad for weight in reset.parameters()} == {is_trainable}


def test_interpolation_ends_exactly_at_its_ends(child, parent):
    everything = set(parent.state_dict())
    start = blending.interpolate_weights(parent, child, amount=0.0)
    end = blending.interpolate_weights(parent, child, amount=1.0)
    assert equal_entries(start, parent) == everything
    assert equal_entries(end, child) == everything


def test_interpolation_is_linear_in_the_weights(child, parent):
    quarter = blending.interpolate_weights(parent, child, amount=0.25).state_dict()
    for name, value in parent.state_dict().items():
        expected = 0.75 * value + 0.25 * child.state_dict()[name]
        torch.testing.assert_close(quarter[name], expected)


def resolutions_from(model, other):
    """List the resolutions at which all entries of a model are the other's; None is the mapping."""
    names, equal = set(model.state_dict()), equal_entries(model, other)
    found = {blending.resolution_of(name) for name in names}
    return {r for r in found if {n for n in names if blending.resolution_of(n) == r} <= equal}


@pytest.mark.parametrize("r_swap", [4, 8, 16])
def test_swapping_takes_whole_blocks_and_leaves_the_mapping_to_the_parent(parent, child, r_swap):
    low = {r for r in (4, 8, 16) if r <= r_swap}
    high = {4, 8, 16} - low
    swapped = blending.swap_layers(parent, child, r_swap=r_swap)
    assert resolutions_from(swapped, child) == low
    assert resolutions_from(swapped, parent) == {None} | high
    reverse = blending.swap_layers(parent, child, r_swap=r_swap, child_gives="high")
    assert resolutions_from(reverse, child) == high
    assert resolutions_from(reverse, parent) == {None} | low


def test_swapping_back_and_forth_with_the_mapping_exchanges_the_models(parent, child):
    mine = blending.swap_layers(parent, child, r_swap=8)
    theirs = blending.swap_layers(child, parent, r_swap=8, child_gives="high")
    same = blending.reset_component(theirs, parent, "mapping")
    assert equal_entries(mine, same) == set(parent.state_dict())


@pytest.mark.parametrize(("r_swap", "part"), [(12, "low"), (32, "low"), (8, "middle")])
def test_swapping_lists_resolutions_and_parts(parent, child, r_swap, part):
    with pytest.raises(ValueError, match=r"\[4, 8, 16\] and one of \('low', 'high'\)"):
        blending.swap_layers(parent, child, r_swap=r_swap, child_gives=part)


@pytest.mark.parametrize(("part", "gains"), [("low", (4, 8)), ("high", (16, 8))])
def test_swap_path_goes_from_parent_to_child_block_by_block(parent, child, part, gains):
    first, *hybrids, last = blending.swap_path(parent, child, child_gives=part)
    assert (first, last) == (parent, child)
    assert [resolutions_from(h, child) for h in hybrids] == [{gains[0]}, set(gains)]


def test_blend_by_resolution_is_linear_in_each_block(parent, child):
    amounts = {4: 0.0, 8: 0.25, 16: 1.0}
    blended = blending.blend_by_resolution(parent, child, amounts, mapping_amount=0.5)
    for name, value in blended.state_dict().items():
        amount = {**amounts, None: 0.5}[blending.resolution_of(name)]
        ends = parent.state_dict()[name], child.state_dict()[name]
        torch.testing.assert_close(value, (1 - amount) * ends[0] + amount * ends[1])


def test_equal_amounts_are_weight_interpolation(parent, child):
    amounts = dict.fromkeys((4, 8, 16), 0.3)
    blended = blending.blend_by_resolution(parent, child, amounts, mapping_amount=0.3)
    whole = blending.interpolate_weights(parent, child, amount=0.3)
    assert equal_entries(blended, whole) == set(parent.state_dict())


def test_every_resolution_needs_its_amount(parent, child):
    with pytest.raises(ValueError, match=r"\[4, 8\]; expected one for each of \[4, 8, 16\]"):
        blending.blend_by_resolution(parent, child, {4: 1.0, 8: 0.0})


def test_smooth_amounts_are_logistic_in_octaves():
    amounts = blending.smooth_amounts((4, 8, 16, 32), r_swap=8, width=0.5)
    expected = {r: 1 / (1 + math.exp(2 * (math.log2(r) - 3.5))) for r in (4, 8, 16, 32)}
    assert amounts == pytest.approx(expected)
    reverse = blending.smooth_amounts((4, 8, 16, 32), r_swap=8, width=0.5, child_gives="high")
    assert reverse == pytest.approx({r: 1 - amount for r, amount in amounts.items()})


def test_narrow_smooth_amounts_are_the_step(parent, child):
    amounts = blending.smooth_amounts((4, 8, 16), r_swap=8, width=1e-3)
    assert amounts == {4: 1.0, 8: 1.0, 16: 0.0}


@pytest.mark.parametrize(("r_swap", "width"), [(8, 0.0), (0, 1.0)])
def test_smooth_amounts_refuse_what_is_not_positive(r_swap, width):
    with pytest.raises(ValueError, match="use swap_layers"):
        blending.smooth_amounts((4, 8), r_swap=r_swap, width=width)


def test_mixing_three_models_is_their_weighted_mean(parent, child):
    third = new_generator(2)
    shares = {4: (0.0, 0.0, 1.0), 8: (0.2, 0.3, 0.5), 16: (0.5, 0.5, 0.0)}
    mixed = blending.mix_models([parent, child, third], shares)
    states = [model.state_dict() for model in (parent, child, third)]
    for name, value in mixed.state_dict().items():
        row = {**shares, None: (1.0, 0.0, 0.0)}[blending.resolution_of(name)]
        expected = sum(share * state[name] for share, state in zip(row, states, strict=True))
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("row", [(0.5, 0.5), (0.5, 0.4, 0.0), (0.5, -0.5, 1.0)])
def test_shares_are_one_a_model_with_sum_one(parent, child, row):
    shares = {4: (1.0, 0.0, 0.0), 8: row, 16: (1.0, 0.0, 0.0)}
    with pytest.raises(ValueError, match=r"shares at 8 are .* expected 3, .*none negative"):
        blending.mix_models([parent, child, child], shares)


def test_one_model_is_no_mix_and_a_path_has_two_ends(parent, child):
    for models in ([], [parent]):
        with pytest.raises(ValueError, match="expected two or more"):
            blending.mix_models(models, {4: (1.0,), 8: (1.0,), 16: (1.0,)})
    with pytest.raises(ValueError, match="child_gives is"):
        next(blending.swap_path(parent, child, child_gives="middle"))


def test_without_its_top_resolution_a_model_shows_what_that_adds_to(parent):
    small = blending.drop_top_resolution(parent)
    *lower, top = parent.synthesis.resolutions
    assert small.synthesis.resolutions == lower
    silent = copy.deepcopy(parent)
    with torch.no_grad():
        for name in ("weight", "bias"):
            silent.get_parameter(f"synthesis.b{top}.torgb.{name}").zero_()
    z = torch.randn(2, parent.config.z_dim, generator=torch.Generator().manual_seed(0))
    images = (small(z, truncation_psi=0.7), silent(z, truncation_psi=0.7))
    torch.testing.assert_close(upsample_image(images[0]), images[1])


def test_the_lowest_resolution_cannot_be_dropped(parent):
    smallest = parent
    while smallest.config.img_resolution > 8:
        smallest = blending.drop_top_resolution(smallest)
    with pytest.raises(ValueError, match="from 8"):
        blending.drop_top_resolution(smallest)


def test_swapped_channels_are_the_childs_and_nothing_else(parent, child):
    swapped = blending.swap_channels(parent, child, ["2_3", "3_1", "0_2", "1_0"])
    masks = {
        "b4.const": (0, 2), "b4.conv1.weight": (1, 2), "b4.torgb.weight": (1, 0),
        "b8.conv0.weight": (1, 3), "b8.conv1.weight": (1, 1), "b8.conv0.bias": (0, 1),
        "b4.conv1.affine.bias": (0, 2), "b8.conv0.affine.weight": (0, 3),
    }  # fmt: skip
    for name, (axis, channel) in masks.items():
        key = f"synthesis.{name}"
        mine, theirs = swapped.state_dict()[key], child.state_dict()[key]
        assert torch.equal(mine.select(axis, channel), theirs.select(axis, channel)), name
    changed = set(parent.state_dict()) - equal_entries(swapped, parent)
    assert {name.split(".")[1] for name in changed} == {"b4", "b8"}
    assert not any("b8.torgb" in name or name.endswith("noise_const") for name in changed)
    unequal = swapped.state_dict()["synthesis.b8.conv1.weight"] != parent.state_dict()[
        "synthesis.b8.conv1.weight"]  # fmt: skip
    assert unequal.sum() == unequal[:, 1].numel()


def test_all_channels_of_all_layers_leave_only_what_belongs_to_none(parent, child):
    every = parent.synthesis.style_space.names
    left = set(parent.state_dict()) - equal_entries(
        blending.swap_channels(parent, child, every), child
    )
    of_synthesis = {name for name in left if not name.startswith("mapping.")}
    assert all(
        name.endswith((".noise_strength", ".noise_const", "torgb.bias")) for name in of_synthesis
    )


def test_half_swapped_channels_lie_half_way(parent, child):
    half = blending.swap_channels(parent, child, ["3_1"], amount=0.5)
    name = "synthesis.b8.conv1.weight"
    ends = [model.state_dict()[name][:, 1] for model in (parent, child)]
    torch.testing.assert_close(half.state_dict()[name][:, 1], (ends[0] + ends[1]) / 2)


def test_unknown_channels_are_refused(parent, child):
    with pytest.raises(KeyError, match="channels"):
        blending.swap_channels(parent, child, ["3_99"])


def test_weight_change_of_a_scaled_model_is_known(parent):
    scaled = copy.deepcopy(parent)
    scaled.load_state_dict({name: 1.25 * value for name, value in parent.state_dict().items()})
    for component in COMPONENTS:
        change = blending.weight_change(parent, scaled, component)
        assert change.relative == pytest.approx(0.25)
        assert change.correlation == pytest.approx(1.0)


def test_the_change_of_one_channels_kernels_is_found_at_its_place(parent):
    child = copy.deepcopy(parent)
    space = parent.synthesis.style_space
    with torch.no_grad():
        child.synthesis.get_parameter(f"{space.layers[0].name}.weight")[:, 1] *= 1.5
    changes = dict(zip(space.feature_names, blending.input_changes(parent, child), strict=True))
    assert changes.pop("0_1") == pytest.approx(0.5)
    assert set(changes.values()) == {0.0}


def test_weight_change_of_independent_models_is_root_two(parent, child):
    change = blending.weight_change(parent, child, "conv")
    assert change.relative == pytest.approx(2**0.5, rel=0.1)
    assert change.correlation == pytest.approx(0.0, abs=0.1)


def test_weight_change_ignores_biases_noise_and_other_components(parent):
    other = copy.deepcopy(parent)
    state = other.state_dict()
    for name in state:
        if name.endswith((".bias", ".noise_strength", ".noise_const", ".w_avg")):
            state[name] = state[name] + 1
    state["synthesis.b8.torgb.weight"] = 2 * state["synthesis.b8.torgb.weight"]
    other.load_state_dict(state)
    changes = {c: blending.weight_change(parent, other, c).relative for c in COMPONENTS}
    assert changes == {"mapping": 0, "affine": 0, "conv": 0, "torgb": pytest.approx(0.577, abs=0.3)}
    assert blending.weight_change(parent, other, "torgb", resolution=8).relative == pytest.approx(1)
    assert blending.weight_change(parent, other, "torgb", resolution=4).relative == 0


def test_unknown_component_lists_the_known_ones(child, parent):
    with pytest.raises(ValueError, match="mapping, affine, conv, torgb"):
        blending.reset_component(child, parent, "tRGB")


@pytest.mark.parametrize(("component", "listed"), [("conv", r"\[4, 8, 16\]"), ("mapping", "none")])
def test_unknown_resolution_lists_the_known_ones(child, parent, component, listed):
    with pytest.raises(ValueError, match=f"resolution is 32.*{listed}"):
        blending.reset_component(child, parent, component, resolution=32)


def test_models_of_different_sizes_are_refused(child):
    sizes = {**CONFIG.to_dict(), "w_dim": 9}
    other = Generator(GeneratorConfig.from_dict(sizes))
    with pytest.raises(ValueError, match=r"different sizes \(w_dim: 7 and 9\)"):
        blending.interpolate_weights(child, other, amount=0.5)


def test_added_changes_are_interpolation_for_one_child(parent, child):
    added = blending.add_changes(parent, [(child, 0.3)])
    expected = blending.interpolate_weights(parent, child, amount=0.3).state_dict()
    for name, weight in added.state_dict().items():
        torch.testing.assert_close(weight, expected[name])


def test_changes_of_several_children_add_up(parent, child):
    other = new_generator(2)
    before = copy.deepcopy(parent.state_dict())
    added = blending.add_changes(parent, [(child, 1.0), (other, -0.5)]).state_dict()
    ends = child.state_dict(), other.state_dict()
    for name, weight in parent.state_dict().items():
        assert torch.equal(weight, before[name])
        expected = weight + (ends[0][name] - weight) - 0.5 * (ends[1][name] - weight)
        torch.testing.assert_close(added[name], expected)


def test_a_schedule_resets_like_the_paper_and_swaps_like_the_other(parent, child):
    share_of = blending.share_schedule(reset={"affine": 1, "conv@8": 1})
    reset = blending.reset_component(child, parent, "affine")
    reset = blending.reset_component(reset, parent, "conv", resolution=8).state_dict()
    swapped = blending.swap_layers(parent, child, r_swap=8).state_dict()
    by_resolution = blending.share_schedule(amounts={4: 1, 8: 1, 16: 0})
    for expected, share in ((reset, share_of), (swapped, by_resolution)):
        added = blending.add_changes(parent, [(child, 1.0)], share_of=share).state_dict()
        for name, weight in added.items():
            torch.testing.assert_close(weight, expected[name])


def test_shares_of_several_parts_multiply():
    share_of = blending.share_schedule(reset={"conv": 0.5, "16": 0.5}, amounts={8: 0.4, 16: 0.8})
    assert share_of("synthesis.b16.conv1.weight") == pytest.approx(0.2)
    assert share_of("synthesis.b8.torgb.weight") == 0.4
    assert share_of("mapping.w_avg") == 0.0


@pytest.mark.parametrize("part", ["convolution", "conv@", "x@16", "conv@16@8", ""])
def test_a_schedule_refuses_parts_that_are_none(part):
    with pytest.raises(ValueError, match="is no part of a generator"):
        blending.share_schedule(reset={part: 1.0})
