"""Every command of the page of recipes runs, at toy size, in the order of the page."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from interrupted_tasks import _mean_colours
from test_faces import face_points

from sa_helpers import images, metrics
from sa_helpers.commands import VERBS, main
from sa_helpers.family import open_family

PAGE = Path(__file__).resolve().parent.parent / "book" / "recipes.md"
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
_KIMG = "--total-kimg 0.008 --batch-size 4 --ada-interval 1 --num-evaluation-images 2"
TOY = {
    "finetune": f"{_KIMG} --snapshot-kimg 0.004 --device cpu",
    "sheet": "--latents 0-1",
    "video": "--num-frames 2",
    "project": "--num-steps 2 --num-candidates 2",
    "measure": "--num-images 4",
    "align-faces": "--img-resolution 32",
}


def at_toy_size(command: str) -> list[str]:
    """The words of a command, with smaller numbers in place of those it has."""
    words = shlex.split(command)[1:]
    options = iter(re.split(r"\s(?=--)", TOY.get(words[0], "")))
    for option in filter(None, options):
        name, *values = option.split()
        is_latents_of_a_file = name == "--latents" and any(w.endswith(".npz") for w in words)
        if is_latents_of_a_file:
            continue
        if name in words:
            start = words.index(name)
            stop = next(
                (i for i in range(start + 1, len(words)) if words[i].startswith("--")), None
            )
            del words[start:stop]
        words += [name, *values]
    return words


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A working folder with a few pictures, in which the commands follow each other."""
    folder = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(0)
    for i in range(4):
        array = rng.integers(0, 256, (12, 16 + i, 3), dtype=np.uint8)
        images.write_image(folder / "photos" / f"{i}.png", array)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SA_CACHE_DIR", str(folder / "cache"))
        patch.setattr(metrics, "extract_features", _mean_colours)
        patch.setattr(metrics.feature_cache, "extract_features", _mean_colours)
        patch.setattr(
            "sa_helpers.commands.faces.landmark_finder", lambda: lambda photograph: [face_points()]
        )
        yield folder


def test_the_page_has_a_dozen_requests():
    assert PAGE.read_text(encoding="utf-8").count("\n## ") >= 12
    assert all(shlex.split(line)[0] == "sa-helpers" for line in COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_it_runs(desk, command, capsys):
    words = at_toy_size(command)
    assert main(words) == 0, capsys.readouterr().err
    assert capsys.readouterr().out
    if "--to" in words and words[0] not in ("convert",):
        named = Path(words[words.index("--to") + 1])
        made = named.with_suffix(".safetensors") if words[0] in ("swap", "blend") else named
        assert made.exists()


@pytest.mark.slow
def test_what_they_leave_is_a_family(desk):
    models = open_family("runs/faces")
    assert models.names == ("human", "faces")
    assert [kimg for kimg, _ in models["faces"].stages] == [0.0, 0.004, 0.008]


def test_every_verb_of_pictures_is_on_the_page():
    daily = {"sheet", "video", "project", "mix", "swap", "blend", "measure", "align-faces"}
    assert daily <= {shlex.split(line)[1] for line in COMMANDS} <= set(VERBS)
