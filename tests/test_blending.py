import copy

import pytest
import torch

from sa_helpers import blending
from sa_helpers.blending import COMPONENTS
from sa_helpers.networks import Generator, GeneratorConfig

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


def test_weight_change_of_a_scaled_model_is_known(parent):
    scaled = copy.deepcopy(parent)
    scaled.load_state_dict({name: 1.25 * value for name, value in parent.state_dict().items()})
    for component in COMPONENTS:
        change = blending.weight_change(parent, scaled, component)
        assert change.relative == pytest.approx(0.25)
        assert change.correlation == pytest.approx(1.0)


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
