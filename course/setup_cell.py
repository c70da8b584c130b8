"""The set-up cell, which only Colab runs: written into the chapters, and the same in all.

    python -m course setup-cells           # write it into every chapter
    python -m course setup-cells --check   # exit 1 and name the chapters in which it differs

The repository's address is that of the environment variable BOOK_REPOSITORY or of the Git remote
`origin`; without one the cell asks the reader for it.
"""

import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.chapters import SETUP_TAG, chapter_paths
from course.plain import ROOT

sys.path.insert(0, str(ROOT / "book" / "extensions"))
from repository_address import repository_address

TAGS = [SETUP_TAG, "remove-cell"]
_SOURCE = """\
# Only Colab runs this: it fetches the book and installs what the chapter needs.
import os
import subprocess
import sys

if "google.colab" in sys.modules:
    REPOSITORY = "{address}"  # of the book that you opened this chapter from
    subprocess.check_call(f"git clone --depth 1 {{REPOSITORY}} book".split())
    subprocess.check_call(f"{{sys.executable}} -m pip install -e book".split())
    sys.path.insert(0, os.path.abspath("book"))
    os.chdir("book/notebooks")
"""


def setup_cell(index: int = 0) -> NotebookNode:
    """The cell, as it stands in each notebook."""
    source = _SOURCE.format(address=repository_address() or "").rstrip()
    cell = nbformat.v4.new_code_cell(source, id="colab-setup")
    cell.metadata |= {"tags": list(TAGS), "jupyter": {"source_hidden": True}}
    cell.execution_count = index or None
    return cell


def is_setup(cell: NotebookNode) -> bool:
    """Whether a cell is the set-up cell of Colab."""
    return SETUP_TAG in cell.metadata.get("tags", [])


def with_setup(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Put the set-up cell before the first code cell, in place of an older one."""
    kept = [cell for cell in cells if not is_setup(cell)]
    first = next((i for i, cell in enumerate(kept) if cell.cell_type == "code"), len(kept))
    return [*kept[:first], setup_cell(), *kept[first:]]


def write_setup(path: Path) -> None:
    """Write the cell into a notebook, and number the executed cells anew."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = with_setup(notebook.cells)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if any(cell.execution_count for cell in code):
        for number, cell in enumerate(code, start=1):
            if cell.execution_count is None and not is_setup(cell):
                continue  # it has to be run
            cell.execution_count = number
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number
    nbformat.write(notebook, path)


def differing() -> list[Path]:
    """Chapters whose set-up cell is not there, not first, or not the same as the others'."""
    expected = setup_cell().source
    return [path for path in chapter_paths() if _first_code(path) != expected]


def _first_code(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    first = next(cell for cell in cells if cell.cell_type == "code")
    return str(first.source) if is_setup(first) else ""
