import numpy as np
import pytest
import torch
from tiny_networks import tiny_generator

from sa_helpers import transport
from sa_helpers.latents import images_from_seeds
from sa_helpers.recognition import AttributeNetwork, FactorCoding


@pytest.fixture
def drawn():
    """Three factors of a parent at five hundred z."""
    rng = np.random.default_rng(0)
    return dict(zip(("yaw", "hair", "beard"), rng.normal(size=(3, 500)), strict=True))


def test_what_is_kept_turned_round_and_lost_shows_in_its_cell(drawn):
    rng = np.random.default_rng(1)
    noise = rng.normal(size=500)
    child = {"yaw": 2 * drawn["yaw"] + 30, "ears": -drawn["hair"] + noise, "snout": noise * 0}
    matrix = transport.transport_matrix(drawn, child)
    assert matrix.shape == (3, 3)
    np.testing.assert_allclose(matrix[0, 0], 1)
    assert matrix[1, 1] == pytest.approx(-(0.5**0.5), abs=0.05)
    assert np.abs(matrix[2, :2]).max() < 0.15
    assert np.isnan(matrix[:, 2]).all(), "what does not vary has no correlation"
    expected = np.corrcoef(drawn["hair"], child["ears"])[0, 1]
    assert matrix[1, 1] == pytest.approx(expected)


def test_the_limit_of_chance_is_kept_by_strangers_and_exceeded_by_relatives(drawn):
    rng = np.random.default_rng(2)
    limits, largest = [], []
    for _ in range(40):
        stranger = {name: rng.normal(size=500) for name in ("a", "b", "c")}
        limits.append(transport.chance_limit(drawn, stranger, num_permutations=50))
        largest.append(np.abs(transport.transport_matrix(drawn, stranger)).max())
    assert 0.08 < np.mean(limits) < 0.2
    assert np.mean(np.array(largest) > limits) < 0.2, "expected one in twenty"
    assert transport.chance_limit(drawn, drawn) < 0.3


def test_a_correlation_has_an_interval_that_holds_it_and_narrows_with_z(drawn):
    noisy = drawn["yaw"] + drawn["hair"]
    wide = transport.correlation(drawn["yaw"][:50], noisy[:50])
    narrow = transport.correlation(drawn["yaw"], noisy)
    assert narrow.mean == pytest.approx(np.corrcoef(drawn["yaw"], noisy)[0, 1])
    assert narrow.low < 0.5**0.5 < narrow.high
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2
    opposite = transport.correlation(drawn["yaw"], -noisy)
    assert opposite.mean == pytest.approx(-narrow.mean)
    assert (opposite.low, opposite.high) == pytest.approx((-narrow.high, -narrow.low))


@pytest.mark.parametrize(("num_parent", "num_child"), [(5, 4), (2, 2)])
def test_readings_of_other_z_are_refused(num_parent, num_child):
    with pytest.raises(ValueError, match="the same three z or more"):
        transport.transport_matrix(
            {"a": np.arange(1.0 * num_parent)}, {"b": np.arange(1.0 * num_child)}
        )


def test_factors_are_read_in_the_pictures_of_the_seeds():
    generator = tiny_generator({4: 8, 8: 8})
    number = {"kind": "continuous", "categories": (), "mean": 0.0, "std": 1.0}
    coding = FactorCoding.from_dict([{"name": name, **number} for name in ("first", "second")])
    torch.manual_seed(0)
    reader = AttributeNetwork(coding).eval()
    read = transport.read_factors(generator, reader, [3, 4], factors=["second"], truncation_psi=0.5)
    images = images_from_seeds(generator, [3, 4], truncation_psi=0.5)
    assert list(read) == ["second"]
    np.testing.assert_allclose(read["second"], reader.read(images)["second"])
    assert read["second"][0] != read["second"][1]
