"""What a term, a citation or an equation stands for, at hand where a page refers to it.

The definitions are taken from the finished glossary, bibliography and notation, and lie, once each
and hidden, at the end of every page that needs them. A link says by `aria-describedby` which one is
its own; `book.js` shows it when the link is pointed at or has the focus. Without scripts the links
are links.
"""

import copy
import functools
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag

from bs4 import BeautifulSoup, Tag

LINKS = "article a.reference.internal[href*='#']"
DROPPED = ".headerlink, .label, .eqno, .katex-mathml annotation"


@functools.cache
def parsed(page: Path, modified: float) -> BeautifulSoup:
    """Parse the page that notes are taken from, once for all that refer to it."""
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def defined_at(soup: BeautifulSoup, anchor: str) -> Tag | None:
    """Find what is defined at an anchor: a term, a reference or an equation; None for others."""
    target = soup.find(id=anchor)
    if target is None:
        return None
    if target.name == "dt" and target.find_parent("dl", class_="glossary"):
        return target.find_next_sibling("dd")
    kinds = target.get("class") or []
    return target if "citation" in kinds or ("math" in kinds and target.name == "div") else None


def as_note(definition: Tag) -> Tag:
    """Copy a definition without its links, labels and ids, and without what only machines read."""
    note = copy.copy(definition)
    for tag in note.select(DROPPED):
        tag.decompose()
    for tag in note.find_all("a"):
        tag.unwrap()
    for tag in note.find_all(True):
        tag.attrs.pop("id", None)
    note.name, note.attrs = "div", {"class": "page-note"}
    return note


@dataclass
class Notes:
    """The notes of one page: target of a link to the id of its note."""

    soup: BeautifulSoup
    page: Path

    def __post_init__(self) -> None:
        """Begin without notes."""
        self.box = self.soup.new_tag("div", attrs={"class": "page-notes", "hidden": ""})
        self.ids: dict[str, str] = {}

    def id_for(self, href: str) -> str:
        """Give the id of the note for a link, making it if need be; empty if there is none."""
        if href not in self.ids:
            self.ids[href] = ""
            address, anchor = urldefrag(href)
            file = (self.page.parent / unquote(address)).resolve() if address else self.page
            if file.is_file():
                definition = defined_at(parsed(file, file.stat().st_mtime), unquote(anchor))
                if definition is not None:
                    self.ids[href] = f"page-note-{len(self.box.contents) + 1}"
                    note = as_note(definition)
                    note["id"] = self.ids[href]
                    self.box.append(note)
        return self.ids[href]


def add_notes(soup: BeautifulSoup, page: Path) -> None:
    """Give every reference to a definition its note, in the place of notes of an older build."""
    for old in soup.select("body > .page-notes"):
        old.decompose()
    notes = Notes(soup, page)
    for link in soup.select(LINKS):
        note_id = notes.id_for(str(link["href"]))
        if note_id:
            link["aria-describedby"] = note_id
            link.attrs.pop("title", None)
    if notes.box.contents:
        soup.body.append(notes.box)
