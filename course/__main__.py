"""`python -m course`: build the kit, run student editions, write the set-up cells."""

import argparse
import subprocess
import sys
from pathlib import Path

from course import building, setup_cell
from course.chapters import CourseError, chapter_paths


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; the result is the exit status."""
    options = _parse(arguments)
    try:
        return int(options.do(options))
    except (CourseError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m course", description=__doc__)
    parser.set_defaults(do=_build, out=building.OUT)
    verbs = parser.add_subparsers()
    build = verbs.add_parser("build", help="write everything (the default)")
    build.add_argument("--out", type=Path, default=building.OUT, help="default: course/_build")
    build.set_defaults(do=_build)
    run = verbs.add_parser("run", help="run student editions with the solutions filled in")
    run.add_argument("names", nargs="*", help="chapters (default: all)")
    run.add_argument("--out", type=Path, default=building.OUT / "runs")
    run.set_defaults(do=_run)
    cells = verbs.add_parser("setup-cells", help="write Colab's set-up cell into every chapter")
    cells.add_argument("--check", action="store_true", help="write nothing; exit 1 if one differs")
    cells.set_defaults(do=_setup_cells)
    return parser.parse_args(arguments)


def _build(options: argparse.Namespace) -> int:
    building.build(options.out)
    print(f"The course kit: {options.out}/student and {options.out}/instructor")
    return 0


def _run(options: argparse.Namespace) -> int:
    status = 0
    for chapter in building.chapters(options.names):
        try:
            right = building.right_answers(building.run(chapter, options.out / "student"))
        except subprocess.CalledProcessError:
            right = []
        wrong = [e.label for e in chapter.exercises if e.label not in right]
        print(
            f"{chapter.name}: {', '.join(wrong) + ' failed' if wrong else 'all right'}", flush=True
        )
        status |= bool(wrong)
    return status


def _setup_cells(options: argparse.Namespace) -> int:
    if not options.check:
        for path in chapter_paths():
            setup_cell.write_setup(path)
    wrong = setup_cell.differing()
    for path in wrong:
        print(f"{path.name}: no set-up cell, or another: python -m course setup-cells")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
