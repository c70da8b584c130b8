"""Images: one rounding rule, files of every kind read alike, errors that say what to do."""

import contextlib
import inspect
import io
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sa_helpers.images import (
    encode_jpeg,
    from_uint8,
    is_image_file,
    make_grid,
    read_image,
    resize,
    tint,
    to_uint8,
    write_image,
)


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_every_byte_survives_the_round_trip() -> None:
    every_byte = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    tensor = from_uint8(every_byte)
    assert (tensor.min().item(), tensor.max().item()) == (-1.0, 1.0)
    assert tensor.shape == (1, 1, 16, 16)
    np.testing.assert_array_equal(to_uint8(tensor), every_byte)


def test_rounding_is_to_nearest_and_saturates() -> None:
    values = torch.tensor([-3.0, -1.0, 0.0, 0.5, 1.0, 1.2]).view(1, 1, 1, 6)
    assert to_uint8(values).ravel().tolist() == [0, 0, 128, 191, 255, 255]


def test_to_uint8_refuses_nan() -> None:
    with pytest.raises(ValueError, match="NaN"):
        to_uint8(torch.full((1, 3, 2, 2), float("nan")))


def test_axes_are_not_mixed_up() -> None:
    array = _noise(2, 3, 5, 3)
    tensor = from_uint8(array)
    assert tensor.shape == (2, 3, 3, 5)
    assert tensor[1, 2, 0, 4].item() == pytest.approx(array[1, 0, 4, 2] / 127.5 - 1)


def test_png_round_trip_is_exact_and_leaves_no_partial_file(tmp_path: Path) -> None:
    for name, array in {"rgb": _noise(9, 7, 3), "grey": _noise(9, 7)}.items():
        path = write_image(tmp_path / "new" / f"{name}.png", array)
        expected = array if array.ndim == 3 else np.repeat(array[:, :, None], 3, axis=2)
        np.testing.assert_array_equal(read_image(path), expected)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["grey.png", "rgb.png"]


def test_jpeg_is_small_and_close(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    array = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(90)), axis=2)
    path = write_image(tmp_path / "ramps.jpg", array)
    assert path.stat().st_size < array.size / 4
    assert np.abs(read_image(path).astype(int) - array).max() <= 8


def test_unknown_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'\.gif'"):
        write_image(tmp_path / "image.gif", _noise(4, 4, 3))
    assert not list(tmp_path.iterdir())


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    array = _noise(4, 6, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show rotated by 90 degrees clockwise
    Image.fromarray(array).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png"), np.rot90(array, k=-1))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_is_laid_over_white(tmp_path: Path, mode: str) -> None:
    clear = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    clear.putpixel((1, 0), (0, 0, 0, 0))
    if mode == "P":
        palette = Image.new("P", (2, 1), 0)
        palette.putpalette([0, 0, 0, 9, 9, 9])
        palette.putpixel((1, 0), 1)
        palette.save(tmp_path / "alpha.png", transparency=1)
    else:
        clear.convert(mode).save(tmp_path / "alpha.png")
    assert read_image(tmp_path / "alpha.png").tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    deep = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    for suffix in ("png", "tif"):
        Image.fromarray(deep).save(tmp_path / f"deep.{suffix}")
        assert read_image(tmp_path / f"deep.{suffix}")[0, :, 0].tolist() == [0, 100, 255]


def test_reading_at_a_resolution_crops_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 200
    write_image(tmp_path / "wide.png", wide)
    small = read_image(tmp_path / "wide.png", img_resolution=10)
    assert small.shape == (10, 10, 3)
    assert (small[:, 3:7] == 200).all()


def test_unreadable_files_name_themselves_and_the_remedy(tmp_path: Path) -> None:
    broken = write_image(tmp_path / "broken.png", _noise(32, 32, 3))
    broken.write_bytes(broken.read_bytes()[:500])
    (tmp_path / "text.png").write_text("not an image")
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "float.tif")
    (tmp_path / "header.ppm").write_bytes(b"P6 4x 30 255 " + bytes(360))
    for name in ("broken.png", "text.png", "float.tif", "header.ppm"):
        with pytest.raises(ValueError, match=f"{name}.*expected an intact .*again"):
            read_image(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"absent\.png"):
        read_image(tmp_path / "absent.png")


def test_grid_places_images_row_by_row_on_white() -> None:
    arrays = np.stack([np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)])
    grid = make_grid(arrays, num_columns=2, padding_px=1)
    assert grid.shape == (5, 7, 3)
    assert grid[:, :, 0].tolist() == [
        [10, 10, 10, 255, 20, 20, 20],
        [10, 10, 10, 255, 20, 20, 20],
        [255] * 7,
        [30, 30, 30, 255, 255, 255, 255],
        [30, 30, 30, 255, 255, 255, 255],
    ]
    with pytest.raises(ValueError, match="num_columns=0"):
        make_grid(arrays, num_columns=0)


def test_resize_averages_and_keeps_the_range() -> None:
    checkers = torch.ones(1, 1, 64, 64)
    checkers[:, :, ::2, ::2] = checkers[:, :, 1::2, 1::2] = -1
    torch.testing.assert_close(
        resize(checkers, img_resolution=16)[:, :, 1:-1, 1:-1],
        torch.zeros(1, 1, 14, 14),
        atol=1e-6,
        rtol=0,
    )
    noise = torch.rand(1, 3, 8, 8) * 2 - 1
    assert resize(noise, img_resolution=8) is noise
    assert resize(noise, img_resolution=20).abs().max() <= noise.abs().max()
    with pytest.raises(ValueError, match="8x4"):
        resize(noise[:, :, :, :4], img_resolution=4)


def test_a_tinted_picture_is_grey_where_its_map_is_zero() -> None:
    images = torch.rand(1, 3, 4, 4) * 2 - 1
    tinted = tint(images, torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), colour=(1.0, -1.0, -1.0))
    left, right = tinted[0, :, :, :2], tinted[0, :, :, 2:]
    assert (left[0] == left[2]).all()
    assert (right[0] > right[2] + 1.5).all()
    assert tinted.abs().max() <= 1


def test_wrong_shapes_say_what_was_expected(tmp_path: Path) -> None:
    # unwrap: the messages are for readers, who run without the shape checks of the tests.
    with pytest.raises(ValueError, match=r"float64 of shape \(2, 2\).*expected uint8"):
        inspect.unwrap(from_uint8)(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="make_grid"):
        inspect.unwrap(write_image)(tmp_path / "batch.png", _noise(2, 4, 4, 3))


def test_a_jpeg_in_memory_is_the_image_up_to_its_losses() -> None:
    ramp = np.linspace(0, 255, 32).round().astype(np.uint8)
    array = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.uint8(90)), axis=2)
    fine, coarse = (encode_jpeg(array, quality=quality) for quality in (90, 20))
    with Image.open(io.BytesIO(fine)) as decoded:
        assert decoded.format == "JPEG"
        assert np.abs(np.array(decoded).astype(int) - array).max() <= 8
    assert len(coarse) < len(fine)


def test_a_jpeg_of_noise_is_larger_than_most_and_still_whole(tmp_path: Path) -> None:
    array = _noise(256, 256, 3)
    with Image.open(write_image(tmp_path / "noise.jpg", array)) as decoded:
        assert np.abs(np.array(decoded).astype(int) - array).mean() < 10


def test_numbers_of_another_kind_are_refused_by_readers_without_type_checks() -> None:
    with pytest.raises(ValueError, match=r"given float64; expected uint8"):
        inspect.unwrap(make_grid)(np.full((1, 4, 4, 3), 0.7), num_columns=1)
    with pytest.raises(ValueError, match=r"given torch\.uint8; expected floats"):
        inspect.unwrap(to_uint8)(torch.full((1, 3, 4, 4), 100, dtype=torch.uint8))


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
        b"\xc5\xd0\xd3\xc6" + bytes(26) + b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"\xd7\xcd\xc6\x9a" + bytes(60),
        b"%PDF-1.4\n",
    ],
)
def test_no_content_starts_another_program(tmp_path, monkeypatch, content):
    path = tmp_path / "cat.png"
    path.write_bytes(content)
    started = []
    for name in ("Popen", "run", "call", "check_call", "check_output"):
        monkeypatch.setattr(subprocess, name, lambda *a, **k: started.append(a))
    with pytest.raises(ValueError, match=r"cat\.png.*begins like something else.*PNG, JPEG, WebP"):
        read_image(path)
    assert not started


@pytest.mark.parametrize("form", ["BMP", "GIF", "PPM", "ICO", "TGA", "PCX"])
def test_only_the_promised_formats_are_read_whatever_their_names(tmp_path, form):
    path = tmp_path / "image.png"
    Image.new("RGB", (16, 16)).save(path, format=form)
    with pytest.raises(ValueError, match="PNG, JPEG, WebP or TIFF"):
        read_image(path)
    assert not is_image_file(path)


def _tiff(path: Path, **tags: int) -> Path:
    """A compressed grey TIFF with any tags, whatever they promise."""
    data = zlib.compress(bytes(1000))
    whole = {
        256: 10,
        257: 10,
        258: 8,
        259: 8,
        262: 1,
        277: 1,
        **{int(k[1:]): v for k, v in tags.items()},
    }
    whole = {k: {-1: 8, -2: len(data)}.get(v, v) for k, v in whole.items()}
    entries = b"".join(struct.pack("<HHII", k, 4, 1, v) for k, v in sorted(whole.items()))
    path.write_bytes(
        b"II*\0"
        + struct.pack("<I", 8 + len(data))
        + data
        + struct.pack("<H", len(whole))
        + entries
        + bytes(4)
    )
    return path


@pytest.mark.parametrize(
    "tags",
    [
        {"t256": 60_000, "t257": 60_000, "t273": -1, "t278": 60_000, "t279": -2},
        {"t322": 30_000, "t323": 30_000, "t324": -1, "t325": -2},
        {"t322": 2**30, "t323": 16, "t324": -1, "t325": -2},
        {"t256": 2**31 - 1, "t257": 1, "t273": -1, "t278": 1, "t279": -2},
    ],
)
def test_promises_of_many_pixels_are_refused_before_they_are_decoded(tmp_path, monkeypatch, tags):
    path = _tiff(tmp_path / "bomb.tif", **tags)
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match=r"bomb\.tif.*Mpx.*64 Mpx"):
        read_image(path)


def test_pillows_own_limit_is_left_as_it_is(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    Image.new("1", (10, 10)).save(tmp_path / "a.png")
    read_image(tmp_path / "a.png", max_pixels=10**9)
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_bug_of_ours_is_not_called_damage(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", _noise(4, 4, 3))
    monkeypatch.setattr("sa_helpers.images._tile_size", lambda _: None)
    with pytest.raises(TypeError):
        read_image(tmp_path / "a.png")


def test_conversion_in_pieces_is_conversion(tmp_path, monkeypatch):
    rgba = Image.fromarray(_noise(37, 53, 4))
    rgba.save(tmp_path / "a.png")
    Image.fromarray(np.arange(37 * 53, dtype=np.uint16).reshape(37, 53) * 33).save(
        tmp_path / "b.png"
    )
    whole = [read_image(tmp_path / name) for name in ("a.png", "b.png")]
    monkeypatch.setattr("sa_helpers.images._TILE_PIXELS", 20)
    for array, name in zip(whole, ("a.png", "b.png"), strict=True):
        np.testing.assert_array_equal(read_image(tmp_path / name), array)


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0"])
)
@settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_any_bytes_are_an_image_or_a_value_error(tmp_path, content, beginning):
    (tmp_path / "any").write_bytes(beginning + content)
    with contextlib.suppress(ValueError):
        read_image(tmp_path / "any", img_resolution=8)
