"""The form of the committed notebooks. Whether they still run is for `make notebooks` to say."""

import ast
import itertools
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book"))
import run_stale  # noqa: E402

IMAGES = {"image/png", "image/jpeg"}
MAX_LINES = 12
MAX_LINES_HIDDEN = 20
MAX_DEF_LINES = 8

PATHS = run_stale.notebook_paths(ROOT)
CHAPTERS = [path for path in PATHS if path.parent.name == "notebooks"]
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
each_notebook = pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    """Read a notebook's code cells."""
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_hidden(cell: nbformat.NotebookNode) -> bool:
    """Tell whether the page hides the cell's code."""
    return bool({"hide-input", "remove-input", "hide-cell"} & set(cell.metadata.get("tags", [])))


@each_notebook
def test_notebook_is_valid(path):
    nbformat.validate(nbformat.read(path, as_version=4))


@each_notebook
def test_every_cell_was_executed_in_order(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1)), "run it from the top: make book"


@each_notebook
def test_outputs_hold_no_error_and_no_stderr(path):
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    assert outputs, "a notebook without outputs shows nothing"
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


@each_notebook
def test_cells_are_short(path):
    for cell in code_cells(path):
        limit = MAX_LINES_HIDDEN if is_hidden(cell) else MAX_LINES
        lines = len(cell.source.strip().splitlines())
        assert 0 < lines <= limit, f"{lines} lines, at most {limit}:\n{cell.source}"


@each_notebook
def test_cells_define_no_class_and_no_long_function(path):
    for cell in code_cells(path):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.ClassDef), f"move {node.name} into sa_helpers"
            if isinstance(node, ast.FunctionDef):
                lines = node.end_lineno - node.lineno + 1
                assert lines <= MAX_DEF_LINES, f"{node.name}: {lines} lines, move it"


def is_setup(cell: nbformat.NotebookNode) -> bool:
    """Tell whether a cell is that which only Colab runs; tests/test_course.py looks at it."""
    return run_stale.SETUP_TAG in cell.metadata.get("tags", [])


@each_notebook
def test_first_cell_imports_and_second_sets_parameters(path):
    cells = code_cells(path)
    assert not any(is_setup(cell) for cell in cells[1:]), "the set-up cell comes first"
    bodies = [ast.parse(cell.source).body for cell in cells if not is_setup(cell)]
    first, second, *rest = bodies
    assert all(isinstance(node, ast.Import | ast.ImportFrom) for node in first)
    assert all(isinstance(node, ast.Assign | ast.AnnAssign) for node in second)
    late = [node for body in rest for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not late, f"imports belong into the first cell, not into line {late[0].lineno}"


@each_notebook
def test_figures_have_alternative_texts(path):
    for cell in code_cells(path):
        if any(IMAGES & output.get("data", {}).keys() for output in cell.outputs):
            image = cell.metadata.get("mystnb", {}).get("image", {})
            assert len(image.get("alt", "")) >= 20, f"no mystnb.image.alt:\n{cell.source}"


@each_notebook
def test_notebook_opens_with_its_title(path):
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")


@each_chapter
def test_chapter_begins_with_its_box(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    assert ":class: chapter" in first
    for heading in ("**Paper.**", "**Afterwards", "**Before", "**Run time.**"):
        assert heading in first


@each_chapter
def test_every_claim_is_asserted(path):
    cells = nbformat.read(path, as_version=4).cells
    claims = [index for index, cell in enumerate(cells) if ":class: claim" in cell.source]
    assert claims, "a chapter claims something"
    for start, end in itertools.pairwise([*claims, len(cells)]):
        tests = [cell for cell in cells[start + 1 : end] if cell.cell_type == "code"]
        assert any(has_assertion(cell) for cell in tests), cells[start].source


def has_assertion(cell: nbformat.NotebookNode) -> bool:
    """Tell whether a code cell asserts something, itself or by `sa.Claims`."""
    nodes = list(ast.walk(ast.parse(cell.source)))
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    is_checked = any(isinstance(f, ast.Attribute) and f.attr == "check" for f in calls)
    return is_checked or any(isinstance(node, ast.Assert) for node in nodes)
