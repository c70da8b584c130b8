"""Names in the code of pages lead to the reference, and only where they mean what it describes."""

import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "extensions"))
import linked_calls

TARGETS = {
    "sa_helpers.table": "front_door.html#sa_helpers.table",
    "sa_helpers.blending.swap_layers": "blends.html#sa_helpers.blending.swap_layers",
    "sa_helpers.networks.SynthesisNetwork.w_plus_to_s": "models.html#w_plus_to_s",
    "sa_helpers.networks.Styles.edit": "models.html#edit",
    "sa_helpers.networks.Styles.split": "models.html#split",
    "sa_helpers.editing.Direction.move": "latents.html#Direction.move",
    "sa_helpers.editing.ScaledDirection.move": "latents.html#ScaledDirection.move",
}


def links_of(code: str) -> dict[str, str]:
    """Link the names of some code; gives the linked texts with their targets."""
    soup = BeautifulSoup(highlight(code, PythonLexer(), HtmlFormatter()), "html.parser")
    members = linked_calls.members_by_name(TARGETS)
    linked_calls.link_names(soup, linked_calls.imported_names(code), TARGETS, members)
    assert soup.get_text().strip() == code.strip(), "the text stays"
    return {link.get_text(): str(link["href"]) for link in soup.find_all("a")}


@pytest.mark.parametrize(
    ("code", "text", "name"),
    [
        ("import sa_helpers as sa\nsa.table({})", "table", "sa_helpers.table"),
        (
            "from sa_helpers import blending\nblending.swap_layers(a, b)",
            "swap_layers",
            "sa_helpers.blending.swap_layers",
        ),
        (
            "from sa_helpers.blending import swap_layers as swap\nswap(a, b)",
            "swap",
            "sa_helpers.blending.swap_layers",
        ),
        (
            "model.synthesis.w_plus_to_s(w)",
            "w_plus_to_s",
            "sa_helpers.networks.SynthesisNetwork.w_plus_to_s",
        ),
    ],
)
def test_a_name_leads_to_what_it_stands_for(code, text, name):
    assert links_of(code)[text] == TARGETS[name]


@pytest.mark.parametrize(
    "code",
    [
        "table({})",  # not imported
        "from elsewhere import table\ntable({})",
        "text.split()",  # Python has it too
        "direction.move(w)",  # two classes have it
        "$ make book",  # not Python
    ],
)
def test_other_names_lead_nowhere(code):
    assert links_of(code) == {}
