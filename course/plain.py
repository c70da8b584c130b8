"""Turn the book's MyST into Markdown that every notebook program shows well."""

import re
from functools import cache
from pathlib import Path

from pybtex.database import Entry, parse_file

ROOT = Path(__file__).resolve().parent.parent
DIRECTIVE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w-]+)\}[ \t]*(?P<title>[^\n]*)\n"
    r"(?P<options>(?::[\w-]+:[^\n]*\n)*)(?P<body>.*?)^(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_ROLE = re.compile(r"\{(?P<name>[\w:+-]+)\}`(?P<text>[^`]+)`")
_NAMED = re.compile(r"(?P<text>.+?)\s*<(?P<target>[^>]+)>$", re.DOTALL)
_LIVE = re.compile(r"<live-models\b[^>]*>(?P<instead>.*?)</live-models>", re.DOTALL)
_TARGET = re.compile(r"^\([\w:-]+\)=\n?", re.MULTILINE)
_PICTURE = re.compile(r"(?<=\]\()\.\./book/assets/")
_EQUATION_LABEL = re.compile(r"^(\$\$)[ \t]*\([\w:-]+\)[ \t]*$", re.MULTILINE)

PICTURES = "pictures"
"""Folder beside an edition's notebooks, for the pictures that their text shows."""


def plain(text: str, *, keep_boxes: bool = False) -> str:
    """Resolve roles and targets, write boxes as quotations or HTML, point at `PICTURES`.

    Of live models, what is said where they cannot run is left.

    Args:
        text: Markdown of a chapter.
        keep_boxes: Leave the boxes to jupyterlab-myst, which draws them.
    """
    text = _PICTURE.sub(f"{PICTURES}/", _LIVE.sub(r"\g<instead>", text))
    text = _TARGET.sub("", _EQUATION_LABEL.sub(r"\1", text))
    text = _ROLE.sub(_role, text)
    return (text if keep_boxes else DIRECTIVE.sub(_box, text)).strip()


def _box(match: re.Match[str]) -> str:
    title = match["title"].strip() or match["name"].capitalize()
    if match["name"] == "dropdown":
        # JupyterLab draws no triangle beside it, so the words have to say that it opens.
        summary = f"<summary>{title} (unfold)</summary>"
        return f"<details>{summary}\n\n{match['body'].strip()}\n\n</details>"
    lines = f"**{title}.**\n\n{match['body'].strip()}".splitlines()
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _role(match: re.Match[str]) -> str:
    name, text = match["name"], match["text"]
    if name.startswith("cite"):
        keys = [key.strip() for key in text.split(",")]
        return cited(keys, in_brackets=name != "cite:t")
    named = _NAMED.match(text)
    shown, target = (named["text"], named["target"]) if named else (None, text)
    if name == "doc":
        return _page(target, shown)
    if name in ("numref", "ref", "eq"):
        return shown if shown and "%s" not in shown else _KINDS[name]
    if name in ("term", "abbr"):
        return shown or target
    return f"`{shown or target}`"


_KINDS = {"numref": "the figure", "ref": "the section", "eq": "the equation"}


def _page(target: str, shown: str | None) -> str:
    stem = target.rsplit("/", 1)[-1]
    is_chapter = (ROOT / "notebooks" / f"{stem}.ipynb").exists()
    words = shown or stem.replace("_", " ")
    return f"[{words}]({stem}.ipynb)" if is_chapter else f"*{words}*"


def cited(keys: list[str], *, in_brackets: bool) -> str:
    """Names and years of references, as in a text that has no list of them."""
    parts = [_names_and_year(key) for key in keys]
    if in_brackets:
        return f"({'; '.join(f'{names}, {year}' for names, year in parts)})"
    return " and ".join(f"{names} ({year})" for names, year in parts)


def _names_and_year(key: str) -> tuple[str, str]:
    entry = _references()[key]
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    names = names if len(names) < 3 else [f"{names[0]} et al."]
    return " and ".join(names).replace("{", "").replace("}", ""), entry.fields["year"]


@cache
def _references() -> dict[str, Entry]:
    return dict(parse_file(ROOT / "book" / "references.bib").entries.items())
