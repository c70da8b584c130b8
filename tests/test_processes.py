"""Several processes, as torchrun starts them: equal results, one voice, and a clear end."""

import pytest
import shared_tasks
import together

pytestmark = pytest.mark.slow


def largest_difference(first, second) -> float:
    names = ("generator", "discriminator", "generator_ema")
    return max(
        float((first[name][key] - second[name][key]).abs().max())
        for name in names
        for key in first[name]
    )


@pytest.fixture(scope="module")
def alone():
    return shared_tasks.train(20, 1, {})


class TestTraining:
    @pytest.mark.parametrize(("count", "num_rounds"), [(1, 4), (2, 1), (2, 2), (4, 1)])
    def test_weights_do_not_depend_on_who_shares_a_batch(self, alone, count, num_rounds):
        if count == 1:
            results = [shared_tasks.train(20, num_rounds, {})]
        else:
            results = together.run(shared_tasks.train, 20, num_rounds, {}, count=count)
        for result in results:
            print(largest_difference(alone, result))
            assert largest_difference(alone, result) < 1e-5
            assert result["ada_probability"] == alone["ada_probability"] > 0
            assert result["path_length_mean"] == pytest.approx(alone["path_length_mean"], rel=1e-5)
            for report, expected in zip(result["reports"], alone["reports"], strict=True):
                assert report.real_sign == pytest.approx(expected.real_sign)
                assert report.generator_loss == pytest.approx(expected.generator_loss, rel=1e-4)
        for result in results[1:]:
            assert largest_difference(results[0], result) == 0, "processes drift apart"
