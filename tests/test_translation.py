"""Translation: by aligned models, with a reference, and by a network trained for one pair."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import torch
from closeness import assert_equal_up_to_rounding
from tiny_networks import tiny_generator

from sa_helpers import checkpoints, clay, family, images, metrics
from sa_helpers.checkpoints import CheckpointError
from sa_helpers.commands import main as user_main
from sa_helpers.datasets import TrainingImages
from sa_helpers.inversion import (
    FOUND_LATENTS,
    FoundLatents,
    InversionSettings,
    invert,
    invert_many,
)
from sa_helpers.latents import (
    SPACES,
    images_from_w_plus,
    latents_to_w_plus,
    z_from_seeds,
    z_to_w_plus,
)
from sa_helpers.networks import Generator
from sa_helpers.translation import (
    TRANSLATORS,
    CutSettings,
    CutTrainer,
    Translator,
    TranslatorConfig,
    mix_with_reference,
    switch_layer_of,
    train_translator,
    translate,
)
from sa_helpers.translation.contrastive import (
    discriminator_loss,
    generator_loss,
    patch_nce_loss,
)
from workshop.__main__ import main

SHORT = InversionSettings(num_steps=4)
TINY = CutSettings(total_kimg=0.012, batch_size=2, num_patches=16, width=4, num_blocks=2)
quiet = {"report": lambda _line: None}


@pytest.fixture(scope="module")
def source() -> Generator:
    return tiny_generator({4: 12, 8: 12, 16: 8, 32: 6})


@pytest.fixture(scope="module")
def target() -> Generator:
    return tiny_generator({4: 12, 8: 12, 16: 8, 32: 6}, seed=1)


@pytest.fixture(scope="module")
def found(source) -> FoundLatents:
    settings = InversionSettings(num_steps=3, num_candidates=4, truncation_psi=0.7)
    seeds = range(7, 19)
    return invert_many(source, "dog", space="z", seeds=seeds, settings=settings, **quiet)


class Squares(TrainingImages):
    """Images of one colour with a square somewhere; another colour is another domain."""

    def __init__(self, colour: tuple[float, float, float]) -> None:
        description = {"kind": "squares", "colour": list(colour)}
        super().__init__(np.zeros((0, 32, 32, 3), np.uint8), description)

    def batch(self, step, *, batch_size, seed, is_mirrored):
        rng = np.random.default_rng([step, seed])
        made = -torch.ones(batch_size, 3, 32, 32)
        colour = torch.tensor(self.description["colour"])[:, None, None]
        for image in made:
            top, left = rng.integers(0, 20, 2)
            image[:, top : top + 12, left : left + 12] = colour
        return made


class TestLosses:
    def test_perfect_matches_leave_only_what_the_temperature_says(self):
        vectors = torch.eye(8)[None]
        expected = math.log(math.exp(1 / 0.5) + 7) - 1 / 0.5
        loss = patch_nce_loss(vectors, vectors, temperature=0.5)
        assert float(loss) == pytest.approx(expected, rel=1e-5)

    def test_vectors_that_tell_nothing_cost_the_log_of_their_number(self):
        same = torch.ones(3, 16, 4) / 2
        assert float(patch_nce_loss(same, same, temperature=0.07)) == pytest.approx(math.log(16))

    def test_swapped_places_cost_more_than_right_ones(self):
        vectors = torch.eye(6)[None]
        right = patch_nce_loss(vectors, vectors, temperature=0.1)
        wrong = patch_nce_loss(vectors.roll(1, dims=1), vectors, temperature=0.1)
        assert float(wrong - right) == pytest.approx(10, rel=1e-4)

    def test_keys_get_no_gradient(self):
        queries, keys = (torch.randn(1, 4, 3, requires_grad=True) for _ in range(2))
        patch_nce_loss(queries, keys, temperature=1.0).backward()
        assert queries.grad is not None
        assert keys.grad is None

    def test_least_squares(self):
        real, fake = torch.full((2, 1, 3, 3), 0.5), torch.full((2, 1, 3, 3), 2.0)
        assert float(discriminator_loss(real, fake)) == pytest.approx((0.25 + 4) / 2)
        assert float(generator_loss(fake)) == pytest.approx(1.0)


class TestTranslator:
    @pytest.fixture
    def translator(self) -> Translator:
        torch.manual_seed(0)
        return Translator(TranslatorConfig(width=4, num_blocks=3)).eval()

    def test_images_keep_their_size_and_range(self, translator):
        made = translator(torch.rand(2, 3, 32, 48) * 2 - 1)
        assert made.shape == (2, 3, 32, 48)
        assert float(made.detach().abs().max()) <= 1

    def test_an_image_does_not_depend_on_its_batch(self, translator):
        batch = torch.rand(3, 3, 32, 32) * 2 - 1
        torch.testing.assert_close(translator(batch)[1:2], translator(batch[1:2]))

    @pytest.mark.parametrize("num_blocks", [1, 2, 3, 6])
    def test_features_are_as_wide_as_they_say(self, num_blocks):
        translator = Translator(TranslatorConfig(width=4, num_blocks=num_blocks))
        features = translator.features(torch.zeros(1, 3, 32, 32))
        assert [f.shape[1] for f in features] == translator.feature_widths
        assert [f.shape[2] for f in features] == [32, 32, 16, 8, 8]

    def test_sizes_that_make_no_network_are_refused(self):
        with pytest.raises(ValueError, match="num_blocks 0"):
            TranslatorConfig(num_blocks=0)

    def test_files_bring_it_back(self, translator, tmp_path):
        path = TRANSLATORS.save(tmp_path / "dog_cat.safetensors", translator, record={"a": 1})
        again, record = TRANSLATORS.load(path)
        assert record == {"a": 1}
        batch = torch.rand(1, 3, 32, 32)
        torch.testing.assert_close(again(batch), translator(batch), atol=0.02, rtol=0.02)

    def test_other_files_are_refused_with_the_remedy(self, tmp_path):
        path = tmp_path / "dog_cat.safetensors"
        path.write_bytes(b"no weights")
        with pytest.raises(CheckpointError, match=r"python -m workshop train-translator"):
            TRANSLATORS.load(path)

    def test_sides_that_it_cannot_halve_twice_are_refused(self):
        with pytest.raises(ValueError, match="multiples of four"):
            Translator(TranslatorConfig(width=4, num_blocks=1))(torch.zeros(1, 3, 32, 30))


class TestTraining:
    @pytest.mark.slow
    def test_it_learns_the_colour_of_the_target_and_keeps_places(self):
        red, blue = Squares((1.0, -1.0, -1.0)), Squares((-1.0, -1.0, 1.0))
        settings = dataclasses.replace(TINY, total_kimg=1.2, batch_size=4, learning_rate=2e-3)
        translator = train_translator(red, blue, settings, **quiet)
        batch = red.batch(10**6, batch_size=8, seed=0, is_mirrored=False)
        made = translator(batch)
        is_square = batch[:, :1] > 0
        inside, outside = ((made * m).sum((0, 2, 3)) / m.sum() for m in (is_square, ~is_square))
        assert float(inside[2]) > float(inside[0]), "squares are still red"
        assert float(inside[2]) > float(outside[2]) + 0.5, "squares have moved"

    @pytest.mark.slow
    def test_a_training_that_was_stopped_ends_as_one_that_was_not(self, tmp_path):
        red, blue = Squares((1.0, -1.0, -1.0)), Squares((-1.0, -1.0, 1.0))
        whole = train_translator(red, blue, TINY, **quiet)
        state_path = tmp_path / "state.pt"

        class Interrupted(Squares):
            def batch(self, step, **how):
                if step == 3:
                    raise KeyboardInterrupt
                return super().batch(step, **how)

        with pytest.raises(KeyboardInterrupt):
            train_translator(Interrupted((1.0, -1.0, -1.0)), blue, TINY, state_path=state_path)
        lines: list[str] = []
        resumed = train_translator(red, blue, TINY, state_path=state_path, report=lines.append)
        assert lines[0] == "resumed at step 3"
        for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
            assert torch.equal(one, other)

    @pytest.mark.parametrize("content", [b"", bytes(100)], ids=["empty", "zeros"])
    def test_a_damaged_state_says_so(self, content, tmp_path):
        state_path = tmp_path / "state.pt"
        state_path.write_bytes(content)
        squares = Squares((1.0, -1.0, -1.0))
        with pytest.raises(ValueError, match=r"state\.pt is damaged\. Delete it"):
            train_translator(squares, squares, TINY, state_path=state_path)

    def test_a_state_of_other_images_is_refused(self, tmp_path):
        red, blue = Squares((1.0, -1.0, -1.0)), Squares((-1.0, -1.0, 1.0))
        state_path = tmp_path / "state.pt"
        train_translator(red, blue, TINY, state_path=state_path, **quiet)
        with pytest.raises(ValueError, match=r"squares.*repeat the command"):
            train_translator(blue, red, TINY, state_path=state_path, **quiet)

    def test_a_state_of_other_settings_is_refused(self):
        state = CutTrainer(TINY).state_dict()
        other = CutTrainer(dataclasses.replace(TINY, temperature=0.1))
        with pytest.raises(ValueError, match="with the settings"):
            other.load_state_dict(state)

    @pytest.mark.parametrize("name", ["total_kimg", "batch_size", "num_patches", "temperature"])
    def test_settings_without_a_meaning_are_refused(self, name):
        with pytest.raises(ValueError, match=name):
            dataclasses.replace(TINY, **{name: 0})

    def test_the_step_size_falls_to_zero_in_the_second_half(self):
        trainer = CutTrainer(TINY)
        squares = Squares((1.0, 1.0, -1.0))
        sizes = []
        for _ in range(TINY.num_steps):
            trainer.step(squares, squares)
            sizes.append(trainer.optimizers["generator"].param_groups[0]["lr"])
        assert sizes[:3] == [TINY.learning_rate] * 3
        assert sizes[-1] == pytest.approx(TINY.learning_rate / 3)
        assert all(a >= b for a, b in itertools.pairwise(sizes))


class TestLatents:
    def test_z_goes_through_the_targets_own_mapping(self, target):
        z = z_from_seeds(range(3), z_dim=8)
        carried = latents_to_w_plus(target, z[:, None], space="z", truncation_psi=0.7)
        torch.testing.assert_close(carried, z_to_w_plus(target, z, truncation_psi=0.7))

    def test_w_is_handed_on_as_it_is(self, target):
        w_plus = torch.randn(2, target.num_ws, 8)
        carried = latents_to_w_plus(target, w_plus, space="w_plus", truncation_psi=0.7)
        assert torch.equal(carried, w_plus)

    def test_translation_into_the_same_model_is_inversion(self, source):
        pictures = source(z_from_seeds([50, 51], z_dim=8), truncation_psi=0.7).detach()
        made = translate(pictures, source, source, space="w", settings=SHORT)
        plain = invert(pictures, source, space="w", settings=SHORT)
        torch.testing.assert_close(made.images, plain.images)

    def test_translation_draws_the_inversion_in_the_target(self, source, target):
        pictures = source(z_from_seeds([50], z_dim=8), truncation_psi=0.7).detach()
        made = translate(pictures, source, target, space="z_plus", settings=SHORT)
        w_plus = latents_to_w_plus(
            target, made.inversion.latents, space="z_plus", truncation_psi=SHORT.truncation_psi
        )
        torch.testing.assert_close(made.images, target.synthesis(w_plus))
        torch.testing.assert_close(made.w_plus, w_plus)

    def test_drawing_in_parts_changes_nothing(self, target):
        w_plus = torch.randn(19, target.num_ws, 8)
        expected = target.synthesis(w_plus).detach()
        torch.testing.assert_close(images_from_w_plus(target, w_plus), expected)


class TestReference:
    def test_the_ends_are_reference_and_content(self):
        content, reference = torch.randn(2, 6, 4), torch.randn(2, 6, 4)
        assert torch.equal(mix_with_reference(content, reference, switch_layer=0), reference)
        assert torch.equal(mix_with_reference(content, reference, switch_layer=6), content)
        mixed = mix_with_reference(content, reference, switch_layer=2)
        assert torch.equal(mixed[:, :2], content[:, :2])
        assert torch.equal(mixed[:, 2:], reference[:, 2:])

    @pytest.mark.parametrize("switch_layer", [-1, 7])
    def test_layers_that_do_not_exist_are_refused(self, switch_layer):
        latents = torch.zeros(1, 6, 4)
        with pytest.raises(ValueError, match="0 to 6"):
            mix_with_reference(latents, latents, switch_layer=switch_layer)

    def test_unlike_numbers_of_images_are_refused(self):
        with pytest.raises(ValueError, match="same number"):
            mix_with_reference(torch.zeros(2, 6, 4), torch.zeros(1, 6, 4), switch_layer=3)

    def test_layers_below_a_resolution_do_not_draw_it(self, source):
        assert [switch_layer_of(source, r) for r in (4, 8, 16, 32)] == [0, 1, 3, 5]
        with pytest.raises(ValueError, match=r"\[4, 8, 16, 32\]"):
            switch_layer_of(source, 64)


class TestSearches:
    def test_each_is_found_as_if_it_were_alone(self, found, source):
        picture = images.from_uint8(clay.render("dog", [17], img_resolution=32).images)
        alone = invert(picture, source, space="z", settings=found.settings, seeds=[17])
        assert_equal_up_to_rounding(found.latents[10:11], alone.latents)
        assert_equal_up_to_rounding(found.distances[10:11], alone.distances)

    def test_files_bring_them_back(self, found, tmp_path):
        again, _ = FOUND_LATENTS.load(FOUND_LATENTS.save(tmp_path / "dog.npz", found))
        torch.testing.assert_close(again.latents, found.latents, atol=2e-3, rtol=2e-3)
        assert (again.space, again.seeds, again.settings) == ("z", found.seeds, found.settings)

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
    def test_other_files_are_refused_with_the_remedy(self, content, tmp_path):
        path = tmp_path / "dog.npz"
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="sa-helpers invert"):
            FOUND_LATENTS.load(path)

    def test_archives_without_the_entries_are_refused(self, tmp_path):
        np.savez(tmp_path / "dog.npz", meaning=np.array(json.dumps({"space": "z"})))
        with pytest.raises(CheckpointError, match="sa-helpers invert"):
            FOUND_LATENTS.load(tmp_path / "dog.npz")

    @pytest.mark.slow
    def test_the_command_stores_and_the_family_opens_what_belongs_to_its_weights(self, tmp_path):
        model = tmp_path / "dog"
        drawing_64_px = tiny_generator({4: 8, 8: 8, 16: 8, 32: 6, 64: 4})
        checkpoints.save_model(model, drawing_64_px, record={"parent": None})
        path = tmp_path / "inversions" / "dog" / "w.npz"
        options = ["--space", "w", "--num-images", "1", "--num-steps", "1", "--num-threads", "1"]
        assert user_main(["invert", str(model), "dog", str(path), *options]) == 0
        assert len(family.open_family(tmp_path)["dog"].found_latents(space="w").seeds) == 1
        found, _ = FOUND_LATENTS.load(path)
        found = dataclasses.replace(found, record={"model_sha256": "of others"})
        FOUND_LATENTS.save(path, found)
        with pytest.raises(CheckpointError, match="other weights"):
            family.open_family(tmp_path)["dog"].found_latents(space="w")
        with pytest.raises(CheckpointError, match="sa-helpers invert"):
            family.open_family(tmp_path)["dog"].found_latents(space="z")


class TestCommand:
    @pytest.fixture(autouse=True)
    def own_cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SA_CACHE_DIR", str(tmp_path / "cache"))

    @pytest.mark.slow
    def test_it_trains_and_leaves_no_state_behind(self, tmp_path):
        path = tmp_path / "dog_cat.safetensors"
        options = ["--num-images", "4", "--total-kimg", "0.004", "--width", "4"]
        options += ["--num-threads", "1"]
        assert main(["train-translator", "dog", "cat", str(path), *options]) == 0
        translator, record = TRANSLATORS.load(path)
        assert translator.config.width == 4
        assert record["source"]["domain"] == "dog"
        assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["dog_cat.safetensors"]

    def test_unknown_domains_are_refused_before_any_is_rendered(
        self, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.setattr("workshop.translators.clay_images", None)
        assert main(["train-translator", "dog", "unicorn", str(tmp_path / "x.safetensors")]) == 1
        assert "unicorn" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("source_name", "target_name"), [("dog", "cat"), ("cat", "dog")])
def test_shipped_translators_keep_the_pose(source_name, target_name):
    models = family.open_family("clay")
    batch = clay.render(source_name, range(2_000_000, 2_000_024))
    made = models.translator(source_name, target_name)(images.from_uint8(batch.images))
    read = models[target_name].readers.attributes.read(made)["yaw_deg"]
    assert np.corrcoef(read, batch.factors["yaw_deg"])[0, 1] > 0.7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "space"), [("dog", "z"), ("cat", "z"), *(("human", space) for space in SPACES)]
)
def test_shipped_searches_found_their_pictures(name, space):
    models = family.open_family("clay")
    found = models[name].found_latents(space=space)
    again = found.to_inversion(models[name].generator)
    assert (again.space, again.latents.shape) == (space, found.latents.shape)
    few = slice(0, 4)
    batch = clay.render(models[name].domain, found.seeds[few])
    targets = images.from_uint8(batch.images)
    with torch.inference_mode():
        distances = metrics.perceptual_distance(
            again.images[few], targets, network=found.settings.network
        )
    torch.testing.assert_close(distances, found.distances[few], atol=0.01, rtol=0.05)
