"""Published readers of photographs: listed in a family.toml, and used like those of clay."""

import types

import numpy as np
import pytest
import torch
from tiny_networks import tiny_generator
from tiny_readers import LABELS, SEEN, save_clip, save_readers, save_segformer, save_vitpose
from torch import nn

from sa_helpers import channels
from sa_helpers.checkpoints import CheckpointError, save_model
from sa_helpers.claims import Claims
from sa_helpers.editing import factor_changes, fit_regression, move_w, standardise
from sa_helpers.family import open_family
from sa_helpers.family.listed_readers import parse_readers, readers_for
from sa_helpers.family.surveying import survey_model
from sa_helpers.latents import images_from_seeds, w_plus_from_seeds
from sa_helpers.recognition import (
    LandmarkReader,
    PublishedSegmenter,
    ReaderUnavailableError,
    TextReader,
)
from sa_helpers.recognition.published import folder_of

pytestmark = pytest.mark.slow  # the packages take many seconds to import
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A parent and a child of photographs, with a `family.toml` that lists readers."""
    folder = tmp_path_factory.mktemp("photographs")
    record = {"data": {"kind": "folder"}}
    save_model(folder / "people", tiny_generator({4: 6, 8: 6, 16: 4}), record=record)
    child = {**record, "parent": {"name": "people"}, "kimg": 1}
    save_model(folder / "toons", tiny_generator({4: 6, 8: 6, 16: 4}, seed=1), record=child)
    (folder / "family.toml").write_text(save_readers(folder))
    return folder


@pytest.fixture
def models(folder, monkeypatch):
    monkeypatch.setenv("SA_DEVICE", "cpu")
    return open_family(folder)


@pytest.fixture
def images():
    return torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


class TestSegmenter:
    def test_it_labels_as_the_package_does(self, tmp_path, images):
        from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

        folder = save_segformer(tmp_path / "parser")
        ours = PublishedSegmenter(folder, device=CPU)
        assert ours.regions == LABELS
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        network = AutoModelForSemanticSegmentation.from_pretrained(folder, local_files_only=True)
        whole = ((images + 1) * 127.5).round().to(torch.uint8)
        with torch.no_grad():
            outputs = network(**processor(list(whole), return_tensors="pt"))
        theirs = processor.post_process_semantic_segmentation(outputs, target_sizes=[(64, 64)] * 5)
        same = ours.segment(whole / 127.5 - 1) == torch.stack(theirs).numpy()
        assert same.mean() > 0.999
        assert len(np.unique(torch.stack(theirs))) > 1

    def test_groups_add_up_probabilities(self, tmp_path, images):
        folder = save_segformer(tmp_path / "parser")
        plain = PublishedSegmenter(folder, device=CPU)
        grouped = PublishedSegmenter(folder, groups={"ear": ("l_ear", "r_ear")}, device=CPU)
        assert grouped.regions == ("background", "skin", "ear", "hair")
        with torch.no_grad():
            apart, together = (p(images).softmax(dim=1) for p in (plain, grouped))
        torch.testing.assert_close(together[:, 2], apart[:, 2] + apart[:, 3])
        assert grouped.segment(images[:, :, :32, :32]).shape == (5, 32, 32)

    def test_unknown_labels_and_missing_preprocessing_are_refused(self, tmp_path):
        folder = save_segformer(tmp_path / "parser")
        with pytest.raises(ValueError, match=r"beak.*labels.*l_ear"):
            PublishedSegmenter(folder, groups={"mouth": ("beak",)})
        (folder / "preprocessor_config.json").write_text("{}")
        with pytest.raises(ReaderUnavailableError, match=r"preprocessor_config\.json.*Download"):
            PublishedSegmenter(folder)

    def test_an_empty_folder_is_refused(self, tmp_path):
        with pytest.raises(ReaderUnavailableError, match=r"config\.json and model\.safetensors"):
            PublishedSegmenter(tmp_path)


class Heatmaps(nn.Module):
    """In place of a ViTPose: heads whose nose and eyes are where a turn by an angle puts them."""

    def __init__(self, network, degrees, depth):
        super().__init__()
        self.config, self.weight = network.config, nn.Parameter(torch.zeros(()))
        turn = torch.tensor(degrees).deg2rad()
        x = torch.stack([depth * turn.sin(), -turn.cos() / 2, turn.cos() / 2], dim=1)
        self.columns = 48 * (0.5 + 0.3 * x)

    def forward(self, pixel_values):
        assert pixel_values.shape[1:] == (3, 64, 48)
        at = torch.arange(48) + 0.5
        bumps = torch.exp(-((at - self.columns[..., None]) ** 2) / 8)
        maps = bumps[:, :, None, :] * torch.exp(-((torch.arange(64) - 20.0) ** 2) / 8)[:, None]
        padded = torch.cat([maps, torch.zeros(len(maps), 14, 64, 48)], dim=1)
        return types.SimpleNamespace(heatmaps=padded)


class TestLandmarks:
    def test_the_yaw_is_the_angle_of_the_turn(self, tmp_path, images):
        reader = LandmarkReader(save_vitpose(tmp_path / "pose"), nose_depth=0.6, device=CPU)
        degrees = [-50.0, -20.0, 0.0, 20.0, 50.0]
        reader.network = Heatmaps(reader.network, degrees, depth=0.6)
        read = reader.read(images)["yaw_deg"]
        np.testing.assert_allclose(read, degrees, atol=1.0)
        assert read[2] == pytest.approx(0, abs=1e-3)

    @pytest.mark.parametrize("num_experts", [1, 6])
    def test_the_real_network_is_read_and_differentiated(self, tmp_path, images, num_experts):
        folder = save_vitpose(tmp_path / "pose", num_experts=num_experts)
        reader = LandmarkReader(folder, device=CPU)
        images.requires_grad_(True)
        yaw = reader.measure(images)
        assert yaw.shape == (5, 1)
        assert yaw.abs().max() <= 90
        yaw.sum().backward()
        assert images.grad.abs().max() > 0

    def test_points_that_it_does_not_find_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"\[0, 1, 17\].*finds 17"):
            LandmarkReader(save_vitpose(tmp_path / "pose"), points=(0, 1, 17))


def test_clip_of_a_folder_sees_what_open_clip_does(tmp_path, images):
    import open_clip

    folder = save_clip(tmp_path / "clip")
    prompts = {"smile": ("a smiling face", "a face")}
    reader = TextReader(prompts, model=f"local-dir:{folder}", weights=None, device=CPU)
    network, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    small = nn.functional.interpolate(images, size=(32, 32), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(SEEN[key])[:, None, None] for key in ("mean", "std"))
    with torch.no_grad():
        seen = network.encode_image(((small + 1) / 2 - mean) / std, normalize=True)
        tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(list(prompts["smile"]))
        strong, weak = network.encode_text(tokens, normalize=True)
    expected = 100 * (seen @ (strong - weak))
    np.testing.assert_allclose(reader.read(images)["smile"], expected, rtol=1e-3, atol=1e-4)
    (folder / "open_clip_model.safetensors").unlink()
    (folder / "open_clip_config.json").write_text("{}")
    with pytest.raises(ReaderUnavailableError, match="download the folder again"):
        TextReader(prompts, model=f"local-dir:{folder}", weights=None)


class TestFamily:
    def test_a_reader_has_one_interface(self, models):
        readers = models.parent.readers
        assert readers.can_read_factors
        assert readers.attributes is models.parent.readers.attributes, "opened once"
        assert readers.attributes is not models["toons"].readers.attributes, "scaled by each model"
        assert readers.movable() == ["smile", "age", "yaw_deg"]
        assert readers.well_read() == {"smile", "age", "yaw_deg"}
        assert readers.segmenter.regions == ("background", "skin", "ear", "hair")
        for scores in ("attribute_scores", "segmenter_scores"):
            with pytest.raises(ValueError, match='truth about the images of "people"'):
                getattr(readers, scores)

    def test_outputs_are_standardised_by_the_model_s_own_images(self, models):
        reader, generator = models.parent.readers.attributes, models.parent.generator
        own = images_from_seeds(generator, range(2000, 2064), truncation_psi=1.0)
        outputs = reader(own.clamp(-1, 1))
        torch.testing.assert_close(outputs.mean(dim=0), torch.zeros(3), atol=1e-2, rtol=0)
        torch.testing.assert_close(
            outputs.std(dim=0, correction=0), torch.ones(3), atol=1e-2, rtol=0
        )
        numbers = reader.measure(own.clamp(-1, 1))
        for index, values in enumerate(reader.read(own).values()):
            np.testing.assert_allclose(values, numbers[:, index], rtol=1e-2, atol=1e-3)

    def test_directions_and_channels_take_it(self, models):
        parent, reader = models.parent.generator, models.parent.readers.attributes
        w_plus = w_plus_from_seeds(parent, range(12), truncation_psi=1.0)
        labels = reader.read(parent.synthesis(w_plus))
        found = fit_regression(w_plus[:, 0], labels["smile"], name="smile")
        changes = factor_changes(parent, w_plus[:3], move_w(found), reader, amount=1.0)
        assert set(standardise(changes, reader)) == {"smile", "age", "yaw_deg"}
        survey = survey_model(models, "people", range(2))
        assert survey.factors == ("smile", "age", "yaw_deg")
        assert survey.found.regions == ("background", "skin", "ear", "hair")
        assert np.isfinite(survey.effects).all()
        assert np.abs(survey.effects).max() > 0
        assert channels.kept_share(survey.found, survey.found).mean in (0.0, 1.0)

    def test_claims_know_what_such_a_family_has(self, models):
        claims = Claims(models)
        for need in ("readers", "segmenter", "factor smile", "model toons"):
            assert claims.why_not(need) is None
        assert "no ground truth to read" in (claims.why_not("ground truth") or "")
        assert "no factor beard" in (claims.why_not("factor beard") or "")
        assert claims.why_not("surveys")
        assert claims.why_not("scales")

    def test_what_is_not_listed_is_named(self, tmp_path):
        save_model(tmp_path / "mine", tiny_generator({4: 2, 8: 2}), record={})
        listing = tmp_path / "family.toml"
        listing.write_text('[readers.a]\n[readers.a.regions]\nmodel = "nobody/nothing"\n')
        readers = open_family(tmp_path)["mine"].readers
        assert not readers.can_read_factors
        assert readers.well_read() == set()
        with pytest.raises(CheckpointError, match=r"no text and no landmarks.*family\.toml"):
            _ = readers.attributes
        with pytest.raises(CheckpointError, match="hf download nobody/nothing"):
            _ = readers.segmenter
        listing.write_text(
            listing.read_text().replace("regions", "landmarks").replace("nobody/nothing", "pose")
        )
        with pytest.raises(CheckpointError, match="pose' is no folder"):
            _ = open_family(tmp_path)["mine"].readers.attributes


def test_a_folder_beside_the_family_goes_before_the_hub(tmp_path):
    (tmp_path / "nobody" / "nothing").mkdir(parents=True)
    assert folder_of("nobody/nothing", beside=tmp_path) == tmp_path / "nobody" / "nothing"


TEXT = {"model": "a", "prompts": {"smile": ["x", "y"]}}


class TestListing:
    def test_the_public_family_lists_readers_that_may_have_to_be_fetched(self):
        models = open_family("photo")
        assert models["metfaces"].listed_readers is models["ffhq"].listed_readers
        dogs = models["afhqdog"].readers
        assert dogs.can_read_factors
        with pytest.raises(CheckpointError, match=r"list no regions.*readers\.<name>\.regions"):
            _ = dogs.segmenter

    def test_named_models_go_before_the_rest(self):
        entries = parse_readers(
            {"dogs": {"models": ["dog"], "text": TEXT}, "rest": {"regions": {"model": "a/b"}}},
            place="here",
        )
        assert readers_for("dog", entries) is entries["dogs"]
        assert readers_for("cat", entries) is entries["rest"]
        del entries["rest"]
        assert readers_for("cat", entries) is None

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ({"models": ["a"]}, "wrong or missing"),
            ({"text": TEXT, "pose": {}}, "wrong or missing"),
            ({"models": "a", "text": TEXT}, "wrong models"),
            ({"text": {**TEXT, "model": "../up"}}, "model = ../up"),
            ({"text": {**TEXT, "weights": "openai"}}, "unknown entries"),
            ({"text": {"model": "a", "prompts": {"smile": ["x"]}}}, "prompts ="),
            ({"text": {"model": "a", "prompts": {"smile": ["x", 3]}}}, "prompts ="),
            ({"text": {"model": "a"}}, "prompts"),
            ({"landmarks": {"model": "a", "nose_depth": -1}}, "nose_depth = -1"),
            ({"landmarks": {"model": "a", "points": [0, 1]}}, "points ="),
            ({"regions": {"model": 3}}, "model = 3"),
            ({"regions": {"model": "a", "groups": {"ear": "l_ear"}}}, "groups ="),
            ({"regions": "a/b"}, "something wrong"),
        ],
    )
    def test_what_is_not_understood_is_named(self, table, said):
        with pytest.raises(ValueError, match="here") as caught:
            parse_readers({"faces": table}, place="here")
        assert said in str(caught.value)
        assert "listed_readers" in str(caught.value)

    def test_two_readers_of_one_model_are_refused(self):
        for models in (["a"], None):
            table = {"text": TEXT} if models is None else {"text": TEXT, "models": models}
            with pytest.raises(ValueError, match="several readers"):
                parse_readers({"one": table, "two": table}, place="here")
