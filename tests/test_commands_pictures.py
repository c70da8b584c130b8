"""What the commands draw, join and measure is what the rooms do; what cannot be is said at once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from test_runs import parent

from sa_helpers import checkpoints, images, metrics
from sa_helpers.blending import interpolate_weights, swap_layers
from sa_helpers.commands import main
from sa_helpers.commands.finetuning import finetune_defaults
from sa_helpers.finetuning import PRESETS
from sa_helpers.inversion import PROJECTIONS, Inversion, Projection
from sa_helpers.latents import images_from_seeds, w_plus_from_seeds


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("one", "two")):
        parent(folder / name, seed=seed)
    return folder


def drawn(model: Path, seeds: list[int], *, psi: float = 1.0) -> np.ndarray:
    return images.to_uint8(
        images_from_seeds(checkpoints.load_model(model).generator, seeds, truncation_psi=psi)
    )


def run(*words: object) -> int:
    return main([str(word) for word in words])


class TestSheet:
    def test_several_models_are_rows_and_latents_columns(self, shelf, tmp_path):
        to = tmp_path / "s.png"
        assert run("sheet", shelf / "one", shelf / "two", "--to", to, "--latents", "3-4", 0) == 0
        rows = np.concatenate([drawn(shelf / name, [3, 4, 0]) for name in ("one", "two")])
        expected = images.make_grid(rows, num_columns=3, padding_px=2)
        np.testing.assert_array_equal(images.read_image(to), expected)

    def test_projected_latents_are_drawn_by_any_model_of_the_sizes(self, shelf, tmp_path):
        generator = checkpoints.load_model(shelf / "one").generator
        w_plus = w_plus_from_seeds(generator, [5], truncation_psi=1.0)
        PROJECTIONS.save(tmp_path / "f.npz", Projection(w_plus, ("a",), {}))
        to = tmp_path / "s.png"
        assert run("sheet", shelf / "one", "--to", to, "--latents", tmp_path / "f.npz") == 0
        np.testing.assert_array_equal(images.read_image(to), drawn(shelf / "one", [5])[0])

    @pytest.mark.parametrize(
        ("latent", "said"),
        [("photo.jpg", "Project a picture first"), ("3-", "is no latent"), ("no.npz", "project")],
    )
    def test_other_words_are_no_latents(self, shelf, tmp_path, latent, said, capsys):
        assert run("sheet", shelf / "one", "--to", tmp_path / "s.png", "--latents", latent) == 1
        assert said in capsys.readouterr().err

    def test_latents_of_other_sizes_are_refused(self, shelf, tmp_path, capsys):
        PROJECTIONS.save(tmp_path / "f.npz", Projection(torch.zeros(1, 2, 3), ("a",), {}))
        words = ["--to", tmp_path / "s.png", "--latents", tmp_path / "f.npz"]
        assert run("sheet", shelf / "one", *words) == 1
        assert "holds latents of (2, 3)" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "words",
        [
            ["sheet", "--to", "a.gif"],
            ["video", "--to", "a.mpg"],
            ["mix", "--coarse", "1", "--fine", "2", "--to", "a"],
        ],
    )
    def test_an_ending_is_refused_before_anything_is_drawn(self, words, capsys):
        with pytest.raises(SystemExit):
            run(words[0], "one", *words[1:])
        assert "has to end in" in " ".join(capsys.readouterr().err.replace("│", "").split())


def test_a_mixture_has_the_pictures_at_its_edges(shelf, tmp_path):
    to = tmp_path / "m.png"
    words = ["--coarse", 1, "--fine", 2, 3, "--from-resolution", 8, "--truncation-psi", 1]
    assert run("mix", shelf / "one", "--to", to, *words) == 0
    cells = [images.read_image(to)[y : y + 8, x : x + 8] for y in (0, 10) for x in (0, 10, 20)]
    side, *top = drawn(shelf / "one", [1, 2, 3])
    np.testing.assert_array_equal(np.stack([cells[1], cells[2], cells[3]]), [*top, side])
    assert not np.array_equal(cells[4], side)
    assert not np.array_equal(cells[4], top[0])


@pytest.mark.parametrize(
    ("words", "make"),
    [
        (["swap", "--r-swap", "4"], lambda a, b: swap_layers(a, b, r_swap=4)),
        (["blend", "--amount", "0.3"], lambda a, b: interpolate_weights(a, b, amount=0.3)),
    ],
)
def test_two_models_become_one(shelf, tmp_path, words, make):
    to = tmp_path / "made"
    assert run(words[0], shelf / "one", shelf / "two", "--to", to, *words[1:]) == 0
    models = [checkpoints.load_model(shelf / name) for name in ("one", "two")]
    made = checkpoints.load_model(to)
    expected = make(*(model.generator for model in models)).state_dict()
    for name, value in made.generator.state_dict().items():
        torch.testing.assert_close(value, expected[name].half().float())
    assert [p["sha256"] for p in made.record["blend"]["of"]] == [m.sha256 for m in models]


class TestProject:
    def test_what_is_found_is_kept_and_compared(self, shelf, tmp_path, monkeypatch, capsys):
        def search(given, generator, **_):
            w_plus = w_plus_from_seeds(generator, range(len(given)), truncation_psi=1.0)
            nothing = torch.zeros(0, len(given))
            return Inversion("w_plus", w_plus, w_plus, given, torch.zeros(len(given)), nothing)

        monkeypatch.setattr("sa_helpers.commands.drawing.invert", search)
        for i in range(2):
            images.write_image(tmp_path / "in" / f"{i}.png", np.full((9, 12, 3), 90 * i, np.uint8))
        (tmp_path / "in" / "cut.png").write_bytes((tmp_path / "in" / "0.png").read_bytes()[:45])
        to = tmp_path / "f.npz"
        assert run("project", shelf / "one", tmp_path / "in", "--to", to) == 0
        found, record = PROJECTIONS.load(to)
        assert found.w_plus.shape[0] == 2
        assert record["model_sha256"] == checkpoints.load_model(shelf / "one").sha256
        assert (tmp_path / "f.png").is_file()
        assert "left out" in capsys.readouterr().out

    def test_none_is_said(self, shelf, tmp_path, capsys):
        (tmp_path / "empty").mkdir()
        words = ["project", shelf / "one", tmp_path / "empty", "--to", tmp_path / "f.npz"]
        assert run(*words) == 1
        assert "No picture was found" in capsys.readouterr().err


class TestMeasure:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        def extract(batches, *, network):
            if network == "inception-v3":
                raise metrics.NetworkUnavailableError("go online once")
            return np.concatenate([np.asarray(b).mean(axis=(2, 3)) for b in batches]).astype(float)

        monkeypatch.setattr(metrics, "extract_features", extract)

    def test_a_model_is_at_no_distance_from_itself(self, shelf, capsys):
        assert run("measure", shelf / "one", shelf / "one", "--num-images", 8) == 0
        assert "Fréchet distance 0.00" in capsys.readouterr().out
        assert run("measure", shelf / "one", shelf / "two", "--num-images", 8) == 0
        assert "Fréchet distance 0.00" not in capsys.readouterr().out

    def test_missing_weights_of_inception_are_said(self, shelf, capsys):
        words = ["--num-images", 2, "--network", "inception-v3"]
        assert run("measure", shelf / "one", shelf / "two", *words) == 1
        assert capsys.readouterr().err == "error: go online once\n"


class TestPresets:
    @pytest.mark.parametrize(
        ("line", "preset"),
        [
            ("a b", "scratch"),
            ("a b --parent human", "many"),
            ("a b --grow-from=human", "many"),
            ("a b --parent human --preset few", "few"),
            ("a b --preset=few", "few"),
        ],
    )
    def test_what_is_typed_chooses_the_defaults(self, line, preset):
        assert finetune_defaults(line.split())["settings"] == PRESETS[preset]

    def test_an_unknown_one_is_refused(self, capsys):
        with pytest.raises(SystemExit):
            run("finetune", "a", "b", "--preset", "fewer")
        assert "few" in capsys.readouterr().err

    def test_help_shows_the_defaults_of_the_preset_and_no_none(self, capsys):
        with pytest.raises(SystemExit):
            run("finetune", "--preset", "few", "--help")
        said = " ".join(capsys.readouterr().out.replace("│", "").split())
        assert "(default: 0.6)" in said
        assert "(default: None)" not in said
