"""The built pages, as files and in headless Chromium. `make site` builds them first."""

import functools
import http.server
import itertools
import os
import re
import shutil
import string
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import axe_playwright_python
import nbformat
import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "book" / "_build" / "html"
SCREENSHOTS = ROOT / "book" / "_build" / "screenshots"
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for folder in ("book", "notebooks")
    for path in (SITE / folder).rglob("*.html")
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
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
THEMES = ("light", "dark")
PATIENCE_MS = 120_000  # a busy machine is not a broken page
MAX_FIRST_VIEW_BYTES = 1_000_000
MAX_SITE_BYTES = 40_000_000  # without the live models
MAX_CARD_BYTES = 200_000
LIVE_ELEMENTS = "live-models, live-playground"

each_page = pytest.mark.parametrize("page_name", PAGES)


@functools.cache
def soup_of(page_name: str) -> BeautifulSoup:
    """Parse a built page."""
    return BeautifulSoup((SITE / page_name).read_text(encoding="utf-8"), "html.parser")


@functools.cache
def policies() -> dict[str, str]:
    """Read from the site's `_headers` the content policy of every path."""
    text = (SITE / "_headers").read_text(encoding="utf-8")
    return dict(re.findall(r"^/(\S+)\n  Content-Security-Policy: (.+)$", text, re.MULTILINE))


class StrictHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files as a static host that reads `_headers` does, without a word on stderr."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """Send the content policy."""
        path = urlsplit(self.path).path.lstrip("/")
        name = "live/*" if path.startswith("live/") else path
        if name in policies():
            self.send_header("Content-Security-Policy", policies()[name])
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Show the site's own page for addresses that do not exist."""
        page = (SITE / "404.html").read_text(encoding="utf-8")
        self.error_message_format = page.replace("%", "%%")
        super().send_error(code, message, explain)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the site from a plain web server on a free port."""
    handler = functools.partial(StrictHandler, directory=str(SITE))
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
        return page, troubles

    yield open_page
    for context in contexts:
        context.close()


def wait_until(page, expression: str) -> None:
    """Wait for what `wait_for_function` would wait for, had it not to evaluate text in the page."""
    page.evaluate(
        f"""new Promise((resolve, reject) => {{
            setTimeout(() => reject(new Error("never true")), {PATIENCE_MS});
            const look = () => ({expression}) ? resolve() : setTimeout(look, 50);
            look();
        }})"""
    )


def note_message(message, troubles: list[str]) -> None:
    """Keep warnings and errors of the console."""
    if message.type in {"error", "warning"}:
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
def test_images_wait_for_the_reader_in_a_place_of_their_size(page_name):
    for image in soup_of(page_name).select("article img"):
        assert image.get("loading") == "lazy", image
        assert int(image["width"]) > 0, image
        assert int(image["height"]) > 0, image


@each_page
def test_no_code_stands_in_the_page(page_name):
    soup = soup_of(page_name)
    assert soup.find_all("script", src=False) == []
    assert soup.find_all("style") == []
    handlers = [name for tag in soup.find_all(True) for name in tag.attrs if name.startswith("on")]
    assert handlers == []


@each_page
def test_content_policy_is_strict(page_name):
    rules = dict(rule.split(maxsplit=1) for rule in policies()[page_name].split("; "))
    is_live = soup_of(page_name).select_one(LIVE_ELEMENTS) is not None
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == ("'self' 'wasm-unsafe-eval'" if is_live else "'self'")
    assert rules["style-src"] == "'self'"
    assert rules["img-src"] == "'self' data:"  # the theme's style sheets hold small drawings
    assert not [rule for name, rule in rules.items() if ":" in rule and name != "img-src"]


@each_page
def test_page_says_what_it_is_about(page_name):
    soup = soup_of(page_name)
    description = soup.find("meta", attrs={"name": "description"})["content"]
    assert 50 <= len(description) <= 300, description
    tags = {tag["property"]: tag["content"] for tag in soup.find_all("meta", property=True)}
    assert tags["og:title"]
    assert tags["og:description"]
    has_address = soup.find("link", rel="canonical") is not None
    for name in ("og:url", "og:image"):
        assert tags.get(name, "").startswith("http") if has_address else name not in tags
    assert len(soup.find_all("meta", attrs={"name": "viewport"})) == 1


def test_first_page_introduces_itself_to_messengers():
    index = soup_of("index.html")
    first = soup_of("book/intro.html")
    assert index.title.get_text() == first.title.get_text()
    assert index.find("meta", attrs={"name": "description"})
    descriptions = [
        soup_of(page).find("meta", attrs={"name": "description"})["content"] for page in PAGES
    ]
    assert len(set(descriptions)) == len(descriptions)


def test_card_has_the_size_that_messengers_show():
    card = SITE / "_static" / "card.jpg"
    with Image.open(card) as image:
        assert image.size == (1200, 630)
        assert image.format == "JPEG"
    assert card.stat().st_size <= MAX_CARD_BYTES


def test_site_is_small():
    files = [path for path in SITE.rglob("*") if path.is_file()]
    own = [path for path in files if path.relative_to(SITE).parts[0] != "live"]
    assert sum(path.stat().st_size for path in own) <= MAX_SITE_BYTES


def test_notebooks_are_offered_without_outputs():
    paths = list((SITE / "_sources").rglob("*.ipynb"))
    assert paths
    for path in paths:
        cells = nbformat.read(path, as_version=4).cells
        assert not any(cell.outputs for cell in cells if cell.cell_type == "code"), path.name


def test_fonts_have_every_icon_that_pages_use():
    fonts = (SITE / "_static" / "vendor" / "fontawesome" / "webfonts").glob("*.woff2")
    drawn = {code for font in fonts for code in TTFont(font).getBestCmap()}
    css = (SITE / "_static" / "styles" / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    icons = {
        name
        for page in PAGES
        for tag in soup_of(page).select("[class*=fa-]")
        for name in tag["class"]
        if name.startswith("fa-") and name not in {"fa-solid", "fa-regular", "fa-brands", "fa-lg"}
    }
    assert icons
    for name in icons:
        rule = re.search(rf"\.{name}:before\{{content:\"\\([0-9a-f]+)\"", css)
        assert rule, name
        assert int(rule[1], 16) in drawn, name


@each_page
@pytest.mark.parametrize("size", SIZES)
def test_first_view_is_light(browser, address, page_name, size):
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE_MS)
    page, responses = context.new_page(), []
    page.on("response", lambda response: responses.append(response))
    page.goto(address + page_name, wait_until="networkidle")
    sizes = {answer.url: len(answer.body()) for answer in responses if answer.ok}
    context.close()
    assert sum(sizes.values()) <= MAX_FIRST_VIEW_BYTES, sizes


@each_page
def test_page_opens_cleanly_at_every_size_and_in_both_themes(visit, page_name):
    page, troubles = visit(page_name)
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.evaluate("Promise.allSettled([...document.images].map(image => image.decode()))")
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
    assert page.locator(".katex-error").count() == 0
    formulas = page.locator("article .math")
    assert page.locator("article .math .katex-html").count() >= formulas.count()
    assert troubles == []


def test_start_page_leads_into_the_book(visit):
    page, troubles = visit("index.html")
    page.wait_for_url("**/book/intro.html")
    assert troubles == []


def test_search_finds_a_term(visit):
    page, troubles = visit("search.html?q=truncation")
    page.wait_for_selector("#search-results ul.search li a")
    assert troubles == []


def test_wrong_address_leads_back_into_the_book(visit, address):
    page, troubles = visit("book/no_such_page.html")
    missing = [trouble for trouble in troubles if trouble.startswith("404:")]
    assert missing == [f"404: {address}book/no_such_page.html"]
    assert page.get_by_role("heading", name="Page not found").is_visible()
    page.locator(".bd-sidebar-primary a").first.click()
    page.wait_for_url("**/book/*.html")
    assert [trouble for trouble in troubles if "404" not in trouble] == []


def test_equations_are_numbered_and_referred_to():
    soup = soup_of("book/notation.html")
    assert soup.select_one(".eqno").get_text().startswith("(")
    links = [tag for page in PAGES for tag in soup_of(page).select("a[href*='#equation-']")]
    assert any(re.fullmatch(r"\(?\d+\)?", tag.get_text(strip=True)) for tag in links)


def test_strip_of_the_first_page_moves_only_if_motion_is_wanted(browser, address):
    for motion, count in (("no-preference", 1), ("reduce", 0)):
        context = browser.new_context(reduced_motion=motion)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(address + "book/intro.html", wait_until="networkidle")
        assert page.locator("video.turning").count() == count
        assert page.locator("img.turning").count() == 1 - count
        context.close()


def test_moving_strip_can_be_paused(browser, address):
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address + "book/intro.html", wait_until="networkidle")
    wait_until(page, "!document.querySelector('video.turning').paused")
    page.get_by_role("button", name="Pause").click()
    wait_until(page, "document.querySelector('video.turning').paused")
    context.close()


NUMBERED = [page for page in PAGES if soup_of(page).select_one("h1 .section-number")]


def chapter_number(page_name: str) -> str:
    """Read the number or the letter in a page's title, without that of a page below it."""
    return soup_of(page_name).select_one("h1 .section-number").get_text().strip(" .").split(".")[0]


def test_chapters_count_and_appendices_have_letters():
    links = soup_of("book/intro.html").select(".bd-sidebar-primary .toctree-l1 > a")
    found = [re.match(r"(\d+|[A-Z])\. ", link.get_text().strip()) for link in links]
    numbers = [match[1] for match in found if match]
    count = sum(number.isdigit() for number in numbers)
    assert numbers[:count] == [str(i) for i in range(1, count + 1)]
    assert numbers[count:] == list(string.ascii_uppercase[: len(numbers) - count])
    assert count >= 12
    assert len(numbers) - count >= 5


@pytest.mark.parametrize("page_name", NUMBERED)
def test_figures_exercises_and_equations_are_numbered_by_chapter(page_name):
    soup = soup_of(page_name)
    number = chapter_number(page_name)
    for kind in ("figure > figcaption .caption-number", "div.exercise .caption-number", ".eqno"):
        texts = [tag.get_text() for tag in soup.select(f"article {kind}")]
        found = [re.search(r"([A-Z]|\d+)\.(\d+)", text) for text in texts]
        assert [match and match[1] for match in found] == [number] * len(found)
        assert [int(match[2]) for match in found] == list(range(1, len(found) + 1))


def test_every_reference_leads_to_its_paper_and_is_labelled_as_it_is_cited():
    entries = soup_of("book/references.html").select("div.citation")
    labels = {entry["id"]: entry.select_one(".label").get_text().strip("[]") for entry in entries}
    assert len(labels) > 40
    assert len(set(labels.values())) == len(labels)
    for entry in entries:
        assert entry.select("p a[href^='http']"), labels[entry["id"]]
    for page in PAGES:
        for link in soup_of(page).select(".bibtex-citation a.reference"):
            name, year = labels[link["href"].partition("#")[2]].rsplit(", ", 1)
            text = link.get_text()
            assert text in (year, f"{name}, {year}", f"{name} [{year}]"), text


@each_page
def test_terms_and_citations_have_notes(page_name):
    soup = soup_of(page_name)
    links = soup.select("article a.reference:has(.std-term), .bibtex-citation a.reference.internal")
    for link in links:
        note = soup.find(id=link.get("aria-describedby"))
        assert note is not None, link
        assert len(note.get_text().split()) >= 3
        assert note.find_parent(class_="page-notes").has_attr("hidden")


@each_page
def test_pictures_lead_to_their_files(page_name):
    for link in soup_of(page_name).select("article a.enlarge"):
        assert (SITE / page_name).parent.joinpath(unquote(link["href"])).is_file()
        assert link.find("img")


def test_code_that_imports_is_folded():
    for page in PAGES:
        first = soup_of(page).select_one("div.cell div.cell_input")
        if page.startswith("notebooks/"):
            assert first.find_parent("details"), page


def test_intervals_are_marked_where_they_stand():
    cells = [cell for page in PAGES for cell in soup_of(page).select("article td")]
    whole = r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\]"
    intervals = [cell for cell in cells if re.fullmatch(whole, cell.get_text().strip())]
    assert len(intervals) > 20
    assert all(cell.get("class") == ["interval"] for cell in intervals), intervals


@pytest.fixture
def phone(browser, address):
    """Open a page on a phone, with fingers."""
    width, height = SIZES["phone"]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        has_touch=True,
        is_mobile=True,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)

    def open_page(page_name: str):
        page = context.new_page()
        page.goto(address + page_name, wait_until="networkidle")
        return page

    yield open_page
    context.close()


def test_notes_are_shown_for_pointer_and_keyboard(visit):
    page, troubles = visit("book/notation.html")
    link = page.locator("article a[aria-describedby]:has(.std-term)").first
    note = page.locator(".note-shown")
    assert not note.is_visible()
    link.hover()
    assert len(note.inner_text().split()) > 3
    page.keyboard.press("Escape")
    assert not note.is_visible()
    page.mouse.move(0, 0)
    link.focus()
    assert note.is_visible()
    page.keyboard.press("Tab")
    page.locator("article h1").click()
    note.wait_for(state="hidden")
    assert troubles == []


def test_first_tap_shows_a_note_and_the_second_follows_the_link(phone):
    page = phone("book/notation.html")
    link = page.locator("article a[aria-describedby]:has(.std-term)").first
    link.tap()
    page.locator(".note-shown").wait_for()
    box = page.locator(".note-shown").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= SIZES["phone"][0]
    link.tap()
    page.wait_for_url("**/glossary.html*")


def test_pictures_enlarge_by_keyboard_and_close(visit):
    page, troubles = visit("notebooks/component_reset.html")
    link = page.locator("article figure a.enlarge").first
    link.focus()
    page.keyboard.press("Enter")
    picture = page.locator("dialog.enlarged img")
    picture.wait_for()
    wait_until(page, "document.querySelector('dialog.enlarged img').style.width")
    assert picture.bounding_box()["width"] > link.locator("img").bounding_box()["width"]
    assert picture.get_attribute("alt") == link.locator("img").get_attribute("alt")
    page.keyboard.press("Escape")
    assert not page.locator("dialog.enlarged").is_visible()
    link.click()
    page.get_by_role("button", name="Close").click()
    assert not page.locator("dialog.enlarged").is_visible()
    assert troubles == []


def test_pictures_are_twice_as_large_on_a_phone_after_a_tap(phone):
    page = phone("notebooks/component_reset.html")
    link = page.locator("article figure a.enlarge").first
    link.tap()
    wait_until(page, "document.querySelector('dialog.enlarged img').style.width")
    shown = page.locator("dialog.enlarged img").bounding_box()["width"]
    assert shown >= 2 * link.locator("img").bounding_box()["width"]


def test_wide_formulas_are_reached_by_keyboard(phone):
    page = phone("book/notation.html")
    wait_until(page, "document.querySelector('div.math.scrolls')")
    lost = page.evaluate(
        "[...document.querySelectorAll('article div.math')].filter("
        "m => m.scrollWidth > m.clientWidth + 1 && m.tabIndex !== 0).length"
    )
    assert lost == 0


def test_titles_are_larger_than_headings_on_a_phone(phone):
    page = phone("book/notation.html")
    sizes = page.evaluate(
        "['h1', 'h2', 'h3'].map(name => parseFloat(getComputedStyle("
        "document.querySelector('article ' + name)).fontSize))"
    )
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


def results_of(visit, query: str):
    """Search, and give what is found: address and excerpt."""
    page, troubles = visit(f"search.html?q={query}")
    wait_until(page, "document.querySelectorAll('#search-results ul.search li p.context').length")
    page.wait_for_timeout(1000)  # excerpts arrive one after the other
    found = page.locator("#search-results ul.search li")
    rows = found.evaluate_all(
        "rows => rows.map(row => [row.querySelector('a').getAttribute('href'), "
        "row.querySelector('p.context')?.textContent ?? ''])"
    )
    assert troubles == []
    return rows


def test_search_puts_sections_first_and_shows_no_tex(visit):
    rows = results_of(visit, "truncation")
    assert any("notation.html" in href for href, _ in rows[:6]), rows[:6]
    excerpts = [excerpt for _, excerpt in rows if excerpt]
    assert excerpts
    assert not [excerpt for excerpt in excerpts if re.search(r"\\[a-z]+", excerpt)]


def test_search_puts_functions_first(visit):
    href = results_of(visit, "swap_layers")[0][0]
    assert "reference/" in href
    assert "swap_layers" in href


def test_paper_has_wrapped_code_and_solutions_at_the_end(visit):
    page, troubles = visit("notebooks/component_reset.html")
    page.set_viewport_size({"width": 700, "height": 1000})
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    cut = page.evaluate(
        "[...document.querySelectorAll('article pre')].filter("
        "p => p.clientWidth && p.scrollWidth > p.clientWidth + 2).map(p => p.textContent)"
    )
    assert cut == []
    order = page.evaluate(
        "[...document.querySelectorAll('article h2, article div.solution')].map("
        "tag => tag.matches('h2') ? tag.textContent : '')"
    )
    assert "Solutions" in order
    assert set(order[order.index("Solutions") + 1 :]) == {""}
    assert "" not in order[: order.index("Solutions")]
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator(".solutions-on-paper").count() == 0
    assert troubles == []


@pytest.mark.slow
@each_page
@pytest.mark.parametrize("theme", THEMES)
def test_page_is_accessible(browser, address, page_name, theme):
    context = browser.new_context(color_scheme=theme, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address + page_name, wait_until="networkidle")
    page.locator(f"html[data-theme='{theme}']").wait_for(state="attached")
    is_reached = "p => p.scrollWidth <= p.clientWidth || p.tabIndex >= 0"  # once scripts have run
    wait_until(page, f"[...document.querySelectorAll('article pre')].every({is_reached})")
    page.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa'], resultTypes: ['violations']})"
    )
    context.close()
    broken = {v["id"]: [node["html"][:200] for node in v["nodes"]] for v in found["violations"]}
    assert broken == {}
