"""The form of the committed notebooks. Whether they still run is for `make notebooks` to say."""

import ast
import hashlib
import itertools
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

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


@each_notebook
def test_first_cell_imports_and_second_sets_parameters(path):
    first, second, *rest = [ast.parse(cell.source).body for cell in code_cells(path)]
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
    """Tell whether a code cell asserts something."""
    return any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(cell.source)))


@pytest.fixture
def project(tmp_path):
    """A small project of the book's layout: one helper, one notebook that prints its answer."""
    (tmp_path / "sa_helpers").mkdir()
    (tmp_path / "sa_helpers" / "answer.py").write_text('"""Answer."""\n\nANSWER = 42\n')
    (tmp_path / "sa_helpers" / "family").mkdir()
    opening = tmp_path / "sa_helpers" / "family" / "__init__.py"
    opening.write_text("from sa_helpers.answer import ANSWER\n")
    (tmp_path / "sa_helpers" / "finetuning").mkdir()
    (tmp_path / "sa_helpers" / "finetuning" / "few_images.py").write_text("")
    (tmp_path / "requirements.lock").write_text("nothing==1\n")
    (tmp_path / "notebooks").mkdir()
    cells = [new_markdown_cell("# Title"), new_code_cell("from pathlib import Path")]
    cells.append(new_code_cell("print(Path.cwd().name, 6 * 7)"))
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "one.ipynb")
    return tmp_path


@pytest.fixture
def notebook_path(project):
    return project / "notebooks" / "one.ipynb"


def test_running_stores_outputs_and_makes_it_current(project, notebook_path):
    assert run_stale.is_stale(notebook_path, project)
    run_stale.run(notebook_path, project)
    assert not run_stale.is_stale(notebook_path, project)
    assert code_cells(notebook_path)[1].outputs[0].text == "notebooks 42\n"
    assert [path.name for path in notebook_path.parent.iterdir()] == ["one.ipynb"]


@pytest.mark.slow
def test_a_failing_cell_leaves_the_notebook_untouched(project, notebook_path):
    notebook = nbformat.read(notebook_path, as_version=4)
    notebook.cells[2].source = "1 / 0"
    nbformat.write(notebook, notebook_path)
    before = notebook_path.read_bytes()
    with pytest.raises(CellExecutionError, match="1 / 0"):
        run_stale.run(notebook_path, project)
    assert notebook_path.read_bytes() == before


@pytest.mark.parametrize(
    ("file", "text", "stale"),
    [
        ("sa_helpers/answer.py", '"""Other words."""\n\nANSWER = 42  # the same\n', False),
        ("sa_helpers/answer.py", '"""Answer."""\n\nANSWER = 43\n', True),
        ("sa_helpers/not_imported.py", "ANSWER = 43\n", False),
        ("sa_helpers/__init__.py", "VERSION = 2\n", True),
        ("sa_helpers/finetuning/__init__.py", "SIZE = 2\n", True),
        ("sa_helpers/models/clay/human.safetensors", "weights", True),
        ("sa_helpers/models/clay/human.json", "{}", True),
        ("tests/fixtures/some.pkl", "weights", True),
        ("tests/some.pkl", "weights", False),
        ("sa_helpers/models/clay/family.toml", "near = 'dog'", True),
        ("sa_helpers/data/few_images/many.json", "{}", True),
        ("sa_helpers/data/fluent_emoji/LICENSE", "words", False),
        ("requirements.lock", "nothing==2\n", True),
        ("README.md", "words", False),
    ],
)
def test_fingerprint_depends_on_what_outputs_depend_on(project, notebook_path, file, text, stale):
    notebook = nbformat.read(notebook_path, as_version=4)
    imports = "from sa_helpers import family\nfrom sa_helpers.finetuning import few_images"
    imports += '\nGIVEN = "../tests/fixtures"'
    notebook.cells.append(new_code_cell(imports))
    before = run_stale.fingerprint(notebook, project)
    (project / file).parent.mkdir(parents=True, exist_ok=True)
    (project / file).write_text(text)
    assert (run_stale.fingerprint(notebook, project) != before) == stale


def test_code_has_one_fingerprint_in_all_versions_of_python(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('"""Words."""\ndef f(x: int) -> str:\n    return f"{x!r:>{3}} and {x:.2f}"\n')
    digest = hashlib.sha256(run_stale.code_of_module(path).encode()).hexdigest()[:16]
    assert digest == "76db1968256fd408"


def test_prose_does_not_make_a_notebook_stale(project, notebook_path):
    notebook = nbformat.read(notebook_path, as_version=4)
    before = run_stale.fingerprint(notebook, project)
    notebook.cells[0].source = "# Another title"
    assert run_stale.fingerprint(notebook, project) == before
    notebook.cells[2].source += "  # code counts, comments included"
    assert run_stale.fingerprint(notebook, project) != before


def test_check_names_what_is_stale(notebook_path, capsys):
    assert run_stale.main(["--check", str(notebook_path)]) == 1
    assert "one.ipynb is stale: run `make book`" in capsys.readouterr().err
