"""The chapters take the family as their one parameter: they run on published formats as they are.

A made-up family of NVIDIA's pickles, downloaded from a local web server, takes the place of the
clay models, and published readers of photographs the place of those of clay. All weights are
random, so what a chapter claims of trained models may not hold, and is reported; nothing fails.
Cells that need what such a family lacks are passed over, and counted.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from published_files import make_pair, nvidia_pickle
from tiny_readers import save_readers
from web_server import serving

from sa_helpers import family
from sa_helpers.alignment import are_aligned
from sa_helpers.networks import Generator

pytestmark = pytest.mark.notebooks
ROOT = Path(__file__).resolve().parent.parent
PASSED_OVER = re.compile(r"^not measured: ", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """How a chapter is run.

    Attributes:
        num_passed_over: Cells that need what the family lacks.
        fewer: Ends the cell of parameters, for speed.
        names_children: Whether it compares the two children.
    """

    num_passed_over: int
    fewer: str
    names_children: bool = True


CHAPTERS: dict[str, Run | None] = {  # None: not written for other families yet
    "aligned_models": Run(
        12, "SHOWN_SEEDS, SEEDS = range(3), range(1000, 1004); READ_SEEDS = range(1000, 1040)"
    ),
    "component_reset": Run(5, "SHOWN_SEEDS, SEEDS = range(3), range(1000, 1004)"),
    "directions": Run(17, "SEEDS = range(1000, 1004)"),
    "channels": Run(25, "", names_children=False),
    "locality": Run(18, "", names_children=False),
    "forgetting": Run(21, "", names_children=False),
    "resolutions": Run(
        11, "SHOWN_SEEDS, SEEDS = range(3), range(1000, 1004)", names_children=False
    ),
    "inversion": Run(29, "", names_children=False),
    "translation": Run(39, "", names_children=False),
    "zero_shot": Run(26, "", names_children=False),
    "morphing": Run(
        10,
        "NUM_STEPS, SETTINGS = 4, InversionSettings(num_steps=4, num_candidates=8)",
        names_children=False,
    ),
    "arithmetic": Run(17, "SHOWN_SEEDS, SEEDS = range(3), range(1000, 1004)", names_children=False),
    "layer_swapping": Run(
        12,
        "SHOWN_SEEDS, SEEDS, NUM_FEW = range(3), range(1000, 1004), 3\n"
        "OTHER_SEEDS = range(2000, 2004)",
    ),
    "fine_tuning": Run(26, "", names_children=False),
    "bring_your_own_models": None,
}
CHILDREN = ("marionette", "wolf")  # names that are not those of the clay family
LISTING = """
parent = "people"
near = "{near}"
distant = "{distant}"
[models.people]
file = "people.pkl"
url = "{address}/people.pkl"
[models.{near}]
file = "near.pkl"
url = "{address}/near.pkl"
parent = "people"
kimg = 32
[models.{distant}]
file = "distant.pkl"
url = "{address}/distant.pkl"
parent = "people"
"""


def make_model(share: float = 0.0) -> Generator:
    """The parent, with a share of other random weights as if it had been trained further."""
    model, _ = make_pair(32, widths=(16, 16, 12, 8), latent_dim=16)
    torch.manual_seed(round(1000 * share))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.add_(torch.randn_like(weight), alpha=share)
            if ".torgb.weight" in name:
                weight.mul_(0.1)  # colours in the range of pictures
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A family.toml, with its models downloaded into a cache beside it."""
    folder = tmp_path_factory.mktemp("zoo")
    models = {"people": make_model(), "near": make_model(0.2), "distant": make_model(0.4)}
    with serving() as site, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        patch.setenv("SA_CACHE_DIR", str(folder / "cache"))
        for name, model in models.items():
            path = nvidia_pickle(folder / f"{name}.pkl", model, num_fp16_res=1)
            site.files[f"/{name}.pkl"] = path.read_bytes()
            path.unlink()
        listing = LISTING.format(address=site.address, near=CHILDREN[0], distant=CHILDREN[1])
        (folder / "family.toml").write_text(listing + save_readers(folder))
        family.open_family(folder).download()
        assert len(site.requests) == 3
    return folder


def test_the_made_up_family_is_aligned(folder, monkeypatch):
    monkeypatch.setenv("SA_CACHE_DIR", str(folder / "cache"))
    models = family.open_family(folder)
    for name in models.near_and_distant:
        assert are_aligned(models.parent.generator, models[name].generator)


def test_every_chapter_is_listed():
    assert set(CHAPTERS) == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


@pytest.mark.parametrize("chapter", [name for name, run in CHAPTERS.items() if run])
def test_a_chapter_runs_through_on_it(folder, chapter, monkeypatch):
    monkeypatch.setenv("SA_FAMILY", str(folder))
    monkeypatch.setenv("SA_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    parameters = next(cell for cell in code if cell.source.startswith("FAMILY"))
    parameters.source += f"\n{CHAPTERS[chapter].fewer}"
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]
    shown = "".join(str(output) for cell in code for output in cell.outputs)
    assert not CHAPTERS[chapter].names_children or all(name in shown for name in CHILDREN)
    said = ["".join(o.get("text", "") for o in cell.outputs) for cell in code]
    assert sum(bool(PASSED_OVER.match(text)) for text in said) == CHAPTERS[chapter].num_passed_over
