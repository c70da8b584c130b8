"""The calls of `import sa_helpers as sa`: imported late, each with an example that runs."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import sa_helpers as sa

ROOT = Path(__file__).resolve().parent.parent
CALLS = [name for name in sa.__all__ if callable(getattr(sa, name))]


def test_importing_it_imports_nothing_large():
    code = "import sys, sa_helpers; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_each_call_is_found_where_its_room_has_it():
    assert set(sa.__all__) <= set(dir(sa))
    for name in CALLS:
        call = getattr(sa, name)
        assert call.__name__ == name
        assert call.__module__.startswith("sa_helpers.")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="dir"):
        sa.no_such_call  # noqa: B018


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.slow
def test_the_example_of_a_call_runs(name):
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(sa, name), name, globs={})
    assert example.examples, "a call of the front door has an example"
    outcome = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    assert outcome.failed == 0


@pytest.mark.slow
def test_the_calls_of_the_readme_run():
    outcome = doctest.testfile(
        str(ROOT / "README.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert outcome.attempted >= 10
    assert outcome.failed == 0
