"""Faces are cut out by the published rule; dlib, which finds them, is optional."""

import importlib.util

import numpy as np
import pytest

from sa_helpers import images
from sa_helpers.commands import main
from sa_helpers.datasets import faces
from sa_helpers.datasets.faces import Crop, crop_of, cut, with_outline


def face_points(*, turned_deg: float = 0.0) -> np.ndarray:
    """68 points of which only eyes and mouth matter, about (100, 80)."""
    points = np.zeros((68, 2))
    points[36:42], points[42:48] = (-20.0, 0.0), (20.0, 0.0)
    points[[48, 54]] = (-12.0, 40.0), (12.0, 40.0)
    a = np.radians(turned_deg)
    return points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + (100.0, 80.0)


def test_the_square_is_that_of_the_source():
    crop = crop_of(face_points())
    # x' = 40, y' = 40 (from mouth to eyes): the larger of 4 x 40 and 3.6 x 40 is the side.
    assert crop.side_px == pytest.approx(160)
    np.testing.assert_allclose(crop.middle, (100, 84))
    np.testing.assert_allclose(crop.right, (80, 0), atol=1e-9)
    np.testing.assert_allclose(crop.down, (0, 80), atol=1e-9)


def test_the_square_turns_with_the_face():
    crop = crop_of(face_points(turned_deg=30))
    assert crop.side_px == pytest.approx(160)
    np.testing.assert_allclose(crop.right, 80 * np.array([np.cos(np.pi / 6), 0.5]), atol=1e-9)


def picture() -> np.ndarray:
    """Smooth colours, one for each direction."""
    y, x = np.mgrid[0:96, 0:128]
    return np.stack([2 * x, 2 * y, 0 * x], axis=-1).astype(np.uint8)


def test_an_upright_square_is_cut_as_by_hand():
    crop = Crop(np.array([64.0, 48.0]), np.array([16.0, 0.0]))
    np.testing.assert_array_equal(cut(picture(), crop, img_resolution=32), picture()[32:64, 48:80])


@pytest.mark.parametrize("img_resolution", [8, 16])
def test_a_smaller_one_is_averaged(img_resolution):
    crop = Crop(np.array([64.0, 48.0]), np.array([16.0, 0.0]))
    found = cut(picture(), crop, img_resolution=img_resolution).astype(float)
    step = 32 // img_resolution
    blocks = picture()[32:64, 48:80].reshape(img_resolution, step, img_resolution, step, 3)
    np.testing.assert_allclose(found, blocks.mean(axis=(1, 3)), atol=1)


def test_a_quarter_turn_is_turned_back():
    crop = Crop(np.array([64.0, 48.0]), np.array([0.0, 16.0]))
    expected = np.rot90(picture()[32:64, 48:80], k=1)
    np.testing.assert_array_equal(cut(picture(), crop, img_resolution=32), expected)


def test_beyond_the_edge_it_is_mirrored():
    crop = Crop(np.array([0.0, 48.0]), np.array([16.0, 0.0]))
    found = cut(picture(), crop, img_resolution=32)
    np.testing.assert_array_equal(found[:, :16], found[:, :15:-1])


def test_the_outline_is_on_the_photograph_and_leaves_it_alone():
    photograph = picture()
    shown = with_outline(photograph, Crop(np.array([64.0, 48.0]), np.array([40.0, 10.0])))
    assert (shown == (255, 0, 0)).all(axis=-1).any()
    np.testing.assert_array_equal(photograph, picture())


class TestCommand:
    @pytest.fixture
    def photographs(self, tmp_path):
        images.write_image(tmp_path / "in" / "someone.png", picture())
        images.write_image(tmp_path / "in" / "nobody.png", picture()[:50])
        (tmp_path / "in" / "broken.jpg").write_bytes(b"words")
        return tmp_path / "in"

    def test_faces_and_what_is_left_out_are_told(self, photographs, tmp_path, monkeypatch, capsys):
        def find(photograph):
            return [face_points()] if len(photograph) == 96 else []

        monkeypatch.setattr("sa_helpers.commands.faces.landmark_finder", lambda: find)
        out = tmp_path / "out"
        arguments = [str(photographs), "--to", str(out), "--img-resolution", "32"]
        assert main(["align-faces", *arguments]) == 0
        assert images.read_image(out / "00000.png").shape == (32, 32, 3)
        assert images.read_image(out / "crops" / "00000.jpg").shape[0] == 256
        said = capsys.readouterr().out
        assert "00000.png: someone.png, face 1 of 1, 160 px" in said
        assert "left out nobody.png: no face was found" in said
        assert "left out broken.jpg" in said
        assert "2 images read, 1 faces written" in said

    def test_without_dlib_the_remedy_is_said(self, photographs, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(faces.importlib.util, "find_spec", lambda name: None)
        assert main(["align-faces", str(photographs), "--to", str(tmp_path / "out")]) == 1
        assert "pip install dlib-bin face-recognition-models" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("dlib", "face_recognition_models", "skimage"))),
    reason="pip install dlib-bin face-recognition-models scikit-image, to find a real face",
)
def test_dlib_finds_the_astronaut():
    from skimage.data import astronaut

    crops = map(crop_of, faces.landmark_finder()(astronaut()))
    near = [crop for crop in crops if np.hypot(*(crop.middle - (223, 115))) < 30]
    assert len(near) == 1
    assert 150 < near[0].side_px < 300
