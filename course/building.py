"""Write the kit into a folder, and run student editions with the solutions filled in."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course import editions, papers, slides
from course.chapters import Chapter, chapter_paths, read_chapter
from course.plain import PICTURES, ROOT

OUT = ROOT / "course" / "_build"
HERE = Path(__file__).resolve().parent
CELL_TIMEOUT_SEC = 1800


def chapters(names: Sequence[str] = ()) -> list[Chapter]:
    """Read the chapters of these names, all by default.

    Raises:
        ValueError: A name that no chapter has.
    """
    paths = {path.stem: path for path in chapter_paths()}
    unknown = [name for name in names if name not in paths]
    if unknown:
        raise ValueError(f"no chapter is called {unknown[0]!r}; there are {', '.join(paths)}")
    return [read_chapter(paths[name]) for name in names or paths]


def build(out: Path = OUT) -> None:
    """Write every part of the kit into `out`, in place of what was there."""
    everything = chapters()
    shutil.rmtree(out, ignore_errors=True)
    write_edition(everything, editions.student, out / "student")
    write_edition(everything, editions.instructor, out / "instructor")
    write_edition(everything, editions.lab, out / "lab")
    papers.write(everything, out)
    slides.write(everything, out / "instructor" / "slides")


def write_edition(
    chosen: Sequence[Chapter], edition: Callable[[Chapter], NotebookNode], folder: Path
) -> None:
    """Write one edition of some chapters, with what its cells need beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(
        HERE / "self_checks",
        folder / "self_checks",
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    # A chapter opens the tests' checkpoints as ../tests/fixtures.
    shutil.copytree(
        ROOT / "tests" / "fixtures", folder.parent / "tests" / "fixtures", dirs_exist_ok=True
    )
    for chapter in chosen:
        text = nbformat.writes(edition(chapter))
        (folder / f"{chapter.name}.ipynb").write_text(text, encoding="utf-8")
        _copy_pictures(text, folder / PICTURES)


def _copy_pictures(text: str, folder: Path) -> None:
    """Put beside a notebook what its text shows of the book's pictures."""
    for name in re.findall(rf"\]\({PICTURES}/([^)]+)\)", text):
        folder.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "book" / "assets" / name, folder / name)


def run(chapter: Chapter, folder: Path) -> Path:
    """Run a student edition with the solutions filled in, and keep it with its outputs.

    Raises:
        subprocess.CalledProcessError: A cell failed; its traceback has been printed.
    """
    write_edition([chapter], editions.filled, folder)
    path = folder / f"{chapter.name}.ipynb"
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", str(path)]
    command += [f"--timeout={CELL_TIMEOUT_SEC}"]
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": search})
    return path


def right_answers(path: Path) -> list[str]:
    """Labels of the exercises that an executed notebook's checks found right."""
    cells = nbformat.read(path, as_version=4).cells
    return [
        cell.metadata["nbgrader"]["grade_id"].removesuffix("-check")
        for cell in cells
        if cell.metadata.get("nbgrader", {}).get("grade")
        and "Right." in json.dumps(cell.get("outputs", []))
    ]
