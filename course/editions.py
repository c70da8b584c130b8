"""Three editions of a chapter: for students, for instructors, and for whoever reads by running."""

import copy
from collections.abc import Iterable

import nbformat
from nbformat import NotebookNode

from course.chapters import LEVELS, Chapter, Exercise, boxes, is_prediction
from course.plain import plain
from course.setup_cell import with_setup

_MAX_EVIDENCE_LINES = 14


def student(chapter: Chapter) -> NotebookNode:
    """No outputs and no solutions: starter cells, hints and self-checks."""
    cells = []
    for piece in chapter.pieces:
        cells += _student_exercise(piece) if isinstance(piece, Exercise) else [_without(piece)]
    return _notebook(chapter, [_plain(cell) for cell in cells])


def lab(chapter: Chapter) -> NotebookNode:
    """As the student's, with boxes that jupyterlab-myst draws and solutions folded below a heading.

    All outputs are cleared, not only those of predictions: later outputs tell them, too.
    """
    cells = []
    for piece in chapter.pieces:
        if isinstance(piece, Exercise):
            cells += [*_student_exercise(piece), *_folded_solution(piece)]
        else:
            cells.append(_without(piece))
    return _notebook(chapter, [_plain(cell, keep_boxes=True) for cell in cells])


def filled(chapter: Chapter) -> NotebookNode:
    """The student edition with the solutions in the starter cells: it has to run through."""
    notebook = student(chapter)
    answers = {_grade_id(exercise, "answer"): exercise.answer for exercise in chapter.exercises}
    for cell in notebook.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    return notebook


def instructor(chapter: Chapter) -> NotebookNode:
    """Outputs, solutions with explanations, expected answers to predictions, notes for teaching."""
    cells: list[NotebookNode] = []
    for index, piece in enumerate(chapter.pieces):
        if isinstance(piece, Exercise):
            cells += _instructor_exercise(piece)
            continue
        cells.append(copy.deepcopy(piece))
        if is_prediction(piece):
            cells.append(_expected_answer(chapter.pieces[index:]))
    cells.insert(1, _teaching_notes(chapter))
    return _notebook(chapter, [_plain(cell) for cell in cells])


def _student_exercise(exercise: Exercise) -> list[NotebookNode]:
    points = LEVELS[exercise.level]
    hint = exercise.data["hint"]
    text = (
        f"### Exercise: {exercise.title}\n\n{exercise.text.strip()}\n\n"
        f"About {exercise.data['minutes']} minutes.\n\n"
        f"```{{dropdown}} Hint\n{hint}\n```"
    )
    answer = _graded(exercise, exercise.starter, "answer", is_solution=True, points=None)
    check = _graded(exercise, exercise.check, "check", is_solution=False, points=points)
    return [_markdown(text), answer, check]


def _graded(
    exercise: Exercise, source: str, kind: str, *, is_solution: bool, points: int | None
) -> NotebookNode:
    """A code cell with nbgrader's metadata: a manual answer, or a locked test with points."""
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": _grade_id(exercise, kind),
        "cell_type": "code",
        "solution": is_solution,
        "grade": not is_solution,
        "locked": not is_solution,
        "task": False,
        **({} if points is None else {"points": points}),
    }
    return cell


def _grade_id(exercise: Exercise, kind: str) -> str:
    return f"{exercise.label}-{kind}"


def _folded_solution(exercise: Exercise) -> list[NotebookNode]:
    """A heading that JupyterLab keeps folded, with the solution below it."""
    heading = _markdown("#### Solution\n\nUnfold it once you have tried.")
    heading.metadata["jp-MarkdownHeadingCollapsed"] = True
    return [heading, *(_without(cell) for cell in exercise.solution)]


def _instructor_exercise(exercise: Exercise) -> list[NotebookNode]:
    heading = (
        f"### Exercise: {exercise.title}\n\n{exercise.text.strip()}\n\n"
        f"**Teaching.** {exercise.data['minutes']} minutes, {LEVELS[exercise.level]} points. "
        f"Hint: {exercise.data['hint']}"
    )
    cells = [_markdown(heading), _markdown("**Solution**"), *map(copy.deepcopy, exercise.solution)]
    asked = "\n".join(f"- `{name}`: {text}" for name, text in exercise.data["asks"].items())
    cells.append(_markdown(f"**What the self-check asks for**\n\n{asked}"))
    if exercise.data["answer"].strip():
        cells.append(nbformat.v4.new_code_cell(exercise.data["answer"].strip()))
    return [*cells, nbformat.v4.new_code_cell(exercise.check)]


def _teaching_notes(chapter: Chapter) -> NotebookNode:
    data = chapter.data
    practice = sum(exercise.data["minutes"] for exercise in chapter.exercises)
    lines = [
        "**For the instructor**",
        data["summary"],
        f"*Timing.* {data['reading_minutes']} minutes with predictions and figures, {practice} for "
        f"all exercises; the cells run for: {chapter.run_time}",
        "*Misconceptions.*\n\n" + _bullets(data["misconceptions"]),
        "*For discussion.*\n\n" + _bullets(data["discussion"]),
    ]
    return _markdown("\n\n".join(lines))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _expected_answer(pieces: list[NotebookNode | Exercise]) -> NotebookNode:
    """What the chapter finds after a prediction: its claims, and what its cells print."""
    claims: list[str] = []
    printed: list[str] = []
    for index, piece in enumerate(pieces):
        if isinstance(piece, Exercise) or (index and (is_prediction(piece) or _is_section(piece))):
            break
        claims += boxes(piece, "claim")
        printed += _printed(piece)
    lines = [f"- {plain(claim)}" for claim in claims]
    if printed:
        lines += ["", "```", *printed[:_MAX_EVIDENCE_LINES], "```"]
    shown = "\n".join(lines) or "The figure below shows it; there is no number to it."
    return _markdown(f"**Expected answer**\n\n{shown}")


def _is_section(cell: NotebookNode) -> bool:
    return bool(cell.cell_type == "markdown" and cell.source.lstrip().startswith("## "))


def _printed(cell: NotebookNode) -> list[str]:
    """Lines that a cell printed, and its tables as text."""
    lines: list[str] = []
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        if not text.startswith("<"):
            lines += text.rstrip().splitlines()
    return lines


def _without(cell: NotebookNode) -> NotebookNode:
    """A cell as it was before it ran."""
    if cell.cell_type == "markdown":
        return _markdown(cell.source)
    bare = nbformat.v4.new_code_cell(cell.source)
    bare.metadata = copy.deepcopy(cell.metadata)
    return bare


def _plain(cell: NotebookNode, *, keep_boxes: bool = False) -> NotebookNode:
    if cell.cell_type == "markdown":
        cell.source = plain(cell.source, keep_boxes=keep_boxes)
    return cell


def _markdown(source: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source)


def _notebook(chapter: Chapter, cells: list[NotebookNode]) -> NotebookNode:
    """A notebook whose cells have names that do not change from build to build."""
    cells = with_setup(cells)
    for index, cell in enumerate(cells):
        cell["id"] = f"{chapter.name}-{index}"[:64]
    kept = {
        k: chapter.metadata[k] for k in ("kernelspec", "language_info") if k in chapter.metadata
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=kept)
