"""Readers: codings that invert, scores with closed forms, networks that learn and come back."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from sa_helpers import clay, images
from sa_helpers.checkpoints import CheckpointError
from sa_helpers.fitting import perturb
from sa_helpers.recognition import (
    READERS,
    AttributeNetwork,
    FactorCoding,
    ReaderSettings,
    Segmenter,
    factor_scores,
    region_ious,
    train_attributes,
    train_segmenter,
    undo_view,
)
from sa_helpers.recognition.scores import area_under_curve
from workshop.__main__ import main

SMALL = ReaderSettings(num_images=24, num_epochs=2, batch_size=8)


@pytest.fixture(scope="module")
def batch():
    return clay.render("human", range(30))


@pytest.fixture(scope="module")
def coding(batch):
    return FactorCoding.fit(clay.factor_specs("human"), batch.factors)


def perfect_outputs(coding, targets):
    """Outputs that say each target for certain."""
    columns = []
    for field, target in zip(coding.fields, targets.unbind(dim=1), strict=True):
        if field.kind == "continuous":
            columns.append(target[:, None])
        elif field.kind == "binary":
            columns.append(40 * (2 * target[:, None] - 1))
        else:
            columns.append(40 * torch.eye(len(field.categories))[target.long()])
    return torch.cat(columns, dim=1)


class TestCoding:
    def test_decoding_undoes_encoding_for_every_factor(self, batch, coding):
        outputs = perfect_outputs(coding, coding.encode(batch.factors))
        assert outputs.shape == (30, coding.num_outputs)
        decoded = coding.decode(outputs)
        for spec in clay.factor_specs("human"):
            given, wanted = decoded[spec.name], batch.factors[spec.name]
            if spec.kind == "continuous":
                np.testing.assert_allclose(given, wanted, atol=1e-3)
            elif spec.kind == "binary":
                np.testing.assert_array_equal(given > 0.5, wanted)
            else:
                np.testing.assert_array_equal(np.array(spec.values)[given.argmax(1)], wanted)

    def test_the_loss_vanishes_for_perfect_outputs_only(self, batch, coding):
        targets = coding.encode(batch.factors)
        outputs = perfect_outputs(coding, targets)
        assert coding.loss(outputs, targets).item() == pytest.approx(0, abs=1e-6)
        assert coding.loss(outputs.roll(1, dims=0), targets).item() > 0.1

    def test_json_keeps_it(self, coding):
        again = FactorCoding.from_dict(json.loads(json.dumps(coding.to_dict())))
        assert again.fields == coding.fields

    def test_mistakes_are_named(self, batch, coding):
        with pytest.raises(ValueError, match="yaw_deg"):
            coding.encode({k: v for k, v in batch.factors.items() if k != "yaw_deg"})
        with pytest.raises(ValueError, match="purple"):
            coding.encode({**batch.factors, "hair_colour": np.full(30, "purple")})
        with pytest.raises(ValueError, match="no factor"):
            coding.field("wings")


class TestScores:
    def test_area_under_curve_in_closed_cases(self):
        truth = np.array([False, False, True, True])
        assert area_under_curve(np.array([0.1, 0.2, 0.3, 0.4]), truth) == 1.0
        assert area_under_curve(np.array([0.4, 0.3, 0.2, 0.1]), truth) == 0.0
        assert area_under_curve(np.array([0.5, 0.5, 0.5, 0.5]), truth) == 0.5
        assert area_under_curve(np.array([0.1, 0.3, 0.2, 0.4]), truth) == 0.75
        assert np.isnan(area_under_curve(np.zeros(2), np.array([True, True])))

    def test_perfect_readings_have_perfect_scores(self, batch, coding):
        read = coding.decode(perfect_outputs(coding, coding.encode(batch.factors)))
        scores = factor_scores(coding, read, batch.factors)
        assert scores["yaw_deg"]["mean_error"] == pytest.approx(0, abs=1e-3)
        assert scores["yaw_deg"]["correlation"] == pytest.approx(1)
        assert scores["glasses"] == {"auc": 1.0}
        assert scores["hair_colour"] == {"accuracy": 1.0}

    def test_ious_of_overlapping_halves(self):
        truth = np.zeros((1, 4, 4), np.uint8)
        truth[:, :, 2:] = 1
        labels = np.zeros((1, 4, 4), np.uint8)
        labels[:, 2:, :] = 1
        ious = region_ious(labels, truth, regions=("ground", "sky", "absent"))
        assert ious == {"ground": pytest.approx(4 / 12), "sky": pytest.approx(4 / 12)}


class TestTraining:
    @pytest.mark.slow
    def test_a_pose_can_be_learned_and_read_in_degrees(self):
        settings = ReaderSettings(num_images=320, num_epochs=8, batch_size=32)
        lines = []
        network = train_attributes("human", settings, report=lines.append)
        assert len(lines) == 8
        held_out = clay.render("human", range(2_000_000, 2_000_100))
        read = network.read(images.from_uint8(held_out.images))
        scores = factor_scores(network.coding, read, held_out.factors)
        assert scores["yaw_deg"]["correlation"] > 0.8
        assert read["yaw_deg"].std() > 5, "degrees, not standardised numbers"

    @pytest.mark.slow
    def test_regions_can_be_learned(self):
        settings = ReaderSettings(num_images=128, num_epochs=6, batch_size=16)
        network = train_segmenter(["human"], settings, report=lambda _: None)
        held_out = clay.render("human", range(2_000_000, 2_000_020))
        labels = network.segment(images.from_uint8(held_out.images))
        ious = region_ious(labels, held_out.masks, regions=clay.REGIONS)
        assert ious["background"] > 0.8
        assert ious["skin"] > 0.4

    @pytest.mark.slow
    def test_equal_settings_give_equal_weights(self):
        torch.manual_seed(5)
        first = train_attributes("toon", SMALL, report=lambda _: None)
        state = torch.get_rng_state()
        second = train_attributes("toon", SMALL, report=lambda _: None)
        assert torch.equal(state, torch.get_rng_state()), "global random numbers were used up"
        for name, value in first.state_dict().items():
            assert torch.equal(value, second.state_dict()[name]), name

    def test_perturbed_images_stay_close_in_range_and_in_place(self, batch):
        clean = images.from_uint8(batch.images)
        spoilt = perturb(clean, rng=torch.Generator().manual_seed(0))
        assert spoilt.abs().max() <= 1
        assert 0 < (spoilt - clean).abs().mean() < 0.2


class TestStorage:
    @pytest.mark.parametrize("kind", ["attributes", "segmenter"])
    def test_readers_come_back(self, tmp_path, batch, coding, kind):
        torch.manual_seed(0)
        network = AttributeNetwork(coding) if kind == "attributes" else Segmenter(clay.REGIONS)
        path = READERS.save(tmp_path / "new" / "r.safetensors", network.eval(), record={"n": 1})
        again, record = READERS.load(path)
        assert record == {"n": 1}
        pictures = images.from_uint8(batch.images[:4])
        if isinstance(again, AttributeNetwork):
            np.testing.assert_allclose(
                again.read(pictures)["yaw_deg"], network.read(pictures)["yaw_deg"], atol=0.1
            )
        else:
            agreement = again.segment(pictures) == network.segment(pictures)
            assert agreement.mean() > 0.99
        assert [p.name for p in path.parent.iterdir()] == ["r.safetensors"]

    def test_other_files_are_refused(self, tmp_path):
        torch.save({"a": 1}, tmp_path / "other.safetensors")
        for name in ("other.safetensors", "absent.safetensors"):
            with pytest.raises(CheckpointError, match="no reader of this package"):
                READERS.load(tmp_path / name)

    @pytest.mark.slow
    def test_the_command_trains_scores_and_stores(self, tmp_path):
        path = tmp_path / "human.safetensors"
        options = ["--num-images", "24", "--num-epochs", "1", "--batch-size", "8"]
        command = [*options, "--num-held-out", "8", "--num-threads", "1"]
        assert main(["train-attributes", "human", str(path), *command]) == 0
        _, record = READERS.load(path)
        assert record["domains"] == ["human"]
        assert "mean_error" in record["scores"]["yaw_deg"]
        with safe_open(path, framework="pt") as file:
            assert file.get_tensor("head.3.bias").dtype == torch.bfloat16
        assert record["command"].startswith("python -m workshop train-attributes human ")

    def test_unknown_domains_are_refused_before_any_is_rendered(
        self, tmp_path, capsys, monkeypatch
    ):
        path = str(tmp_path / "s.safetensors")
        monkeypatch.setattr("workshop.readers.recognition.train_segmenter", None)
        assert main(["train-segmenter", path, "--domains", "dog", "unicorn"]) == 1
        assert "unicorn" in capsys.readouterr().err


class TestViews:
    @pytest.mark.parametrize("domain", ["human_right", "human_down", "human_flipped"])
    def test_a_view_that_is_put_right_shows_the_domain_that_it_is_of(self, domain):
        factors = [clay.sample_factors("human", 3)]
        plain, seen = (
            torch.from_numpy(clay.render_factors(name, factors).masks)[None].float()
            for name in ("human", domain)
        )
        righted = undo_view(seen, domain=domain)
        inside = (..., slice(0, 98), slice(0, 98))  # what no shift has pushed out of the picture
        assert (righted == plain)[inside].float().mean() > 0.98
        assert (seen == plain)[inside].float().mean() < 0.9

    def test_what_was_lost_repeats_the_border(self):
        rows = torch.arange(128.0)[:, None].expand(1, 1, 128, 128)
        assert undo_view(rows, domain="human_down")[0, 0, :, 5].tolist() == [
            *range(30, 128),
            *[127] * 30,
        ]

    def test_other_domains_are_no_views(self):
        with pytest.raises(ValueError, match=r"\"dog\".*human_right"):
            undo_view(torch.zeros(1, 3, 128, 128), domain="dog")

    def test_images_of_another_size_are_read_after_resizing(self, coding):
        torch.manual_seed(0)
        network = AttributeNetwork(coding).eval()
        small = torch.rand(2, 3, 64, 64)
        enlarged = images.resize(small, img_resolution=128)
        torch.testing.assert_close(network(small), network(enlarged))
