"""Claims are asserted on the book's family and reported on others."""

import builtins
from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell

import sa_helpers as sa
from sa_helpers.claims import NEEDS, Claims


@pytest.fixture(scope="module")
def models():
    return sa.open_family("clay")


@pytest.fixture(scope="module")
def other(tmp_path_factory, models):
    """A parent and a child without anything beside them, in a folder of their own."""
    folder = tmp_path_factory.mktemp("mine")
    parent, child = models.parent, models["toon"]
    sa.save_model(folder / "first", parent.generator, record={"data": {"kind": "folder"}})
    record = {"data": {"kind": "folder"}, "parent": {"name": "first"}, "kimg": 1}
    sa.save_model(folder / "second", child.generator, record=record)
    return sa.open_family(folder)


def test_a_claim_of_the_book_stops_the_run(models, capsys):
    claims = Claims(models)
    claims.check("dogs turn", True, shown="r = 0.9 [0.8, 0.95]", unit="seeds")
    assert capsys.readouterr().out == "holds: dogs turn: r = 0.9 [0.8, 0.95], over seeds\n"
    with pytest.raises(AssertionError, match=r"^dogs sing: 0.1$"):
        claims.check("dogs sing", False, shown="0.1")
    claims.check("dogs think", None)
    assert capsys.readouterr().out == "not decided: dogs think\n"


def test_on_other_models_it_is_reported(other, capsys):
    claims = Claims(other)
    claims.check("dogs sing", False, shown="0.1", unit="images")
    assert capsys.readouterr().out == "does not hold: dogs sing: 0.1, over images\n"


def test_what_other_models_lack_is_named(other):
    claims = Claims(other)
    for need in NEEDS:
        assert claims.why_not(need), need
    assert claims.why_not("model second") is None
    assert "no model human_flipped" in (claims.why_not("model human_flipped") or "")
    assert "sa-helpers scale" in (claims.why_not("scales") or "")


def test_the_book_lacks_nothing(models):
    for need, is_met in NEEDS.items():
        assert is_met(models), need
        assert Claims(models).why_not(need) is None


def test_an_unknown_need_is_refused(models):
    with pytest.raises(ValueError, match="luck"):
        Claims(models).why_not("luck")


def test_cells_are_passed_over_for_what_they_need(other, models, monkeypatch, capsys):
    shell = InteractiveShell()
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    shell.push(SimpleNamespace(sa=sa, other=other, models=models).__dict__)
    cell = "# Needs: snapshots, model second\nreached = True"
    shell.run_cell("claims = sa.Claims(other)", store_history=True)
    shell.run_cell(cell)
    assert "reached" not in shell.user_ns
    assert capsys.readouterr().out == f'not measured: the family "{other.name}" has no snapshots\n'
    shell.run_cell("# Needs: model second\nfound = True")
    assert shell.user_ns["found"]
    shell.run_cell("claims = sa.Claims(models)")
    shell.run_cell(cell)
    assert shell.user_ns["reached"]
    assert sum("_or_why_not" in repr(t) for t in shell.input_transformers_cleanup) == 1
