"""Tables of the chapters: HTML on the page, aligned text elsewhere, numbers rounded."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sa_helpers.intervals import Estimate


@dataclass(frozen=True)
class Table:
    """A table that shows itself as HTML in a notebook and as aligned text elsewhere.

    Attributes:
        columns: Headings.
        rows: Cells as text; the first of each row is its heading.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        """Align the columns as plain text."""
        lines = [self.columns, *self.rows]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in self.columns)
        body = "".join(
            f'<tr><th scope="row">{html.escape(first)}</th>'
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
            + "</tr>"
            for first, *rest in self.rows
        )
        return f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def table(columns: Mapping[str, Sequence[object]], *, spec: str = ".2f") -> Table:
    """Make a table from its columns.

    Args:
        columns: Heading to cells; the first column names the rows.
        spec: Precision of floats and estimates; everything else is shown as it is.

    Raises:
        ValueError: The columns have different lengths.

    Example:
        >>> import sa_helpers as sa
        >>> sa.table({"model": ["toon", "dog"], "distance": [0.214, 0.4]})
        model  distance
        toon   0.21
        dog    0.40
    """
    lengths = {heading: len(cells) for heading, cells in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"The columns have different lengths: {lengths}; expected equal ones.")
    rows = zip(*columns.values(), strict=True)
    return Table(tuple(columns), tuple(tuple(_show(cell, spec) for cell in row) for row in rows))


def _show(cell: object, spec: str) -> str:
    if isinstance(cell, Estimate):
        return format(cell, spec)
    # z: no minus sign before what rounds to zero
    return format(cell, f"z{spec}") if isinstance(cell, float | np.floating) else str(cell)
