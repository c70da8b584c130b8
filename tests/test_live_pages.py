"""Live models in a real browser: controls, links, downloads, errors, and pictures as in Python."""

import base64
import itertools
import json
import re

import numpy as np
import pytest
import torch
from test_pages import (  # noqa: F401 (fixtures)
    PATIENCE_MS,
    SCREENSHOTS,
    SITE,
    SIZES,
    THEMES,
    address,
    browser,
    soup_of,
    visit,
)

PLAYGROUND = "book/playground.html"
ELEMENT = "live-playground"
MAX_ERROR = 1e-3  # on pictures in [-1, 1]
TOON = {"base": "human", "terms": [{"model": "toon"}]}
DOG = {"base": "human", "terms": [{"model": "dog"}]}
EVERYTHING = {
    "pictures": [{**TOON, "reset": {"affine": 0.5, "16": 0.25, "conv@32": 1}}, "dog@2", "toon@0"],
    "seed": 4294967295,
    "psi": 0.45,
    "mix": {"seed": 12, "layer": 5},
    "moves": {"yaw_deg": -20, "pitch_deg": 4},
    "channels": {"3_7": 4, "9_11": -3},
}
STATES = {
    "a parent and its children": {"pictures": ["human", "toon", "dog"], "seed": 6},
    "the smaller model beside the larger": {"pictures": ["human_small", "human"], "seed": 3},
    "untruncated": {"pictures": ["wild"], "seed": 41, "psi": 1},
    "one w for all": {"pictures": ["portrait", "church"], "seed": 8, "mapping": "human"},
    "directions": {"pictures": ["toon"], "seed": 2, "moves": {"yaw_deg": 25, "pitch_deg": -5}},
    "a half-way model": {
        "pictures": [{"base": "dog", "terms": [{"model": "cat", "amount": 0.5}]}],
        "seed": 5,
    },
    "sums of changes": {
        "pictures": [
            {"base": "human", "terms": [{"model": "toon"}, {"model": "human_right"}]},
            {"base": "human", "terms": [{"model": n, "amount": 1 / 3} for n in ("toon", "dog")]},
        ]
    },
    "resets": {"pictures": [{**DOG, "reset": {"conv": 1}}, {**DOG, "reset": {"8": 1}}], "seed": 4},
    "swaps": {
        "pictures": [
            {**TOON, "swap": {"r_swap": 16}},
            {**TOON, "swap": {"r_swap": 32, "child_gives": "high", "width": 0.7}},
        ],
        "seed": 7,
    },
    "one resolution": {"pictures": [{**DOG, "blocks": {"16": 1, "32": 0.5}}], "seed": 11},
    "a morph": {
        "pictures": [{"base": "human", "terms": [{"model": "dog", "amount": 0.4}]}],
        "seed": 6,
        "morph": {"seed": 7, "model": "dog", "t1": 0.6},
    },
    "a flipped relative": {"pictures": ["human_flipped", "bedroom"], "seed": 9},
    "everything": EVERYTHING,
}


def fragment(state: dict) -> str:
    """The address of a state, as the page writes it."""
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode().rstrip("=")


def run(page) -> None:
    """Click on the still picture's button, and wait for live pictures."""
    page.locator(f"{ELEMENT} .live-start").click()
    page.locator(f"{ELEMENT}.live-running").wait_for()
    settle(page)


def settle(page) -> None:
    """Wait until the pictures are those of the newest state."""
    page.evaluate(
        """async element => {
            const live = document.querySelector(element);
            while (!live.strip.isSettled) await new Promise(done => setTimeout(done, 10));
        }""",
        ELEMENT,
    )


def state_of(page) -> dict:
    return page.evaluate(f"document.querySelector('{ELEMENT}').store.state")


def pictures_of(page) -> list[np.ndarray]:
    """Pictures in [-1, 1], channels first."""
    rows = page.evaluate(
        """element => document.querySelector(element).strip.drawn.map(({side, values}) => {
            const bytes = new Uint8Array(values.buffer);
            let text = "";
            for (let i = 0; i < bytes.length; i += 4096)
                text += String.fromCharCode(...bytes.subarray(i, i + 4096));
            return [side, btoa(text)];
        })""",
        ELEMENT,
    )
    return [
        np.frombuffer(base64.b64decode(text), dtype=np.float32).reshape(3, side, side)
        for side, text in rows
    ]


def open_group(page, title: str) -> None:
    page.locator("summary", has_text=title).evaluate("node => { node.parentElement.open = true; }")


@pytest.fixture(scope="module")
def calm(browser, address):  # noqa: F811
    """A playground that runs, for tests that change its state as they like."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address + PLAYGROUND)
    run(page)
    yield page
    context.close()


@pytest.mark.parametrize("state", [*STATES.values()], ids=[*STATES])
def test_the_python_lines_make_the_picture_of_the_page(calm, state):
    calm.evaluate(
        """([element, given]) => {
            const { store } = document.querySelector(element);
            store.update(draft => Object.assign(draft, store.parse(given)));
        }""",
        [ELEMENT, state],
    )
    settle(calm)
    drawn = pictures_of(calm)
    lines = calm.evaluate(f"document.querySelector('{ELEMENT}').python")
    made: dict = {}
    exec(compile(lines, "lines of the page", "exec"), made)
    assert len(drawn) == len(made["images"]) == len(state["pictures"])
    for picture, image in zip(drawn, made["images"], strict=True):
        expected = torch.as_tensor(image)[0].numpy()
        assert expected.std() > 0.05
        assert float(np.abs(picture - expected).max()) < MAX_ERROR


@pytest.mark.parametrize(("size", "theme"), [*itertools.product(SIZES, THEMES)])
def test_people_drag_type_and_tap(visit, size, theme):  # noqa: F811
    page, troubles = visit(PLAYGROUND)
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    before = page.locator(f"{ELEMENT} .live-strip").bounding_box()
    run(page)
    after = page.locator(f"{ELEMENT} .live-strip:visible").bounding_box()
    for side in ("x", "y", "width", "height"):
        assert after[side] == pytest.approx(before[side], abs=2), "the layout jumped"
    first = pictures_of(page)

    yaw = page.get_by_label("Yaw", exact=True)
    yaw.scroll_into_view_if_needed()
    box = yaw.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    settle(page)
    assert state_of(page)["moves"]["yaw_deg"] > 10
    assert re.fullmatch(r"\+\d+°", yaw.get_attribute("aria-valuetext"))
    turned = pictures_of(page)
    assert all(np.abs(a - b).max() > 0.2 for a, b in zip(first, turned, strict=True))

    page.get_by_label("Seed", exact=True).fill("41")
    settle(page)
    assert state_of(page)["seed"] == 41
    button = page.get_by_role("button", name="New person")
    button.scroll_into_view_if_needed()
    button.click()
    settle(page)
    assert np.abs(pictures_of(page)[0] - turned[0]).max() > 0.2

    canvas = page.locator(f"{ELEMENT} canvas").first
    assert "seed" in canvas.get_attribute("aria-label")
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{overflow} px too wide"
    for title in ("Networks", "Reset", "Swap", "Morph", "Save"):
        open_group(page, title)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = f"playground-live-{size}-{theme}.png"
    page.screenshot(path=SCREENSHOTS / name, full_page=True, animations="disabled")
    assert troubles == []


def test_networks_are_chosen_and_changed_picture_by_picture(visit):  # noqa: F811
    page, troubles = visit(PLAYGROUND)
    run(page)
    person, toon, dog = pictures_of(page)
    page.get_by_role("button", name="Picture 2", exact=True).click()
    assert page.get_by_label("Plus the change to").input_value() == "toon"
    amount = page.get_by_label("Amount").first
    amount.focus()
    page.keyboard.press("Home")
    settle(page)
    assert state_of(page)["pictures"][1]["terms"] == [{"model": "toon", "amount": -0.5}]
    changed = pictures_of(page)
    assert np.abs(changed[1] - toon).max() > 0.2
    assert np.array_equal(changed[0], person)
    assert np.array_equal(changed[2], dog)

    page.get_by_role("button", name="Picture 3", exact=True).click()
    open_group(page, "Reset")
    reset = page.get_by_label("Reset feature convolutions")
    reset.focus()
    page.keyboard.press("End")
    open_group(page, "Swap")
    page.get_by_label("Where the change is").select_option("swap")
    settle(page)
    picture = state_of(page)["pictures"][2]
    assert picture["reset"] == {"conv": 1}
    assert picture["swap"]["r_swap"] == 16

    page.get_by_role("button", name="Remove it").click()
    page.get_by_role("button", name="Add a picture").click()
    settle(page)
    assert len(state_of(page)["pictures"]) == 3
    assert page.get_by_role("button", name="Add a picture").is_disabled()
    assert troubles == []


def test_a_morph_is_drawn_played_and_moved_by_keys(visit):  # noqa: F811
    page, troubles = visit(PLAYGROUND)
    run(page)
    open_group(page, "Morph")
    page.get_by_label("Morph to another person").check()
    square = page.get_by_role("slider", name="Morph")
    square.scroll_into_view_if_needed()
    box = square.bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.9 * box["height"], steps=6)
    page.mouse.up()
    settle(page)
    state = state_of(page)
    assert 0.4 < state["morph"]["t1"] < 0.6
    amounts = [term["amount"] for p in state["pictures"] for term in p["terms"]]
    assert all(amount > 0.8 for amount in amounts)
    square.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    moved = state_of(page)
    assert moved["morph"]["t1"] == pytest.approx(state["morph"]["t1"] + 0.02)
    page.get_by_role("button", name="Play the path").click()  # no motion: at once to the end
    played = state_of(page)
    assert played["morph"]["t1"] == pytest.approx(state["morph"]["t1"])
    settle(page)
    assert troubles == []


def test_a_link_shows_what_was_seen(visit):  # noqa: F811
    page, troubles = visit(f"{PLAYGROUND}#{fragment(EVERYTHING)}")
    run(page)
    shown, state = pictures_of(page), state_of(page)
    assert state["mix"] == EVERYTHING["mix"]
    open_group(page, "Style channels")
    assert page.get_by_label(re.compile("Channel 3_7")).input_value() == "4"
    page.get_by_label("Truncation psi").press("ArrowRight")
    page.wait_for_url(lambda url: fragment(EVERYTHING) not in url)
    settle(page)
    changed = page.url
    again, more = visit(changed.split("/", 3)[3])
    run(again)
    assert state_of(again) == state_of(page)
    assert np.abs(pictures_of(again)[0] - shown[0]).max() > 0.01
    assert troubles == more == []


def test_pictures_and_lines_are_saved(visit, tmp_path):  # noqa: F811
    page, troubles = visit(PLAYGROUND)
    run(page)
    open_group(page, "Save")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the picture").click()
    saved.value.save_as(tmp_path / "picture.png")
    from sa_helpers.images import read_image, to_uint8

    picture = read_image(tmp_path / "picture.png")
    first = to_uint8(torch.from_numpy(pictures_of(page)[0].copy())[None])[0]
    assert picture.shape == (128, 3 * 128, 3)
    assert np.array_equal(picture[:, :128], first)
    with page.expect_download() as lines:
        page.get_by_role("button", name="Save the Python lines").click()
    assert "w_plus_from_seeds" in lines.value.path().read_text()
    assert troubles == []


def test_nothing_large_is_loaded_before_a_click(visit):  # noqa: F811
    page, troubles = visit(PLAYGROUND)
    page.locator(f"{ELEMENT} .live-start").wait_for()
    files = page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    loaded = [file for file in files if "/live/" in file]
    assert not any(file.endswith((".safetensors", ".onnx", ".gz", "worker.js")) for file in loaded)
    told = page.locator(f"{ELEMENT} .live-start").inner_text()
    size = float(re.search(r"\(([\d.]+) MB\)", told).group(1))
    run(page)
    entries = page.context.request.get  # the worker's files are not in the page's list
    manifest = entries(page.url.rsplit("/", 2)[0] + "/live/manifest.json").json()
    rows = {row["name"]: row["bytes"] for row in manifest["models"]}
    [graph] = {
        manifest["architectures"][row["architecture"]]["graph"]["bytes"]
        for row in manifest["models"]
        if row["name"] == "human"
    }
    expected = rows["human"] + rows["toon"] + rows["dog"] + graph + manifest["runtime"]["bytes"]
    assert size == pytest.approx(expected / 1e6, abs=0.06)
    assert troubles == []


def test_pages_without_live_models_have_nothing_of_them():
    for page in SITE.glob("*/*.html"):
        text = page.read_text(encoding="utf-8")
        if "<live-" not in text:
            assert "live/live.js" not in text
            assert "live.css" not in text
    assert soup_of(PLAYGROUND).select("script[src$='live/playground.js']")


def test_the_policy_that_the_site_is_served_with_stops_inline_handlers(visit):  # noqa: F811
    page, _ = visit(PLAYGROUND)
    page.evaluate(
        """() => {
            document.body.insertAdjacentHTML("beforeend", "<i id=x onclick='window.bad=1'>x</i>");
            document.getElementById("x").click();
        }"""
    )
    assert page.evaluate("window.bad") is None


def failing(page) -> str:
    """Click, wait for the sentence, and check that the still picture stands there."""
    page.locator(f"{ELEMENT} .live-start").click()
    page.locator(f"{ELEMENT}.live-failed").wait_for()
    assert page.locator(f"{ELEMENT} .live-still img").first.is_visible()
    return page.locator(f"{ELEMENT} .live-status").inner_text()


def opened(visit, routes: dict):  # noqa: F811
    """A playground whose requests are answered by `routes`."""
    page, _ = visit("book/glossary.html")
    for pattern, answer in routes.items():
        page.context.route(pattern, answer)
    page.goto(page.url.replace("glossary", "playground"))
    return page


def cut_short(route) -> None:
    response = route.fetch()
    route.fulfill(body=response.body()[:-1000], content_type="application/octet-stream")


def in_front(code: str):
    """Answer with the file, and code before it."""

    def answer(route) -> None:
        body = route.fetch().text()
        route.fulfill(body=code + body, content_type="text/javascript")

    return answer


NO_MEMORY = """WebAssembly.instantiate = async () => {
    throw new RangeError("WebAssembly.Memory(): could not allocate memory"); };"""
FAULTS = {
    "not found": (
        "**/toon-*",
        lambda r: r.fulfill(status=404),
        "toon-.* could not be loaded .*404",
    ),
    "cut short": ("**/toon-*", cut_short, r"toon-.* arrived with \d+ of its \d+ bytes"),
    "no connection": ("**/*.onnx", lambda r: r.abort(), "could not be loaded .no connection"),
    "no memory": ("**/worker.js", in_front(NO_MEMORY), "need more memory"),
    "no worker": ("**/worker.js", lambda r: r.fulfill(status=404), "could not start"),
}


@pytest.mark.parametrize(("pattern", "answer", "sentence"), [*FAULTS.values()], ids=[*FAULTS])
def test_a_fault_leaves_the_still_picture_and_one_sentence(visit, pattern, answer, sentence):  # noqa: F811
    page = opened(visit, {pattern: answer})
    said = failing(page)
    assert re.search(sentence, said), said
    assert said.count(". ") == 0
    page.context.unroute(pattern)
    if "worker" not in pattern:
        run(page)  # once the fault is mended, “Try again” does it


def test_a_damaged_file_is_named(visit):  # noqa: F811
    def spoil(route) -> None:
        body = bytearray(route.fetch().body())
        body[:8] = b"\xff" * 8
        route.fulfill(body=bytes(body), content_type="application/octet-stream")

    assert "“toon” is damaged" in failing(opened(visit, {"**/toon-*": spoil}))


@pytest.mark.parametrize(
    ("link", "sentence"),
    [("%%%", "The link is damaged"), (fragment({"pictures": ["cow"]}), "no model “cow”")],
)
def test_a_wrong_link_leaves_the_still_picture_and_says_why(visit, link, sentence):  # noqa: F811
    page, _ = visit(f"{PLAYGROUND}#{link}")
    page.locator(f"{ELEMENT}.live-failed").wait_for()
    assert sentence in page.locator(f"{ELEMENT} .live-status").inner_text()
    assert page.locator(f"{ELEMENT} .live-still img").first.is_visible()
    page.evaluate("location.hash = ''")
    page.evaluate(f"location.hash = '{fragment({'pictures': ['toon']})}'")
    run(page)  # a right link mends it
    assert [picture["base"] for picture in state_of(page)["pictures"]] == ["toon"]


def test_without_the_list_or_webassembly_the_page_says_so(visit):  # noqa: F811
    page = opened(visit, {"**/manifest.json": lambda route: route.fulfill(body="{")})
    page.locator(f"{ELEMENT}.live-failed").wait_for()
    assert "list of models is damaged" in page.locator(f"{ELEMENT} .live-status").inner_text()
    page.context.unroute("**/manifest.json")
    page.context.add_init_script("delete window.WebAssembly")
    page.reload()
    page.locator(f"{ELEMENT}.live-failed").wait_for()
    assert "no WebAssembly" in page.locator(f"{ELEMENT} .live-status").inner_text()
    assert page.locator(f"{ELEMENT} .live-still img").first.is_visible()


def test_without_scripts_the_still_picture_stands_there(browser, address):  # noqa: F811
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + PLAYGROUND)
    assert page.locator(f"{ELEMENT} img").count() == 3
    assert all(image.is_visible() for image in page.locator(f"{ELEMENT} img").all())
    assert page.locator(f"{ELEMENT} button").count() == 0
    context.close()
