"""Records of trainings: every measure at every snapshot, once, without the weights."""

from pathlib import Path

import numpy as np
import pytest

from sa_helpers import checkpoints
from sa_helpers.blending import COMPONENTS, interpolate_weights
from sa_helpers.channels.survey import SURVEYS
from sa_helpers.checkpoints import CheckpointError
from workshop import replicates
from workshop.__main__ import main
from workshop.options import FAMILY

pytestmark = pytest.mark.slow

KIMG = 24.0


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A parent's and a child's run, as training leaves them, from the shipped models."""
    place = tmp_path_factory.mktemp("replicates")
    human, toon = (checkpoints.load_model(FAMILY / name) for name in ("human", "toon"))
    checkpoints.save_model(place / "human" / "model", human.generator, record=dict(human.record))
    run = place / "toon_seed1"
    early = interpolate_weights(human.generator, toon.generator, amount=0.5)
    record = {**toon.record, "kimg": 2.0}
    checkpoints.save_model(run / "snapshots" / "2kimg", early, record=record)
    checkpoints.save_model(run / "model", toon.generator, record=dict(toon.record))
    return place


def measure(place: Path, *options: str) -> int:
    numbers = ("--num-read", "6", "--num-compared", "3", "--num-surveyed", "1",
               "--num-quality-images", "8", "--num-threads", "1")  # fmt: skip
    where = ("--parent", str(place / "human"), "--records", str(place / "records"))
    return main(["replicates", str(place / "toon_seed1"), *where, *numbers, *options])


def test_a_record_holds_every_measure_at_every_snapshot(place, capsys):
    assert measure(place) == 0
    path = place / "records" / "toon_seed1.npz"
    (meaning, arrays), _ = replicates.TRAININGS.load(path)
    assert {name.partition("/")[0] for name in arrays} == {"2", f"{KIMG:g}"}
    for kimg in ("2", f"{KIMG:g}"):
        assert arrays[f"{kimg}/read/yaw_deg"].shape == (6,)
        assert arrays[f"{kimg}/latent_distance"].shape == (3,)
        assert arrays[f"{kimg}/weight_change/conv"].shape == (2,)
    # Half of the way in weights: half of the change, and less is seen.
    whole = arrays[f"{KIMG:g}/weight_change/conv"][0]
    assert arrays["2/weight_change/conv"][0] == pytest.approx(whole / 2, rel=1e-3)
    assert arrays["2/from_parent"].mean() < arrays[f"{KIMG:g}/from_parent"].mean()
    resets = [arrays[f"{KIMG:g}/reset/{c}"].mean() for c in COMPONENTS]
    assert np.argmax(resets) == COMPONENTS.index("conv")
    assert meaning["quality"]["factors"]["mean"]["distance"] > 0
    assert meaning["parent"]["name"] == "human"
    survey, _ = SURVEYS.load(place / "records" / "toon_seed1_channels.npz")
    assert survey.record["model_sha256"] == meaning["model_sha256"]
    written = path.stat().st_mtime_ns
    capsys.readouterr()
    assert measure(place) == 0
    assert "measured before" in capsys.readouterr().out
    assert path.stat().st_mtime_ns == written


def test_mistakes_end_with_a_message(place, capsys):
    (place / "records" / "toon_seed1.npz").unlink(missing_ok=True)
    assert measure(place, "--reader-domain", "cow") == 1
    assert "reads no factors" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match=r"no record of a training"):
        replicates.TRAININGS.load(place / "human" / "model.safetensors")
