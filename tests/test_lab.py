"""What a reader sees in JupyterLab, in a real browser: boxes, mathematics, folded solutions."""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from test_pages import PATIENCE_MS, SCREENSHOTS, browser  # noqa: F401 (fixture)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from course import building, editions  # noqa: E402

NAMES = ("aligned_models", "resolutions")
PATIENCE_SEC = PATIENCE_MS / 1000
RAW = re.compile(r"`{3}\{|:class:|:label:|\{(?:cite|doc|term|numref|eq)[\w:]*\}")


@pytest.fixture(scope="module")
def lab_address(tmp_path_factory):
    """A JupyterLab that serves two chapters, without settings or extensions of this user."""
    folder = tmp_path_factory.mktemp("lab")
    building.write_edition(building.chapters(NAMES), editions.lab, folder / "lab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    options = [f"--ServerApp.port={port}", f"--IdentityProvider.token={token}", "--no-browser"]
    options += ["--ServerApp.port_retries=0", "--allow-root", "--LabApp.news_url=None"]
    home = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-m", "jupyterlab", *options, str(folder / "lab")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **home})
    try:
        _wait_for(f"http://127.0.0.1:{port}/api", server, folder / "log")
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}.ipynb?token={token}&reset"
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(int(PATIENCE_SEC)):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    pytest.fail(f"JupyterLab does not answer: {log.read_text()}")


@pytest.fixture(params=NAMES)
def opened(request, browser, lab_address):  # noqa: F811
    """A chapter in JupyterLab, once all its cells are drawn."""
    page = browser.new_page(viewport={"width": 1400, "height": 12000})
    page.goto(lab_address(request.param), timeout=PATIENCE_MS)
    notebook = page.locator(".jp-Notebook")
    notebook.locator(".jp-MarkdownOutput h1").first.wait_for(timeout=PATIENCE_MS)
    notebook.get_by_text("Further reading").first.wait_for(timeout=PATIENCE_MS, state="attached")
    page.wait_for_timeout(1000)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"lab_{request.param}.png")
    yield request.param, page, notebook
    page.close()


def test_boxes_have_titles_and_nothing_is_raw(opened):
    name, _, notebook = opened
    titles = notebook.locator("aside.myst-admonition .myst-admonition-header-text")
    shown = [text.strip() for text in titles.all_text_contents()]
    [chapter] = building.chapters([name])
    expected = [
        line.split("} ", 1)[1]
        for cell in editions.lab(chapter).cells
        for line in cell.source.splitlines()
        if line.startswith("```{admonition} ")
    ]
    assert shown == expected
    text = " ".join(notebook.locator(".jp-MarkdownOutput").all_inner_texts())
    assert not RAW.search(text), RAW.search(text)


def test_mathematics_is_set(opened):
    _, _, notebook = opened
    assert notebook.locator(".jp-MarkdownOutput .katex, .jp-MarkdownOutput mjx-container").count()


def test_solutions_are_folded_and_unfold(opened):
    name, page, notebook = opened
    [chapter] = building.chapters([name])
    hidden = [
        cell.source.splitlines()[0]
        for exercise in chapter.exercises
        for cell in exercise.solution
        if cell.cell_type == "code"
    ]
    visible = notebook.locator(".jp-CodeCell:visible .cm-content").all_inner_texts()
    assert visible
    assert not [line for line in hidden if any(text.startswith(line) for text in visible)]
    headings = notebook.locator(".jp-MarkdownCell:has(h4)")
    assert headings.count() == len(chapter.exercises)
    headings.first.locator(".jp-collapseHeadingButton").click(timeout=PATIENCE_MS)
    page.wait_for_timeout(500)
    visible = notebook.locator(".jp-CodeCell:visible .cm-content").all_inner_texts()
    assert any(text.startswith(hidden[0]) for text in visible)
