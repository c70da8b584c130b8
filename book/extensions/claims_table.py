"""A table of all that the chapters claim, made from what their cells printed when they were run.

The directive `claims` stands where the tables go, one for each chapter, in the order of the book;
with the option `total` it is one sentence that counts them.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import nbformat
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FOLDER = "notebooks/"
OUTCOMES = {  # as a claim says it, and as many do
    "holds": "hold",
    "does not hold": "do not hold",
    "not decided": "are not decided",
    "not measured": "are not measured",
}
HEADINGS = ("claim", "outcome", "measured", "over")
_LINE = re.compile(rf"({'|'.join(OUTCOMES)}): (.+)")
_UNIT = re.compile(r", over (seeds|images|channels|trainings|pictures)$")
_WIDTHS = (46, 12, 32, 10)


@dataclass(frozen=True)
class Claim:
    """What `sa_helpers.claims` printed of one claim."""

    text: str
    outcome: str
    measured: str
    unit: str


def read_claim(line: str) -> Claim | None:
    """Read a line that a chapter printed; None if it is of no claim."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        return None
    outcome, rest = found.groups()
    unit = _UNIT.search(rest)
    rest = rest[: unit.start()] if unit else rest
    text, _, measured = rest.rpartition(": ")
    if not text or not (unit or any(letter.isdigit() for letter in measured)):
        text, measured = rest, ""
    return Claim(text, outcome, measured, unit[1] if unit else "")


def claims_in(path: Path) -> list[Claim]:
    """All claims in the stored outputs of a notebook, in their order."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    lines = "\n".join(output.get("text", "") for output in outputs).splitlines()
    return [claim for line in lines if (claim := read_claim(line)) is not None]


def tally(claims: Iterable[Claim]) -> str:
    """How many came out how, in words."""
    counts = Counter(claim.outcome for claim in claims)
    return ", ".join(f"{counts[one]} {many}" for one, many in OUTCOMES.items() if counts[one])


class ClaimsDirective(SphinxDirective):
    """Write the tables of all chapters that claim something."""

    option_spec: ClassVar = {"total": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Build them."""
        written: list[nodes.Node] = []
        every: list[Claim] = []
        for name in _chapters(self.env):
            path = Path(self.env.doc2path(name))
            self.env.note_dependency(str(path))
            claims = claims_in(path)
            if claims:
                every += claims
                written += [_heading(name, claims), _table(claims)]
        total = nodes.paragraph(text=f"Of all {len(every)} claims {tally(every)}.")
        return [total] if "total" in self.options else [total, *written]


def _chapters(environment: Any) -> list[str]:
    order = environment.external_site_map.keys()
    return [name for name in order if name.startswith(FOLDER)]


def _heading(name: str, claims: list[Claim]) -> nodes.paragraph:
    link = pending_xref(
        "", nodes.inline(text=name), refdomain="std", reftype="doc", refexplicit=False
    )
    link["reftarget"] = f"/{name}"
    return nodes.paragraph("", "", nodes.strong("", "", link), nodes.Text(f": {tally(claims)}."))


def _table(claims: list[Claim]) -> nodes.table:
    group = nodes.tgroup(cols=len(HEADINGS))
    group += [nodes.colspec(colwidth=width) for width in _WIDTHS]
    group += nodes.thead("", _row(HEADINGS))
    rows = [_row((c.text, c.outcome, c.measured, c.unit)) for c in claims]
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=["claims"])


def _row(cells: Iterable[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph(text=cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directive."""
    app.add_directive("claims", ClaimsDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
