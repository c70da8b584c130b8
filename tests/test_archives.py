"""Zip archives of images: opened by their index, decoded one by one, refused by name."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sa_helpers.datasets import archives, zipped_images
from sa_helpers.finetuning import ImageChoice, TrainingSettings
from sa_helpers.finetuning.loading import RealImages


def png(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="PNG")
    return stream.getvalue()


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def archive(tmp_path, pictures) -> Path:
    """As NVIDIA's dataset_tool writes it: stored, numbered, with labels."""
    path = tmp_path / "ffhq-16x16.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for i in (3, 1, 0, 2, 5, 4):
            file.writestr(f"00000/img{i:08d}.png", png(pictures[i]))
        file.writestr("dataset.json", '{"labels": null}')
        file.writestr("__MACOSX/00000/._img.png", b"")
    return path


def test_images_come_in_the_order_of_their_names_and_labels_are_mentioned(archive, pictures):
    data = ImageChoice().of(str(archive), img_resolution=16)
    assert np.array_equal(np.asarray(data.array), pictures)
    assert np.array_equal(data.array[[4, 1]], pictures[[4, 1]])
    assert np.array_equal(np.asarray(data.first(2).array), pictures[:2])
    assert data.description["num_images"] == len(data) == 6
    assert "dataset.json not used" in data.summary
    assert "7 files found: 6 used as images" in data.summary
    assert data.array.shape == (6, 16, 16, 3)


def test_a_batch_decodes_its_own_images_and_nothing_else(archive, monkeypatch):
    data = zipped_images(archive, img_resolution=16)
    decoded = []
    real = archives.ZippedImages._decode
    monkeypatch.setattr(
        archives.ZippedImages, "_decode", lambda s, name: decoded.append(name) or real(s, name)
    )
    whole = data.batch(3, batch_size=4, seed=1, is_mirrored=True)
    assert len(decoded) == 4
    some = data.batch(3, batch_size=4, seed=1, is_mirrored=True, rows=[2, 0])
    assert len(decoded) == 6
    assert np.array_equal(some, whole[[2, 0]])


def test_other_sizes_are_cropped_and_resized(tmp_path):
    path = tmp_path / "wide.zip"
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 200
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.PNG", png(wide))
    image = zipped_images(path, img_resolution=8).array[0]
    assert (abs(image.astype(int) - 200) < 20).all(), "the black sides are cut off"


def test_other_content_is_another_description(archive, tmp_path, pictures):
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as file:
        for i in range(6):
            file.writestr(f"00000/img{i:08d}.png", png(pictures[i] // 2))
    first, second = (zipped_images(path, img_resolution=16) for path in (archive, other))
    assert first.description != second.description
    renamed = archive.rename(tmp_path / "renamed.zip")
    assert zipped_images(renamed, img_resolution=16).description == first.description


def test_a_damaged_image_is_named_when_it_is_asked_for(archive, pictures):
    content = archive.read_bytes()
    position = content.index(png(pictures[3])) + 60
    archive.write_bytes(content[:position] + b"\xff\xff\xff" + content[position + 3 :])
    data = zipped_images(archive, img_resolution=16)
    with pytest.raises(ValueError, match=r"img00000003\.png cannot be unpacked"):
        data.array[3]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("images.tar", b"\0" * 1024, "no zip archive"),
        ("cut.zip", b"PK\x03\x04", "no zip archive"),
        ("empty.zip", b"PK\x05\x06" + b"\0" * 18, "none that ends like an image"),
    ],
)
def test_what_is_no_archive_of_images_says_so(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        zipped_images(path, img_resolution=16)


def test_an_archive_of_something_else_is_refused_at_once(tmp_path):
    path = tmp_path / "words.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.png", b"words")
    with pytest.raises(ValueError, match=r"words\.zip/a\.png.*cannot be read as an image"):
        zipped_images(path, img_resolution=16)


@pytest.mark.slow
def test_workers_decode_ahead_the_same_images_and_start_anew_where_the_order_breaks(archive):
    data = zipped_images(archive, img_resolution=16)
    settings = TrainingSettings(total_kimg=1, batch_size=4)
    portions = [torch.tensor([2, 0]), torch.tensor([1, 3])]
    state = torch.random.get_rng_state()
    ahead, plain = (RealImages(data, settings, portions, num_workers=n) for n in (1, 0))
    for step, round_index in ((5, 0), (5, 1), (6, 0), (2, 1), (3, 0)):
        assert torch.equal(ahead.of(step, round_index), plain.of(step, round_index))
    assert torch.equal(torch.random.get_rng_state(), state)
