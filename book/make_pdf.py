"""Print the built site as one PDF: cover, contents, all chapters, and all solutions at the end.

    python book/make_pdf.py    # from book/_build/html to book/_build/aligned_stylegan2.pdf

The articles of all pages are put into one page in the order of the table of contents, links between
them become links within it, and Chromium prints it twice: the first print tells on which sheet each
chapter begins, the second has these numbers in its contents.
"""

import argparse
import os
import posixpath
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader

BOOK = Path(__file__).resolve().parent
SITE = BOOK / "_build" / "html"
OUTPUT = BOOK / "_build" / "aligned_stylegan2.pdf"
MERGED = "print.html"  # beside the site's index, so that its folders are found
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 600_000
SCREEN_ONLY = (
    ".headerlink, .copybtn, .toggle-button, .prev-next-area, .live-controls, .live-status, script, "
    "details.above-input, live-models:not(:has(img)), #searchbox"
)
FOOTER = (
    '<div style="width:100%;font-size:8px;text-align:center;color:#555">'
    '<span class="pageNumber"></span></div>'
)
SHEET = {
    "format": "A4",
    "print_background": True,
    "display_header_footer": True,
    "header_template": "<span></span>",
    "footer_template": FOOTER,
    "margin": {"top": "18mm", "bottom": "18mm", "left": "18mm", "right": "18mm"},
    "outline": True,
    "tagged": True,
}


def pages_of_contents(toc: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Give the part (empty for the first page) and the path of every page, in order."""
    yield "", str(toc["root"])
    for part in toc["parts"]:  # type: ignore[attr-defined]
        for chapter in part["chapters"]:
            for page in (chapter, *chapter.get("sections", [])):
                yield part["caption"], page["file"]


def name_of(page: str) -> str:
    """Make the id of a page's section in the merged page."""
    return "page-" + page.replace("/", "-")


def new_id(page: str, old: str) -> str:
    """Make an id that is unique among all pages."""
    return f"{name_of(page)}--{old}"


def target_of(page: str, href: str, pages: Sequence[str]) -> str:
    """Rewrite a link of a page for the merged page; what lies elsewhere stays as it is."""
    if urlsplit(href).scheme:
        return href
    address, anchor = urldefrag(href)
    file = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(address)))
    other = page if not address else file.removesuffix(".html")
    if other in pages:
        return "#" + (new_id(other, unquote(anchor)) if anchor else name_of(other))
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), address))


def prepare_article(page: str, pages: Sequence[str], site: Path) -> Tag:
    """Take the article of a page, with ids and links as the merged page needs them."""
    soup = BeautifulSoup((site / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    for tag in article.select(SCREEN_ONLY):
        tag.decompose()
    for tag in article.find_all(True):
        if tag.has_attr("id"):
            tag["id"] = new_id(page, str(tag["id"]))
        tag.attrs.pop("aria-describedby", None)
        if tag.name == "a" and tag.has_attr("href"):
            tag["href"] = target_of(page, str(tag["href"]), pages)
        if tag.has_attr("src"):
            tag["src"] = posixpath.normpath(
                posixpath.join(posixpath.dirname(page), str(tag["src"]))
            )
            tag.attrs.pop("loading", None)
        if tag.name == "details":
            tag["open"] = ""
    article.name, article.attrs = "section", {"id": name_of(page), "class": "chapter-on-paper"}
    return article


def take_solutions(article: Tag) -> list[Tag]:
    """Take the solutions out of a chapter."""
    return [solution.extract() for solution in article.select("div.solution")]


def heading(soup: BeautifulSoup, name: str, words: str, **attributes: str) -> Tag:
    """Make a heading."""
    tag = soup.new_tag(name, attrs=attributes)
    tag.string = words
    return tag


def write_contents(
    soup: BeautifulSoup, chapters: Sequence[tuple[str, str, str]], numbers: Mapping[str, int]
) -> Tag:
    """Write the table of contents: part, id and title of each chapter, with the sheet's number."""
    contents = soup.new_tag("nav", attrs={"class": "contents-on-paper"})
    contents.append(heading(soup, "h1", "Contents"))
    part = ""
    for caption, target, title in chapters:
        if caption != part:
            contents.append(heading(soup, "p", caption, **{"class": "part"}))
            part = caption
        line = soup.new_tag("p")
        link = heading(soup, "a", title, href=f"#{target}")
        line.extend([link, heading(soup, "span", str(numbers.get(without_spaces(title), "")))])
        contents.append(line)
    return contents


def without_spaces(title: str) -> str:
    """Write a title without spaces: Chromium's outline loses those where a heading breaks."""
    return re.sub(r"\s+", "", title)


def title_of(article: Tag) -> str:
    """Read a chapter's title with its number."""
    return re.sub(r"\s+", " ", article.h1.get_text()).strip()


def merge(pages: Sequence[tuple[str, str]], site: Path, numbers: Mapping[str, int]) -> str:
    """Make one page of the whole book."""
    paths = [path for _, path in pages]
    first = (site / f"{paths[0]}.html").read_text(encoding="utf-8")
    head = BeautifulSoup(first, "html.parser").head
    for tag in head.select("script, meta[property], link[rel=canonical], link[rel=preload]"):
        tag.decompose()
    for link in head.find_all("link", href=True):
        link["href"] = posixpath.normpath(posixpath.join("book", str(link["href"])))
    soup = BeautifulSoup('<html lang="en" data-theme="light"><body></body></html>', "html.parser")
    soup.body.insert_before(head)
    main = soup.new_tag("main", attrs={"class": "bd-article on-paper"})
    soup.body.append(main)
    articles = [prepare_article(path, paths, site) for path in paths]
    chapters = [
        (part, name_of(path), title_of(article))
        for (part, path), article in zip(pages, articles, strict=True)
    ]
    end = soup.new_tag("section", attrs={"id": "solutions", "class": "chapter-on-paper"})
    end.append(heading(soup, "h1", "Solutions"))
    for article, (_, _, title) in zip(articles, chapters, strict=True):
        solutions = take_solutions(article)
        if solutions:
            end.append(heading(soup, "h2", title))
            end.extend(solutions)
    main.extend([articles[0], write_contents(
        soup, [*chapters[1:], ("Solutions", "solutions", "Solutions")], numbers
    ), *articles[1:], end])  # fmt: skip
    return "<!DOCTYPE html>\n" + str(soup)


def sheets_of_titles(reader: PdfReader) -> dict[str, int]:
    """Read from a PDF's outline on which sheet each chapter begins, counted from 1."""
    return {
        without_spaces(str(entry.title)): reader.get_destination_page_number(entry) + 1
        for entry in reader.outline
        if not isinstance(entry, list)
    }


def find_chromium() -> str:
    """Find the browser that prints."""
    names = filter(None, (os.environ.get("SA_CHROMIUM"), *NAMES))
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        sys.exit("Chromium was not found; install it, or name it in SA_CHROMIUM.")
    return found


def print_book(pages: Sequence[tuple[str, str]], site: Path, output: Path) -> None:
    """Print the pages, with the numbers of sheets in the contents."""
    from playwright.sync_api import sync_playwright

    merged = site / MERGED
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        numbers: dict[str, int] = {}
        try:
            for _ in range(2):
                merged.write_text(merge(pages, site, numbers), encoding="utf-8")
                page = chromium.new_page(reduced_motion="reduce", color_scheme="light")
                page.set_default_timeout(PATIENCE_MS)
                page.goto(merged.as_uri(), wait_until="load")
                page.pdf(path=output, **SHEET)
                page.close()
                numbers = sheets_of_titles(PdfReader(output))
        finally:
            merged.unlink(missing_ok=True)
            chromium.close()


def main() -> None:
    """Print what the table of contents lists."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--site", type=Path, default=SITE, help="the built site")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    if not (options.site / "index.html").is_file():
        sys.exit(f"{options.site} holds no built site: run `make site` first.")
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    print_book(list(pages_of_contents(toc)), options.site, options.output)
    sheets = len(PdfReader(options.output).pages)
    print(f"{options.output}: {sheets} sheets, {options.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
