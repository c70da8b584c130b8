"""Slides from the chapters' figures, predictions and claims: one file a chapter, offline."""

import html
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

from course.chapters import Chapter, Exercise, boxes, is_prediction
from course.plain import DIRECTIVE, plain

HERE = Path(__file__).resolve().parent
_IMAGES = ("image/png", "image/jpeg")


def write(chapters: Sequence[Chapter], folder: Path) -> None:
    """Write the slides of every chapter."""
    folder.mkdir(parents=True, exist_ok=True)
    for chapter in chapters:
        (folder / f"{chapter.name}.html").write_text(deck(chapter), encoding="utf-8")


def deck(chapter: Chapter) -> str:
    """All slides of a chapter, as one page that loads nothing."""
    shown = "\n".join(f"<section>{slide}</section>" for slide in _slides(chapter))
    page = (HERE / "slides.html").read_text(encoding="utf-8")
    return page.replace("{title}", html.escape(chapter.title)).replace("{slides}", shown)


def _slides(chapter: Chapter) -> Iterator[str]:
    yield _markdown(f"# {chapter.title}\n\n{chapter.data['summary']}")
    for piece in chapter.pieces:
        if isinstance(piece, Exercise):
            text = f"## Exercise: {piece.title}\n\n{piece.text}\n\n{piece.data['minutes']} minutes"
            yield _markdown(text)
        elif piece.source.startswith("## Summary"):
            break
        elif piece.cell_type == "code":
            yield from _figures(piece)
        else:
            yield from _text_slides(piece)
    yield _markdown(chapter.closing)
    discussion = "\n".join(f"- {question}" for question in chapter.data["discussion"])
    yield _markdown(f"## For discussion\n\n{discussion}")


def _text_slides(cell: NotebookNode) -> Iterator[str]:
    """A slide for a heading, for each prediction, and for each claim."""
    heading = re.search(r"^## (.+)$", cell.source, re.MULTILINE)
    if heading and heading[1] != "Exercises":
        yield _markdown(f"## {heading[1]}")
    if is_prediction(cell):
        found = next(m for m in DIRECTIVE.finditer(cell.source) if m["title"].strip() == "Predict")
        yield _markdown(f"## Predict\n\n{found['body']}")
    for claim in boxes(cell, "claim"):
        yield _markdown(f"## Claim\n\n{claim}")


def _figures(cell: NotebookNode) -> Iterator[str]:
    shown = cell.metadata.get("mystnb", {})
    alternative = html.escape(shown.get("image", {}).get("alt", ""), quote=True)
    caption = shown.get("figure", {}).get("caption", "")
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        kind = next((kind for kind in _IMAGES if kind in data), None)
        if kind:
            content = "".join(data[kind].split())
            image = f'<img src="data:{kind};base64,{content}" alt="{alternative}">'
            yield f"<figure>{image}<figcaption>{_markdown(caption)}</figcaption></figure>"


def _markdown(text: str) -> str:
    return str(_renderer().render(plain(text)))


@cache
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=_mathematics)


def _mathematics(content: str, options: dict[str, bool]) -> str:
    return str(convert(content, display="block" if options.get("display_mode") else "inline"))
