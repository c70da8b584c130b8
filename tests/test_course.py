"""The course kit: every exercise has a hint, a starter, a check; editions hold what they should."""

import ast
import builtins
import itertools
import json
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "course")]
import self_checks  # noqa: E402

from course import building, editions, papers, setup_cell, slides  # noqa: E402
from course.chapters import (  # noqa: E402
    CourseError,
    Exercise,
    boxes,
    exercise_data,
    is_prediction,
    read_chapter,
)
from course.plain import plain  # noqa: E402

CHAPTERS = building.chapters()
EXERCISES = {e.label: (e, chapter) for chapter in CHAPTERS for e in chapter.exercises}
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=[c.name for c in CHAPTERS])
each_exercise = pytest.mark.parametrize("label", EXERCISES)
# Directives, roles, options of boxes, and targets.
RAW = r"^[`:]{3,}\{|\{[\w:-]+\}`|^:\w+:|^\([\w-]+\)=$"
RUN_FOR_REAL = ("component_reset", "locality")


def names_stored(source: str) -> set[str]:
    """Variables that code sets, and arguments of its functions."""
    nodes = list(ast.walk(ast.parse(source)))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    imports = [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    stored |= {a.asname or a.name.partition(".")[0] for node in imports for a in node.names}
    stored |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    return stored | {n.name for n in nodes if isinstance(n, ast.FunctionDef)}


def names_read(source: str) -> set[str]:
    """Variables that code reads."""
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)]
    return {n.id for n in nodes if isinstance(n.ctx, ast.Load)}


def as_shown(cell) -> tuple[str, list]:
    """Text and outputs of a cell in an edition without directives."""
    if cell.cell_type == "markdown":
        return plain(cell.source), []
    return cell.source, cell.outputs


def code_above(chapter, label: str) -> str:
    """The chapter's code up to an exercise, with the solutions of those before it."""
    lines = []
    for piece in chapter.pieces:
        if getattr(piece, "label", None) == label:
            return "\n".join(lines)
        if hasattr(piece, "label"):
            lines.append(piece.answer)
        elif piece.cell_type == "code":
            lines.append(piece.source)
    raise AssertionError(label)


def code_by_name(chapter) -> dict[str, str]:
    """A chapter's code by section, and by exercise; that above the first section has no name."""
    code, name = {"": ""}, ""
    for piece in chapter.pieces:
        if hasattr(piece, "label"):
            given = "\n".join(self_checks.given_to(piece.label))
            code[piece.title.rstrip(".")] = f"{piece.answer}\n{given}"
        elif piece.cell_type == "code":
            code[name] += f"{piece.source}\n"
        elif heading := re.findall(r"^## (.+)$", piece.source, re.MULTILINE):
            name = heading[-1]
            code[name] = ""
    return code


class TestExercises:
    @each_exercise
    def test_has_a_check_and_data(self, label):
        exercise, _ = EXERCISES[label]
        assert label in self_checks.CHECKS, f"{label} has no check in course/self_checks"
        assert set(exercise.data) == {"minutes", "hint", "asks", "answer"}
        assert exercise.solution, f"{label} has no solution"
        assert exercise.level

    def test_checks_and_data_are_of_the_same_exercises(self):
        assert set(self_checks.CHECKS) == set(exercise_data()) == set(EXERCISES)

    @each_exercise
    def test_asks_for_what_the_check_reads(self, label):
        exercise, chapter = EXERCISES[label]
        assert list(exercise.data["asks"]) == self_checks.asked_of(label)
        assert set(self_checks.given_to(label)) <= names_stored(code_above(chapter, label))

    @each_exercise
    def test_the_answer_sets_what_is_asked_for_from_what_is_there(self, label):
        exercise, chapter = EXERCISES[label]
        assert set(exercise.data["asks"]) <= names_stored(exercise.answer)
        read = names_read(exercise.data["answer"])
        there = names_stored(code_above(chapter, label) + "\n" + exercise.answer)
        assert read <= there | set(dir(builtins))

    @each_exercise
    def test_an_answer_takes_no_name_that_is_read_below(self, label):
        exercise, chapter = EXERCISES[label]
        for piece in chapter.pieces[chapter.pieces.index(exercise) + 1 :]:
            if hasattr(piece, "label"):
                read = set(self_checks.given_to(piece.label)) | names_read(piece.answer)
            else:
                read = names_read(piece.source) if piece.cell_type == "code" else set()
            assert not set(exercise.data["asks"]) & read, piece

    @each_exercise
    def test_the_check_fails_on_the_starter(self, label):
        exercise, _ = EXERCISES[label]
        variables = {}
        exec(exercise.starter, variables)
        variables |= dict.fromkeys(self_checks.given_to(label))
        with pytest.raises(self_checks.Wrong, match="still to be set"):
            self_checks.check(label, variables)

    def test_a_check_names_cells_that_have_not_run(self):
        with pytest.raises(self_checks.Wrong, match="run the chapter's cells first: trio"):
            self_checks.check("exercise-mean-image", {"mean_images": {}})

    def test_wrong_answers_are_told_apart(self):
        check, wrong = self_checks.CHECKS["exercise-flipped-bit"], self_checks.Wrong
        right = {"ours": True, "zipped torch": True, "pickle": False}
        check(right)
        for kind in right:
            with pytest.raises(wrong):
                check(right | {kind: not right[kind]})
        with pytest.raises(wrong, match="no entry for 'pickle'"):
            check({"ours": True, "zipped torch": True})
        with pytest.raises(wrong, match="has to be a number, not a str"):
            check(right | {"pickle": "no"})


class TestPredictions:
    @each_chapter
    def test_nothing_is_told_before_a_cell_has_run(self, chapter):
        for index, piece in enumerate(chapter.pieces):
            if not isinstance(piece, Exercise) and is_prediction(piece):
                below = piece.source.partition("{admonition} Predict")[2]
                assert ":class: claim" not in below
                following = chapter.pieces[index + 1]
                assert getattr(following, "cell_type", "") == "code", piece.source


class TestReadingChapters:
    def test_reads_every_notebook_in_the_order_of_the_book(self):
        assert set(building.chapter_paths()) == set((ROOT / "notebooks").glob("*.ipynb"))
        names = [chapter.name for chapter in CHAPTERS]
        assert names[:2] == ["fine_tuning", "aligned_models"]
        assert names.index("layer_swapping") < names.index("inversion")

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (["```{exercise-start} A", "```", "text", "```{exercise-end}", "```"], "has no label"),
            (["```{exercise-start} A", ":label: a", "```", "text"], "does not end"),
            (["```{exercise-end}", "```"], "without its start"),
            (["```{solution-start} b", "```", "```{solution-end}", "```"], "not above it"),
        ],
    )
    def test_says_what_is_wrong_with_an_exercise(self, tmp_path, lines, message):
        path = tmp_path / "chapter.ipynb"
        cells = [nbformat.v4.new_markdown_cell("\n".join(lines))]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        with pytest.raises(CourseError, match=message):
            read_chapter(path)

    def test_boxes_become_quotations_and_roles_words(self):
        text = "```{admonition} Claim\n:class: claim\nSo says {cite:t}`wu2022stylealign`.\n```"
        assert plain(text) == "> **Claim.**\n>\n> So says Wu et al. (2022)."
        assert plain("{term}`interpolation <x>` of {doc}`/book/notation`") == (
            "interpolation of *notation*"
        )


class TestEditions:
    @each_chapter
    def test_student_edition_has_no_outputs_and_no_solutions(self, chapter):
        notebook = editions.student(chapter)
        nbformat.validate(notebook)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in code)
        everything = "\n".join(cell.source for cell in notebook.cells)
        for exercise in chapter.exercises:
            assert exercise.data["hint"] in everything
            for cell in exercise.solution:
                assert plain(cell.source) not in everything

    @each_chapter
    @pytest.mark.parametrize("edition", [editions.student, editions.instructor])
    def test_plain_editions_show_no_raw_directive(self, chapter, edition):
        for cell in edition(chapter).cells:
            if cell.cell_type == "markdown":
                assert not re.search(RAW, cell.source, re.M)

    @each_chapter
    def test_lab_edition_keeps_boxes_and_folds_solutions(self, chapter):
        notebook = editions.lab(chapter)
        folded = [c for c in notebook.cells if c.metadata.get("jp-MarkdownHeadingCollapsed")]
        assert len(folded) == len(chapter.exercises)
        assert sum("{admonition}" in cell.source for cell in notebook.cells) > 1
        assert not any(cell.get("outputs") for cell in notebook.cells)

    @each_chapter
    def test_instructor_edition_has_solutions_answers_and_notes(self, chapter):
        notebook = editions.instructor(chapter)
        nbformat.validate(notebook)
        everything = "\n".join(cell.source for cell in notebook.cells)
        assert everything.count("**Expected answer**") == sum(map(is_prediction, chapter.cells))
        for words in [*chapter.data["misconceptions"], *chapter.data["discussion"]]:
            assert words in everything
        for exercise in chapter.exercises:
            assert exercise.data["answer"].strip() in everything
            for cell in map(as_shown, exercise.solution):
                assert cell in map(as_shown, notebook.cells)

    @each_chapter
    def test_nbgrader_finds_its_metadata(self, chapter):
        graded = [
            cell.metadata["nbgrader"]
            for cell in editions.student(chapter).cells
            if "nbgrader" in cell.metadata
        ]
        assert len(graded) == 2 * len(chapter.exercises)
        assert len({entry["grade_id"] for entry in graded}) == len(graded)
        for entry in graded:
            assert re.fullmatch(r"[\w-]+", entry["grade_id"])
            assert entry["schema_version"] == 3
            assert entry["grade"] == entry["locked"] == ("points" in entry)
            assert entry["solution"] != entry["grade"]

    @each_chapter
    def test_filled_edition_differs_in_the_answers_only(self, chapter):
        pairs = zip(editions.student(chapter).cells, editions.filled(chapter).cells, strict=True)
        changed = [(before, after) for before, after in pairs if before.source != after.source]
        assert [after.source for _, after in changed] == [e.answer for e in chapter.exercises]
        assert all(before.metadata["nbgrader"]["solution"] for before, _ in changed)


@pytest.mark.notebooks
@pytest.mark.parametrize("name", RUN_FOR_REAL)
def test_checks_pass_on_the_solutions(name, tmp_path):
    [chapter] = building.chapters([name])
    path = building.run(chapter, tmp_path / "student")
    assert building.right_answers(path) == [exercise.label for exercise in chapter.exercises]


class TestPapers:
    @pytest.mark.parametrize("name", papers.plans())
    def test_steps_of_a_plan_add_up(self, name):
        plan = papers.plans()[name]
        assert sum(step["minutes"] for step in plan["steps"]) == plan["minutes"]
        written = papers.plan(plan, CHAPTERS)
        hours, rest = divmod(plan["minutes"], 60)
        assert f"| {hours}:{rest:02d} |" in written

    def test_plans_follow_the_order_of_the_book(self):
        order = [chapter.name for chapter in CHAPTERS]
        for plan in papers.plans().values():
            places = [order.index(step["chapter"]) for step in plan["steps"]]
            assert places == sorted(places)

    @pytest.mark.parametrize("name", papers.plans())
    def test_plans_name_sections_and_exercises_that_exist(self, name):
        for step in papers.plans()[name]["steps"]:
            [chapter] = [c for c in CHAPTERS if c.name == step["chapter"]]
            named = re.findall(r"\*([^*]+)\*", step["do"])
            assert set(named) <= set(code_by_name(chapter)), step

    @pytest.mark.parametrize("name", ["aligned_models", "component_reset"])
    def test_what_the_lab_of_two_hours_runs_needs_nothing_that_it_skips(self, name):
        [chapter] = [c for c in CHAPTERS if c.name == name]
        code = code_by_name(chapter)
        there = names_stored(code.pop("")) | set(dir(builtins))
        for step in papers.plans()["two_hours"]["steps"]:
            for named in re.findall(r"\*([^*]+)\*", step["do"]):
                if step["chapter"] == name:
                    there |= names_stored(code[named])
                    assert names_read(code[named]) <= there, named

    @each_chapter
    def test_every_option_of_a_quiz_has_feedback(self, chapter):
        assert len(chapter.data["quiz"]) >= 2
        for question in chapter.data["quiz"]:
            assert len(question["options"]) == len(question["feedback"]) >= 3
            assert 0 <= question["right"] < len(question["options"])

    def test_key_marks_one_option_a_question(self):
        count = sum(len(chapter.data["quiz"]) for chapter in CHAPTERS)
        assert papers.quizzes(CHAPTERS, key=True).count("✓") == count
        assert "✓" not in papers.quizzes(CHAPTERS)

    def test_minutes_list_every_exercise(self):
        table = papers.minutes(CHAPTERS)
        assert all(exercise.title in table for exercise, _ in EXERCISES.values())


class TestSlides:
    @each_chapter
    def test_hold_claims_predictions_and_figures_and_load_nothing(self, chapter):
        deck = slides.deck(chapter)
        assert deck.count("<h2>Claim</h2>") == sum(len(boxes(c, "claim")) for c in chapter.cells)
        assert deck.count("<h2>Predict</h2>") == sum(map(is_prediction, chapter.cells))
        summary = re.search(r"<h2>Summary</h2>.*?</section>", deck, re.DOTALL)
        assert summary[0].count("<li>") >= 3
        images = re.findall(r'<img src="([^"]{5})[^>]*alt="([^"]*)"', deck)
        assert images
        assert all(source == "data:" and len(alt) >= 20 for source, alt in images)
        assert not re.search(r'(?:src|href)="(?:https?:)?//|url\(|@import|\$\$', deck)


class TestSetupCell:
    def test_is_first_and_written_once(self):
        cells = editions.student(CHAPTERS[0]).cells
        again = setup_cell.with_setup(cells)
        assert [cell.source for cell in again] == [cell.source for cell in cells]
        first = next(cell for cell in cells if cell.cell_type == "code")
        assert first.metadata["tags"] == ["colab-setup", "remove-cell"]

    def test_does_nothing_outside_of_colab(self, monkeypatch):
        source = setup_cell.setup_cell().source
        monkeypatch.setattr("subprocess.run", pytest.fail)
        exec(source, {})

    def test_holds_the_address_of_the_environment(self, monkeypatch):
        monkeypatch.setenv("BOOK_REPOSITORY", "git@example.org:someone/book.git")
        assert 'REPOSITORY = "https://example.org/someone/book"' in setup_cell.setup_cell().source

    def test_is_the_same_in_all_chapters_that_have_it(self):
        written = {
            cell.source
            for chapter in building.chapter_paths()
            for cell in nbformat.read(chapter, as_version=4).cells
            if setup_cell.is_setup(cell)
        }
        assert len(written) <= 1

    def test_numbers_executed_cells_anew(self, tmp_path):
        path = tmp_path / "chapter.ipynb"
        cell = nbformat.v4.new_code_cell("1", execution_count=1)
        cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "1"})]
        title = nbformat.v4.new_markdown_cell("# Title")
        nbformat.write(nbformat.v4.new_notebook(cells=[title, cell]), path)
        setup_cell.write_setup(path)
        code = nbformat.read(path, as_version=4).cells[1:]
        assert [cell.execution_count for cell in code] == [1, 2]
        assert code[1].outputs[0].execution_count == 2


def pictures_of(path: Path) -> list[str]:
    """Targets of the pictures that a notebook's text shows."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)


def test_the_kit_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "chapters", lambda: CHAPTERS)
    building.build(tmp_path / "kit")
    names = {chapter.name for chapter in CHAPTERS}
    with_picture = {c.name for c in CHAPTERS if "](../book/assets/" in c.cells[0].source}
    assert len(with_picture) >= 7
    for edition in ("student", "instructor", "lab"):
        folder = tmp_path / "kit" / edition
        assert {path.stem for path in folder.glob("*.ipynb")} == names
        shown = {path.stem: pictures_of(path) for path in folder.glob("*.ipynb")}
        assert {name for name, pictures in shown.items() if pictures} >= with_picture
        for picture in itertools.chain(*shown.values()):
            assert (folder / picture).is_file(), f"{edition}: {picture} is not beside it"
    plans = {path.name for path in (tmp_path / "kit" / "instructor").glob("plan_*.md")}
    assert plans == {"plan_two_hours.md", "plan_one_day.md", "plan_four_weeks.md"}
    for name in ("rubric.md", "projects.md", "quizzes.md", "README.md"):
        assert (tmp_path / "kit" / "student" / name).read_text()
    student = json.dumps([p.read_text() for p in (tmp_path / "kit" / "student").glob("*.ipynb")])
    assert "BEGIN SOLUTION" not in student
