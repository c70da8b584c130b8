"""Sentences as readers.

open_clip is no part of the locked packages, so a tiny model of its form stands in: what is tested
is the arithmetic around it, and what happens where it is missing.
"""

import re
import sys
import types
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from tiny_networks import tiny_generator
from torch import nn

from sa_helpers import recognition
from sa_helpers.editing import channel_effects, channel_sigmas
from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.recognition import ReaderUnavailableError, TextReader

MEAN, STD = (0.5, 0.25, 0.0), (0.5, 0.25, 1.0)
CHAPTER = Path(__file__).parent.parent / "notebooks" / "bring_your_own_models.ipynb"
COLOURS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}


class ColourClip(nn.Module):
    """Embeds an image as the mean of its normalised pixels, and a sentence as a colour."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def encode_image(self, images):
        assert images.shape[1:] == (3, 8, 8)
        return self.gain * images.mean(dim=(2, 3))

    def encode_text(self, tokens):
        return self.gain * 5.0 * tokens.float()


@pytest.fixture
def open_clip(monkeypatch):
    module = types.ModuleType("open_clip")
    config = {"size": (8, 8), "mean": MEAN, "std": STD}

    def create(model, pretrained):
        if model != "tiny":
            raise RuntimeError(f"Model config for {model!r} not found")
        return ColourClip(), None, None

    module.create_model_and_transforms = create
    module.get_tokenizer = lambda model: lambda texts: torch.tensor([COLOURS[t] for t in texts])
    module.get_model_preprocess_cfg = lambda model: config
    monkeypatch.setitem(sys.modules, "open_clip", module)


def reader(**prompts):
    return TextReader(prompts, model="tiny", device=torch.device("cpu"))


@pytest.mark.usefixtures("open_clip")
class TestReader:
    def test_scores_are_differences_of_cosines_with_normalised_pixels(self):
        pixel = torch.tensor([0.6, -0.2, 0.4])
        batch = pixel[None, :, None, None].expand(2, 3, 16, 16)
        seen = ((pixel + 1) / 2 - torch.tensor(MEAN)) / torch.tensor(STD)
        direction = seen / seen.norm()
        read = reader(warm=("red", "blue"), cold=("blue", "red")).read(batch)
        assert list(read) == ["warm", "cold"]
        expected = 100 * float(direction[0] - direction[2])
        np.testing.assert_allclose(read["warm"], [expected] * 2, rtol=1e-5)
        np.testing.assert_allclose(read["cold"], [-expected] * 2, rtol=1e-5)

    def test_an_image_does_not_depend_on_its_batch(self):
        batch = torch.rand(40, 3, 8, 8) * 2 - 1
        warm = reader(warm=("red", "green"))
        alone = [warm.read(batch[i : i + 1])["warm"][0] for i in (0, 35)]
        np.testing.assert_allclose(warm.read(batch)["warm"][[0, 35]], alone, rtol=1e-5)

    def test_channels_are_measured_by_it_as_by_any_reader(self):
        generator = tiny_generator({4: 6, 8: 6, 16: 4})
        warm = reader(warm=("red", "blue"))
        w_plus = w_plus_from_seeds(generator, [0, 1], truncation_psi=1.0)
        effects = channel_effects(
            generator,
            w_plus,
            lambda batch: warm.read(batch)["warm"],
            sigmas=channel_sigmas(generator, range(20), truncation_psi=1.0),
            names=["1_0", "1_1"],
        )
        assert effects.shape == (2, 2)
        assert np.abs(effects).max() > 0

    def test_models_that_do_not_exist_are_refused_with_the_remedy(self):
        with pytest.raises(ReaderUnavailableError, match=r"huge.*open_clip.list_pretrained"):
            TextReader({"warm": ("red", "blue")}, model="huge")

    def test_no_prompts_are_refused(self):
        with pytest.raises(ValueError, match="no prompts"):
            reader()


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ReaderUnavailableError, match="pip install open_clip_torch"):
        TextReader({"warm": ("red", "blue")})


@pytest.mark.usefixtures("open_clip")
def test_what_the_chapter_shows_runs(monkeypatch):
    text = "\n".join(cell.source for cell in nbformat.read(CHAPTER, as_version=4).cells)
    (code,) = re.findall(r"```python\n((?:(?!```).)*TextReader\(.*?)```", text, re.DOTALL)
    monkeypatch.setattr(recognition, "TextReader", lambda prompts: reader(smile=("red", "blue")))
    parent, child = (tiny_generator({4: 8, 8: 6, 16: 4}, seed=seed) for seed in (0, 1))
    w_plus = w_plus_from_seeds(parent, range(3), truncation_psi=0.7)
    shown = {"parent": parent, "child": child, "w_plus": w_plus}
    exec(code, shown)
    assert shown["smiling"].shape == (3, 3, 16, 16)
