"""What readers see in JupyterLab, in a real browser: boxes, mathematics, folded solutions."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from test_pages import PATIENCE_MS, SCREENSHOTS, browser  # noqa: F401 (fixture)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from course import building, editions  # noqa: E402

CHAPTERS = building.chapters(["aligned_models", "resolutions"])
ASKS_ABOUT_NEWS = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
RAW = re.compile(r"[`:]{3}\{|:class:|:label:|\$|\{(?:cite|doc|term|numref|eq)[\w:]*\}")
each_chapter = pytest.mark.parametrize("opened", CHAPTERS, ids=lambda c: c.name, indirect=True)

# One worker runs them all, so that one JupyterLab is enough.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("jupyterlab")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab with two chapters in two editions, and no settings of this user."""
    folder = tmp_path_factory.mktemp("jupyterlab")
    for edition in (editions.lab, editions.student):
        building.write_edition(CHAPTERS, edition, folder / "kit" / edition.__name__)
    kinds = ("CONFIG", "DATA", "RUNTIME")
    own = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in kinds}
    own["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    news = folder / "settings" / ASKS_ABOUT_NEWS
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    options = [f"--ServerApp.port={port}", f"--IdentityProvider.token={token}", "--no-browser"]
    options += ["--ServerApp.port_retries=0", "--allow-root", str(folder / "kit")]
    command = [sys.executable, "-m", "jupyterlab", *options]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **own})
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server, folder / "log")
        yield f"http://127.0.0.1:{port}/lab/tree/{{path}}?token={token}&reset"
    finally:
        server.terminate()
        server.wait(PATIENCE_MS / 1000)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Return once the server answers."""
    end = time.monotonic() + 3 * PATIENCE_MS / 1000
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"JupyterLab does not answer: {log.read_text()}")


@pytest.fixture(scope="module")
def window(browser):  # noqa: F811
    """A window so tall that JupyterLab draws all cells of a notebook."""
    context = browser.new_context(viewport={"width": 1400, "height": 14000})
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def open_notebook(window, address: str, path: str):
    """Open a notebook and wait for its last words."""
    window.goto(address.format(path=path))
    notebook = window.locator(".jp-Notebook")
    notebook.locator(".jp-MarkdownCell p", has_text="Further reading").last.wait_for()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = path.removesuffix(".ipynb").replace("/", "_")
    window.screenshot(path=SCREENSHOTS / f"jupyterlab_{name}.png")
    return notebook


@pytest.fixture(scope="class")
def opened(request, window, lab):
    """A chapter and its running edition, as JupyterLab shows it."""
    return request.param, open_notebook(window, lab, f"lab/{request.param.name}.ipynb")


def markdown_of(chapter) -> str:
    """Markdown of a chapter's running edition."""
    cells = editions.lab(chapter).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def shown_code(notebook) -> list[str]:
    """Code cells that can be seen, as they are drawn: without empty lines."""
    cells = notebook.locator(".jp-CodeCell:visible .cm-content").all_inner_texts()
    return [re.sub(r"\n+", "\n", cell.strip()) for cell in cells]


def code_of_solution(exercise) -> list[str]:
    """Code cells of an exercise's solution, in the form of `shown_code`."""
    cells = [cell.source for cell in exercise.solution if cell.cell_type == "code"]
    return [re.sub(r"\n+", "\n", source.strip()) for source in cells]


@each_chapter
class TestChapterInJupyterLab:
    def test_boxes_have_their_titles(self, opened):
        chapter, notebook = opened
        expected = re.findall(
            r"^```\{(?:admonition|dropdown)\} (.+)$", markdown_of(chapter), re.MULTILINE
        )
        headers = ".myst-admonition-header-text, .myst-dropdown-header-title"
        titles = [text.strip() for text in notebook.locator(headers).all_inner_texts()]
        assert titles == expected
        assert {"This chapter", "Predict", "Claim", "Hint"} <= set(titles)

    def test_nothing_is_raw(self, opened):
        _, notebook = opened
        text = notebook.locator(".jp-RenderedMarkdown").all_inner_texts()
        assert not RAW.findall("\n".join(text))

    def test_mathematics_is_set(self, opened):
        chapter, notebook = opened
        formulas = re.findall(r"\$[^$]+\$", markdown_of(chapter))
        assert notebook.locator(".jp-MarkdownCell .katex").count() == len(formulas) > 0
        assert not notebook.locator(".katex-error").count()

    def test_pictures_are_there(self, opened):
        chapter, notebook = opened
        pictures = notebook.locator(".jp-MarkdownCell img")
        assert pictures.count() == markdown_of(chapter).count("](pictures/") > 0
        assert pictures.evaluate_all("all => all.every((img) => img.naturalWidth > 0)")

    def test_no_output_tells_what_a_reader_is_to_predict(self, opened):
        _, notebook = opened
        assert not notebook.locator(".jp-OutputArea-output").count()

    def test_hints_and_solutions_are_folded_and_unfold(self, opened):
        chapter, notebook = opened
        exercise = chapter.exercises[0]
        folded = [source for e in chapter.exercises for source in code_of_solution(e)]
        assert len(folded) >= len(chapter.exercises)
        assert not set(folded) & set(shown_code(notebook))
        heading = notebook.locator(".jp-MarkdownCell", has_text="Unfold it once you have tried")
        heading.first.locator(".jp-showHiddenCellsButton").click()
        last = notebook.locator(".jp-CodeCell", has_text=folded[0].splitlines()[0])
        last.last.locator(".cm-content").wait_for()
        assert set(code_of_solution(exercise)) <= set(shown_code(notebook))
        hint = notebook.locator("details", has_text="Hint").first
        assert not hint.locator("p").first.is_visible()
        hint.locator("summary").click()
        hint.locator("p").first.wait_for()


def test_hints_of_the_student_edition_say_that_they_unfold(window, lab):
    notebook = open_notebook(window, lab, f"student/{CHAPTERS[-1].name}.ipynb")
    hint = notebook.locator("details").first
    assert hint.locator("summary").inner_text() == "Hint (unfold)"
    assert not hint.locator("p").is_visible()
    hint.locator("summary").click()
    hint.locator("p").wait_for()
    assert not RAW.findall("\n".join(notebook.locator(".jp-RenderedMarkdown").all_inner_texts()))
