"""Read chapters: their prose, predictions, claims, and exercises with solutions, by label."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from course.plain import DIRECTIVE, ROOT

DATA = Path(__file__).resolve().parent / "chapters"
LEVELS = {"Easy": 1, "Medium": 2, "Hard": 3}
"""Level of an exercise, as its text begins, to its points."""

_GATE = re.compile(
    r"^(?:`{3,}|:{3,})\{(?P<what>exercise|solution)-(?P<end>start|end)\}[ \t]*(?P<rest>.*)\n"
    r"(?P<options>(?::.*\n)*)(?:`{3,}|:{3,})[ \t]*$\n?",
    re.MULTILINE,
)
_LABEL = re.compile(r"^:label:\s*(\S+)", re.MULTILINE)
SETUP_TAG = "colab-setup"


class CourseError(Exception):
    """A chapter and its data do not fit together; the message says where and what to do."""


@dataclass
class Exercise:
    """An exercise of a chapter, with what the course adds to it."""

    label: str
    title: str
    text: str = ""
    solution: list[NotebookNode] = field(default_factory=list)

    @property
    def level(self) -> str:
        """Easy, Medium or Hard."""
        found = re.match(r"\*(\w+)\.\*", self.text)
        if found is None or found[1] not in LEVELS:
            raise CourseError(f"{self.label}: its text has to begin with one of {list(LEVELS)}")
        return found[1]

    @property
    def data(self) -> dict[str, Any]:
        """Minutes, hint, what is asked for, and the lines that make it of the solution."""
        known = exercise_data()
        if self.label not in known:
            raise CourseError(f"{self.label} has no entry in course/chapters/*.toml: add one")
        return known[self.label]

    @property
    def starter(self) -> str:
        """The cell that a student begins with."""
        lines = ["# Your answer. The check below asks for:"]
        for name, meaning in self.data["asks"].items():
            lines += [*_comment(f"{name}: {meaning}"), f"{name} = ..."]
        return "\n".join(lines)

    @property
    def check(self) -> str:
        """The cell that tells right from wrong."""
        return f'from self_checks import check\n\ncheck("{self.label}", globals())'

    @property
    def answer(self) -> str:
        """The solution's code and the lines that make of it what is asked for."""
        cells = [cell.source for cell in self.solution if cell.cell_type == "code"]
        return "\n\n".join(filter(None, [*cells, self.data["answer"].strip()]))


@dataclass
class Chapter:
    """A chapter in pieces: cells, and exercises in between."""

    name: str
    pieces: list[NotebookNode | Exercise]
    metadata: dict[str, Any]

    @property
    def exercises(self) -> list[Exercise]:
        """In the chapter's order."""
        return [piece for piece in self.pieces if isinstance(piece, Exercise)]

    @property
    def cells(self) -> list[NotebookNode]:
        """Cells outside of exercises."""
        return [piece for piece in self.pieces if not isinstance(piece, Exercise)]

    @property
    def title(self) -> str:
        """The first heading."""
        return self.cells[0].source.splitlines()[0].removeprefix("# ").strip()

    @property
    def closing(self) -> str:
        """Text of the summary, which may stand in several cells."""
        texts = [cell.source for cell in self.cells if cell.cell_type == "markdown"]
        start = next(i for i, text in enumerate(texts) if text.startswith("## Summary"))
        return "\n\n".join(texts[start:])

    @property
    def run_time(self) -> str:
        """As the chapter's box says it."""
        found = re.search(r"\*\*Run time\.\*\*\s*(.+?)\n", self.cells[0].source)
        return found[1] if found else "unknown"

    @cached_property
    def data(self) -> dict[str, Any]:
        """Summary, minutes, misconceptions, discussion, quiz."""
        path = DATA / f"{self.name}.toml"
        if not path.exists():
            raise CourseError(f"the chapter {self.name} has no course/chapters/{path.name}: add it")
        return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def exercise_data() -> dict[str, dict[str, Any]]:
    """Label to data of every exercise, in whichever chapter's file it stands."""
    known: dict[str, dict[str, Any]] = {}
    for path in sorted(DATA.glob("*.toml")):
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("exercises", {})
        twice = known.keys() & found.keys()
        if twice:
            raise CourseError(f"{path.name}: {sorted(twice)} stand in another file, too")
        known |= found
    return known


def chapter_paths() -> list[Path]:
    """The chapters' notebooks, in the order of the book."""
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    files = [entry["file"] for part in contents["parts"] for entry in part["chapters"]]
    return [ROOT / f"{file}.ipynb" for file in files if file.startswith("notebooks/")]


def read_chapter(path: Path) -> Chapter:
    """Take a notebook apart.

    Raises:
        CourseError: Exercises or solutions that do not begin, end or belong together.
    """
    notebook = nbformat.read(path, as_version=4)
    pieces: list[NotebookNode | Exercise] = []
    exercises: dict[str, Exercise] = {}
    state: tuple[str, str] | None = None
    for cell in notebook.cells:
        for event in _events(cell):
            if isinstance(event, re.Match):
                state = _next_state(event, state, exercises, pieces, path)
            elif state is None:
                pieces.append(event)
            elif state[0] == "exercise":
                exercises[state[1]].text += event.source.strip() + "\n"
            else:
                exercises[state[1]].solution.append(event)
    if state is not None:
        raise CourseError(f"{path.name}: the {state[0]} {state[1]} does not end")
    return Chapter(path.stem, pieces, dict(notebook.metadata))


def _events(cell: NotebookNode) -> Iterator[NotebookNode | re.Match[str]]:
    """A code cell; or the parts of a Markdown cell and the gates between them."""
    if cell.cell_type != "markdown":
        if SETUP_TAG not in cell.metadata.get("tags", []):
            yield cell
        return
    start = 0
    for gate in _GATE.finditer(cell.source):
        yield from _text(cell.source[start : gate.start()])
        yield gate
        start = gate.end()
    yield from _text(cell.source[start:])


def _text(source: str) -> list[NotebookNode]:
    return [nbformat.v4.new_markdown_cell(source.strip())] if source.strip() else []


def _next_state(
    gate: re.Match[str],
    state: tuple[str, str] | None,
    exercises: dict[str, Exercise],
    pieces: list[NotebookNode | Exercise],
    path: Path,
) -> tuple[str, str] | None:
    what = gate["what"]
    if gate["end"] == "end":
        if state is None or state[0] != what:
            raise CourseError(f"{path.name}: {{{what}-end}} without its start")
        return None
    if state is not None:
        raise CourseError(f"{path.name}: {{{what}-start}} within the {state[0]} {state[1]}")
    if what == "solution":
        label = gate["rest"].strip()
        if label not in exercises:
            raise CourseError(f"{path.name}: a solution of {label}, which is not above it")
        return "solution", label
    found = _LABEL.search(gate["options"])
    if found is None:
        raise CourseError(f"{path.name}: the exercise {gate['rest'].strip()} has no label")
    exercise = Exercise(found[1], gate["rest"].strip())
    exercises[exercise.label] = exercise
    pieces.append(exercise)
    return "exercise", exercise.label


def boxes(cell: NotebookNode, css_class: str) -> list[str]:
    """Bodies of a Markdown cell's boxes of one class."""
    if cell.cell_type != "markdown":
        return []
    found = DIRECTIVE.finditer(cell.source)
    return [m["body"].strip() for m in found if f":class: {css_class}" in m["options"]]


def is_prediction(cell: NotebookNode) -> bool:
    """Whether a cell asks the reader to predict."""
    return "{admonition} Predict" in cell.source and cell.cell_type == "markdown"


def _comment(text: str, width: int = 96) -> list[str]:
    lines, line = [], "#"
    for word in text.split():
        if len(line) + 1 + len(word) > width:
            lines.append(line)
            line = "#  "
        line += f" {word}"
    return [*lines, line]
