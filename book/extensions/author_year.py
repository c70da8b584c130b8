"""Sphinx extension: a bibliography whose labels read as the citations do: *Wu et al., 2022*.

Use it as `bibtex_default_style: author_year`, with `bibtex_reference_style: author_year`. Works of
the same authors and year become 2020a and 2020b, in citations as well.
"""

import string
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pybtex.database import Entry, Person
from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.alpha import Style as AlphaStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx

NAME = "author_year"
MAX_NAMES = 2  # with more, the first stands for all


def family_name(person: Person) -> str:
    """Write a family name without the marks of LaTeX."""
    names = (*person.prelast_names, *person.last_names)
    return " ".join(str(Text.from_latex(name)) for name in names)


def author_year(entry: Entry) -> str:
    """Name the authors of an entry, at most two, and its year."""
    names = [family_name(person) for person in entry.persons["author"]]
    who = " and ".join(names) if len(names) <= MAX_NAMES else f"{names[0]} et al."
    return f"{who}, {entry.fields['year']}"


class AuthorYearLabels(BaseLabelStyle):
    """Labels of authors and year."""

    def format_labels(self, sorted_entries: Sequence[Entry]) -> Iterator[str]:
        """Give the labels in the order of the entries."""
        return map(author_year, sorted_entries)


class AuthorYearStyle(AlphaStyle):
    """The style *alpha* with these labels."""

    default_label_style = NAME


def tell_apart(entries: Iterable[Entry]) -> None:
    """Add a letter to the year of works that authors and year do not tell apart."""
    works: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.fields["title"]):
        works.setdefault(author_year(entry), []).append(entry)
    for alike in works.values():
        if len(alike) > 1:
            for entry, letter in zip(alike, string.ascii_lowercase, strict=False):
                entry.fields["year"] += letter


def prepare_entries(app: Sphinx) -> None:
    """Add the letters to what sphinxcontrib-bibtex has read."""
    domain: Any = app.env.get_domain("cite")
    tell_apart(domain.bibdata.data.entries.values())


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the style known to pybtex."""
    register_plugin("pybtex.style.labels", NAME, AuthorYearLabels)
    register_plugin("pybtex.style.formatting", NAME, AuthorYearStyle)
    app.connect("builder-inited", prepare_entries, priority=900)  # after it has read
    return {"parallel_read_safe": True, "parallel_write_safe": True}
