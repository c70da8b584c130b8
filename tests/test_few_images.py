"""Children made step by step, the folder of emoji, and the kept records of the comparison."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from closeness import assert_equal_up_to_rounding
from PIL import Image

from sa_helpers import checkpoints, images
from sa_helpers.datasets import TrainingImages, folder_images
from sa_helpers.finetuning import (
    Evaluation,
    TrainingSettings,
    child_trainer,
    evaluate,
    few_images,
    new_networks,
    train_until,
)
from sa_helpers.finetuning.few_images import FLUENT_EMOJI, VARIANTS, Variant, divide
from sa_helpers.finetuning.trainer import Trainer
from workshop.__main__ import main
from workshop.emoji import emoji
from workshop.recipes import RECIPES, read_recipes


def tiny_networks():
    """Of 32 px, the least that a perceptual distance is measured at, with colours in range."""
    generator, discriminator = new_networks(
        img_resolution=32,
        seed=0,
        channels=dict.fromkeys((4, 8, 16, 32), 8),
        latent_dim=8,
        num_mapping_layers=2,
    )
    for name, weight in generator.named_parameters():
        if name.endswith("torgb.weight"):
            weight.data.mul_(0.1)
    return generator, discriminator


def tiny_images(num_images: int = 80) -> TrainingImages:
    array = np.random.default_rng(0).integers(0, 256, (num_images, 32, 32, 3), dtype=np.uint8)
    return TrainingImages(array, {"kind": "test"})


@pytest.fixture(scope="module")
def parent(tmp_path_factory) -> Path:
    generator, discriminator = tiny_networks()
    path = tmp_path_factory.mktemp("parent") / "parent"
    checkpoints.save_model(path, generator, discriminator, record={"kimg": 1})
    return path


def tiny_trainer(parent: Path, **changes) -> Trainer:
    settings = TrainingSettings.of_a_child(total_kimg=1, **changes)
    return child_trainer(parent, tiny_images(), settings=settings)


class TestChildren:
    @pytest.mark.slow
    def test_a_child_begins_as_its_parent(self, parent):
        trainer = tiny_trainer(parent)
        loaded = checkpoints.load_model(parent).generator
        for name, value in train_until(trainer, 0).state_dict().items():
            assert torch.equal(value, loaded.state_dict()[name]), name

    @pytest.mark.slow
    def test_training_in_pieces_is_training_in_one_go(self, parent):
        pieces, whole = tiny_trainer(parent), tiny_trainer(parent)
        kept = train_until(pieces, 0.016)
        before = {name: value.clone() for name, value in kept.state_dict().items()}
        first, second = train_until(pieces, 0.048), train_until(whole, 0.048)
        assert pieces.num_images_seen == 48
        for name, value in first.state_dict().items():
            assert torch.equal(value, second.state_dict()[name]), name
        assert all(torch.equal(before[name], value) for name, value in kept.state_dict().items())

    def test_a_parent_without_discriminator_is_refused(self, tmp_path):
        checkpoints.save_model(tmp_path / "alone", tiny_networks()[0], record={})
        with pytest.raises(ValueError, match=r"holds no discriminator.* dog or human"):
            tiny_trainer(tmp_path / "alone")

    def test_settings_of_a_child_are_the_defaults_of_the_recipes(self):
        given = read_recipes(RECIPES)["toon"].training.settings.to_dict()
        expected = TrainingSettings.of_a_child(total_kimg=1).to_dict()
        own = {"total_kimg", "snapshot_kimg", "evaluation_kimg", "seed"}
        assert [k for k in given if given[k] != expected[k] and k not in own] == []


class TestEvaluation:
    def test_overfitting_is_the_share_of_the_way_from_trained_to_generated(self):
        nothing = np.zeros(2)
        for held_out, expected in ((5.0, 0.0), (-3.0, 1.0), (1.0, 0.5)):
            evaluation = Evaluation(
                1.0, nothing, nothing, np.array([4.0, 6.0]), np.full(3, held_out),
                np.array([-3.0, -3.0]), 0.0,
            )  # fmt: skip
            assert evaluation.overfitting.tolist() == pytest.approx([expected] * 3)

    @pytest.mark.slow
    def test_an_evaluation_survives_a_round_trip_and_leaves_the_trainer_alone(self, parent):
        trainer, other = tiny_trainer(parent), tiny_trainer(parent)
        held_out = tiny_images().take(range(40))
        evaluation = evaluate(trainer, domain=tiny_images(), held_out=held_out)
        kept = Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict())))
        assert_equal_up_to_rounding(kept.kernel_distances, evaluation.kernel_distances)
        assert len(evaluation.coarse_distances) == 10
        assert len(evaluation.trained_logits) == 40
        first, second = train_until(trainer, 0.016), train_until(other, 0.016)
        for name, value in first.state_dict().items():
            assert torch.equal(value, second.state_dict()[name]), name

    @pytest.mark.slow
    def test_logits_do_not_depend_on_the_order_of_the_folder(self, parent):
        """Neighbours in a folder are alike; in one group they would look suspicious."""
        data = tiny_images()
        trainer = tiny_trainer(parent)
        evaluation = evaluate(trainer, domain=data, held_out=data)
        np.testing.assert_array_equal(evaluation.held_out_logits, evaluation.trained_logits)
        order = np.random.default_rng(0).permutation(len(data))[:4]
        expected = trainer.discriminator(images.from_uint8(data.array[order]))[:, 0]
        assert_equal_up_to_rounding(evaluation.held_out_logits[:4], expected.detach().numpy())


class TestEmoji:
    def test_the_folder_reads_without_a_word(self, caplog):
        data = folder_images(FLUENT_EMOJI, img_resolution=128)
        assert len(data) == 204
        assert not data.left_out
        assert not caplog.text
        assert "MIT License" in (FLUENT_EMOJI / "LICENSE").read_text(encoding="utf-8")
        assert sum(file.stat().st_size for file in FLUENT_EMOJI.iterdir()) < 1.5e6

    def test_making_lays_every_head_over_white(self, tmp_path, monkeypatch):
        monkeypatch.setattr("workshop.emoji._HEADS", ("1f466{}",))
        for tone in ("", "-1f3fb", "-1f3fc", "-1f3fd", "-1f3fe", "-1f3ff"):
            Image.new("RGBA", (256, 256)).save(tmp_path / f"1f466{tone}.webp", lossless=True)
        emoji(tmp_path, tmp_path / "made")
        made = folder_images(tmp_path / "made", img_resolution=128)
        assert len(list((tmp_path / "made").glob("*.jpg"))) == 6
        assert made.array.min() == 255


class TestComparison:
    def test_nobody_sees_what_is_held_out_and_the_few_are_among_the_many(self):
        parts = divide(tiny_images())
        few, many, held_out = (
            set(part.description["taken"]) for part in (parts.few, parts.many, parts.held_out)
        )
        assert few < many
        assert not many & held_out
        assert many | held_out == set(range(80))
        with pytest.raises(ValueError, match="expected 70 or more"):
            divide(tiny_images(69))

    @pytest.mark.slow
    def test_a_record_is_made_kept_and_not_made_again(self, parent, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(few_images, "STAGE_KIMG", (0.0, 0.008, 0.016))
        monkeypatch.setattr(few_images, "NUM_HELD_OUT", 8)
        monkeypatch.setattr(few_images, "NUM_FEW", 4)
        arguments = ["few-images", "few", "--parent", str(parent), "--records", str(tmp_path)]
        assert main(arguments) == 0
        record = few_images.read_record("few", folder=tmp_path)
        assert record.kimg == [0.0, 0.008, 0.016]
        assert record.identity["data"]["num_images"] == 204
        assert len(record.identity["data"]["taken"]) == 4
        assert record.from_parent.shape == (3, 24)
        assert not record.from_parent[0].any()
        assert (record.from_others > record.from_parent).all()
        samples = few_images.read_samples("few", folder=tmp_path)
        assert [sample.shape for sample in samples] == [(5, 32, 32, 3)]
        assert main(arguments) == 0
        assert "few: is there" in capsys.readouterr().out

    def test_a_folder_of_ones_own_can_be_compared(self, tmp_path, capsys):
        for seed in range(3):
            pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
            images.write_image(tmp_path / f"{seed}.png", pixels)
        arguments = ["--data", str(tmp_path), "--records", str(tmp_path)]
        assert main(["few-images", "few", *arguments]) == 1
        assert "There are 3 images; expected 70 or more" in capsys.readouterr().err
        assert main(["few-images", "nobody", *arguments]) == 1
        assert "['nobody'] are unknown" in capsys.readouterr().err

    def test_an_unknown_record_says_how_to_make_it(self, tmp_path):
        with pytest.raises(ValueError, match="few-images` makes them"):
            few_images.read_record("nobody", folder=tmp_path)

    @pytest.mark.parametrize("name", VARIANTS)
    def test_kept_records_belong_to_the_shipped_parent_images_and_settings(self, name):
        domain = folder_images(FLUENT_EMOJI, img_resolution=128)
        where = {"parent": few_images.PARENT, "folder": few_images.RECORDS}
        assert few_images.is_current(name, domain=domain, **where), (
            "run `python -m workshop few-images`, then the chapter"
        )
        num_stages = 1 if VARIANTS[name].is_few else len(few_images.STAGE_KIMG) - 1
        assert len(few_images.read_samples(name)) == num_stages

    def test_a_variant_changes_only_what_it_names(self):
        plain, frozen = VARIANTS["few"].settings, VARIANTS["few_frozen"].settings
        different = {k for k, v in plain.to_dict().items() if frozen.to_dict()[k] != v}
        assert different == {"num_frozen_discriminator_blocks"}
        assert Variant(True, {"seed": 3}).settings.seed == 3
