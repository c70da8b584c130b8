"""A sentence that counts the verdicts in *Figures and tables of the papers*.

The directive `verdicts` stands where the sentence goes.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PAGE = "book/counterparts"
VERDICTS = {  # as a row says it, and as the sentence does
    "agrees": "agree",
    "agrees in part": "agree in part",
    "disagrees": "disagree",
    "not decided": "are not decided",
}
_ROW = re.compile(r"^\| (?:Figure|Table) \d+: .*\| \*\*([a-z ]+)\.\*\* .+ \|$", re.MULTILINE)


def verdicts_in(text: str) -> list[str]:
    """The verdict of every row, in their order."""
    return _ROW.findall(text)


def tally(verdicts: list[str]) -> str:
    """How many came out how, in a sentence."""
    counts = Counter(verdicts)
    named = ", ".join(f"{counts[one]} {many}" for one, many in VERDICTS.items() if counts[one])
    return f"Of the papers' {len(verdicts)} figures and tables, {named}."


class VerdictsDirective(SphinxDirective):
    """Write the sentence."""

    def run(self) -> list[nodes.Node]:
        """Count what the page says."""
        path = Path(self.env.doc2path(PAGE))
        self.env.note_dependency(str(path))
        return [nodes.paragraph(text=tally(verdicts_in(path.read_text(encoding="utf-8"))))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directive."""
    app.add_directive("verdicts", VerdictsDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
