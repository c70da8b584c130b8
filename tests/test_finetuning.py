"""Training: losses against closed forms, augmentation, the trainer, and runs that resume."""

import copy
import dataclasses
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file

from sa_helpers import clay, images
from sa_helpers.checkpoints import load_model
from sa_helpers.commands import main
from sa_helpers.datasets import TrainingImages, clay_images, folder_images
from sa_helpers.finetuning import (
    ImageChoice,
    Start,
    Trainer,
    Training,
    TrainingSettings,
    adjust_probability,
    augment,
    grow,
    losses,
    new_networks,
    parts,
    quality,
    shrink,
    widen,
)
from sa_helpers.finetuning.presets import PRESETS
from sa_helpers.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
)
from sa_helpers.networks.filters import upsample_image
from sa_helpers.recognition import READERS
from workshop.options import FAMILY

CHANNELS = {4: 8, 8: 8, 16: 8}


def tiny_networks(img_resolution: int = 8, seed: int = 0):
    return new_networks(
        img_resolution=img_resolution,
        seed=seed,
        channels=CHANNELS,
        latent_dim=8,
        num_mapping_layers=2,
    )


def tiny_images(num_images: int = 24, size: int = 8) -> TrainingImages:
    array = np.random.default_rng(0).integers(0, 256, (num_images, size, size, 3), dtype=np.uint8)
    return TrainingImages(array, {"kind": "test"})


def tiny_trainer(**settings) -> Trainer:
    generator, discriminator = tiny_networks()
    return Trainer(
        generator=generator,
        discriminator=discriminator,
        data=tiny_images(),
        settings=TrainingSettings(**{"total_kimg": 1, "batch_size": 4, **settings}),
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


class TestLosses:
    def test_logistic_losses_at_zero_logits_are_log_two(self):
        zero = torch.zeros(3, 1)
        assert losses.generator_loss(zero).item() == pytest.approx(math.log(2))
        assert losses.discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))

    def test_r1_of_a_linear_discriminator_is_its_squared_weight_norm(self):
        weight = torch.randn(3, 4, 4)
        images = torch.randn(5, 3, 4, 4, requires_grad=True)
        logits = (images * weight).sum(dim=(1, 2, 3))[:, None]
        penalty = losses.r1_penalty(logits, images)
        assert penalty.item() == pytest.approx(weight.square().sum().item(), rel=1e-5)

    def test_path_length_of_a_linear_generator_is_its_projected_noise(self):
        matrix = torch.randn(48, 6)
        w_plus = torch.randn(2, 1, 6, requires_grad=True)
        images = (w_plus[:, 0] @ matrix.T).reshape(2, 3, 4, 4)
        noise = torch.randn(2, 3, 4, 4)
        expected = (noise.reshape(2, 48) @ matrix / 4).norm(dim=1)
        lengths = losses.path_lengths(images, w_plus, image_noise=noise)
        torch.testing.assert_close(lengths, expected)


class TestAugmentation:
    def test_probability_zero_changes_nothing(self):
        batch = torch.rand(4, 3, 16, 16)
        assert augment(batch, probability=0, rng=torch.Generator()) is batch

    def test_identity_draws_leave_the_image_as_it_is(self):
        batch = torch.rand(4, 3, 16, 16) * 2 - 1
        seen = augment(batch, probability=1e-9, rng=torch.Generator().manual_seed(0))
        torch.testing.assert_close(seen, batch, atol=1e-5, rtol=0)

    def test_probability_one_changes_every_image_and_keeps_a_gradient(self):
        batch = (torch.rand(8, 3, 16, 16) * 2 - 1).requires_grad_(True)
        seen = augment(batch, probability=1, rng=torch.Generator().manual_seed(0))
        assert ((seen - batch).abs().mean(dim=(1, 2, 3)) > 0.01).all()
        (gradient,) = torch.autograd.grad(seen.sum(), batch)
        assert gradient.abs().sum() > 0

    def test_grey_images_keep_their_hue_free_colour(self):
        """Every colour transform maps the grey axis to itself."""
        batch = torch.full((16, 3, 8, 8), 0.3)
        seen = augment(batch, probability=1, rng=torch.Generator().manual_seed(1))
        assert (seen.amax(dim=1) - seen.amin(dim=1)).abs().max() < 1e-5

    def test_same_seed_same_result(self):
        batch = torch.rand(4, 3, 8, 8)
        first, second = (
            augment(batch, probability=0.5, rng=torch.Generator().manual_seed(3)) for _ in range(2)
        )
        assert torch.equal(first, second)

    def test_refuses_a_probability_above_one(self):
        with pytest.raises(ValueError, match=r"probability is 1\.5"):
            augment(torch.zeros(1, 3, 8, 8), probability=1.5, rng=torch.Generator())

    @given(
        probability=st.floats(0, 1),
        sign_mean=st.floats(-1, 1),
        num_images=st.integers(1, 10_000),
    )
    def test_the_controller_moves_towards_the_target_and_stays_a_probability(
        self, probability, sign_mean, num_images
    ):
        moved = adjust_probability(
            probability, sign_mean=sign_mean, target=0.6, num_images=num_images, ada_kimg=100
        )
        assert 0 <= moved <= 1
        wanted = probability + np.sign(sign_mean - 0.6) * num_images / 100_000
        assert moved == pytest.approx(min(max(wanted, 0), 1))


class TestData:
    def test_every_image_is_shown_once_per_pass(self):
        array = np.arange(12, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
        data = TrainingImages(array, {})
        shown = [
            data.batch(step, batch_size=4, seed=1, is_mirrored=False)[:, 0, 0, 0]
            for step in range(6)
        ]
        values = images.to_uint8(torch.cat(shown)[:, None, None, None].expand(-1, 3, 1, 1))
        first, second = values[:12, 0, 0, 0].tolist(), values[12:, 0, 0, 0].tolist()
        assert sorted(first) == sorted(second) == list(range(12))
        assert first != second

    def test_mirroring_flips_about_half_of_the_images(self):
        array = np.zeros((1, 2, 2, 3), np.uint8)
        array[:, :, 1] = 255
        batch = TrainingImages(array, {}).batch(0, batch_size=400, seed=0, is_mirrored=True)
        share = (batch[:, 0, 0, 0] > 0).float().mean().item()
        assert 0.4 < share < 0.6

    def test_clay_images_are_the_rendered_ones_and_come_back_from_the_cache(self, tmp_path):
        arguments = dict(num_images=2, img_resolution=32, first_seed=5, cache_dir=tmp_path)
        first = clay_images("human", **arguments)
        second = clay_images("human", **arguments)
        assert len(list(tmp_path.iterdir())) == 2, "as rendered, and averaged"
        assert isinstance(first.array, np.memmap)
        assert np.array_equal(first.array, second.array)
        rendered = images.from_uint8(clay.render("human", [5, 6]).images)
        averaged = torch.nn.functional.avg_pool2d(rendered, 4)
        assert (images.from_uint8(np.asarray(first.array)) - averaged).abs().max() < 0.01

    def test_a_resolution_that_does_not_divide_128_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="has to divide"):
            clay_images("human", num_images=1, img_resolution=96, cache_dir=tmp_path)

    def test_images_of_every_kind_become_one_array(self, tmp_path):
        grey = Image.new("L", (40, 20), 100)
        grey.save(tmp_path / "a_grey.png")
        Image.new("RGBA", (20, 40), (9, 9, 9, 0)).save(tmp_path / "b_clear.webp", lossless=True)
        Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "c_cmyk.tif")
        Image.new("I;16", (5, 3), 257 * 50).save(tmp_path / "d_deep.png")
        Image.new("RGB", (300, 1), (7, 7, 7)).save(tmp_path / "E_ODD.BMP", format="PNG")
        (tmp_path / "sub folder").mkdir()
        grey.convert("P").save(tmp_path / "sub folder" / "without_ending", format="PNG")
        data = folder_images(tmp_path, img_resolution=16)
        centres = data.array[:, 8, 8].tolist()
        assert centres == [[7] * 3, [100] * 3, [255] * 3, [255, 0, 0], [50] * 3, [100] * 3]
        assert data.description["num_images"] == 6
        assert not data.left_out

    def test_a_turned_photograph_is_turned_back(self, tmp_path):
        upright = np.zeros((16, 16, 3), np.uint8)
        upright[:8] = 255
        exif = Image.Exif()
        exif[0x0112] = 3  # the camera was upside down
        Image.fromarray(upright[::-1, ::-1].copy()).save(tmp_path / "turned.png", exif=exif)
        assert np.array_equal(folder_images(tmp_path, img_resolution=16).array[0], upright)

    def test_what_is_no_image_is_named_and_left_out(self, tmp_path, caplog):
        images.write_image(tmp_path / "good.png", np.zeros((20, 30, 3), np.uint8))
        whole = (tmp_path / "good.png").read_bytes()
        contents = {
            "broken.png": b"not an image",
            "cut.png": whole[: len(whole) // 2],
            "empty.jpg": b"",
            "film.mp4": b"\x00\x00\x00\x18ftypmp42" + bytes(100),
        }
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        data = folder_images(tmp_path, img_resolution=16)
        assert data.array.shape == (1, 16, 16, 3)
        assert list(data.left_out) == list(contents)
        assert all(f"left out {name}" in caplog.text for name in contents)

    def test_companions_of_images_are_passed_over(self, tmp_path, caplog):
        images.write_image(tmp_path / "good.png", np.zeros((20, 30, 3), np.uint8))
        (tmp_path / ".thumbnails").mkdir()
        images.write_image(tmp_path / ".thumbnails" / "good.png", np.zeros((2, 3, 3), np.uint8))
        (tmp_path / "folder.png").mkdir()
        for name in ("LICENSE", "notes.txt", ".DS_Store"):
            (tmp_path / name).write_text("words")
        data = folder_images(tmp_path, img_resolution=16)
        assert len(data) == 1
        assert not data.left_out
        assert not caplog.text

    def test_a_useless_folder_says_what_to_do(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="holds no readable image, and 0 other files"):
            folder_images(tmp_path, img_resolution=16)
        with pytest.raises(FileNotFoundError, match="There is no folder"):
            folder_images(tmp_path / "absent", img_resolution=16)
        (tmp_path / "images.zip").write_bytes(b"PK")
        with pytest.raises(NotADirectoryError, match="Unpack"):
            folder_images(tmp_path / "images.zip", img_resolution=16)

    def test_taken_images_are_those_and_say_so(self):
        data = tiny_images()
        taken = data.take([5, 2])
        assert np.array_equal(taken.array, data.array[[5, 2]])
        assert taken.description != data.take([2, 5]).description
        with pytest.raises(ValueError, match="from 0 to 23"):
            data.take([24])
        with pytest.raises(ValueError, match="expected one or more"):
            data.take([])


class TestInitialNetworks:
    def test_equal_seeds_give_equal_weights_and_leave_global_randomness_alone(self):
        torch.manual_seed(0)
        expected = torch.rand(1)
        torch.manual_seed(0)
        first, second = tiny_networks()[0], tiny_networks()[0]
        assert torch.equal(torch.rand(1), expected)
        for name, value in first.state_dict().items():
            assert torch.equal(value, second.state_dict()[name]), name

    def test_a_grown_generator_first_shows_its_parent_enlarged(self):
        generator, discriminator = tiny_networks()
        z = torch.randn(2, 8)
        small = generator(z, truncation_psi=1.0)
        grown, grown_discriminator = grow(generator, discriminator, seed=1, num_channels=4)
        large = grown(z, truncation_psi=1.0)
        assert large.shape == (2, 3, 16, 16)
        # The skip path enlarges with a smoothing filter: the means stay, up to the border.
        torch.testing.assert_close(
            large.mean(dim=(2, 3)), small.mean(dim=(2, 3)), atol=0.15, rtol=0.15
        )
        assert torch.equal(
            grown_discriminator.state_dict()["b8.conv0.weight"],
            discriminator.state_dict()["b8.conv0.weight"],
        )

    @pytest.mark.parametrize(("num_channels", "error"), [(8, 1e-4), (5, 0.3)])
    def test_a_grown_discriminator_first_reads_colours_as_before(self, num_channels, error):
        generator, discriminator = tiny_networks()
        rng = torch.Generator().manual_seed(0)
        discriminator.b8.fromrgb.bias.data.normal_(generator=rng)
        _, grown = grow(generator, discriminator, seed=1, num_channels=num_channels)
        colours = torch.rand(20, 3, 1, 1, generator=rng) * 2 - 1
        wanted = discriminator.b8.fromrgb(colours)[:, :, 0, 0]
        # The border is left out: there the low-pass filter sees zeros around the image.
        given = grown.b16(colours.expand(-1, 3, 16, 16))[:, :, 4, 4]
        assert (given - wanted).square().mean().sqrt() < error * wanted.std()

    def test_a_shrunk_generator_shows_what_its_parent_had_added_up(self):
        generator, discriminator = tiny_networks(img_resolution=16)
        z = torch.randn(2, 8)
        small, small_discriminator = shrink(generator, discriminator, seed=1)
        # What the highest resolution adds is left out of the parent too, by zero tRGB weights.
        top = generator.synthesis.b16.torgb
        top.weight.data.zero_()
        top.bias.data.zero_()
        enlarged = upsample_image(small(z, truncation_psi=1.0))
        torch.testing.assert_close(enlarged, generator(z, truncation_psi=1.0))
        assert small_discriminator.config.img_resolution == 8

    def test_a_shrunk_discriminator_first_reads_colours_nearly_as_before(self):
        generator, discriminator = tiny_networks(img_resolution=16)
        _, small = shrink(generator, discriminator, seed=1)
        colours = torch.rand(20, 3, 1, 1, generator=torch.Generator().manual_seed(0)) * 2 - 1
        wanted = discriminator.b16(colours.expand(-1, 3, 16, 16))[:, :, 4, 4]
        given = small.b8.fromrgb(colours)[:, :, 0, 0]
        assert (given - wanted).square().mean().sqrt() < 0.5 * wanted.std()

    def test_the_lowest_resolution_cannot_shrink(self):
        with pytest.raises(ValueError, match="from 8"):
            shrink(*tiny_networks(img_resolution=8), seed=1)

    def test_other_sizes_than_ours_stay_when_networks_grow_or_shrink(self):
        channels = {4: 8, 8: 8, 16: 8}
        sizes = {"img_resolution": 16, "channels": channels, "conv_clamp": 256.0}
        generator = Generator(GeneratorConfig(z_dim=4, w_dim=8, num_mapping_layers=1, **sizes))
        discriminator = Discriminator(DiscriminatorConfig(mbstd_group_size=8, **sizes))
        for larger, judge in (
            grow(generator, discriminator, seed=0, num_channels=4),
            shrink(generator, discriminator, seed=0),
        ):
            assert (larger.config.z_dim, larger.config.conv_clamp) == (4, 256.0)
            assert (judge.config.mbstd_group_size, judge.config.conv_clamp) == (8, 256.0)

    def test_wider_networks_first_do_what_their_origins_do(self):
        generator, discriminator = tiny_networks(16)
        with torch.no_grad():  # as training leaves them: no bias and no strength at zero
            for parameter in (*generator.parameters(), *discriminator.parameters()):
                parameter.add_(0.1 * torch.randn(parameter.shape))
        channels = {8: 12, 16: 20}
        wide, wide_discriminator = widen(generator, discriminator, channels=channels, seed=1)
        assert wide.config.channels == {**CHANNELS, **channels}
        assert wide.get_parameter("synthesis.b16.conv1.weight").shape[:2] == (20, 20)
        z = torch.randn(4, 8)
        with torch.no_grad():
            shown = generator(z, truncation_psi=0.7)
            torch.testing.assert_close(wide(z, truncation_psi=0.7), shown, atol=1e-5, rtol=0)
            judged = discriminator(shown)
            torch.testing.assert_close(wide_discriminator(shown), judged, atol=1e-5, rtol=0)

    def test_new_maps_are_used_after_a_step(self):
        wide = widen(*tiny_networks(), channels={8: 12}, seed=1)
        trainer = Trainer(
            generator=wide[0],
            discriminator=wide[1],
            data=tiny_images(),
            settings=TrainingSettings(total_kimg=1, batch_size=4),
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
        new = wide[0].get_parameter("synthesis.b8.torgb.weight")[:, 8:]
        assert not new.any()
        trainer.step()
        assert new.all()

    @pytest.mark.parametrize("channels", [{4: 16}, {8: 4}, {32: 8}])
    def test_what_cannot_be_widened_is_refused(self, channels):
        with pytest.raises(ValueError, match="feature maps at"):
            widen(*tiny_networks(), channels=channels, seed=0)

    def test_an_unknown_width_is_asked_for(self):
        with pytest.raises(ValueError, match=r"resolutions \[256\]"):
            new_networks(img_resolution=256, seed=0)
        with pytest.raises(ValueError, match="known for 256 px"):
            grow(*new_networks(img_resolution=128, seed=0), seed=0)


class TestTrainer:
    def test_a_restored_trainer_repeats_the_original_bit_for_bit(self):
        settings = dict(ada_target=0.6, ada_kimg=0.1, path_length_weight=2.0, r1_interval=3)
        original = tiny_trainer(**settings)
        for _ in range(3):
            original.step()
        restored = tiny_trainer(**settings)
        restored.load_state_dict(copy.deepcopy(original.state_dict()))
        for _ in range(5):
            assert original.step() == restored.step()
        assert_equal_states(original.state_dict(), restored.state_dict())

    def test_the_learning_rate_falls_to_zero_at_the_end(self):
        trainer = tiny_trainer(total_kimg=0.04, cooldown_kimg=0.02)
        moves = []
        for _ in range(10):
            before = trainer.generator.get_parameter("synthesis.b8.conv1.weight").detach().clone()
            trainer.step()
            after = trainer.generator.get_parameter("synthesis.b8.conv1.weight")
            moves.append(float((after - before).detach().abs().mean()))
        shares = [trainer.settings.learning_rate_share(0.004 * step) for step in range(11)]
        assert shares == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0])
        assert moves[9] < 0.4 * moves[5]

    def test_a_restored_trainer_cools_down_as_the_original(self):
        settings = {"total_kimg": 0.04, "cooldown_kimg": 0.03, "trained_part": "low_rank_conv"}
        original, restored = tiny_trainer(**settings), tiny_trainer(**settings)
        for _ in range(5):
            original.step()
        restored.load_state_dict(copy.deepcopy(original.state_dict()))
        for _ in range(5):
            original.step()
            restored.step()
        torch.testing.assert_close(
            restored.generator_ema.state_dict(), original.generator_ema.state_dict(), atol=0, rtol=0
        )

    @pytest.mark.parametrize("part", parts.PARTS)
    def test_only_the_trained_part_moves(self, part):
        trainer = tiny_trainer(trained_part=part)
        before = copy.deepcopy(parts.with_plain_weights(trainer.generator)).state_dict()
        for _ in range(3):
            trainer.step()
        after = parts.with_plain_weights(trainer.generator).state_dict()
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        moved -= {"mapping.w_avg"}  # a statistic, which follows what the mapping gives
        wanted = {
            "all": lambda n: True,
            "mapping": lambda n: n.startswith("mapping."),
            "affine": lambda n: ".affine." in n,
            "style_offsets": lambda n: n.endswith(".affine.bias"),
            "torgb": lambda n: ".torgb.weight" in n or ".torgb.bias" in n,
            "conv": lambda n: n.startswith("synthesis.") and not re.search("affine|torgb", n),
            "low_rank_conv": lambda n: n.endswith((".conv0.weight", ".conv1.weight")),
        }[part]  # fmt: skip
        possible = {n for n in dict(tiny_networks()[0].named_parameters()) if wanted(n)}
        assert moved == {n for n in possible if n in moved or before[n].any()}
        assert moved

    def test_a_change_of_low_rank_has_that_rank_and_begins_at_nothing(self):
        generator, _ = new_networks(
            img_resolution=8, seed=0, channels={4: 24, 8: 24}, latent_dim=8, num_mapping_layers=2
        )
        plain = copy.deepcopy(generator)
        parts.train_only(generator, "low_rank_conv", seed=0)
        z = torch.randn(2, 8)
        torch.testing.assert_close(
            generator(z, truncation_psi=1.0), plain(z, truncation_psi=1.0), atol=0, rtol=0
        )
        with torch.no_grad():
            for parameter in generator.parameters():
                if parameter.requires_grad:
                    parameter.normal_()
        changed = parts.with_plain_weights(generator)
        assert set(changed.state_dict()) == set(plain.state_dict())
        name = "synthesis.b8.conv1.weight"
        change = (changed.state_dict()[name] - plain.state_dict()[name]).flatten(1)
        assert torch.linalg.matrix_rank(change, atol=1e-3).item() == parts.LOW_RANK

    def test_an_unknown_part_is_refused_with_the_known_ones(self):
        with pytest.raises(ValueError, match=r"heads.*style_offsets"):
            TrainingSettings(total_kimg=1, trained_part="heads")

    def test_both_networks_and_the_average_move(self):
        trainer = tiny_trainer()
        before = copy.deepcopy(trainer.state_dict())
        trainer.step()
        for name in ("generator", "discriminator", "generator_ema"):
            network = getattr(trainer, name)  # w_avg, a buffer, moves in any case
            changed = [
                not torch.equal(before[name][key], value)
                for key, value in network.named_parameters()
            ]
            assert any(changed), name

    def test_the_average_follows_by_its_half_life(self):
        trainer = tiny_trainer(ema_half_life_kimg=0.016, ema_rampup=None)
        before = copy.deepcopy(trainer.generator_ema.state_dict())
        trainer.step()
        beta = 0.5 ** (trainer.settings.batch_size / 16)
        for name, value in trainer.generator_ema.named_parameters():
            now = trainer.generator.get_parameter(name)
            torch.testing.assert_close(value.data, before[name] * beta + now.data * (1 - beta))

    @pytest.mark.parametrize("penalty", ["r1_penalty", "path_lengths"])
    def test_a_penalty_that_is_not_finite_leaves_the_network_as_it_was(self, penalty, monkeypatch):
        trainer = tiny_trainer(r1_gamma=1.0, path_length_weight=2.0)
        name = "discriminator" if penalty == "r1_penalty" else "generator"
        before = {k: v.clone() for k, v in getattr(trainer, name).named_parameters()}
        real = getattr(losses, penalty)
        monkeypatch.setattr(losses, penalty, lambda *a, **k: real(*a, **k) * float("nan"))
        with pytest.raises(FloatingPointError, match="diverged"):
            trainer.step()
        for key, value in getattr(trainer, name).named_parameters():
            assert torch.equal(before[key], value)
        assert math.isfinite(trainer.state_dict()["path_length_mean"])

    @pytest.mark.slow
    def test_the_discriminator_learns_to_tell_its_images_apart(self):
        trainer = tiny_trainer(r1_gamma=0.1, learning_rate=0.01)
        reports = [trainer.step() for _ in range(60)]
        assert np.mean([r.discriminator_loss for r in reports[-10:]]) < 1.3

    def test_frozen_blocks_keep_the_parents_weights(self):
        trainer = tiny_trainer(num_frozen_discriminator_blocks=1)
        before = copy.deepcopy(trainer.discriminator.state_dict())
        trainer.step()
        after = trainer.discriminator.state_dict()
        for name, value in before.items():
            is_frozen = name.startswith("b8.")
            if is_frozen:
                assert torch.equal(value, after[name]), name
        assert not torch.equal(before["b4.fc.weight"], after["b4.fc.weight"])

    def test_without_noise_the_strengths_stay_at_zero(self):
        trainer = tiny_trainer(is_noise_used=False, path_length_weight=1.0)
        trainer.step()
        strengths = [
            value
            for name, value in trainer.generator.state_dict().items()
            if name.endswith("noise_strength")
        ]
        assert strengths
        assert not any(strengths)

    def test_a_diverged_loss_stops_the_run_with_a_remedy(self):
        trainer = tiny_trainer()
        with torch.no_grad():
            trainer.discriminator.get_parameter("b4.out.bias").fill_(float("nan"))
        with pytest.raises(FloatingPointError, match="lower learning_rate"):
            trainer.step()

    def test_resolutions_have_to_agree(self):
        generator, discriminator = tiny_networks(16)
        with pytest.raises(ValueError, match="generator 16 px, discriminator 16 px, images 8 px"):
            Trainer(
                generator=generator,
                discriminator=discriminator,
                data=tiny_images(),
                settings=TrainingSettings(total_kimg=1),
                device=torch.device("cpu"),
                dtype=torch.float32,
            )


class TestSettings:
    @given(
        st.sampled_from(["total_kimg", "learning_rate", "ada_target", "r1_gamma"]),
        st.floats(max_value=-0.01, allow_nan=False, allow_infinity=False),
    )
    def test_negative_values_are_refused_by_name(self, name, value):
        with pytest.raises(ValueError, match=name):
            TrainingSettings(**{"total_kimg": 1, name: value})

    def test_settings_survive_a_round_trip(self):
        settings = TrainingSettings(total_kimg=3, snapshot_kimg=(1, 2), ada_target=0.6)
        assert TrainingSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings

    def test_the_command_line_offers_every_setting(self, monkeypatch):
        made: list[Training] = []
        monkeypatch.setattr(Training, "run", lambda self, *_, **__: made.append(self))
        command = ["finetune", "clay:human", "f", "--total-kimg", "4", "--no-is-mirrored"]
        command += ["--ada-target", "0.6", "--ema-rampup", "None", "--snapshot-kimg", "1", "2"]
        command += ["--channels", "64", "32", "--parent", "p", "--num-images", "9"]
        assert main(command) == 0
        assert made == [
            Training(
                data="clay:human",
                settings=dataclasses.replace(
                    PRESETS["many"],
                    total_kimg=4.0,
                    is_mirrored=False,
                    ada_target=0.6,
                    ema_rampup=None,
                    snapshot_kimg=(1.0, 2.0),
                ),
                start=Start(parent=Path("p"), channels={64: 32}),
                images=ImageChoice(num_images=9),
            )
        ]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--preset", "plenty"], "--preset"),
            (["--total-kimg", "4", "--snapshot-kimg", "0"], "snapshot_kimg is 0"),
            (["--total-kimg", "4", "--parent", "a", "--grow-from", "b"], "at most one"),
            (["--total-kimg", "4", "--parent", "a", "--img-resolution", "8"], "scratch only"),
            (["--total-kimg", "4", "--num-images", "0"], "num_images is 0"),
        ],
    )
    def test_words_that_make_no_training_end_the_command(self, words, said, capsys):
        with pytest.raises(SystemExit) as caught:
            main(["finetune", "clay:human", "f", *words])
        assert caught.value.code == 2
        assert said in " ".join(capsys.readouterr().err.replace("│", "").split())


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for i in range(12):
        images.write_image(folder / f"{i}.png", rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return folder


def run_arguments(folder: Path, image_folder: Path) -> list[str]:
    return [
        "finetune", str(image_folder), str(folder), "--img-resolution", "8", "--total-kimg", "0.48",
        "--batch-size", "8", "--state-kimg", "0.08", "--evaluation-kimg", "0.4",
        "--num-evaluation-images", "8", "--snapshot-kimg", "0.16", "--num-threads", "1",
        "--device", "cpu",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory, image_folder) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    assert main(run_arguments(folder, image_folder)) == 0
    return folder


class TestRun:
    @pytest.mark.slow
    def test_a_run_leaves_model_record_sheets_and_snapshots(self, finished_run):
        model = load_model(finished_run / "model")
        assert model.discriminator is not None
        record = json.loads((finished_run / "record.json").read_text())
        assert record["kimg"] == 0.48
        assert [d["kimg"] for d in record["distance"]["curve"]] == [0.0, 0.4, 0.48]
        assert "efficientnet-lite0" in record["distance"]["name"].lower()
        assert load_model(finished_run / "snapshots" / "0.16kimg").record["kimg"] == 0.16
        assert len(list((finished_run / "sheets").glob("*.jpg"))) == 3

    @pytest.mark.slow
    def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(
        self, tmp_path, image_folder, finished_run
    ):
        command = [sys.executable, "-m", "sa_helpers"]
        command += run_arguments(tmp_path, image_folder)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not (tmp_path / "state.pt").exists():
            assert process.poll() is None, "the run ended before it saved a state"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "model.safetensors").exists()
        resumed = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "resumed at kimg" in resumed.stdout
        for name in ("model.safetensors", "snapshots/0.16kimg.safetensors"):
            killed, whole = (load_file(folder / name) for folder in (tmp_path, finished_run))
            assert killed.keys() == whole.keys()
            assert all(torch.equal(killed[weight], whole[weight]) for weight in whole)

    @pytest.mark.slow
    def test_other_settings_do_not_continue_a_run(self, finished_run, image_folder, capsys):
        arguments = [*run_arguments(finished_run, image_folder), "--learning-rate", "0.1"]
        assert main(arguments) == 1
        before = PRESETS["scratch"].learning_rate
        assert f"learning_rate: {before} there, 0.1 now" in capsys.readouterr().err

    @pytest.mark.slow
    def test_a_run_may_grow_longer_only_before_its_learning_rate_falls(
        self, tmp_path, image_folder, capsys
    ):
        def train(total_kimg: str) -> int:
            options = ["--total-kimg", total_kimg, "--cooldown-kimg", "0.016"]
            return main([*run_arguments(tmp_path, image_folder), *options])

        assert train("0.16") == 0
        assert train("0.32") == 1
        assert "would be 100% with total_kimg 0.32" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("option", "said"),
        [
            (["--device", "gpu"], '"gpu" is not there'),
            (["--num-frozen-discriminator-blocks", "9"], "there are 1 blocks"),
        ],
    )
    def test_impossible_options_say_so(self, option, said, tmp_path, image_folder, capsys):
        assert main([*run_arguments(tmp_path, image_folder), *option]) == 1
        assert said in capsys.readouterr().err

    def test_a_damaged_state_says_so(self, tmp_path, image_folder, capsys):
        (tmp_path / "state.pt").write_bytes(b"\x00" * 100)
        assert main(run_arguments(tmp_path, image_folder)) == 1
        assert "is damaged" in capsys.readouterr().err

    def test_a_missing_parent_says_so(self, tmp_path, image_folder, capsys):
        arguments = ["finetune", str(image_folder), str(tmp_path), "--total-kimg", "1"]
        assert main([*arguments, "--parent", str(tmp_path / "nobody")]) == 1
        assert "nobody" in capsys.readouterr().err


def assert_equal_states(first, second) -> None:
    assert type(first) is type(second)
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal_states(first[key], second[key])
    elif isinstance(first, list | tuple):
        for one, other in zip(first, second, strict=True):
            assert_equal_states(one, other)
    else:
        assert first == second


class TestQuality:
    @pytest.mark.slow
    def test_a_perfect_generator_reaches_the_floor_and_repeats_nothing(self, monkeypatch):
        fresh = range(5_000_000, 5_000_060)

        def rendered_anew(generator, seeds, **_):
            return images.from_uint8(clay.render("human", fresh[: len(seeds)]).images)

        monkeypatch.setattr(quality, "images_from_seeds", rendered_anew)
        monkeypatch.setattr(quality, "_CHUNK", 60)
        generator = new_networks(img_resolution=128, seed=0)[0]
        reader, _ = READERS.load(FAMILY / "readers" / "human.safetensors")
        judged = quality.measure_quality(
            generator, domain="human", first_seed=0, num_images=60, reader=reader
        )
        assert judged["frechet_distance"] == pytest.approx(
            judged["floor"]["frechet_distance"], rel=0.15
        )
        assert judged["nearest"] == pytest.approx(1, abs=0.15)
        assert judged["coverage"] > 0.8
        for coarse in judged["coarse"].values():
            assert coarse["frechet_distance"] == pytest.approx(
                coarse["floor"]["frechet_distance"], rel=0.25
            )
        assert set(judged["coarse"]) == {"32", "16"}
        assert judged["factors"]["yaw_deg"]["correlation"] > 0.95
        mean = judged["factors"]["mean"]
        assert mean["distance"] == pytest.approx(mean["floor"], abs=0.1)
        mirror = judged["mirror_deg"]
        assert 0 < mirror["generated"] == pytest.approx(mirror["floor"], abs=0.5)

    @pytest.mark.slow
    def test_a_generator_that_repeats_its_training_is_found_out(self, monkeypatch):
        def repeated(generator, seeds, **_):
            return images.from_uint8(clay.render("human", range(len(seeds))).images)

        monkeypatch.setattr(quality, "images_from_seeds", repeated)
        monkeypatch.setattr(quality, "_CHUNK", 20)
        generator = new_networks(img_resolution=128, seed=0)[0]
        judged = quality.measure_quality(generator, domain="human", first_seed=0, num_images=20)
        assert judged["nearest"] < 0.01

    def test_factors_are_compared_in_standard_deviations_and_the_badly_read_left_out(self):
        rng = np.random.default_rng(0)
        truth = {"yaw_deg": rng.normal(0, 10, 4000), "hair": rng.normal(0, 1, 4000)}
        held_out = {"yaw_deg": truth["yaw_deg"], "hair": rng.normal(0, 1, 4000)}
        shifted = {name: values + values.std() for name, values in held_out.items()}
        again = {name: values.copy() for name, values in held_out.items()}
        found = quality.factor_distances(shifted, held_out, again, truth=truth)
        assert found["yaw_deg"] == {"distance": 1.0, "floor": 0.0, "correlation": 1.0}
        assert found["hair"]["correlation"] < quality.WELL_READ
        assert found["mean"] == {"distance": 1.0, "floor": 0.0}

    def test_the_mirror_test_finds_what_a_mirror_does_not_negate(self):
        yaw = np.array([10.0, -20.0])
        assert quality.mirror_error({"yaw_deg": yaw}, {"yaw_deg": -yaw}) == 0
        assert quality.mirror_error({"yaw_deg": yaw}, {"yaw_deg": 4 - yaw}) == 2
