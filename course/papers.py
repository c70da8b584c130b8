"""What is read and not run: plans, quizzes, minutes, rubric, projects."""

import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course.chapters import LEVELS, Chapter

HERE = Path(__file__).resolve().parent


def write(chapters: Sequence[Chapter], out: Path) -> None:
    """Write the papers for students and for instructors."""
    for_students = {"README.md": _welcome(chapters), "quizzes.md": quizzes(chapters)}
    for_instructors = {f"plan_{name}.md": plan(p, chapters) for name, p in plans().items()}
    for_instructors |= {"minutes.md": minutes(chapters), "quizzes.md": quizzes(chapters, key=True)}
    for folder, texts in {"student": for_students, "instructor": for_instructors}.items():
        for name, text in texts.items():
            (out / folder / name).write_text(text, encoding="utf-8")
        for name in ("rubric.md", "projects.md"):
            shutil.copyfile(HERE / name, out / folder / name)


def plans() -> dict[str, dict[str, Any]]:
    """Name to plan, from `plans.toml`."""
    return tomllib.loads((HERE / "plans.toml").read_text(encoding="utf-8"))


def plan(plan: Mapping[str, Any], chapters: Sequence[Chapter]) -> str:
    """One plan, minute by minute."""
    titles = {chapter.name: chapter.title for chapter in chapters}
    lines = [f"# {plan['title']}", "", f"For {plan['for']}.", ""]
    lines += ["| From | To | Chapter | What | Cells run for |", "|---:|---:|---|---|---:|"]
    start = 0
    for step in plan["steps"]:
        end = start + step["minutes"]
        times = f"{_clock(start)} | {_clock(end)}"
        run = f"{step['cells_run']} min" if "cells_run" in step else ""
        lines.append(f"| {times} | {titles[step['chapter']]} | {step['do']} | {run} |")
        start = end
    lines += [
        "",
        "Before the lab: set the laptops up (*Installing* in the README), run `make course`, and "
        "copy `student/` and `tests/` of `course/_build` side by side to each. There "
        "`.venv/bin/jupyter lab` opens `student/`. Run each chapter once on the slowest laptop. "
        "Solutions and expected answers are in `instructor/`, slides in `instructor/slides/`.",
    ]
    used = dict.fromkeys(step["chapter"] for step in plan["steps"])
    lines += ["", "## What goes wrong in heads", ""]
    for chapter in (c for name in used for c in chapters if c.name == name):
        lines += [f"- {chapter.title}: {text}" for text in chapter.data["misconceptions"]]
    return "\n".join(lines) + "\n"


def _clock(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def minutes(chapters: Sequence[Chapter]) -> str:
    """Minutes of every chapter and exercise, and the hardware that they were measured on."""
    lines = ["# Hardware and minutes", ""]
    lines += [
        "| Chapter | Cells run for, on two CPU cores | Reading | Exercises |",
        "|---|---|---:|---|",
    ]
    for chapter in chapters:
        exercises = ", ".join(f"{e.title} {e.data['minutes']}" for e in chapter.exercises)
        row = (chapter.title, chapter.run_time, chapter.data["reading_minutes"], exercises)
        lines.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join(lines) + "\n\n" + (HERE / "hardware.md").read_text(encoding="utf-8")


def quizzes(chapters: Sequence[Chapter], *, key: bool = False) -> str:
    """Questions whose options unfold into feedback; with a key for instructors."""
    lines = ["# Quizzes", "", "Decide first, then open the option that you chose.", ""]
    for chapter in chapters:
        lines += [f"## {chapter.title}", ""]
        for number, question in enumerate(chapter.data["quiz"], start=1):
            lines += [f"**{number}. {question['question']}**", ""]
            for index, (option, told) in enumerate(
                zip(question["options"], question["feedback"], strict=True)
            ):
                mark = " ✓" if key and index == question["right"] else ""
                summary = f"{'abcdef'[index]}) {option}{mark}"
                lines += [f"<details><summary>{summary}</summary>", "", told, "", "</details>", ""]
    return "\n".join(lines)


def _welcome(chapters: Sequence[Chapter]) -> str:
    rows = [
        f"| [{c.title}]({c.name}.ipynb) | {c.data['summary']} | "
        f"{sum(e.data['minutes'] for e in c.exercises)} |"
        for c in chapters
    ]
    points = sum(LEVELS[e.level] for c in chapters for e in c.exercises)
    opening = (HERE / "welcome.md").read_text(encoding="utf-8").format(points=points)
    return opening + "\n".join(rows) + "\n"
