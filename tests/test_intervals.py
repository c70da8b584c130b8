import numpy as np
import pytest
import torch

from sa_helpers.intervals import Estimate, bootstrap, correlation


def test_interval_of_the_mean_has_the_normal_width():
    samples = np.random.default_rng(0).normal(5.0, 2.0, size=400)
    estimate = bootstrap(samples)
    assert estimate.mean == pytest.approx(samples.mean())
    half_width = (estimate.high - estimate.low) / 2
    # Central limit theorem: 1.96 standard errors at 95 %.
    assert half_width == pytest.approx(1.96 * samples.std() / 20, rel=0.1)


def test_intervals_cover_the_true_mean_as_often_as_they_say():
    generator = np.random.default_rng(1)
    experiments = [bootstrap(generator.exponential(size=60), confidence=0.8) for _ in range(200)]
    share = np.mean([e.low <= 1.0 <= e.high for e in experiments])
    # Two hundred experiments scatter by 3 % (one standard deviation); percentile is a bit short.
    assert 0.7 < share < 0.9


def test_arrays_tensors_and_lists_give_the_same():
    samples = [0.25, 0.5, 1.0]
    assert bootstrap(samples) == bootstrap(np.array(samples)) == bootstrap(torch.tensor(samples))


def test_equal_samples_leave_nothing_open():
    assert bootstrap(np.full(8, 0.25)) == Estimate(0.25, 0.25, 0.25, 8)


def test_paired_difference_is_narrower_than_its_parts():
    generator = np.random.default_rng(2)
    common = generator.normal(size=50)
    first, second = common + 0.1, common + generator.normal(scale=0.01, size=50)
    difference = bootstrap(first - second)
    assert difference.low > 0
    assert bootstrap(first).low < bootstrap(second).high


def test_estimate_is_written_with_its_interval():
    estimate = Estimate(0.1234, 0.1, 0.15, 32)
    assert str(estimate) == "0.123 [0.100, 0.150]"
    assert f"{estimate:.1f}" == "0.1 [0.1, 0.1]"
    assert str(Estimate(-0.0001, -0.01, 0.0, 8)) == "0.000 [-0.010, 0.000]"


@pytest.mark.parametrize(
    ("samples", "confidence"),
    [([1.0], 0.9), ([1.0, np.nan], 0.9), ([1.0, 2.0], 95.0), ([[1.0, 2.0], [3.0, 4.0]], 0.9)],
)
def test_bootstrap_refuses_what_has_no_interval(samples, confidence):
    with pytest.raises(ValueError, match="expected two or more finite samples"):
        bootstrap(np.array(samples), confidence=confidence)


def test_intervals_of_a_correlation_have_the_width_of_fishers():
    generator = np.random.default_rng(3)
    first = generator.normal(size=400)
    second = 0.5 * first + generator.normal(scale=0.75**0.5, size=400)
    estimate = correlation(first, second)
    assert estimate.mean == pytest.approx(np.corrcoef(first, second)[0, 1])
    # Fisher: the inverse hyperbolic tangent of r has the deviation 1 / sqrt(n - 3).
    ends = np.tanh(np.arctanh(estimate.mean) + np.array([-1.96, 1.96]) / 397**0.5)
    assert [estimate.low, estimate.high] == pytest.approx(ends, abs=0.02)


@pytest.mark.parametrize(
    ("first", "second"),
    [([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0, 3.0], [1.0, 2.0]), ([1.0, 2.0, 3.0], [1.0] * 3)],
)
def test_a_correlation_needs_numbers_that_vary(first, second):
    with pytest.raises(ValueError, match="three or more, not all equal"):
        correlation(first, second)


def test_an_estimate_is_positive_negative_or_neither():
    sides = ((0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1))
    values = [Estimate(0.0, low, high, 8).is_positive for low, high in sides]
    assert values == [True, False, None]
