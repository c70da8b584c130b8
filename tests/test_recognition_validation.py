"""Tests of readers that need no truth: mirrored pictures, and pictures rendered again."""

import numpy as np
import pytest
import torch

import sa_helpers as sa
from sa_helpers import clay
from sa_helpers.images import from_uint8
from sa_helpers.recognition import AttributeNetwork
from sa_helpers.recognition.validation import mirror_errors, render_again


class CentreOfMass(AttributeNetwork):
    """Reads where the bright pixels are: -1 at the left edge, 1 at the right one."""

    def __init__(self, bias: float) -> None:
        torch.nn.Module.__init__(self)
        self.bias = bias

    def read(self, images):
        columns = (images + 1).mean(dim=(1, 2))
        x = torch.linspace(-1, 1, images.shape[-1])
        return {"place": ((columns * x).sum(1) / columns.sum(1) + self.bias).numpy()}


@pytest.fixture(scope="module")
def reader():
    return sa.open_family("clay").parent.readers.attributes


def test_a_reader_that_a_mirror_negates_has_no_mirror_error():
    images = torch.rand(3, 3, 8, 8) * 2 - 1
    np.testing.assert_allclose(
        mirror_errors(CentreOfMass(0.0), images, factor="place"), 0, atol=1e-6
    )


def test_a_bias_is_the_mirror_error():
    images = torch.rand(3, 3, 8, 8) * 2 - 1
    errors = mirror_errors(CentreOfMass(-0.3), images, factor="place")
    np.testing.assert_allclose(errors, 0.3, atol=1e-6)


def test_what_was_read_looks_like_what_was_shown(reader):
    images = from_uint8(clay.render("human", range(2_000_000, 2_000_006)).images)
    again = from_uint8(render_again(reader, images, domain="human").images)
    own = sa.perceptual_distance(again, images)
    other = sa.perceptual_distance(again, images.roll(1, dims=0))
    assert own.mean() < 0.6 * other.mean()


def test_what_is_rendered_again_keeps_to_the_ranges(reader):
    noise = torch.rand(2, 3, 128, 128) * 2 - 1
    factors = render_again(reader, noise, domain="human").factors
    for spec in clay.factor_specs("human"):
        if spec.kind == "continuous":
            assert (factors[spec.name] >= spec.values[0]).all()
            assert (factors[spec.name] <= spec.values[1]).all()
