import pytest
from bs4 import BeautifulSoup

from sa_helpers.intervals import Estimate
from sa_helpers.tables import table


@pytest.fixture
def small():
    return table(
        {
            "component": ["mapping", "conv < 8"],
            "distance": [Estimate(0.012, 0.01, 0.02, 8), Estimate(0.5, 0.45, 0.55, 8)],
            "seeds": [8, 8],
            "ratio": [1.005, float("nan")],
        }
    )


def test_text_is_aligned_and_rounded(small):
    assert repr(small).split("\n") == [
        "component  distance           seeds  ratio",
        "mapping    0.01 [0.01, 0.02]  8      1.00",
        "conv < 8   0.50 [0.45, 0.55]  8      nan",
    ]


def test_html_has_headings_for_rows_and_columns(small):
    page = BeautifulSoup(small._repr_html_(), "html.parser")
    assert [th.text for th in page.select('th[scope="col"]')][:2] == ["component", "distance"]
    assert [th.text for th in page.select('th[scope="row"]')] == ["mapping", "conv < 8"]
    assert len(page.select("td")) == 6


def test_spec_applies_to_floats_and_estimates_only():
    shown = table({"what": ["a"], "x": [0.1234], "y": [-0.0001], "n": [5]}, spec=".3f")
    assert shown.rows == (("a", "0.123", "0.000", "5"),)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"'b': 1"):
        table({"a": [1, 2], "b": [1]})
