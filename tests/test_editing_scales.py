"""Directions in units: a reader of a known number gives the right scale and reach."""

import numpy as np
import pytest
import torch

from sa_helpers.checkpoints import CheckpointError, save_model
from sa_helpers.editing import Direction, scales
from sa_helpers.family import open_family
from sa_helpers.networks import Generator, GeneratorConfig
from sa_helpers.recognition import AttributeNetwork, Segmenter

CONFIG = GeneratorConfig(
    img_resolution=8, channels={4: 4, 8: 4}, z_dim=8, w_dim=4, num_mapping_layers=1
)
NUM_OWN = 200
DEGREES = 30.0  # for one step along the first axis of w


class Canvas(torch.nn.Module):
    """In place of a synthesis network: a picture that shows w in its upper row."""

    def forward(self, w_plus, *, dtype=torch.float32):
        picture = torch.zeros(len(w_plus), 3, 8, 8, dtype=dtype)
        picture[:, 0, 0, :4] = w_plus[:, 0]
        return picture


class Reader(AttributeNetwork):
    """Reads the yaw from the first number."""

    def __init__(self):
        torch.nn.Module.__init__(self)

    def read(self, images):
        return {"yaw_deg": DEGREES * images[:, 0, 0, 0].numpy()}


class Regions(Segmenter):
    """All is skin, and all is hair in moved pictures whose first number is beyond an end."""

    def __init__(self, end):
        torch.nn.Module.__init__(self)
        self.regions, self.img_resolution = ("skin", "hair"), 128
        self.end = end

    def segment(self, images):
        is_beyond = (images[:, 0, 0, 0].abs() > self.end) & (len(images) < NUM_OWN)
        is_hair = is_beyond[:, None, None].expand(-1, 4, 4)
        return is_hair.long().numpy()


@pytest.fixture
def parent():
    torch.manual_seed(0)
    generator = Generator(CONFIG).eval().requires_grad_(False)
    generator.synthesis = Canvas()
    return generator


@pytest.fixture(autouse=True)
def no_resizing(monkeypatch):
    monkeypatch.setattr(scales, "resize", lambda images, img_resolution: images)


def measure(parent, end, factors=("yaw_deg",)):
    seeds = {"labelled_seeds": range(NUM_OWN), "measured_seeds": range(10)}
    return scales.measure_scales(parent, Reader(), Regions(end), factors, **seeds)


def test_one_unit_is_one_degree(parent):
    found = measure(parent, end=1e9)["yaw_deg"]
    w_plus = torch.zeros(1, CONFIG.num_ws, CONFIG.w_dim)
    turned = Reader().read(Canvas()(found.move(w_plus, 12.0)))["yaw_deg"]
    assert turned == pytest.approx(12.0, rel=0.02)
    assert found.unit == "°"
    assert found.direction.vector[0] > 0.95


def test_the_reach_ends_where_pictures_cease_to_be_whole(parent):
    free, bound = (measure(parent, end=end)["yaw_deg"].reach for end in (1e9, 1.5))
    assert free[0] <= bound[0] <= 0 <= bound[1] < free[1]
    assert bound[1] < 1.5 * DEGREES


def test_the_reach_stays_in_what_the_parent_draws_and_what_hardly_moves_is_left_out(parent):
    found = measure(parent, end=1e9)["yaw_deg"]
    w = parent.mapping(scales.z_from_seeds(range(NUM_OWN), z_dim=8))
    own = DEGREES * w[:, 0].numpy()
    assert np.percentile(own, 1) < found.reach[0] + own.mean() + own.std()
    assert found.reach[1] + own.mean() - own.std() < np.percentile(own, 99)
    assert measure(parent, end=-1.0) == {}


def test_save_and_load_bring_scales_back(tmp_path):
    row = scales.ScaledDirection(Direction("yaw_deg", torch.ones(4) / 2, 0.5), "°", 0.1, (-9, 8))
    path = scales.SCALES.save(tmp_path / "x.npz", scales.Scales({"yaw_deg": row}, {"n": 1}))
    back, _ = scales.SCALES.load(path)
    assert back.record == {"n": 1}
    assert back["yaw_deg"].reach == (-9.0, 8.0)
    assert back["yaw_deg"].direction.offset == 0.5
    assert torch.equal(back["yaw_deg"].direction.vector, row.direction.vector)
    with pytest.raises(ValueError, match='no scaled direction "smile"; expected one of'):
        back["smile"]


def test_a_damaged_file_says_how_to_make_another(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, nothing=np.zeros(1))
    with pytest.raises(CheckpointError, match=r"sa-helpers scale"):
        scales.SCALES.load(path)


def test_scales_of_other_weights_are_refused(tmp_path):
    save_model(tmp_path / "zoo" / "human", Generator(CONFIG), record={"parent": None})
    row = scales.ScaledDirection(Direction("yaw_deg", torch.ones(4)), "°", 0.1, (-9, 8))
    path = tmp_path / "zoo" / "directions" / "human.npz"
    scales.SCALES.save(path, scales.Scales({"yaw_deg": row}, {"model_sha256": "another"}))
    with pytest.raises(
        CheckpointError, match=r"other weights than those of human\..*sa-helpers scale"
    ):
        _ = open_family(tmp_path / "zoo").scales


def test_shipped_scales_belong_to_the_shipped_parent():
    models = open_family("clay")
    found = models.scales
    assert {"yaw_deg", "pitch_deg"} <= set(found.directions)
    for row in found.directions.values():
        low, high = row.reach
        assert low < 0 < high
        assert row.step > 0
        assert float(row.direction.vector.norm()) == pytest.approx(1.0, abs=1e-5)
