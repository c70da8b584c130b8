"""The ledger of seeds: nothing is measured on what something was trained on."""

import itertools
import re
from pathlib import Path

import pytest

from sa_helpers.editing import scales
from sa_helpers.family import open_family
from sa_helpers.inversion import EncoderSettings
from sa_helpers.recognition import ReaderSettings
from sa_helpers.seeds import Drawn, Rendered, first_seeds

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "book").glob("*.ipynb")]


def ranges_of(ledger: type) -> dict[str, range]:
    return {name: value for name, value in vars(ledger).items() if isinstance(value, range)}


def within(seeds: range, use: range) -> bool:
    return use.start <= seeds.start and seeds.stop <= use.stop


@pytest.mark.parametrize("ledger", [Rendered, Drawn])
def test_no_seed_has_two_uses(ledger):
    ranges = ranges_of(ledger)
    assert len(ranges) > 5
    for (one, first), (other, second) in itertools.combinations(ranges.items(), 2):
        assert first.stop <= second.start or second.stop <= first.start, (one, other)


def test_the_first_seeds_are_taken_and_no_others():
    assert first_seeds(Rendered.HELD_OUT, 3) == range(2_000_000, 2_000_003)
    assert first_seeds(Drawn.SHOWN, 0) == range(0, 0)
    for count in (1001, -1):
        with pytest.raises(ValueError, match=f"{count} seeds were asked for from 0 on"):
            first_seeds(Drawn.SHOWN, count)


def test_trainings_keep_to_their_seeds():
    readers, encoders = ReaderSettings(), EncoderSettings()
    for settings, use in ((readers, Rendered.READERS), (encoders, Rendered.ENCODERS)):
        seeds = range(settings.first_seed, settings.first_seed + settings.num_images)
        assert within(seeds, use)
    assert encoders.num_steps * encoders.num_generated <= len(Drawn.ENCODER_STEPS)
    assert encoders.num_known <= len(Drawn.ENCODER_START)
    assert within(scales.LABELLED_SEEDS, Drawn.LABELLED)
    assert within(scales.MEASURED_SEEDS, Drawn.MEASURED)


def test_what_ships_kept_to_its_seeds():
    models = open_family("clay")
    for name in models:
        data = models[name].record["data"]
        seeds = range(data["first_seed"], data["first_seed"] + data["num_images"])
        assert within(seeds, Rendered.GENERATORS), name
    for path in models.folder.glob("inversions/*/*.npz"):
        found = models[path.parent.name].found_latents(space=path.stem)
        assert set(found.seeds) <= set(Rendered.HELD_OUT[:1000])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages_measure_on_what_nothing_was_trained_on(path):
    """Large seeds are those of rendered pictures; small ones may be of either kind."""
    trained = (Rendered.GENERATORS, Rendered.READERS, Rendered.ENCODERS)
    for start, stop in re.findall(r"range\((\d+_\d{3}_?\d*), (\d+_\d{3}_?\d*)\)", path.read_text()):
        seeds = range(int(start), int(stop))
        if seeds.start >= 100_000:
            assert any(within(seeds, use) for use in ranges_of(Rendered).values()), seeds
            assert not any(within(seeds, use) for use in trained), seeds
