"""Which notebooks are stale: a change touches those that read what was changed, and no other."""

import hashlib
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book"))
import run_stale  # noqa: E402

ANSWER, SHAPE, MODELS = "sa_helpers/answer.py", "sa_helpers/shape.py", "sa_helpers/models/clay/"
LAZY = """\
def shape():
    from sa_helpers import shape

    return shape.SIDES
"""
READS_ALL = """\
import subprocess, sys
from pathlib import Path

from sa_helpers import answer

fixture = Path("../tests/fixtures/some.pkl").read_text()
names = [path.name for path in Path("../sa_helpers/models/clay").iterdir()]
weights = (Path(answer.__file__).parent / "models/clay/human.npz").read_bytes()
Path("../tests/fixtures/written").write_text("words")
print(answer.shape(), subprocess.check_output([sys.executable, "-c", "import sa_helpers.child"]))
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_notebook(path: Path, *sources: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_markdown_cell("# Title"), *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def edit(path: Path, source: str, *, cell: int) -> None:
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[cell].source = source
    nbformat.write(notebook, path)


def stored(path: Path) -> dict:
    return nbformat.read(path, as_version=4).metadata.get(run_stale.METADATA_KEY, {})


@pytest.fixture
def project(tmp_path):
    """A small project of the book's layout: a package, data, and what no output depends on."""
    write(tmp_path / "sa_helpers" / "__init__.py", "")
    write(tmp_path / ANSWER, '"""Answer."""\n\n' + LAZY)
    write(tmp_path / SHAPE, "SIDES = 3\n")
    write(tmp_path / "sa_helpers" / "child.py", "SIDES = 5\n")
    write(tmp_path / "sa_helpers" / "unused.py", "SIDES = 6\n")
    for name in ("human.npz", "dog.npz", ".hidden"):
        write(tmp_path / MODELS / name, "weights")
    write(tmp_path / "tests" / "fixtures" / "some.pkl", "numbers")
    write(tmp_path / "requirements.lock", "nothing==1\n")
    return tmp_path


@pytest.fixture
def notebook_path(project):
    return write_notebook(project / "notebooks" / "one.ipynb", "SIDES = 4", "print(6 * 7)")


@pytest.fixture
def known(project, notebook_path):
    """The notebook as a run leaves it that read a module, a model, and which models there are."""
    notebook = nbformat.read(notebook_path, as_version=4)
    run_stale.store(notebook, [ANSWER, MODELS, f"{MODELS}human.npz"], notebook_path, project)
    return notebook_path


def test_a_run_records_what_it_reads_and_makes_the_notebook_current(project):
    path = write_notebook(project / "notebooks" / "one.ipynb", READS_ALL)
    assert run_stale.is_stale(path, project)
    run_stale.run(path, project)
    assert not run_stale.is_stale(path, project)
    assert stored(path)["depends_on"] == [
        "sa_helpers/__init__.py",
        ANSWER,
        "sa_helpers/child.py",  # imported by a child process
        MODELS,
        f"{MODELS}human.npz",
        SHAPE,  # imported inside a function
        "tests/fixtures/some.pkl",
    ]
    (cell,) = nbformat.read(path, as_version=4).cells[1:]
    assert (cell.execution_count, cell.outputs[0].text) == (1, "3 b''\n")
    assert [path.name for path in path.parent.iterdir()] == ["one.ipynb"]
    run_stale.run(path, project)  # now from the compiled files
    assert len(stored(path)["depends_on"]) == 7


@pytest.mark.slow
def test_a_change_makes_stale_the_notebooks_that_read_it_and_no_other(project):
    with_answer = write_notebook(project / "notebooks" / "a.ipynb", "from sa_helpers import answer")
    with_child = write_notebook(project / "notebooks" / "b.ipynb", "from sa_helpers import child")
    for path in (with_answer, with_child):
        run_stale.run(path, project)
    write(project / ANSWER, '"""Other words."""\n\nANSWER = 43\n')
    assert run_stale.is_stale(with_answer, project)
    assert not run_stale.is_stale(with_child, project)


@pytest.mark.slow
def test_a_change_of_a_room_makes_stale_the_notebooks_that_load_that_room(tmp_path):
    leave_out = shutil.ignore_patterns("models", "data", "__pycache__")
    shutil.copytree(ROOT / "sa_helpers", tmp_path / "sa_helpers", ignore=leave_out)
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    paths = {
        name: write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", f"import sa_helpers.{name}")
        for name in ("translation", "clay", "intervals")
    }
    for path in paths.values():
        run_stale.run(path, tmp_path)
    room = tmp_path / "sa_helpers" / "translation" / "__init__.py"
    room.write_text(room.read_text() + "ANSWER = 42\n")
    assert [name for name, path in paths.items() if run_stale.is_stale(path, tmp_path)] == [
        "translation"
    ]


@pytest.mark.slow
def test_a_failing_cell_leaves_the_notebook_untouched(project, notebook_path):
    edit(notebook_path, "1 / 0", cell=2)
    before = notebook_path.read_bytes()
    with pytest.raises(CellExecutionError, match="1 / 0"):
        run_stale.run(notebook_path, project)
    assert notebook_path.read_bytes() == before


@pytest.mark.parametrize(
    ("file", "text", "stale"),
    [
        (ANSWER, '"""Other words."""\n# And a comment.\n' + LAZY, False),
        (ANSWER, '"""Answer."""\n\nSIDES = 4\n', True),
        (ANSWER, "no Python", True),
        (SHAPE, "SIDES = 4\n", False),
        ("sa_helpers/new.py", "SIDES = 4\n", False),
        (f"{MODELS}human.npz", "other weights", True),
        (f"{MODELS}dog.npz", "other weights", False),
        (f"{MODELS}cat.npz", "one model more", True),
        (f"{MODELS}.hidden", "words", False),
        (f"{MODELS}.new", "words", False),
        ("tests/fixtures/some.pkl", "other numbers", False),
        ("requirements.lock", "nothing==2\n", True),
        ("README.md", "words", False),
    ],
)  # fmt: skip
def test_a_change_counts_if_the_last_run_read_it(project, known, file, text, stale):
    assert not run_stale.is_stale(known, project)
    write(project / file, text)
    assert run_stale.is_stale(known, project) == stale


@pytest.mark.parametrize("file", [ANSWER, f"{MODELS}human.npz", MODELS])
def test_what_is_gone_makes_a_notebook_stale(project, known, file):
    path = project / file
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run_stale.is_stale(known, project)


def test_code_counts_and_prose_does_not(project, known):
    edit(known, "# Another title", cell=0)
    assert not run_stale.is_stale(known, project)
    edit(known, "print(6 * 7)  # code counts, comments included", cell=2)
    assert run_stale.is_stale(known, project)


def test_code_has_one_fingerprint_in_all_versions_of_python(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('"""Words."""\ndef f(x: int) -> str:\n    return f"{x!r:>{3}} and {x:.2f}"\n')
    digest = hashlib.sha256(run_stale.code_of_module(path).encode()).hexdigest()[:16]
    assert digest == "76db1968256fd408"


def test_trust_takes_stored_outputs_for_current(project, known):
    before = stored(known)
    write(project / ANSWER, "SIDES = 4\n")
    assert run_stale.is_stale(known, project)
    run_stale.trust(known, project)
    assert not run_stale.is_stale(known, project)
    assert stored(known)["depends_on"] == before["depends_on"]


def test_trust_refuses_what_only_a_run_can_tell(project, notebook_path):
    before = notebook_path.read_bytes()
    with pytest.raises(ValueError, match=r"no list of what it depends on; run it: .*one\.ipynb"):
        run_stale.trust(notebook_path, project)
    assert notebook_path.read_bytes() == before
    notebook = nbformat.read(notebook_path, as_version=4)
    run_stale.store(notebook, [ANSWER], notebook_path, project)
    (project / ANSWER).unlink()
    with pytest.raises(ValueError, match=r"cannot be read .*answer\.py.*; run it"):
        run_stale.trust(notebook_path, project)


def test_check_and_trust_name_what_is_stale(notebook_path, capsys):
    assert run_stale.main(["--check", str(notebook_path)]) == 1
    assert "one.ipynb is stale: run `make book`" in capsys.readouterr().err
    assert run_stale.main(["--trust", str(notebook_path)]) == 1
    assert "one.ipynb has no list of what it depends on" in capsys.readouterr().err
