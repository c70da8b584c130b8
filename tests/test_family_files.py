"""Whatever stands in the files of a family, it opens or is refused in one sentence."""

import contextlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interrupted_tasks import save, value_of
from tiny_networks import tiny_generator

from sa_helpers import checkpoints, family
from sa_helpers.channels.survey import SURVEYS, survey_channels, with_record
from sa_helpers.checkpoints import CheckpointError
from sa_helpers.commands import main
from sa_helpers.family import opened, opening
from sa_helpers.family.records import checked_record
from sa_helpers.recognition import READERS, Segmenter
from workshop.recipes import read_recipes

ESCAPE = "\x1b[2J"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ("parent", "name", "kimg", "train_sec", "data", "kind", "domain", "snapshots", "licence")
RECORDS = st.recursive(
    JSON,
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner | JSON, max_size=5),
    max_leaves=8,
)
KNOWN = st.sampled_from(["dog", "cat", "clay", "human"])
PLAUSIBLE = st.fixed_dictionaries(
    {},
    optional={
        "parent": st.none() | JSON | st.fixed_dictionaries({"name": KNOWN | JSON, "kimg": JSON}),
        "kimg": st.floats(0, 100) | JSON,
        "data": st.fixed_dictionaries({"kind": KNOWN | JSON, "domain": KNOWN | JSON}) | JSON,
        "snapshots": KNOWN | JSON,
    },
)


def use_all_of(models: family.Family) -> None:
    """Ask everything that can be asked without weights."""
    questions = [lambda: models.names, lambda: models.parent.name, lambda: models.near_and_distant]
    asked = ("parent", "domain", "training_kimg", "training_hours", "snapshots", "stages")
    for member in models.members.values():
        for what in (*asked, "generator", "has_encoder", "has_survey"):
            questions.append(lambda what=what, member=member: getattr(member, what))
    assert repr(models).isprintable()
    assert all(repr(member).isprintable() for member in models.members.values())
    assert "<table" in models._repr_html_()
    for question in questions:
        with contextlib.suppress(ValueError):
            question()


def a_family(folder: Path, records: dict[str, object], monkeypatch) -> family.Family:
    """Open a folder whose files say these records; the weights are never read."""
    for name in records:
        (folder / f"{name}.safetensors").write_bytes(b"")

    def read(path: Path) -> dict[str, object]:
        return checked_record(records[path.stem], place=str(path))

    monkeypatch.setattr(opening, "record_of", read)
    return family.open_family(folder)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(dog=RECORDS | PLAUSIBLE, cat=PLAUSIBLE)
def test_any_record_is_understood_or_refused(tmp_path, monkeypatch, dog, cat):
    with contextlib.suppress(ValueError):
        use_all_of(a_family(tmp_path, {"dog": dog, "cat": cat}, monkeypatch))


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"parent": "a"}, '"parent" is a'),
        ({"parent": ["a"]}, '"parent" is'),
        ({"parent": {"name": ["a"]}}, '"parent" is'),
        ({"parent": {"name": "a", "parent": 3}}, '"parent" is 3'),
        ({"kimg": "long"}, '"kimg" is long'),
        ({"kimg": float("nan")}, '"kimg" is nan'),
        ({"kimg": True}, '"kimg" is True'),
        ({"parent": {"name": "a", "kimg": -1}}, '"kimg" is -1'),
        ({"train_sec": [1]}, '"train_sec" is'),
        ({"data": "clay"}, '"data" is clay'),
        ({"data": {"kind": "clay", "domain": "../a"}}, '"domain" is'),
        ({"snapshots": "../elsewhere"}, '"snapshots" is'),
        ({"data": ESCAPE * 10_000}, '"data" is'),
        ([], "no table"),
    ],
)
def test_a_record_of_another_form_is_named(tmp_path, monkeypatch, record, said):
    with pytest.raises(ValueError, match=said) as caught:
        a_family(tmp_path, {"dog": record}, monkeypatch)
    assert "dog" in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("depth", [500, 2_000, 100_000])
def test_deep_records_and_listings_are_refused(tmp_path, monkeypatch, depth):
    deep: dict[str, object] = {"name": "a"}
    for _ in range(depth):
        deep = {"name": "a", "parent": deep}
    with pytest.raises(ValueError, match="ancestors"):
        a_family(tmp_path, {"dog": deep}, monkeypatch)
    while deep:
        deep = deep.pop("parent", {})
    for text in ("a = " + "[" * depth + "]" * depth, "a = " + "{a = " * depth):
        (tmp_path / "family.toml").write_text(text)
        with pytest.raises(ValueError, match=r"family\.toml"):
            family.open_family(tmp_path)
        (tmp_path / "recipes.toml").write_text(text)
        with pytest.raises(ValueError, match=r"recipes\.toml"):
            read_recipes(tmp_path / "recipes.toml")


def test_parents_in_a_circle_end(tmp_path, monkeypatch):
    circle = {"dog": {"parent": {"name": "cat"}}, "cat": {"parent": {"name": "dog"}}}
    models = a_family(tmp_path, circle, monkeypatch)
    with pytest.raises(ValueError, match="possible parents"):
        _ = models.parent.name
    use_all_of(models)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    entry=st.dictionaries(
        st.sampled_from(
            [
                "file",
                "url",
                "drive_id",
                "page",
                "licence",
                "sha256",
                "parent",
                "notes",
                "kimg",
                "num_bytes",
            ]
        )
        | st.text(max_size=5),
        st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.just("dog"),
    ),
    name=st.text(max_size=8) | st.just("dog"),
    roles=st.dictionaries(
        st.sampled_from(["parent", "near", "distant"]), st.text() | st.just("dog")
    ),
)
def test_any_listing_is_understood_or_refused(tmp_path, entry, name, roles):
    def line(key, value):
        text = str(value).lower() if isinstance(value, bool) else json.dumps(value)
        return f"{json.dumps(key)} = {text.replace('NaN', 'nan').replace('Infinity', 'inf')}"

    lines = [*(line(*pair) for pair in roles.items()), f"[models.{json.dumps(name)}]"]
    lines += [line(*pair) for pair in {"file": "a.pkl", **entry}.items()]
    (tmp_path / "family.toml").write_text("\n".join(lines), errors="replace")
    with contextlib.suppress(ValueError):
        use_all_of(family.open_family(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        f"[models.a]\nfile = '{'a' * 5000}'",
        f"[models.{'a' * 5000}]\nfile = 'a'",
        "[models.'../a']\nfile = 'a'",
        "[models.a]\nfile = 'a'\nurl = 'ftp://a/b'",
        "[models.a]\nfile = 'a'\nurl = 'http://a/ b'",
        "[models.a]\nfile = 'a'\nsha256 = 'abc'",
        "[models.a]\nfile = 'a'\nnum_bytes = 1.5",
        "[models.a]\nfile = 'a'\nnum_bytes = true",
        "[models.a]\nfile = 'a'\nkimg = nan",
        "[models.a]\nfile = 'a'\nlicence = ['a']",
        "models = []",
        "[models]\na = 3",
        "parent = ['a']",
        'near = "\\u001b[2J"',
        f"# {'x' * (1 << 25)}",
    ],
)
def test_wrong_entries_of_a_listing_are_named(tmp_path, text):
    (tmp_path / "family.toml").write_text(text)
    with pytest.raises(ValueError, match=r"family\.toml") as caught:
        family.open_family(tmp_path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize("name", ["a" * 5000, "a/" * 3000, "a\0b", ESCAPE, "~nobody", "\udcff"])
def test_names_that_no_folder_can_have(name):
    with pytest.raises(ValueError, match="There is no family") as caught:
        family.open_family(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 800


def test_escapes_of_a_listing_do_not_reach_the_terminal(tmp_path, capsys):
    escape = '"\\u001b[2J"'
    (tmp_path / "family.toml").write_text(f"[models.a]\nfile = 'a'\nlicence = {escape}\n")
    assert main(["list", str(tmp_path)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["list", ESCAPE]) == 1
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "a = 3",
        "defaults = 3",
        "[a]\nparent = 3",
        "[a]\nparent = ['a']",
        "[a]\nparent = 'a'\ngrow_from = 'a'",
        "['../a']\ndata = 'clay:human'",
        "['']\ndata = 'clay:human'",
        f"[{'a' * 5000}]\ndata = 'clay:human'",
    ],
)
def test_odd_recipes_are_named(tmp_path, text):
    (tmp_path / "recipes.toml").write_text(text)
    with pytest.raises(ValueError, match=r"recipes\.toml"):
        read_recipes(tmp_path / "recipes.toml")


class TestCaches:
    def test_a_model_that_is_saved_again_is_opened_again(self, tmp_path):
        for value in (1.0, 2.0, 3.0):
            save(tmp_path / "dog", value)
            models = family.open_family(tmp_path)
            assert value_of(models["dog"].generator) == value
            assert models["dog"].generator is models["dog"].generator

    def test_a_reader_that_is_saved_again_is_opened_again(self, tmp_path):
        record = {"data": {"kind": "clay", "domain": "human"}}
        save(tmp_path / "dog", 1.0, **record)
        models = family.open_family(tmp_path)
        path = tmp_path / "readers" / "segmenter_a.safetensors"
        for score in (0.5, 0.6):
            torch.manual_seed(0)
            scores = {"domains": ["human"], "scores": {"human": {"skin": score}}}
            READERS.save(path, Segmenter(("a", "b")), record=scores)
            assert models["dog"].readers.segmenter_scores == {"skin": score}


class TestCompanions:
    @pytest.fixture
    def models(self, tmp_path) -> family.Family:
        save(tmp_path / "dog", 1.0, data={"kind": "clay", "domain": "dog"})
        return family.open_family(tmp_path)

    def test_missing_ones_are_one_kind_of_error(self, models):
        readers = models["dog"].readers
        for question in (
            lambda: readers.attributes,
            lambda: readers.segmenter,
            lambda: models["dog"].encoder,
            lambda: models["dog"].survey,
            lambda: models["dog"].found_latents(),
            lambda: models.translator("dog", "dog"),
        ):
            with pytest.raises(CheckpointError, match=r"(sa-helpers|python -m workshop) "):
                question()
        assert not readers.can_read_factors

    def test_a_survey_of_other_weights_is_refused(self, tmp_path):
        generator = tiny_generator({4: 4, 8: 4, 16: 4, 32: 4})
        record = {"data": {"kind": "clay", "domain": "dog"}}
        checkpoints.save_model(tmp_path / "dog", generator, record=record)
        torch.manual_seed(0)
        segmenter = Segmenter(("a", "b")).eval().requires_grad_(False)
        survey = survey_channels(
            generator, range(2), segmenter=segmenter, attributes=None, truncation_psi=0.7
        )
        models, path = family.open_family(tmp_path), tmp_path / "channels" / "dog.npz"
        for record in ({"model_sha256": "of others"}, {"sha256": "of others"}, {}):
            SURVEYS.save(path, with_record(survey, **record))
            with pytest.raises(CheckpointError, match=r"other weights.*sa-helpers survey"):
                _ = models["dog"].survey
        SURVEYS.save(path, with_record(survey, model_sha256=models["dog"].sha256))
        assert models["dog"].survey.found.names == survey.found.names
        assert models["dog"].survey is models["dog"].survey

    def test_snapshots_are_those_that_the_record_names(self, tmp_path):
        for folder, value in (("dog", 1.0), ("dog-0123abcd", 2.0)):
            save(tmp_path / "snapshots" / folder / "2kimg", value)
        for record, values in (
            ({}, [1.0]),
            ({"snapshots": "dog-0123abcd"}, [2.0]),
            ({"snapshots": None}, []),
        ):
            save(tmp_path / "dog", 3.0, **record)
            found = family.open_family(tmp_path)["dog"].snapshots
            assert [value_of(model) for _, model in found] == values
        save(tmp_path / "snapshots" / "dog" / "somekimg", 1.0)
        save(tmp_path / "dog", 3.0)
        with pytest.raises(CheckpointError, match="somekimg"):
            _ = family.open_family(tmp_path)["dog"].snapshots


def test_a_bug_of_ours_is_not_called_damage(tmp_path, monkeypatch):
    save(tmp_path / "dog", 1.0)
    monkeypatch.setattr(opened, "version_of", lambda *_: None + 1)
    with pytest.raises(TypeError):
        _ = family.open_family(tmp_path)["dog"].generator
