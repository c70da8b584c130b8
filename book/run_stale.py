"""Run the notebooks whose stored outputs are out of date, each in place.

A notebook is up to date when its metadata hold the fingerprint of all that its outputs depend on:
its code cells, the code of the modules of `sa_helpers` that it imports, directly or not (comments
and docstrings do not count), the shipped models with records, readers, encoders and surveys if it
opens any, the shipped images and records if it trains, the tests' checkpoints if it reads them, and
the lock file. The fingerprint is the same under every version of Python.

    python book/run_stale.py            # run what is stale
    python book/run_stale.py --all      # run everything
    python book/run_stale.py --check    # exit 1 and name what is stale
    python book/run_stale.py --list     # print the notebooks' paths
"""

import argparse
import ast
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "sa_helpers"
FOLDERS = ("book", "notebooks")
METADATA_KEY = "sa_book"
CELL_TIMEOUT_SEC = 900


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


def names_imported(code: str) -> Iterator[str]:
    """Yield the dotted names of our package that some code imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE)


def modules_reached(code: str, root: Path) -> list[Path]:
    """Find the files of our package that some code imports, directly or through others."""
    reached: set[Path] = set()
    waiting = list(names_imported(code))
    while waiting:
        stem = root.joinpath(*waiting.pop().split("."))
        packages = [stem, *(folder for folder in stem.parents if root in folder.parents)]
        for path in (stem.with_suffix(".py"), *(folder / "__init__.py" for folder in packages)):
            if path.is_file() and path not in reached:
                reached.add(path)
                waiting.extend(names_imported(path.read_text(encoding="utf-8")))
    return sorted(reached)


def fingerprint_parts(notebook: nbformat.NotebookNode, root: Path) -> Iterator[bytes]:
    """Yield everything that a notebook's outputs depend on."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    yield from (source.encode() for source in sources)
    modules = modules_reached("\n".join(sources), root)
    for path in modules:
        yield path.relative_to(root).as_posix().encode()
        yield code_of_module(path).encode()
    files: list[Path] = []
    if root / PACKAGE / "family" / "__init__.py" in modules:
        models = root / PACKAGE / "models"
        kinds = ("*.safetensors", "*.npz", "*.json", "family.toml")
        files += sorted(path for kind in kinds for path in models.rglob(kind))
    if root / PACKAGE / "finetuning" / "few_images.py" in modules:
        data = root / PACKAGE / "data"
        files += sorted([*data.rglob("*.jpg"), *data.rglob("*.json")])
    if any("tests/fixtures" in source for source in sources):
        files += sorted((root / "tests" / "fixtures").glob("*"))
    for path in files:
        yield path.relative_to(root).as_posix().encode()
        yield path.read_bytes()
    yield (root / "requirements.lock").read_bytes()


def fingerprint(notebook: nbformat.NotebookNode, root: Path = ROOT) -> str:
    """Hash everything that a notebook's outputs depend on."""
    digest = hashlib.sha256()
    for part in fingerprint_parts(notebook, root):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


def is_stale(path: Path, root: Path = ROOT) -> bool:
    """Tell whether a notebook has to run again for its outputs to be current."""
    notebook = nbformat.read(path, as_version=4)
    stored = notebook.metadata.get(METADATA_KEY, {}).get("fingerprint")
    return bool(stored != fingerprint(notebook, root))


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
    """Run a notebook in its own folder and store its outputs and fingerprint.

    Returns:
        The run time in seconds.

    Raises:
        CellExecutionError: A cell failed; the file is untouched, and the message shows the cell.
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
    started = time.monotonic()
    client.execute(env={**os.environ, "TQDM_DISABLE": "1"})  # no progress bars in the pages
    seconds = time.monotonic() - started
    notebook.metadata[METADATA_KEY] = {"fingerprint": fingerprint(notebook, root)}
    write_atomically(notebook, path)
    return seconds


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="run every notebook, stale or not")
    what.add_argument("--check", action="store_true", help="run none; exit 1 if one is stale")
    what.add_argument("--list", action="store_true", help="run none; print the notebooks' paths")
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
    for path in stale:
        print(f"running {os.path.relpath(path)} ...", flush=True)
        try:
            print(f"    {run(path):.0f} s")
        except CellExecutionError as error:
            print(f"{os.path.relpath(path)} is unchanged, a cell failed:\n{error}", file=sys.stderr)
            return 1
    print(f"{len(stale)} of {len(paths)} notebooks were stale")
    return 0


if __name__ == "__main__":
    sys.exit(main())
