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
    box = edit_slider(models, w_plus, edit, name="first", limits=(-2, 2), num_stops=5)
    slider, heads, image = box.children
    assert (slider.min, slider.max, slider.step, slider.value) == (-2, 2, 1, 0)
    assert (slider.description, heads.value) == ("first", "a · b")
    before = bytes(image.value)
    slider.value = 2
    pictures = to_uint8(
        torch.cat([edit_images(model, w_plus, edit, 2.0) for model in models.values()])
    )
    assert image.value == encode_jpeg(make_grid(pictures, num_columns=2, padding_px=4)) != before
    slider.value = 0
    assert image.value == before
    box.close()


@pytest.mark.parametrize(("limits", "num_stops"), [((1, 0), 5), ((0, 0), 5), ((-1, 1), 1)])
def test_a_slider_needs_room_to_move(models, w_plus, edit, limits, num_stops):
    with pytest.raises(ValueError, match="limits that increase"):
        edit_slider(models, w_plus, edit, name="first", limits=limits, num_stops=num_stops)
