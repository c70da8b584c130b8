"""Sphinx extension: the finished pages, made comfortable, light and fit for a strict policy.

Runs over the written HTML, since much of it comes from templates of the theme:

- terms, citations and equations get notes (`page_notes`), code that is not the lesson is folded
  (`folded_code`), pictures lead to themselves, which `book.js` shows large, cells of tables say
  what they hold, and formulas lose the TeX that only a search would show;
- images get their size, so that nothing jumps, and load when the reader comes near; those, and
  videos, that are written into the page become files;
- scripts and styles within a page move into files, and handlers of buttons into `book.js`, so that
  a web server may forbid inline code; `_headers`, which several static hosts read, says so;
- what a page does not need is left out: the theme's script of 2,000 icons (a font draws the few
  that are used, see `light_files`), the search index anywhere but on the search page, what remains
  of thebe, repeated viewports.
"""

import base64
import hashlib
import mimetypes
import re
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from folded_code import fold_asides
from page_notes import add_notes
from PIL import Image
from sphinx.application import Sphinx

SCRIPTS_OF_SEARCH = ("searchindex.js", "searchtools.js", "language_data.js")
UNUSED_INLINE_CODE = ("thebe", "kernelName", "DOCUMENTATION_OPTIONS.pagename")
BUTTON_ACTIONS = {"window.print()": "print", "toggleFullScreen()": "full-screen"}
LIVE_ELEMENTS = ("live-models", "live-playground")
ENLARGED_ELSEWHERE = [*LIVE_ELEMENTS, "button"]
_NUMBER = r"[-+−]?[\d.,]+\s*[%°]?"
INTERVAL = re.compile(rf"{_NUMBER}\s*\[{_NUMBER},\s*{_NUMBER}\]")
ZERO = re.compile(r"0(?:\.0+)?\s*%?")
EXTRACTED = "_static/extracted"
POLICY = (
    "default-src 'none'; script-src 'self'{wasm}; "
    "style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "media-src 'self'; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
WEB_ASSEMBLY = " 'wasm-unsafe-eval'"  # what runs the live models


def size_of_image(path: Path) -> tuple[int, int] | None:
    """Read width and height in px; None where a file does not say."""
    if path.suffix == ".svg":
        found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', path.read_text(encoding="utf-8"))
        return (round(float(found[1])), round(float(found[2]))) if found else None
    with Image.open(path) as image:
        return image.size


def write_extracted(content: bytes, suffix: str, site: Path) -> str:
    """Write a file that is named after its content; return its path in the site."""
    name = f"{EXTRACTED}/{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
    (site / name).write_bytes(content)
    return name


def extract_media(soup: BeautifulSoup, root: str, site: Path) -> None:
    """Move pictures and videos out of the page."""
    for tag in soup.select("article [src^='data:']"):
        head, _, content = str(tag["src"]).partition(",")
        if head.endswith(";base64"):
            kind = head.removeprefix("data:").removesuffix(";base64")
            suffix = mimetypes.guess_extension(kind) or ""
            tag["src"] = root + write_extracted(base64.b64decode(content), suffix, site)


def lighten_images(soup: BeautifulSoup, page: Path) -> None:
    """Let images of the text load when they come near, in a place that is kept for them."""
    for image in soup.select("article img"):
        image["loading"], image["decoding"] = "lazy", "async"
        file = page.parent / str(image["src"])
        size = size_of_image(file) if file.is_file() else None
        if size and not image.has_attr("width"):
            image["width"], image["height"] = map(str, size)


def link_pictures(soup: BeautifulSoup) -> None:
    """Let each picture of the text lead to its file, which `book.js` shows large instead."""
    for image in soup.select("article img"):
        if image.find_parent(ENLARGED_ELSEWHERE):
            continue
        link = image.find_parent("a")
        if link is None:
            link = image.wrap(soup.new_tag("a", href=image["src"]))
        if urlsplit(str(link["href"])).path == image["src"]:
            link["class"] = "enlarge"


def mark_cells(soup: BeautifulSoup) -> None:
    """Tell intervals, which should not break, and the zeros of tables that are mostly zeros."""
    for table in soup.select("article table"):
        cells = table.select("td")
        for cell in cells:
            if INTERVAL.fullmatch(cell.get_text().strip()):
                cell["class"] = "interval"
        zeros = [cell for cell in cells if ZERO.fullmatch(cell.get_text().strip())]
        if len(zeros) > len(cells) / 2:
            for cell in zeros:
                cell["class"] = "zero"


def name_toggles(soup: BeautifulSoup) -> None:
    """Name what opens a branch of the contents, for those who hear the page."""
    for summary in soup.select("summary:has(> .toctree-toggle)"):
        summary["aria-label"] = "Show the pages below"


def mend_roles(soup: BeautifulSoup) -> None:
    """Give signatures over several lines, and lists of references, roles that screen readers know.

    Sphinx writes the parameters as a list of definitions without terms, and docutils the references
    in a role that was withdrawn.
    """
    for parameters in soup.select("dt.sig dl"):
        parameters.name, parameters["class"] = "span", "sig-parameters"
        for line in parameters.find_all("dd", recursive=False):
            line.name = "span"
    for reference in soup.select("[role='doc-biblioentry']"):
        reference["role"] = "listitem"


def drop_unneeded(soup: BeautifulSoup, page: Path) -> None:
    """Leave out scripts that the page does not use, and repeated viewports."""
    for script in soup.find_all("script"):
        source = str(script.get("src", ""))
        of_search = any(name in source for name in SCRIPTS_OF_SEARCH)
        unused = any(word in str(script) for word in UNUSED_INLINE_CODE)
        if unused or "fontawesome.js" in source or (of_search and page.stem != "search"):
            script.decompose()
    for viewport in soup.find_all("meta", attrs={"name": "viewport"})[1:]:
        viewport.decompose()
    for annotation in soup.select(".katex-mathml annotation"):
        annotation.decompose()
    if not soup.select_one(".katex"):
        for sheet in soup.find_all("link", href=re.compile(r"katex")):
            sheet.decompose()


def extract_text(tag: Tag, suffix: str, site: Path) -> str:
    """Move what a tag holds into a file; return its path in the site."""
    text = tag.get_text().strip() + "\n"
    tag.clear()
    return write_extracted(text.encode(), suffix, site)


def extract_inline_code(soup: BeautifulSoup, root: str, site: Path) -> None:
    """Move scripts, styles and handlers out of the page."""
    for script in soup.find_all("script", src=False):
        script["src"] = root + extract_text(script, ".js", site)
    for style in soup.find_all("style"):
        link = soup.new_tag("link", rel="stylesheet", href=root + extract_text(style, ".css", site))
        style.replace_with(link)
    for button in soup.find_all(onclick=True):
        button["data-action"] = BUTTON_ACTIONS.get(str(button.attrs.pop("onclick")), "none")


def lighten_page(page: Path, site: Path, root_of_404: str) -> bool:
    """Rewrite one page, and tell whether it has live models."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    root = root_of_404 if page.stem == "404" else str(soup.html["data-content_root"])
    name_toggles(soup)
    mend_roles(soup)
    drop_unneeded(soup, page)
    add_notes(soup, page)
    fold_asides(soup)
    mark_cells(soup)
    extract_media(soup, root, site)
    link_pictures(soup)
    lighten_images(soup, page)
    extract_inline_code(soup, root, site)
    page.write_text(str(soup), encoding="utf-8")
    return soup.select_one(", ".join(LIVE_ELEMENTS)) is not None


def write_headers(pages: dict[str, bool], site: Path) -> None:
    """Write the content policy of every page, and of the live models' worker."""
    lines = []
    for path, is_live in {**pages, "live/*": True}.items():
        policy = POLICY.format(wasm=WEB_ASSEMBLY if is_live else "")
        lines += [f"/{path}", f"  Content-Security-Policy: {policy}"]
    (site / "_headers").write_text("\n".join(lines) + "\n", encoding="utf-8")


def lighten_pages(app: Sphinx, error: Exception | None) -> None:
    """Rewrite every page of a site that was built."""
    if error or app.builder.format != "html":
        return
    site = Path(app.outdir)
    (site / EXTRACTED).mkdir(exist_ok=True)
    found = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages = {
        path.relative_to(site).as_posix(): lighten_page(path, site, app.config.notfound_urls_prefix)
        for path in found
        if path != site / "index.html"
    }
    write_headers(pages, site)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register after all that write files."""
    app.connect("build-finished", lighten_pages, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
