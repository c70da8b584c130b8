import pytest
import torch
from tiny_networks import tiny_generator

from sa_helpers.editing import Direction, edit_images, move_w
from sa_helpers.images import encode_jpeg, make_grid, to_uint8
from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.widgets import edit_slider


@pytest.fixture(scope="module")
def models():
    return {name: tiny_generator({4: 8, 8: 8}, seed=seed) for seed, name in enumerate(("a", "b"))}


@pytest.fixture(scope="module")
def w_plus(models):
    return w_plus_from_seeds(models["a"], [0], truncation_psi=1.0)


@pytest.fixture(scope="module")
def edit():
    return move_w(Direction("first", torch.eye(8)[0]), layers=[0, 1])


def test_the_slider_draws_anew_when_it_is_moved(models, w_plus, edit):
    box = edit_slider(models, w_plus, edit, name="first", limits=(-2, 2), unit="°", num_stops=5)
    above, heads, image = box.children
    slider, strength = above.children
    assert (slider.min, slider.max, slider.step, slider.value) == (-2, 2, 1, 0)
    assert (slider.description, heads.value) == ("first", "a · b")
    before = bytes(image.value)
    assert (slider.readout, strength.value) == (False, "0°")
    slider.value = 2
    assert strength.value == "+2°"
    pictures = to_uint8(
        torch.cat([edit_images(model, w_plus, edit, 2.0) for model in models.values()])
    )
    assert image.value == encode_jpeg(make_grid(pictures, num_columns=2, padding_px=4)) != before
    slider.value = 0
    assert (image.value, strength.value) == (before, "0°")
    box.close()


@pytest.mark.parametrize(
    ("amount", "written"), [(3.79978, "+3.8°"), (-24, "-24°"), (0.3, "+0.3°"), (1e-16, "0°")]
)
def test_a_strength_is_written_with_few_digits_and_its_unit(models, w_plus, edit, amount, written):
    box = edit_slider(models, w_plus, edit, name="first", limits=(amount - 1, amount + 1), unit="°")
    assert box.children[0].children[1].value == written
    box.close()


@pytest.mark.parametrize(("limits", "num_stops"), [((1, 0), 5), ((0, 0), 5), ((-1, 1), 1)])
def test_a_slider_needs_room_to_move(models, w_plus, edit, limits, num_stops):
    with pytest.raises(ValueError, match="limits that increase"):
        edit_slider(models, w_plus, edit, name="first", limits=limits, num_stops=num_stops)
