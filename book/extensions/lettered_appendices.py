"""Sphinx extension: the chapters of the part *Reference* have letters, as appendices do.

Sphinx numbers chapters, and with them figures, exercises and equations (`numfig_secnum_depth`);
sphinx-multitoc-numbering lets the numbers go on from part to part. Where the reference begins,
this extension turns chapter 13 into A, so that its figures are A.1, A.2 and so on.
"""

import string
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector

PART = "Reference"


def pages_below(env: BuildEnvironment, toctree: addnodes.toctree) -> Iterator[str]:
    """Give the pages of a table of contents, with those below them."""
    for _, name in toctree["entries"]:
        if name in env.tocs:
            yield name
            for below in env.tocs[name].findall(addnodes.toctree):
                yield from pages_below(env, below)


def letter(number: Any, num_chapters: int) -> Any:
    """Put a letter in place of the first part of a section's number, if it has one."""
    return number and type(number)(
        [string.ascii_uppercase[number[0] - num_chapters - 1], *number[1:]]
    )


def letter_page(env: BuildEnvironment, name: str, num_chapters: int) -> None:
    """Put letters into all that keeps section numbers of a page."""
    env.toc_secnumbers[name] = {
        anchor: letter(number, num_chapters)
        for anchor, number in env.toc_secnumbers.get(name, {}).items()
    }
    references = env.tocs[name].findall(nodes.reference)
    for node in (env.titles[name], *references):
        if node.get("secnumber"):
            node["secnumber"] = letter(node["secnumber"], num_chapters)


def letter_appendices(env: BuildEnvironment) -> None:
    """Turn the numbers of the part's chapters into letters."""
    root = env.get_doctree(env.config.root_doc)
    for toctree in root.findall(addnodes.toctree):
        pages = list(pages_below(env, toctree)) if toctree.get("caption") == PART else []
        if pages:
            num_chapters = env.toc_secnumbers[pages[0]][""][0] - 1
            for name in pages:
                letter_page(env, name, num_chapters)


def add_letters(app: Sphinx, config: object) -> None:
    """Let letters follow when chapters get their numbers, before figures get theirs."""
    number_sections = TocTreeCollector.assign_section_numbers

    def assign_section_numbers(self: TocTreeCollector, env: BuildEnvironment) -> list[str]:
        changed = number_sections(self, env)
        letter_appendices(env)
        return changed

    TocTreeCollector.assign_section_numbers = assign_section_numbers  # type: ignore[method-assign]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register after sphinx-multitoc-numbering, which takes the same place."""
    app.connect("config-inited", add_letters, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
