"""The built pages, as files and in headless Chromium. `make site` builds them first."""

import functools
import http.server
import itertools
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "book" / "_build" / "html"
SCREENSHOTS = ROOT / "book" / "_build" / "screenshots"
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for folder in ("book", "notebooks")
    for path in (SITE / folder).glob("*.html")
)
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_CHROMIUM = (
    "Chromium was not found, so the pages were not opened. Install it (Debian, Ubuntu: "
    "`apt-get install chromium`; macOS: `brew install --cask chromium`), or name an executable in "
    "the environment variable SA_CHROMIUM."
)
# The widgets' own validator says this of its own schema, on every page with widgets.
WIDGETS_REMARK = "use allowUnionTypes to allow union type keyword"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
THEMES = ("light", "dark")
PATIENCE_MS = 120_000  # a busy machine is not a broken page

each_page = pytest.mark.parametrize("page_name", PAGES)


@functools.cache
def soup_of(page_name: str) -> BeautifulSoup:
    """Parse a built page."""
    return BeautifulSoup((SITE / page_name).read_text(encoding="utf-8"), "html.parser")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a word on stderr."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the site from a plain web server on a free port."""
    handler = functools.partial(QuietHandler, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser():
    """Start headless Chromium; without it, skip here and fail in continuous integration."""
    names = [os.environ.get("SA_CHROMIUM"), *CHROMIUM_NAMES]
    executable = next(filter(None, (shutil.which(name) for name in names if name)), None)
    if executable is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_CHROMIUM)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, args=CHROMIUM_ARGUMENTS, headless=True
        )
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """Open a page and give it with all that went wrong: errors, failed and foreign requests."""
    contexts = []

    def open_page(page_name: str):
        context = browser.new_context(color_scheme=THEMES[0], reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        troubles: list[str] = []
        page.on("console", lambda message: note_message(message, troubles))
        page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
        page.on("requestfailed", lambda request: troubles.append(f"failed: {request.url}"))
        page.on("response", lambda response: note_response(response, address, troubles))
        page.goto(address + page_name, wait_until="networkidle")
        # Not wait_for_function, which pages with a strict policy do not let evaluate.
        page.evaluate("window.MathJax && MathJax.startup.promise.then(() => true)")
        return page, troubles

    yield open_page
    for context in contexts:
        context.close()


def note_message(message, troubles: list[str]) -> None:
    """Keep warnings and errors of the console."""
    if message.type in {"error", "warning"} and WIDGETS_REMARK not in message.text:
        troubles.append(f"console {message.type}: {message.text}")


def note_response(response, address: str, troubles: list[str]) -> None:
    """Keep responses that failed or came from elsewhere."""
    if response.status >= 400:
        troubles.append(f"{response.status}: {response.url}")
    if not response.url.startswith((address, "data:", "blob:")):
        troubles.append(f"elsewhere: {response.url}")


def test_site_is_built():
    assert PAGES, "no pages: run `make site` first"


@each_page
def test_page_is_described(page_name):
    soup = soup_of(page_name)
    assert soup.html["lang"] == "en"
    assert soup.title.get_text(strip=True)
    assert len(soup.select("article h1")) == 1
    assert soup.find("main")
    assert soup.find("nav")


@each_page
def test_headings_do_not_skip_levels(page_name):
    levels = [int(tag.name[1]) for tag in soup_of(page_name).main.find_all(re.compile(r"^h[1-6]$"))]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))


@each_page
def test_images_have_alternative_texts(page_name):
    for image in soup_of(page_name).select("article img"):
        text = image.get("alt", "")
        assert len(text) >= 20, image
        assert " " in text, f"a file name is no description: {text}"


@each_page
def test_ids_are_unique(page_name):
    ids = [tag["id"] for tag in soup_of(page_name).find_all(id=True)]
    assert len(ids) == len(set(ids)), {name for name in ids if ids.count(name) > 1}


@each_page
def test_internal_links_resolve(page_name):
    here = f"http://site/{page_name}"
    for anchor in soup_of(page_name).find_all("a", href=True):
        target, fragment = urldefrag(urljoin(here, anchor["href"]))
        if urlsplit(target).netloc != "site":
            continue
        file = unquote(urlsplit(target).path.lstrip("/")) or "index.html"
        assert (SITE / file).is_file(), anchor["href"]
        if fragment and file in PAGES:
            assert soup_of(file).find(id=unquote(fragment)), anchor["href"]


@each_page
def test_nothing_is_loaded_from_elsewhere(page_name):
    soup = soup_of(page_name)
    sources = [tag["src"] for tag in soup.find_all(["script", "img", "iframe"], src=True)]
    sources += [tag["href"] for tag in soup.find_all("link", href=True, rel="stylesheet")]
    foreign = [s for s in sources if "//" in s and not s.startswith("data:image/")]
    assert foreign == []


@each_page
def test_page_opens_cleanly_at_every_size_and_in_both_themes(visit, page_name):
    page, troubles = visit(page_name)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for (size, (width, height)), theme in itertools.product(SIZES.items(), THEMES):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.locator(f"html[data-theme='{theme}']").wait_for(state="attached")
        name = f"{Path(page_name).stem}-{size}-{theme}.png"
        page.screenshot(path=SCREENSHOTS / name, full_page=True, animations="disabled")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{overflow} px too wide ({size})"
    broken = page.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => i.src)")
    assert broken == []
    assert page.locator("mjx-merror").count() == 0
    num_formulas = page.locator("article .math").count()
    assert page.locator("article .math mjx-container").count() == num_formulas
    assert troubles == []


def test_start_page_leads_into_the_book(visit):
    page, troubles = visit("index.html")
    page.wait_for_url("**/book/intro.html")
    assert troubles == []


def test_search_finds_a_term(visit):
    page, troubles = visit("search.html?q=truncation")
    page.wait_for_selector("#search-results ul.search li a")
    assert troubles == []


def test_a_flip_book_turns_its_pages_by_keyboard(visit):
    page, troubles = visit("notebooks/morphing.html")
    slider = page.locator(".flip-book input").first
    frame = page.locator(".flip-book .frame").first
    before = frame.screenshot()
    slider.focus()
    page.keyboard.press("End")
    assert slider.get_attribute("aria-valuetext") == page.locator(".flip-book output").inner_text()
    assert slider.input_value() == slider.get_attribute("max")
    assert frame.screenshot() != before
    assert not page.locator(".flip-book button").first.is_visible()  # motion is not wanted
    assert troubles == []
