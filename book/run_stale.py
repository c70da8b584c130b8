"""Run the notebooks whose stored outputs are out of date, each in place.

A run records what it reads of the project: modules of `sa_helpers`, shipped models and images, the
tests' checkpoints (see `recorder/sitecustomize.py`). This list is stored in the notebook's metadata
with a fingerprint: of its code cells, of the code of those modules (comments and docstrings do not
count), of those files, and of the lock file. A notebook is up to date while the fingerprint is the
same; it is stale if something on its list is gone or cannot be read, or if it has no list yet. The
fingerprint is the same under every version of Python.

    python book/run_stale.py            # run what is stale
    python book/run_stale.py --all      # run everything
    python book/run_stale.py --check    # exit 1 and name what is stale
    python book/run_stale.py --list     # print the notebooks' paths
    python book/run_stale.py --trust    # run nothing, and take what is stale for current
"""

import argparse
import ast
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
RECORDER = Path(__file__).resolve().parent / "recorder"
FOLDERS = ("book", "notebooks")
DEPENDENCIES = ("sa_helpers", "tests/fixtures")
METADATA_KEY = "sa_book"
SETUP_TAG = "colab-setup"  # such a cell does nothing here, and may hold an address
CELL_TIMEOUT_SEC = 900
UNREADABLE = (OSError, SyntaxError, ValueError)  # of ValueError, text that is not UTF-8


def notebook_paths(root: Path = ROOT) -> list[Path]:
    """Find the book's notebooks, in a stable order."""
    return sorted(path for folder in FOLDERS for path in (root / folder).glob("*.ipynb"))


def code_of_module(path: Path) -> str:
    """Parse a module and give its code without comments, docstrings and layout."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                del body[0]
    return _dump(tree)


def _dump(node: object) -> str:
    """Write a syntax tree as every version of Python does; `ast.unparse` and `ast.dump` differ."""
    if isinstance(node, ast.JoinedStr):  # some versions keep empty texts between the fields
        texts = (value for value in node.values if getattr(value, "value", None) != "")
        return f"JoinedStr({', '.join(map(_dump, texts))})"
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
        return f"{type(node).__name__}({', '.join(f'{n}={_dump(v)}' for n, v in fields)})"
    if isinstance(node, list):
        return f"[{', '.join(map(_dump, node))}]"
    return repr(node)


def dependencies_in(record: str, root: Path = ROOT) -> list[str]:
    """Choose from a record what a notebook's outputs depend on.

    Args:
        record: One absolute path a line, as `recorder/sitecustomize.py` writes it.
        root: The project's folder, resolved.

    Returns:
        Sorted paths relative to `root`: modules of the package, other files of it and of the tests'
        checkpoints, and folders of such files (not of modules), with a slash at the end.
    """
    chosen = set()
    for line in record.splitlines():
        path = Path(line)
        name = path.relative_to(root).as_posix()
        is_ours = any(name.startswith(f"{folder}/") for folder in DEPENDENCIES)
        if not is_ours or any(_is_left_out(part) for part in PurePosixPath(name).parts):
            continue
        if line.endswith(os.sep):
            if path.is_dir() and not (path / "__init__.py").exists():
                chosen.add(f"{name}/")
        elif path.is_file():
            chosen.add(name)
    return sorted(chosen)


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def content_of(dependency: str, root: Path = ROOT) -> bytes:
    """What of a module, file or folder (its entries' names) outputs depend on.

    Raises:
        OSError: It is gone, or not readable.
        SyntaxError: A module that Python cannot parse.
    """
    path = root / dependency
    if dependency.endswith("/"):
        names = (entry.name for entry in path.iterdir() if not _is_left_out(entry.name))
        return "\n".join(sorted(names)).encode()
    return code_of_module(path).encode() if path.suffix == ".py" else path.read_bytes()


def fingerprint(
    notebook: nbformat.NotebookNode, dependencies: Sequence[str], root: Path = ROOT
) -> str:
    """Hash a notebook's code and everything that its outputs depend on.

    Raises:
        OSError: A dependency is gone, or not readable.
        SyntaxError: A module that Python cannot parse.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counted = [cell for cell in code if SETUP_TAG not in cell.metadata.get("tags", [])]
    parts = [cell.source.encode() for cell in counted]
    for dependency in dependencies:
        parts += [dependency.encode(), content_of(dependency, root)]
    parts.append((root / "requirements.lock").read_bytes())
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


def is_stale(path: Path, root: Path = ROOT) -> bool:
    """Tell whether a notebook has to run again for its outputs to be current."""
    notebook = nbformat.read(path, as_version=4)
    stored = notebook.metadata.get(METADATA_KEY, {})
    if "depends_on" not in stored:
        return True
    try:
        return bool(stored["fingerprint"] != fingerprint(notebook, stored["depends_on"], root))
    except UNREADABLE:
        return True


def write_atomically(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write beside the notebook and rename, so that an interruption leaves the old file whole."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            nbformat.write(notebook, file)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def run(path: Path, root: Path = ROOT) -> float:
    """Run a notebook in its own folder; store its outputs, what they depend on and a fingerprint.

    The kernel takes `sa_helpers` from `root`, whichever copy is installed.

    Returns:
        The run time in seconds.

    Raises:
        CellExecutionError: A cell failed; the file is untouched, and the message shows the cell.
        RuntimeError: The kernel recorded nothing, so that what the outputs depend on is not known.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_SEC,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,  # pages need no widgets, and their identities are random
        resources={"metadata": {"path": str(path.parent)}},
    )
    root = root.resolve()
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        started = time.monotonic()
        client.execute(env=_environment(record, root))
        seconds = time.monotonic() - started
        if not record.exists():
            raise RuntimeError(
                f"{path.name} ran, but its kernel did not import {RECORDER}/sitecustomize.py, so "
                "that what its outputs depend on is not known. The kernel must heed PYTHONPATH."
            )
        dependencies = dependencies_in(record.read_text(encoding="utf-8"), root)
    store(notebook, dependencies, path, root)
    return seconds


def _environment(record: Path, root: Path) -> dict[str, str]:
    paths = [str(RECORDER), str(root), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "SA_RECORD": str(record),
        "SA_RECORD_ROOT": str(root),
        "TQDM_DISABLE": "1",  # no progress bars in the pages
    }


def store(
    notebook: nbformat.NotebookNode, dependencies: Sequence[str], path: Path, root: Path = ROOT
) -> None:
    """Write a notebook with what it depends on and the fingerprint of how that is now."""
    notebook.metadata[METADATA_KEY] = {
        "depends_on": list(dependencies),
        "fingerprint": fingerprint(notebook, dependencies, root),
    }
    write_atomically(notebook, path)


def trust(path: Path, root: Path = ROOT) -> None:
    """Take the stored outputs of a notebook for current, without running it.

    Raises:
        ValueError: It was never run with a record, or something it depends on is gone or not
            readable: only a run can tell what it depends on now. The file is untouched.
    """
    notebook = nbformat.read(path, as_version=4)
    stored = notebook.metadata.get(METADATA_KEY, {})
    remedy = f"run it: python book/run_stale.py {os.path.relpath(path)}"
    if "depends_on" not in stored:
        raise ValueError(f"{path.name} has no list of what it depends on; {remedy}")
    try:
        store(notebook, stored["depends_on"], path, root)
    except UNREADABLE as error:
        cause = f"{path.name} depends on what cannot be read ({error})"
        raise ValueError(f"{cause}; {remedy}") from error


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="run every notebook, stale or not")
    what.add_argument("--check", action="store_true", help="run none; exit 1 if one is stale")
    what.add_argument("--list", action="store_true", help="run none; print the notebooks' paths")
    what.add_argument(
        "--trust",
        action="store_true",
        help="run none; set the fingerprints of stale notebooks anew, as if a run had given the "
        "stored outputs. Right only after changes that no output can show, such as another name, "
        "type or refusal, and only once each of them has been looked at",
    )
    parser.add_argument("paths", nargs="*", type=Path, help="notebooks (default: all of the book)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; the result is the exit status."""
    options = parse_arguments(arguments)
    paths = [path.resolve() for path in options.paths] or notebook_paths()
    if options.list:
        print(*(os.path.relpath(path) for path in paths), sep="\n")
        return 0
    stale = [path for path in paths if options.all or is_stale(path)]
    if options.check:
        for path in stale:
            print(
                f"{os.path.relpath(path)} is stale: run `make book` and commit it", file=sys.stderr
            )
        return 1 if stale else 0
    if options.trust:
        return _trust_all(stale)
    for path in stale:
        print(f"running {os.path.relpath(path)} ...", flush=True)
        try:
            print(f"    {run(path):.0f} s")
        except CellExecutionError as error:
            print(f"{os.path.relpath(path)} is unchanged, a cell failed:\n{error}", file=sys.stderr)
            return 1
    print(f"{len(stale)} of {len(paths)} notebooks were stale")
    return 0


def _trust_all(paths: Sequence[Path]) -> int:
    status = 0
    for path in paths:
        try:
            trust(path)
            print(f"{os.path.relpath(path)} is taken for current")
        except ValueError as error:
            print(error, file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
