"""Folders of training images: found by content, each once, mapped from the disk, none dropped."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sa_helpers import clay, images
from sa_helpers.datasets import clay_images, folder_images


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SA_CACHE_DIR", str(folder))
    return folder


def picture(path: Path, value: int, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 7), (value, 0, 0)).save(path, **{"format": "PNG", **options})
    return path


def reds(folder: Path) -> list[int]:
    return folder_images(folder, img_resolution=4).array[:, 0, 0, 0].tolist()


class TestContent:
    @pytest.mark.parametrize("name", ["plain", "photo.txt", "data.json", "a.b.c", "x.mp4"])
    @pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
    def test_names_do_not_matter(self, tmp_path, name, form):
        picture(tmp_path / name, 200, format=form, **({"lossless": True} if form == "WEBP" else {}))
        assert reds(tmp_path) == [200]

    def test_what_is_no_image_is_left_out_with_its_reason(self, tmp_path):
        picture(tmp_path / "a", 1)
        for name in ("b.png", "c.heic", "d.jpg"):
            (tmp_path / name).write_bytes(b"words")
        (tmp_path / "e.png").write_bytes((tmp_path / "a").read_bytes()[:45])
        (tmp_path / "f.gif").write_bytes(b"")
        os.mkfifo(tmp_path / "g.png")
        (tmp_path / "h.png").symlink_to("nowhere")
        (tmp_path / "notes.txt").write_text("words")
        (tmp_path / ".hidden").write_text("words")
        data = folder_images(tmp_path, img_resolution=4)
        assert list(data.left_out) == [
            "b.png",
            "c.heic",
            "d.jpg",
            "e.png",
            "f.gif",
            "g.png",
            "h.png",
        ]
        assert data.origin["files"] == {
            "found": 9, "used": 1, "left_out": 7, "texts": 1, "hidden": 1
        }  # fmt: skip
        assert "9 files found: 1 used as images, 7 left out" in data.summary
        assert str(tmp_path) not in str(data.origin["left_out"])

    def test_reasons_come_back_from_the_cache(self, tmp_path):
        picture(tmp_path / "a", 1)
        (tmp_path / "b").write_bytes((tmp_path / "a").read_bytes()[:45])
        first, second = (folder_images(tmp_path, img_resolution=4) for _ in range(2))
        assert first.left_out == second.left_out
        assert "cannot be read as an image" in second.left_out["b"]

    def test_names_of_files_cannot_command_a_terminal(self, tmp_path, caplog):
        picture(tmp_path / "good", 1)
        (tmp_path / "bad\x1b[2J\n.png").write_bytes(b"words")
        os.close(os.open(os.fsencode(tmp_path) + b"/\xff\xfe.png", os.O_CREAT))
        data = folder_images(tmp_path, img_resolution=4)
        assert len(data.left_out) == 2
        assert "\x1b" not in caplog.text
        assert all(name.isprintable() for name in data.left_out)

    def test_many_that_are_left_out_are_counted(self, tmp_path, caplog):
        picture(tmp_path / "good", 1)
        for i in range(50):
            (tmp_path / f"{i}.png").write_bytes(b"words")
        data = folder_images(tmp_path, img_resolution=4)
        assert len(data.left_out) == 50
        assert len(data.origin["left_out"]) < 50
        assert "30 more" in caplog.text

    def test_equal_files_are_used_once(self, tmp_path):
        whole = picture(tmp_path / "a.png", 1).read_bytes()
        (tmp_path / "b.png").write_bytes(whole)
        (tmp_path / "c.png").symlink_to("a.png")
        data = folder_images(tmp_path, img_resolution=4)
        assert len(data) == 1
        assert data.left_out == dict.fromkeys(("b.png", "c.png"), "the same file as a.png")

    def test_too_large_images_are_left_out_or_allowed(self, tmp_path):
        Image.new("L", (3000, 2000)).save(tmp_path / "large.png")
        picture(tmp_path / "small.png", 1)
        data = folder_images(tmp_path, img_resolution=4, max_pixels=5_000_000)
        assert "at most 5 Mpx" in data.left_out["large.png"]
        assert len(folder_images(tmp_path, img_resolution=4, max_pixels=6_000_000)) == 2


class TestFit:
    @pytest.mark.parametrize(("fit", "corner"), [("crop", 200), ("pad", 255)])
    def test_what_is_no_square_is_cut_or_padded_with_white(self, tmp_path, fit, corner):
        Image.new("RGB", (40, 20), (200, 0, 0)).save(tmp_path / "a.png")
        data = folder_images(tmp_path, img_resolution=8, fit=fit)
        assert data.array[0, 0, 0, 0] == corner
        assert data.array[0, 4, 4].tolist() == [200, 0, 0]
        assert data.origin["fit"] == fit

    def test_they_are_told_apart(self, tmp_path):
        Image.new("RGB", (40, 20), (200, 0, 0)).save(tmp_path / "a.png")
        crop, pad = (folder_images(tmp_path, img_resolution=8, fit=f) for f in ("crop", "pad"))
        assert crop.description != pad.description


class TestLinks:
    def test_a_linked_folder_is_followed(self, tmp_path):
        picture(tmp_path / "elsewhere" / "deep" / "a", 7)
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "link").symlink_to(tmp_path / "elsewhere")
        assert reds(folder) == [7]

    def test_circles_and_second_ways_are_named(self, tmp_path):
        picture(tmp_path / "z" / "a", 7)
        (tmp_path / "z" / "back").symlink_to(tmp_path)
        (tmp_path / "again").symlink_to("z")
        data = folder_images(tmp_path, img_resolution=4)
        assert len(data) == 1
        assert set(data.left_out) == {"again", "z/back"}
        assert all("read already" in reason for reason in data.left_out.values())

    def test_links_that_lead_to_each_other_end(self, tmp_path):
        for name, other in (("one", "two"), ("two", "one")):
            picture(tmp_path / name / "image", len(name) + ord(name[0]))
            (tmp_path / name / "link").symlink_to(tmp_path / other)
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "start").symlink_to(tmp_path / "one")
        assert len(folder_images(folder, img_resolution=4)) == 2


class TestMap:
    def test_images_are_mapped_and_not_held(self, tmp_path):
        for i in range(5):
            picture(tmp_path / f"{i}", i)
        data = folder_images(tmp_path, img_resolution=64)
        assert isinstance(data.array, np.memmap)
        assert isinstance(data.first(3).array, np.memmap)
        assert data.sha256 == data.description["sha256"]
        assert [len(batch) for batch in data.batches()] == [5]

    def test_a_renamed_folder_holds_the_same(self, tmp_path, cache):
        picture(tmp_path / "one" / "a", 7)
        first = folder_images(tmp_path / "one", img_resolution=4)
        (tmp_path / "one").rename(tmp_path / "two")
        second = folder_images(tmp_path / "two", img_resolution=4)
        assert first.description == second.description
        assert (first.origin["name"], second.origin["name"]) == ("one", "two")
        assert len(list(cache.rglob("*.npy"))) == 1

    def test_another_image_or_order_is_seen(self, tmp_path):
        picture(tmp_path / "a", 7)
        picture(tmp_path / "b", 8)
        first = folder_images(tmp_path, img_resolution=4)
        (tmp_path / "a").rename(tmp_path / "c")
        assert folder_images(tmp_path, img_resolution=4).description != first.description
        picture(tmp_path / "c", 9)
        assert reds(tmp_path) == [8, 9]

    @pytest.mark.parametrize("damage", ["flip", "zeros", "cut", "empty", "longer"])
    def test_a_damaged_cache_is_made_again_with_a_word(self, tmp_path, cache, damage, caplog):
        picture(tmp_path / "a", 7)
        reds(tmp_path)
        (path,) = cache.rglob("*.npy")
        whole = path.read_bytes()
        middle = len(whole) // 2
        changed = {
            "flip": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "zeros": whole[:-100] + bytes(100),
            "cut": whole[:-1],
            "empty": b"",
            "longer": whole + b"\0",
        }[damage]
        path.write_bytes(changed)
        caplog.set_level(logging.WARNING)
        assert reds(tmp_path) == [7]
        assert "was damaged, and is made again" in caplog.text
        assert path.read_bytes() == whole


class TestClay:
    def test_no_images_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="num_images is 0"):
            clay_images("human", num_images=0, img_resolution=128, cache_dir=tmp_path)

    @pytest.mark.parametrize("img_resolution", [128, 32])
    def test_a_damaged_cache_is_rendered_again(self, tmp_path, img_resolution, caplog, monkeypatch):
        rendered = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
        batch = clay.render("human", [0])

        def render(domain, seeds):
            return type(batch)(**{**vars(batch), "images": rendered[: len(seeds)]})

        monkeypatch.setattr(clay, "render", render)
        arguments = {"num_images": 2, "img_resolution": img_resolution, "cache_dir": tmp_path}
        first = np.array(clay_images("human", **arguments).array)
        for path in tmp_path.glob("*.npy"):
            path.write_bytes(path.read_bytes()[:-2000] + bytes(2000))
        assert np.array_equal(clay_images("human", **arguments).array, first)
        assert "made again" in caplog.text


@pytest.mark.slow
def test_the_limit_is_stated_where_images_are_read(tmp_path):
    Image.new("1", (9000, 9000)).save(tmp_path / "large.png")
    with pytest.raises(ValueError, match=r"81\.0 Mpx.*324 MB.*at most 64 Mpx, 256 MB.*max_pixels"):
        images.read_image(tmp_path / "large.png")
    assert images.read_image(tmp_path / "large.png", img_resolution=8, max_pixels=10**8).max() == 0
