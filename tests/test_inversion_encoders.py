"""Encoders: they learn, come back from files, and stand behind the same function as the search."""

import dataclasses
import json

import pytest
import torch
from closeness import assert_equal_up_to_rounding
from tiny_networks import tiny_generator

from sa_helpers import checkpoints, clay, family, images
from sa_helpers.checkpoints import CheckpointError
from sa_helpers.commands import main
from sa_helpers.inversion import (
    ENCODERS,
    AdaptedEncoder,
    EncoderSettings,
    InversionSettings,
    LatentEncoder,
    LatentEncoderConfig,
    encode,
    encoders,
    invert,
    reconstruction_errors,
    train_encoder,
)
from sa_helpers.latents import SPACES, z_from_seeds
from sa_helpers.metrics import perceptual_distance
from sa_helpers.networks import Encoder, EncoderConfig, Generator, GeneratorConfig

SMALL = EncoderSettings(
    num_known=64,
    num_epochs=1,
    total_kimg=0.016,
    batch_size=4,
    num_generated=4,
    perceptual_px=32,
    num_images=12,
)


@pytest.fixture(scope="module")
def generator() -> Generator:
    generator = tiny_generator({4: 12, 8: 12, 16: 8, 32: 6})
    generator.mapping.w_avg.copy_(generator.mapping(z_from_seeds(range(1000), z_dim=8)).mean(0))
    return generator


@pytest.fixture(scope="module")
def pictures(generator):
    """Images of the generator, as bytes, so that all of them can be reached."""
    z = z_from_seeds(range(100, 164), z_dim=8)
    return images.to_uint8(generator(z, truncation_psi=0.7))


def new_encoder(generator, seed=0, **changes) -> LatentEncoder:
    sizes = {"img_resolution": 32, "z_dim": 8, "w_dim": 8, "num_ws": generator.num_ws}
    torch.manual_seed(seed)
    encoder = LatentEncoder(LatentEncoderConfig(**{**sizes, "truncation_psi": 0.7, **changes}))
    encoder.fit_scale(generator)
    return encoder.eval()


@pytest.fixture(scope="module")
def trained(generator, pictures):
    settings = dataclasses.replace(SMALL, total_kimg=1.2, batch_size=8, num_generated=16)
    return train_encoder(generator, pictures, settings, report=lambda _: None)


class TestNetwork:
    def test_plus_spaces_begin_in_the_plain_ones(self, generator):
        latents = new_encoder(generator)(torch.rand(3, 3, 32, 32) * 2 - 1)
        for space, values in latents.items():
            layers = generator.num_ws if SPACES[space].has_layers else 1
            assert values.shape == (3, layers, 8)
            torch.testing.assert_close(values, values[:, :1].expand_as(values))

    def test_w_is_in_units_of_the_generators_spread(self, generator):
        encoder = new_encoder(generator)
        with torch.no_grad():
            for head in encoder.heads.values():
                head.base.weight.zero_()
                head.base.bias.fill_(1.0)
        latents = encoder(torch.zeros(1, 3, 32, 32))
        w = generator.mapping(z_from_seeds(range(10_000), z_dim=8))
        expected = generator.w_avg + w.std(dim=0)
        assert_equal_up_to_rounding(latents["w"][0, 0], expected)
        torch.testing.assert_close(latents["z"][0, 0], torch.ones(8))

    def test_configs_survive_json_and_refuse_nonsense(self, generator):
        config = new_encoder(generator, spaces=("w", "z")).config
        again = LatentEncoderConfig.from_dict(json.loads(json.dumps(config.to_dict())))
        assert again == config
        with pytest.raises(ValueError, match="some of"):
            dataclasses.replace(config, spaces=("v",))
        with pytest.raises(ValueError, match="48"):
            dataclasses.replace(config, img_resolution=48)


class TestTraining:
    @pytest.mark.slow
    def test_every_space_learns(self, generator, pictures, trained):
        before = reconstruction_errors(new_encoder(generator), generator, pictures)
        after = reconstruction_errors(trained, generator, pictures)
        for space in SPACES:
            for name in ("perceptual", "pixels"):
                assert after[space][name] < 0.7 * before[space][name], (space, name)

    @pytest.mark.slow
    def test_it_may_start_from_the_encoder_of_an_aligned_generator(
        self, generator, pictures, trained
    ):
        start = {name: value.clone() for name, value in trained.state_dict().items()}
        new, continued = (
            train_encoder(generator, pictures, SMALL, origin=origin, report=lambda _: None)
            for origin in (None, trained)
        )
        errors = [reconstruction_errors(e, generator, pictures) for e in (new, continued)]
        assert errors[1]["w"]["pixels"] < errors[0]["w"]["pixels"]
        for name, value in trained.state_dict().items():
            assert torch.equal(value, start[name])
        with pytest.raises(ValueError, match="start from"):
            train_encoder(generator, pictures, SMALL, spaces=("w",), origin=trained)

    @pytest.mark.slow
    def test_a_change_of_low_rank_learns_and_leaves_the_origin(self, generator, pictures, trained):
        start = {name: value.clone() for name, value in trained.state_dict().items()}
        settings = dataclasses.replace(SMALL, num_epochs=8, rank=2)
        other = tiny_generator({4: 12, 8: 12, 16: 8, 32: 6}, seed=3)
        adapted = train_encoder(other, pictures, settings, origin=trained, report=lambda _: None)
        assert isinstance(adapted, AdaptedEncoder)
        assert all(torch.equal(v, start[n]) for n, v in trained.state_dict().items())
        same = AdaptedEncoder(trained, rank=2).eval()
        assert adapted.origin_digest == same.origin_digest
        batch = images.from_uint8(pictures[:4])
        for space, latents in same(batch).items():
            torch.testing.assert_close(latents, trained(batch)[space])
        sizes = [sum(p.numel() for p in e.parameters()) for e in (adapted, trained)]
        assert sizes[0] < 0.3 * sizes[1]
        layers = zip(adapted.plain().parameters(), trained.parameters(), strict=True)
        changes = [(a - b).flatten(start_dim=1) for a, b in layers if a.ndim > 1]
        ranks = {int(torch.linalg.matrix_rank(c, rtol=1e-4)) for c in changes}
        assert ranks <= {1, 2}
        with pytest.raises(ValueError, match="no encoder to start from"):
            train_encoder(other, pictures, settings)
        with pytest.raises(ValueError, match="rank is -1"):
            AdaptedEncoder(trained, rank=-1)
        again = train_encoder(other, pictures, SMALL, origin=adapted, report=lambda _: None)
        assert type(again) is LatentEncoder
        doubled = adapted.double().plain()
        assert {value.dtype for value in doubled.parameters()} == {torch.float64}

    @pytest.mark.parametrize(
        "name", ["total_kimg", "batch_size", "num_generated", "num_images", "truncation_psi"]
    )
    def test_settings_without_a_meaning_are_refused(self, name):
        with pytest.raises(ValueError, match=f"{name} is 0"):
            dataclasses.replace(SMALL, **{name: 0})
        with pytest.raises(ValueError, match="rank is -1"):
            dataclasses.replace(SMALL, rank=-1)

    @pytest.mark.slow
    def test_equal_settings_give_equal_weights_and_global_numbers_stay(self, generator, pictures):
        torch.manual_seed(5)
        before = {n: v.clone() for n, v in generator.state_dict().items()}
        lines: list[str] = []
        first = train_encoder(generator, pictures, SMALL, report=lines.append)
        state = torch.get_rng_state()
        second = train_encoder(generator, pictures, SMALL, report=lines.append)
        other = dataclasses.replace(SMALL, seed=1)
        third = train_encoder(generator, pictures, other, report=lines.append)
        assert torch.equal(state, torch.get_rng_state())
        assert all(torch.equal(v, before[n]) for n, v in generator.state_dict().items())
        weights, same, different = (e.heads["w"].base.weight for e in (first, second, third))
        assert torch.equal(weights, same)
        assert not torch.equal(weights, different)
        assert len(lines) == 3 * (SMALL.num_epochs + SMALL.num_steps)
        assert "known" in lines[0]
        assert "perceptual" in lines[1]

    def test_single_spaces_can_be_trained(self, generator, pictures):
        encoder = train_encoder(generator, pictures, SMALL, spaces=("w",), report=lambda _: None)
        assert list(reconstruction_errors(encoder, generator, pictures[:2])) == ["w"]


class TestOneInterface:
    @pytest.mark.slow
    def test_an_encoder_alone_takes_no_steps(self, generator, pictures, trained):
        targets = images.from_uint8(pictures[:3])
        found = invert(targets, generator, space="w", method="encoder", encoder=trained)
        assert found.losses.shape == (0, 3)
        torch.testing.assert_close(
            found.latents, encode(targets, trained, space="w", truncation_psi=0.7)
        )
        torch.testing.assert_close(found.images, generator.synthesis(found.w_plus))

    @pytest.mark.slow
    @pytest.mark.parametrize("space", list(SPACES))
    def test_searching_from_the_encoders_latents_improves_them(
        self, generator, pictures, trained, space
    ):
        targets = images.from_uint8(pictures[:3])
        settings = InversionSettings(num_steps=30, learning_rate=0.02, latent_noise=0.0)
        alone, further = (
            invert(
                targets, generator, space=space, method=method, encoder=trained, settings=settings
            )
            for method in ("encoder", "encoder_then_optimise")
        )
        assert (further.losses[-1] < further.losses[0]).all()
        assert further.distances.mean() < alone.distances.mean()

    def test_results_do_not_depend_on_the_batch(self, generator, pictures, trained):
        targets = images.from_uint8(pictures[:40])
        together = encode(targets, trained, space="w_plus", truncation_psi=0.7)
        alone = encode(targets[35:36], trained, space="w_plus", truncation_psi=0.7)
        assert_equal_up_to_rounding(together[35:36], alone)

    def test_published_encoders_give_w_plus_of_images_of_any_size(self):
        torch.manual_seed(0)
        encoder = Encoder(EncoderConfig(num_ws=8, w_dim=8, width=16)).eval()
        picture = torch.rand(1, 3, 32, 32) * 2 - 1
        found = encode(picture, encoder, space="w_plus", truncation_psi=0.7)
        enlarged = images.resize(picture, img_resolution=256)
        torch.testing.assert_close(found, encoder(enlarged))
        with pytest.raises(ValueError, match=r"\['w_plus'\], not of \"z\""):
            encode(picture, encoder, space="z", truncation_psi=0.7)

    def test_mistakes_are_named(self, generator, pictures, trained):
        targets = images.from_uint8(pictures[:1])
        with pytest.raises(ValueError, match='no method "guess"'):
            invert(targets, generator, space="w", method="guess")
        with pytest.raises(ValueError, match="needs an encoder"):
            invert(targets, generator, space="w", method="encoder")
        with pytest.raises(ValueError, match=r"truncation_psi=0\.7"):
            encode(targets, trained, space="z", truncation_psi=1.0)
        with pytest.raises(ValueError, match="encoder_then_optimise"):
            invert(
                targets,
                generator,
                space="w",
                method="encoder_then_optimise",
                encoder=trained,
                start=torch.zeros(1, 1, 8),
            )


class TestStorage:
    def test_encoders_come_back(self, generator, pictures, trained, tmp_path):
        path = ENCODERS.save(tmp_path / "new" / "e.safetensors", trained, record={"n": 1})
        again, record = ENCODERS.load(path)
        assert record == {"n": 1}
        targets = images.from_uint8(pictures[:4])
        for space in SPACES:
            ours, theirs = (
                encode(targets, e, space=space, truncation_psi=0.7) for e in (trained, again)
            )
            torch.testing.assert_close(ours, theirs, rtol=0.05, atol=0.05)

    def test_a_change_of_an_encoder_is_small_and_comes_back(self, pictures, trained, tmp_path):
        whole = ENCODERS.save(tmp_path / "human.safetensors", trained, record={})
        origin = ENCODERS.load(whole)[0]
        adapted = AdaptedEncoder(origin, rank=2).eval()
        with torch.no_grad():
            for parameter in adapted.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        path = tmp_path / "toon.safetensors"
        encoders(origin="human").save(path, adapted, record={"n": 2})
        assert path.stat().st_size < 0.25 * whole.stat().st_size
        again, record = ENCODERS.load(path)
        assert record == {"n": 2}
        assert type(again) is LatentEncoder
        assert set(again.state_dict()) == set(origin.state_dict())
        targets = images.from_uint8(pictures[:4])
        for space, theirs in again(targets).items():
            torch.testing.assert_close(adapted(targets)[space], theirs, rtol=0.05, atol=0.05)
            assert not torch.allclose(origin(targets)[space], theirs, atol=0.05)

    def test_a_change_needs_the_encoder_that_it_is_a_change_of(self, trained, generator, tmp_path):
        whole = tmp_path / "human.safetensors"
        adapted = AdaptedEncoder(trained, rank=1)
        with pytest.raises(ValueError, match="its origin is None"):
            ENCODERS.save(tmp_path / "toon.safetensors", adapted, record={})
        path = encoders(origin="human").save(tmp_path / "toon.safetensors", adapted, record={})
        with pytest.raises(CheckpointError, match=r"human\.safetensors"):
            ENCODERS.load(path)
        ENCODERS.save(whole, new_encoder(generator), record={})
        with pytest.raises(CheckpointError, match=r"other weights than those of .*human"):
            ENCODERS.load(path)
        ENCODERS.save(whole, trained, record={})
        ENCODERS.load(path)
        with pytest.raises(ValueError, match="its origin is human"):
            encoders(origin="human").save(whole, adapted, record={})
        encoders(origin="toon").save(whole, adapted, record={})
        with pytest.raises(CheckpointError, match="of itself, by way of toon, human"):
            ENCODERS.load(path)

    def test_other_files_are_refused(self, tmp_path):
        for name in ("reader", "encoder"):
            other: checkpoints.NetworkKind[torch.nn.Linear] = checkpoints.NetworkKind(
                name=name, describe=lambda *_: {}, build=lambda *_: torch.nn.Linear(1, 1), remedy=""
            )
            other.save(tmp_path / f"{name}.safetensors", torch.nn.Linear(1, 1), record={})
        for name in ("reader.safetensors", "encoder.safetensors", "absent.safetensors"):
            with pytest.raises(CheckpointError, match="no encoder of this package"):
                ENCODERS.load(tmp_path / name)


class TestFamily:
    @pytest.fixture
    def zoo(self, generator, tmp_path):
        checkpoints.save_model(tmp_path / "dog", generator, record={"parent": None})
        return tmp_path

    def test_encoders_are_found_by_name_and_belong_to_their_weights(self, zoo, generator):
        models = family.open_family(zoo)
        assert not models["dog"].has_encoder
        with pytest.raises(CheckpointError, match=r'"dog".* has no encoder.*Train one'):
            _ = models["dog"].encoder
        sha256 = checkpoints.load_model(zoo / "dog").sha256
        record = {"model_sha256": sha256}
        path = ENCODERS.save(models["dog"].encoder_path, new_encoder(generator), record=record)
        assert models["dog"].has_encoder
        assert isinstance(models["dog"].encoder, LatentEncoder)
        record["model_sha256"] = "of other weights"
        ENCODERS.save(path, new_encoder(generator), record=record)
        with pytest.raises(CheckpointError, match=r"other weights.*sa-helpers train-encoder"):
            _ = models["dog"].encoder

    def test_a_checkpoints_own_encoder_is_the_models(self, generator, tmp_path):
        torch.manual_seed(0)
        sizes = EncoderConfig(num_ws=generator.num_ws, w_dim=8, width=16)
        own = Encoder(sizes).eval()
        checkpoints.save_model(tmp_path / "ffhq", generator, encoder=own, record={"parent": None})
        models = family.open_family(tmp_path)
        assert models["ffhq"].has_encoder
        assert isinstance(models["ffhq"].encoder, Encoder)


class TestCommand:
    @pytest.mark.slow
    def test_it_trains_measures_and_stores(self, tmp_path, capsys):
        torch.manual_seed(0)
        config = GeneratorConfig(
            img_resolution=32,
            channels={4: 8, 8: 8, 16: 8, 32: 8},
            z_dim=8,
            w_dim=8,
            num_mapping_layers=1,
        )
        checkpoints.save_model(tmp_path / "dog", Generator(config), record={"parent": None})
        path = tmp_path / "encoders" / "dog.safetensors"
        options = ["--num-images", "8", "--num-held-out", "2", "--total-kimg", "0.008"]
        options += ["--batch-size", "4", "--num-generated", "4", "--perceptual-px", "32"]
        options += ["--num-known", "64", "--num-epochs", "1"]
        start = ["train-encoder", str(tmp_path / "dog"), "dog"]
        options += ["--spaces", "w", "z"]
        assert main([*start, str(path), *options, "--num-threads", "1"]) == 0
        _, record = ENCODERS.load(path)
        assert record["model"] == "dog"
        assert set(record["held_out"]) == {"w", "z"}
        assert record["settings"]["num_generated"] == 4
        assert isinstance(family.open_family(tmp_path)["dog"].encoder, LatentEncoder)
        changed = [*start, str(path.with_name("pup.safetensors")), *options]
        assert main([*changed, "--origin", str(path), "--rank", "2"]) == 0
        assert ENCODERS.load(path.with_name("pup.safetensors"))[1]["settings"]["rank"] == 2
        assert main([*changed, "--origin", str(tmp_path / "e.safetensors"), "--rank", "2"]) == 1
        assert "another file beside it" in capsys.readouterr().err
        whole = path.read_bytes()
        assert main([*start, str(path), *options, "--origin", str(path), "--rank", "2"]) == 1
        assert path.read_bytes() == whole
        assert main([*changed, "--rank", "2"]) == 1
        assert "name it, --origin" in capsys.readouterr().err
        with pytest.raises(SystemExit):
            main([*start, str(path), "--spaces", "q"])
        assert "'q'" in capsys.readouterr().err
        assert main(["train-encoder", str(tmp_path / "absent"), "dog", str(path)]) == 1
        assert "absent" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["human", "toon", "dog", "cat", "wild"])
def test_shipped_encoders_know_their_domain(name):
    models = family.open_family("clay")
    generator, encoder = models[name].generator, models[name].encoder
    batch = clay.render(models[name].domain, range(2_000_000, 2_000_006))
    targets = images.from_uint8(batch.images)
    found = invert(targets, generator, space="w_plus", method="encoder", encoder=encoder)
    strangers = perceptual_distance(found.images, targets.roll(1, dims=0))
    assert (found.distances < strangers).float().mean() > 0.8
    assert found.distances.mean() < 0.75 * strangers.mean()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "relative"), [("toon", "human"), ("wild", "cat")])
def test_a_shipped_change_is_needed(name, relative):
    models = family.open_family("clay")
    pictures = clay.render(models[name].domain, range(2_000_000, 2_000_040)).images
    own, others = (
        reconstruction_errors(models[owner].encoder, models[name].generator, pictures)["w_plus"]
        for owner in (name, relative)
    )
    assert own["perceptual"] < 0.95 * others["perceptual"]
    assert own["pixels"] < 0.9 * others["pixels"]
