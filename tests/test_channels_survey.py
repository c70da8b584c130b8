"""Surveys of channels: gradients against differences, agreement, files that come back."""

import contextlib

import numpy as np
import pytest
import torch
from tiny_networks import tiny_generator

from sa_helpers import clay
from sa_helpers.channels import ChannelRegions
from sa_helpers.channels.survey import (
    SURVEYS,
    ChannelSurvey,
    effect_agreement,
    factor_gradients,
    function_ranks,
    place_agreement,
    places_of_strongest,
    shared_regions,
    survey_channels,
)
from sa_helpers.checkpoints import CheckpointError, save_model
from sa_helpers.commands import main
from sa_helpers.editing import channel_effects, channel_sigmas
from sa_helpers.family import open_family
from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition import READERS, AttributeNetwork, FactorCoding, Segmenter


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator({4: 6, 8: 6, 16: 5, 32: 4, 64: 3, 128: 3})


@pytest.fixture(scope="module")
def attributes() -> AttributeNetwork:
    factors = clay.render("human", range(12)).factors
    torch.manual_seed(1)
    network = AttributeNetwork(FactorCoding.fit(clay.factor_specs("human")[:3], factors))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    torch.manual_seed(2)
    return Segmenter(clay.REGIONS).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def survey(generator, attributes, segmenter) -> ChannelSurvey:
    return survey_channels(
        generator, range(3), segmenter=segmenter, attributes=attributes, truncation_psi=0.7
    )


def test_gradients_are_small_differences(generator, attributes):
    w_plus = w_plus_from_seeds(generator, range(2), truncation_psi=0.7)
    sigmas = channel_sigmas(generator, range(50), truncation_psi=0.7)
    gradients = factor_gradients(generator, w_plus, attributes, sigmas=sigmas)
    names = generator.synthesis.style_space.feature_names

    def measure(images):
        with torch.inference_mode():
            return attributes(images.clamp(-1, 1)).double().numpy()

    for name in (names[0], names[20], names[-1]):
        differences = channel_effects(
            generator, w_plus, measure, sigmas=sigmas, names=[name], amount=0.02
        )[0]
        scale = np.abs(gradients).max()
        assert gradients[:, names.index(name)] == pytest.approx(differences, abs=0.03 * scale)


def test_channels_are_ranked_by_what_they_change_to_either_side():
    names, is_present = ("0_0", "0_1", "0_2"), np.ones((1, 1), dtype=bool)
    winners, profiles = np.zeros((1, 3), dtype=np.int64), np.ones((3, 1))
    regions = ChannelRegions(names, ("skin",), winners, is_present, profiles)
    effects = np.array([[1.0, 0.0], [-3.0, 1.0], [2.0, 2.0]])
    ranked = ChannelSurvey(regions, ("yaw", "beard"), effects, {})
    assert (ranked.strongest("yaw"), ranked.strongest("beard")) == ("0_1", "0_2")
    assert [ranked.rank(name, "yaw") for name in names] == [3, 1, 2]
    assert ranked.effects_on("beard").tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="tuple"):
        ranked.rank("0_0", "gaze")
    other = ChannelSurvey(regions, ("yaw",), np.array([[5.0], [4.0], [6.0]]), {})
    assert places_of_strongest(ranked, ranked, ["yaw", "beard"]) == {"yaw": 1, "beard": 1}
    assert places_of_strongest(ranked, other, ["yaw", "beard"]) == {"yaw": -3}


@pytest.mark.slow
def test_a_survey_covers_all_channels_and_names_what_it_saw(survey, attributes):
    assert survey.factors == attributes.coding.output_names
    assert survey.effects.shape == (len(survey.found.names), len(survey.factors))
    assert survey.layers[:6] == [0] * 6
    assert survey.found.profiles.shape == (len(survey.layers), len(clay.REGIONS))
    assert survey.effect("0_3", "yaw_deg") == survey.effects[3, 0]
    assert survey.record == {"seeds": [0, 1, 2], "truncation_psi": 0.7}


def made_up(profiles, effects=None, factors=("a", "b")) -> ChannelSurvey:
    names = tuple(f"0_{i}" for i in range(len(profiles)))
    found = ChannelRegions(
        names, ("x", "y", "z"), np.zeros((2, len(names)), int), np.ones((2, 3), bool), profiles
    )
    return ChannelSurvey(
        found, factors, np.zeros((len(names), 2)) if effects is None else effects, {}
    )


class TestAgreement:
    rng = np.random.default_rng(0)
    profiles = np.exp(rng.standard_normal((50, 3)))
    effects = rng.standard_normal((50, 2))

    def test_how_strongly_a_channel_acts_does_not_matter_only_where(self):
        strength = np.exp(self.rng.standard_normal((50, 1)))
        same = place_agreement(made_up(self.profiles), made_up(strength * self.profiles))
        assert same.mean() == pytest.approx(1)
        shuffled = self.profiles[self.rng.permutation(50)]
        assert abs(place_agreement(made_up(self.profiles), made_up(shuffled)).mean()) < 0.4

    def test_regions_of_one_model_alone_are_left_out(self):
        partial = self.profiles.copy()
        partial[:, 2] = np.nan
        both = place_agreement(made_up(partial), made_up(self.profiles))
        assert both.mean() == pytest.approx(1)
        regions = made_up(self.profiles).found.regions
        assert shared_regions(made_up(partial), made_up(self.profiles)) == list(regions[:2])
        partial[:, 1] = np.nan
        with pytest.raises(ValueError, match="fewer than two regions"):
            place_agreement(made_up(partial), made_up(self.profiles))

    def test_only_factors_of_both_models_are_compared(self):
        first = made_up(self.profiles, self.effects, ("a", "b"))
        swapped = made_up(self.profiles, self.effects[:, ::-1], ("b", "a"))
        assert effect_agreement(first, swapped).mean() == pytest.approx(1)
        other = made_up(self.profiles, self.effects[:, ::-1], ("c", "a"))
        assert effect_agreement(first, other).mean() == pytest.approx(1)
        mixed = np.stack([self.effects[:, 0], self.rng.standard_normal(50)], axis=1)
        chosen = effect_agreement(first, made_up(self.profiles, mixed), factors=["a"])
        assert chosen.mean() == pytest.approx(1)
        with pytest.raises(ValueError, match="no such factor in common"):
            effect_agreement(first, made_up(self.profiles, self.effects, ("c", "d")))

    def test_a_channel_that_does_the_same_ranks_first_and_any_other_anywhere(self):
        mine = made_up(self.profiles, self.effects)
        assert function_ranks(mine, made_up(5 * self.profiles, self.effects)).max() == 0
        order = self.rng.permutation(50)
        other = made_up(self.profiles[order], self.effects[order])
        assert function_ranks(mine, other).mean() == pytest.approx(0.5, abs=0.15)
        assert function_ranks(mine, made_up(self.profiles, -self.effects)).mean() > 0.05


def test_a_survey_of_some_channels_keeps_their_rows(survey):
    few = survey.of_channels(["5_2", "0_3"])
    assert few.found.names == ("5_2", "0_3")
    assert few.layers == [5, 0]
    assert few.effect("0_3", "yaw_deg") == survey.effect("0_3", "yaw_deg")
    index = survey.found.names.index("5_2")
    np.testing.assert_array_equal(few.found.winners[:, 0], survey.found.winners[:, index])
    np.testing.assert_array_equal(few.found.profiles[0], survey.found.profiles[index])
    with pytest.raises(ValueError, match="not in tuple"):
        survey.of_channels(["1_0"])


class TestFiles:
    def test_a_survey_comes_back(self, survey, tmp_path):
        back, _ = SURVEYS.load(SURVEYS.save(tmp_path / "a" / "s.npz", survey))
        assert back.found.names == survey.found.names
        assert back.factors == survey.factors
        assert back.record == survey.record
        np.testing.assert_array_equal(back.found.winners, survey.found.winners)
        np.testing.assert_allclose(back.effects, survey.effects, rtol=1e-3, atol=1e-6)
        np.testing.assert_array_equal(back.found.is_present, survey.found.is_present)

    def test_another_file_is_refused(self, tmp_path):
        path = tmp_path / "s.npz"
        for content in (b"", b"PK\x03\x04", b"text"):
            path.write_bytes(content)
            with pytest.raises(CheckpointError, match="no survey"):
                SURVEYS.load(path)
        with pytest.raises(CheckpointError, match="sa-helpers survey"):
            SURVEYS.load(tmp_path / "absent.npz")

    @pytest.mark.slow
    def test_no_flipped_byte_ends_in_another_error(self, survey, tmp_path):
        path = SURVEYS.save(tmp_path / "s.npz", survey)
        whole = path.read_bytes()
        for position in range(0, len(whole), max(1, len(whole) // 400)):
            flipped = bytes([whole[position] ^ 0x55])
            path.write_bytes(whole[:position] + flipped + whole[position + 1 :])
            with contextlib.suppress(CheckpointError):
                SURVEYS.load(path)


@pytest.mark.slow
def test_a_family_surveys_its_models_once(generator, attributes, segmenter, tmp_path, capsys):
    record = {"data": {"kind": "clay", "domain": "human"}, "kimg": 1}
    save_model(tmp_path / "mine", generator, record=record)
    models = open_family(tmp_path)
    with pytest.raises(ValueError, match="no segmenter"):
        _ = models["mine"].readers.segmenter
    with pytest.raises(ValueError, match="reads no factors"):
        _ = models["mine"].readers.attributes
    scores = {"yaw_deg": {"correlation": 0.9}, "smile": {"correlation": 0.3}, "hat": {"auc": 1.0}}
    path = tmp_path / "readers" / "human.safetensors"
    READERS.save(path, attributes, record={"scores": scores})
    assert models["mine"].readers.attribute_scores == scores
    assert models["mine"].readers.well_read() == {"yaw_deg"}
    assert not models["mine"].has_survey
    record_of = {"domains": ["human"], "scores": {"human": {"skin": 0.9}}}
    READERS.save(tmp_path / "readers" / "segmenter_a.safetensors", segmenter, record=record_of)
    assert models["mine"].readers.segmenter_scores == {"skin": 0.9}
    arguments = ["survey", str(tmp_path), "--num-images", "2"]
    assert main(arguments) == 0
    path = tmp_path / "channels" / "mine.npz"
    assert models["mine"].has_survey
    assert models["mine"].survey.record["model"] == "mine"
    before = path.stat().st_mtime_ns
    assert main(arguments) == 0
    assert path.stat().st_mtime_ns == before, "nothing had changed"
    with pytest.raises(CheckpointError, match="sa-helpers survey FAMILY mine --second"):
        _ = models["mine"].second_survey
    assert main([*arguments, "--second"]) == 0
    assert models["mine"].has_second_survey
    assert models["mine"].second_survey.record["seeds"] == [2, 3]
    assert models["mine"].survey.record["seeds"] == [0, 1]
    save_model(tmp_path / "mine", generator, record=record, dtype=torch.float32)
    assert main(arguments) == 0
    assert path.stat().st_mtime_ns > before
    assert str(path) in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", [n for n in open_family("clay") if open_family("clay")[n].has_survey]
)
def test_shipped_surveys_belong_to_their_models(name):
    clay_family = open_family("clay")
    survey = clay_family[name].survey
    assert survey.record["model_sha256"] == clay_family[name].sha256
    assert survey.found.regions == clay.REGIONS
    assert survey.factors == clay_family[name].readers.attributes.coding.output_names
    assert np.isfinite(survey.effects).all()


def test_views_of_a_domain_are_read_by_its_reader(generator, attributes, tmp_path):
    for name in ("human", "human_flipped"):
        record = {"data": {"kind": "clay", "domain": name}, "kimg": 1}
        save_model(tmp_path / name, generator, record=record)
    models = open_family(tmp_path)
    with pytest.raises(ValueError, match=r'reads no factors of "human_flipped".*human'):
        _ = models["human_flipped"].readers.attributes
    path = tmp_path / "readers" / "human.safetensors"
    READERS.save(path, attributes, record={"scores": {"yaw_deg": {"correlation": 0.9}}})
    plain, viewed = (models[name].readers.attributes for name in ("human", "human_flipped"))
    images = torch.rand(2, 3, 128, 128)
    torch.testing.assert_close(viewed(images.flip(2)), plain(images))
    assert not torch.equal(plain(images.flip(2)), plain(images)), "the file's own is unchanged"
    assert models["human_flipped"].readers.well_read() == {"yaw_deg"}


def test_a_model_of_photographs_has_no_domain_to_read(tmp_path, generator):
    save_model(tmp_path / "mine", generator, record={"data": {"kind": "folder"}})
    with pytest.raises(ValueError, match="no ground truth"):
        _ = open_family(tmp_path)["mine"].readers
