"""What a run says when it goes wrong, and its curves for TensorBoard."""

import builtins
import sys
import types

import pytest

from sa_helpers.finetuning.curves import tensorboard_curves
from sa_helpers.finetuning.health import warnings_of
from sa_helpers.finetuning.run import Progress


def ticks(*signs: float, loss: float = 1.0, p: float = 0.0) -> list[dict[str, float]]:
    return [
        {"kimg": i + 1, "real_sign": sign, "discriminator": loss, "ada_probability": p}
        for i, sign in enumerate(signs)
    ]


def measured(*distances: float, coverage: tuple[float, ...] = ()) -> list[dict[str, float]]:
    rows = [{"kimg": 8 * i, "frechet_distance": d} for i, d in enumerate(distances)]
    return [
        {**row, "coverage": c} for row, c in zip(rows, coverage or [0.5] * len(rows), strict=True)
    ]


class TestWarnings:
    def test_a_healthy_run_says_nothing(self):
        assert warnings_of(ticks(0.5, 0.6, 0.7, 0.6), measured(40, 30, 20, 21, 22)) == []
        assert warnings_of([], []) == []

    @pytest.mark.parametrize(("p", "remedy"), [(0.0, "turn ADA on"), (0.8, "more images")])
    def test_a_discriminator_that_knows_its_images_is_said_once_where_it_began(self, p, remedy):
        (row,) = warnings_of(ticks(0.5, 0.95, 0.97, 0.96, 0.99, p=p), [])
        assert row["kimg"] == 4
        assert "overfits" in row["warning"]
        assert remedy in row["warning"]

    def test_one_high_tick_is_chance(self):
        assert warnings_of(ticks(0.95, 0.5, 0.95, 0.95, 0.5), []) == []

    def test_a_discriminator_that_has_won_is_said(self):
        (row,) = warnings_of(ticks(0.5, 0.5, 0.5, loss=0.01), [])
        assert "learns nothing" in row["warning"]

    def test_a_collapse_is_a_fall_of_coverage_below_half_of_the_best(self):
        curve = measured(40, 30, 30, 30, coverage=(0.1, 0.6, 0.4, 0.2))
        (row,) = warnings_of([], curve)
        assert row["kimg"] == 24
        assert "covers 20% of the images, after 60% at kimg 8" in row["warning"]

    def test_a_distance_that_stays_above_the_best_is_said(self):
        assert warnings_of([], measured(40, 20, 27, 28)) == []
        (row,) = warnings_of([], measured(40, 20, 27, 28, 29))
        assert row["kimg"] == 32
        assert "risen from 20.000 at kimg 8 to 29.000" in row["warning"]

    def test_records_from_before_coverage_was_measured_are_read(self):
        assert warnings_of([], [{"kimg": 0.0, "frechet_distance": 3.0}]) == []


class TestTensorBoard:
    def test_progress_is_written_where_it_is_installed(self, tmp_path, monkeypatch):
        written = []

        class SummaryWriter:
            def __init__(self, folder):
                assert folder == str(tmp_path / "tensorboard")

            def add_scalar(self, *row):
                written.append(row)

            def add_text(self, *row):
                written.append(row)

            def flush(self):
                pass

        module = types.ModuleType("torch.utils.tensorboard")
        module.SummaryWriter = SummaryWriter
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
        write = tensorboard_curves(tmp_path)
        write(Progress("trained", 1.5, 4, {"kimg": 1.5, "generator": 0.7}, 9.0, ("It fails.",)))
        assert written == [("trained/generator", 0.7, 1500), ("warnings", "It fails.", 1500)]

    def test_without_it_nothing_is_written(self, tmp_path, monkeypatch):
        real = builtins.__import__

        def without(name, *rest, **more):
            if name == "torch.utils.tensorboard":
                raise ImportError(name)
            return real(name, *rest, **more)

        monkeypatch.setattr(builtins, "__import__", without)
        assert tensorboard_curves(tmp_path) is None
