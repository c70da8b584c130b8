import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image

from sa_helpers.directions import Direction, channel_sigmas
from sa_helpers.effects import edit_images, move_channel, move_w
from sa_helpers.images import to_uint8
from sa_helpers.latents import z_from_seeds, z_to_w_plus
from sa_helpers.networks import Generator, GeneratorConfig
from sa_helpers.widgets import edit_slider, flip_book

ALT = "A grey square that grows brighter from page to page."
CONFIG = GeneratorConfig(
    img_resolution=32,
    channels={4: 8, 8: 8, 16: 6, 32: 4},
    z_dim=16,
    w_dim=16,
    num_mapping_layers=2,
)


def greys(num_frames):
    levels = torch.linspace(-0.8, 0.8, num_frames)
    return levels[:, None, None, None].expand(-1, 3, 24, 40)


def page_of(book):
    return BeautifulSoup(book._repr_html_(), "html.parser")


def strip_of(book):
    source = page_of(book).img["src"]
    jpeg = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"), validate=True)
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.array(image)


def new_generator(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Generator(CONFIG).eval().requires_grad_(False)


def test_the_strip_holds_every_frame_in_order():
    book = flip_book(greys(5), labels=list("abcde"), alt=ALT)
    strip = strip_of(book).reshape(5, 24, 40, 3).astype(int)
    assert np.abs(strip - to_uint8(greys(5))).max() <= 2


def test_the_slider_has_one_stop_a_frame_and_their_labels():
    book = flip_book(greys(5), labels=[f"t = {i / 4:g}" for i in range(5)], alt=ALT, start=2)
    page = page_of(book)
    slider = page.find("input", type="range")
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "4", "2")
    assert json.loads(page.div["data-labels"]) == [
        "t = 0",
        "t = 0.25",
        "t = 0.5",
        "t = 0.75",
        "t = 1",
    ]
    assert page.output.text == slider["aria-valuetext"] == "t = 0.5"
    assert "--frame: 2; --last: 4" in page.div["style"]


def test_the_picture_has_its_alternative_text_and_the_shape_of_a_frame():
    image = page_of(flip_book(greys(3), labels=list("abc"), alt=ALT, zoom=2)).img
    assert image["alt"] == ALT
    assert "aspect-ratio: 40 / 24" in image["style"]
    assert "width: 80px" in image["style"]


def test_texts_are_escaped():
    texts = ['<b>"1"</b>', "a & b's"]
    alt = '"><script>alert("a picture")</script>'
    book = flip_book(greys(2), labels=texts, alt=alt, column_labels=["<i>"])
    page = page_of(book)
    assert page.find("script") is None
    assert page.find("b") is None
    assert json.loads(page.div["data-labels"]) == texts
    assert page.img["alt"] == alt
    assert page.select_one(".heads span").text == "<i>"


def test_nothing_is_fetched_and_no_id_can_clash():
    html = flip_book(greys(2), labels=list("ab"), alt=ALT)._repr_html_()
    page = BeautifulSoup(html, "html.parser")
    assert page.find_all(["script", "link", "iframe"]) == []
    assert page.find_all(id=True) == []
    assert re.findall(r"https?:|url\(|@import", html) == []


def test_it_plays_only_when_asked_and_not_for_readers_who_prefer_stillness():
    page = page_of(flip_book(greys(2), labels=list("ab"), alt=ALT, frames_per_sec=5))
    assert page.div["data-pause"] == "200"
    assert page.button["type"] == "button"
    assert "prefers-reduced-motion: reduce) { .flip-book button { display: none" in page.style.text


def test_images_of_a_frame_stand_side_by_side():
    pairs = torch.stack([greys(3), -greys(3)], dim=1)
    book = flip_book(pairs, labels=list("abc"), alt=ALT, column_labels=["parent", "child"])
    first = strip_of(book)[:24].astype(int)
    assert first.shape == (24, 84, 3)
    assert np.abs(first[:, 44:] - to_uint8(-greys(3))[0]).max() <= 4
    assert [head.text for head in page_of(book).select(".heads span")] == ["parent", "child"]


def test_arrays_are_bound_as_they_are():
    arrays = list(to_uint8(greys(3)))
    np.testing.assert_array_equal(
        strip_of(flip_book(arrays, labels=list("abc"), alt=ALT)),
        strip_of(flip_book(greys(3), labels=list("abc"), alt=ALT)),
    )


def test_equal_frames_make_equal_bytes():
    books = [flip_book(greys(3), labels=list("abc"), alt=ALT) for _ in range(2)]
    assert books[0]._repr_html_() == books[1]._repr_html_()
    assert repr(books[0]) == "<FlipBook of 3 frames, 40x24 px>"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": list("ab")}, "one label a frame"),
        ({"labels": list("abc"), "start": 3}, "a start among them"),
        ({"labels": list("abc"), "alt": "a square"}, "20 letters or more"),
        ({"labels": [], "frames": []}, "at least one frame"),
        ({"labels": list("ab"), "frames": [np.zeros((40_000, 1, 3), np.uint8)] * 2}, "65000"),
    ],
)
def test_what_cannot_be_bound_is_refused(arguments, message):
    given = {"frames": greys(3), "alt": ALT, **arguments}
    with pytest.raises(ValueError, match=message):
        flip_book(given.pop("frames"), **given)


@pytest.fixture(scope="module")
def models():
    return {"parent": new_generator(0), "child": new_generator(1)}


@pytest.fixture(scope="module")
def w_plus(models):
    return z_to_w_plus(models["parent"], z_from_seeds([0], z_dim=16), truncation_psi=1.0)


@pytest.fixture(scope="module")
def edit():
    return move_w(Direction("first", torch.eye(16)[0]), layers=[0, 1])


def test_every_model_is_given_the_same_edit(models, w_plus, edit):
    slider = edit_slider(models, w_plus, edit, name="first", amounts=[-2, 0, 2], alt=ALT)
    expected = [edit_images(model, w_plus, edit, 2.0) for model in models.values()]
    assert torch.equal(slider.draw(2.0), torch.cat(expected))
    unmoved = torch.cat([model.synthesis(w_plus) for model in models.values()])
    assert torch.equal(slider.draw(0.0), unmoved)
    assert repr(slider) == "<EditSlider first, -2 to 2>"


def test_a_channel_is_edited_as_well(models, w_plus):
    sigmas = channel_sigmas(models["parent"], range(20), truncation_psi=1.0)
    edit = move_channel("2_3", sigmas=sigmas)
    slider = edit_slider(models, w_plus, edit, name="2_3", amounts=[-1, 0, 1], alt=ALT)
    assert torch.equal(slider.draw(1.0)[1:], edit_images(models["child"], w_plus, edit, 1.0))


def test_the_page_shows_the_flip_book_of_the_strengths(models, w_plus, edit):
    slider = edit_slider(models, w_plus, edit, name="first", amounts=[-2, -1, 0, 2], alt=ALT)
    page = BeautifulSoup(slider._repr_html_(), "html.parser")
    assert json.loads(page.div["data-labels"]) == ["-2", "-1", "0", "+2"]
    assert page.output.text == "0"
    assert [head.text for head in page.select(".heads span")] == ["parent", "child"]


def test_the_live_slider_draws_anew_when_it_is_moved(models, w_plus, edit):
    chosen = edit_slider(models, w_plus, edit, name="first", amounts=[-2, 0, 2], alt=ALT)
    box = chosen.live(num_stops=5)
    slider, heads, image = box.children
    assert (slider.min, slider.max, slider.step, slider.value) == (-2, 2, 1, 0)
    assert (slider.description, heads.value) == ("first", "parent · child")
    before = image.value
    slider.value = 2
    assert image.value != before
    slider.value = 0
    assert image.value == before
    box.close()


@pytest.mark.parametrize("amounts", [[1, 0], [0, 0], [1]])
def test_strengths_that_do_not_increase_are_refused(models, w_plus, edit, amounts):
    with pytest.raises(ValueError, match="two or more that increase"):
        edit_slider(models, w_plus, edit, name="first", amounts=amounts, alt=ALT)
