"""Images: value ranges, reading, writing, resizing, grids.

Two forms exist. Tensors are float32 NCHW in [-1, 1], the range of the generators (whose output may
exceed it). Arrays are uint8 NHWC in [0, 255], the form of files and figures. This room is the only
one that touches PIL.
"""

import contextlib
import functools
import io
import itertools
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from sa_helpers.runtime import FILE_FAULTS, replacing, shown

MAX_PIXELS = 64_000_000
"""Pixels of the largest image that is read unasked; decoded, it takes four times as many bytes."""

Fit = Literal["crop", "pad"]
"""How a picture becomes a square: a centred one is cut out, or white is put beside it."""

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BYTES_PER_PIXEL = 4  # of every mode of Pillow's, at most
_TIFF_TILE_SIDES = (322, 323)
_TILE_PIXELS = 1 << 20
_ORIENTATION = 0x0112
_WHITE = (255, 255, 255, 255)
_FITTERS: dict[str, Callable[..., Image.Image]] = {
    "crop": ImageOps.fit,
    "pad": functools.partial(ImageOps.pad, color=_WHITE[:3]),
}
# What Pillow raises at files that are no images, or broken, found by breaking files.
_FAULTS = (*FILE_FAULTS, OSError, SyntaxError)
_PILLOWS_LIMIT = threading.Lock()
_Stream = io.BufferedReader | io.BytesIO
# Full colour resolution: JPEG's usual halving would blur the edges of saturated clay.
_WRITERS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".jpg": {"format": "JPEG", "quality": 92, "subsampling": 0, "optimize": True},
}


def to_uint8(
    images: Float[Tensor, "batch channels height width"],
) -> UInt8[ndarray, "batch height width channels"]:
    """Round to bytes: round(127.5 x + 127.5), clamped to [0, 255].

    This is the only way from float to uint8 in the book; 0 becomes 128 (ties round to even).

    Args:
        images: Nominal range [-1, 1]; values outside saturate.

    Raises:
        ValueError: A value is not finite, or the images are no floats.
    """
    if not images.is_floating_point():
        raise ValueError(f"to_uint8 was given {images.dtype}; expected floats in [-1, 1].")
    if not torch.isfinite(images).all():
        raise ValueError(
            "to_uint8 was given images with NaN or infinite values; expected finite numbers, "
            "nominally in [-1, 1]. Check the network or the optimisation that made them."
        )
    scaled = images.detach().float().mul(127.5).add(127.5).round().clamp(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def from_uint8(
    arrays: UInt8[ndarray, "batch height width channels"],
) -> Float[Tensor, "batch channels height width"]:
    """Scale bytes to [-1, 1]: x / 127.5 - 1, undone exactly by `to_uint8`.

    Raises:
        ValueError: The array is not uint8 with four axes; the message states what was given.
    """
    if arrays.dtype != np.uint8 or arrays.ndim != 4:
        raise ValueError(
            f"from_uint8 was given {arrays.dtype} of shape {arrays.shape}; expected uint8 "
            "[batch, height, width, channels]. Add a batch axis with array[None], and convert "
            "floats with to_uint8."
        )
    tensor = torch.from_numpy(np.ascontiguousarray(arrays.transpose(0, 3, 1, 2)))
    return tensor.float().div_(127.5).sub_(1)


def is_image_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins like a PNG, JPEG, WebP or TIFF, whatever it is called.

    Raises:
        OSError: It cannot be read.
    """
    with Path(path).open("rb") as stream:
        head = stream.read(12)
    return head.startswith(_BEGINNINGS) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def read_image(
    path: str | os.PathLike[str],
    *,
    img_resolution: int | None = None,
    fit: Fit = "crop",
    max_pixels: int = MAX_PIXELS,
) -> UInt8[ndarray, "height width 3"]:
    """Read a file as RGB: EXIF rotation applied, alpha laid over white, grey and 16 bit converted.

    Args:
        path: A PNG, JPEG, WebP or TIFF, whatever its ending; of several pictures the first.
        img_resolution: Side in pixels of a square, resized with Lanczos; None keeps the file's own
            size and shape.
        fit: How it becomes a square: "crop" cuts a centred one out, "pad" puts white beside it.
        max_pixels: What has more pixels is refused before it is decoded.

    Raises:
        FileNotFoundError: No such file.
        OSError: It cannot be opened.
        ValueError: It is no such image, is cut short, too large, or holds float pixels.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no image file at '{shown(path)}'. Check the path and the working folder."
        )
    with path.open("rb") as stream:
        return _decoded_to(stream, path, img_resolution, fit, max_pixels)


def decode_image(
    content: bytes,
    *,
    name: str | os.PathLike[str],
    img_resolution: int | None = None,
    fit: Fit = "crop",
    max_pixels: int = MAX_PIXELS,
) -> UInt8[ndarray, "height width 3"]:
    """Read an image from the bytes of a file, otherwise as `read_image`.

    Args:
        content: Of the file.
        name: For what is said of it.
        img_resolution: See `read_image`.
        fit: See `read_image`.
        max_pixels: See `read_image`.

    Raises:
        ValueError: See `read_image`.
    """
    return _decoded_to(io.BytesIO(content), Path(name), img_resolution, fit, max_pixels)


def _decoded_to(
    stream: _Stream, path: Path, img_resolution: int | None, fit: Fit, max_pixels: int
) -> UInt8[ndarray, "height width 3"]:
    image = _decoded(stream, path, max_pixels)
    if img_resolution is not None:
        size = (img_resolution, img_resolution)
        image = _FITTERS[fit](image, size, method=Image.Resampling.LANCZOS)
    return np.array(image)


def _decoded(stream: _Stream, path: Path, max_pixels: int) -> Image.Image:
    """Decode an image, once its size is known to be bearable."""
    with _explaining(path):
        opened = _open(stream)
        sides = [opened.size, _tile_size(opened)]
    for width, height in sides:
        if width * height > max_pixels:
            _refuse(path, width, height, max_pixels)
    with _explaining(path):
        opened.load()
        orientation = opened.getexif().get(_ORIENTATION)
        image = _to_rgb(opened)
        opened.close()
        image.getexif()[_ORIENTATION] = orientation if isinstance(orientation, int) else 1
        ImageOps.exif_transpose(image, in_place=True)
    return image


@contextlib.contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Around Pillow only: whatever a broken file makes go wrong in it is one error.

    Its remarks on metadata that it could not read do no harm to the picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    except MemoryError as error:
        raise ValueError(
            f"'{shown(path)}' does not fit into the memory. Make it smaller."
        ) from error
    except _FAULTS as error:
        is_other = isinstance(error, UnidentifiedImageError)
        cause = "it begins like something else" if is_other else shown(error)
        raise ValueError(
            f"'{shown(path)}' cannot be read as an image ({cause}); expected an intact PNG, JPEG, "
            "WebP or TIFF. Download or export it again, or delete it from the folder."
        ) from error


def _open(stream: _Stream) -> Image.Image:
    """Read the header. Pillow has a limit too, one for all of a process: here ours holds."""
    with _PILLOWS_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            # Among further formats is one that starts another program to read a file.
            return Image.open(stream, formats=_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _tile_size(opened: Image.Image) -> tuple[int, int]:
    """Size of the tiles of a TIFF, of which one is decoded at a time, however small the image."""
    tags = getattr(opened, "tag_v2", {}) if opened.format == "TIFF" else {}
    width, height = (int(tags.get(side, 1)) for side in _TIFF_TILE_SIDES)
    return width, height


def _refuse(path: Path, width: int, height: int, max_pixels: int) -> None:
    num_pixels, unit = width * height, _BYTES_PER_PIXEL / 1e6
    raise ValueError(
        f"'{shown(path)}' has {width} x {height} pixels, {num_pixels / 1e6:.1f} Mpx, which take "
        f"{num_pixels * unit:.0f} MB when decoded; expected at most {max_pixels / 1e6:g} Mpx, "
        f"{max_pixels * unit:.0f} MB. Make it smaller, or allow more: max_pixels={num_pixels} "
        f"(--max-image-mpx {-(-num_pixels // 10**6)} on the command line)."
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert in pieces, so that the whole picture is in memory twice at most."""
    if image.mode == "F":
        raise OSError("float pixels have no agreed range; save the file with 8 or 16 bits")
    if image.mode == "RGB" and not image.has_transparency_data:
        return image.copy()
    width, height = image.size
    converted = Image.new("RGB", image.size)
    step_y, step_x = max(1, _TILE_PIXELS // width), min(width, _TILE_PIXELS)
    for top, left in itertools.product(range(0, height, step_y), range(0, width, step_x)):
        right, bottom = min(width, left + step_x), min(height, top + step_y)
        converted.paste(_tile_to_rgb(image.crop((left, top, right, bottom))), (left, top))
    return converted


def _tile_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit grey to 255 instead of scaling it.
        grey = (np.asarray(image).clip(0, 65535).astype(np.uint32) + 128) // 257
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        foreground = image.convert("RGBA")
        canvas = Image.new("RGBA", foreground.size, _WHITE)
        return Image.alpha_composite(canvas, foreground).convert("RGB")
    return image.convert("RGB")


def write_image(
    path: str | os.PathLike[str],
    array: UInt8[ndarray, "height width 3"] | UInt8[ndarray, "height width"],
) -> Path:
    """Write RGB or grey bytes, whole or not at all, and return the path.

    Args:
        path: Ends in .png for a lossless file, or in .jpg for one that is several times smaller
            and looks the same.
        array: The image.

    Raises:
        ValueError: Another ending, or an array that is not uint8 of shape [height, width] or
            [height, width, 3].
    """
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise ValueError(f"'{path}' ends in '{path.suffix}'; expected one of {list(_WRITERS)}.")
    if array.dtype != np.uint8 or not (array.ndim == 2 or array.shape[2:] == (3,)):
        raise ValueError(
            f"write_image was given {array.dtype} of shape {array.shape}; expected uint8 [height, "
            "width, 3] or [height, width]. Convert tensors with to_uint8 and pick one of the "
            "batch, or join them with make_grid."
        )
    content = _encode(array, **_WRITERS[path.suffix])
    with replacing(path) as stream:
        stream.write(content)
    return path


def encode_jpeg(array: UInt8[ndarray, "height width 3"], *, quality: int = 88) -> bytes:
    """Encode RGB bytes as a JPEG in memory, with full colour resolution.

    Args:
        array: The image; no side above 65,535 px, the format's limit.
        quality: 1 to 95; above 90 files grow fast and look the same.
    """
    return _encode(array, **{**_WRITERS[".jpg"], "quality": quality})


def _encode(array: UInt8[ndarray, "..."], *, optimize: bool = False, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(array)
    picture.save(stream, **options)
    # The encoder optimises in a buffer of a byte a pixel. Images like noise do not fit into it, and
    # trying it would let libjpeg print a complaint.
    if optimize and stream.tell() < picture.width * picture.height:
        stream = io.BytesIO()
        picture.save(stream, optimize=True, **options)
    return stream.getvalue()


def make_grid(
    arrays: UInt8[ndarray, "batch height width 3"], *, num_columns: int, padding_px: int = 0
) -> UInt8[ndarray, "grid_height grid_width 3"]:
    """Lay images out row by row on white; padding stands between images, not around them.

    Raises:
        ValueError: There are no images, they are no bytes, or `num_columns` is below 1 or
            `padding_px` below 0.
    """
    if getattr(arrays, "dtype", None) != np.uint8:
        kind = getattr(arrays, "dtype", type(arrays).__name__)
        raise ValueError(f"make_grid was given {kind}; expected uint8. Use to_uint8 for tensors.")
    if len(arrays) == 0 or num_columns < 1 or padding_px < 0:
        raise ValueError(
            f"make_grid was given {len(arrays)} images, num_columns={num_columns} and "
            f"padding_px={padding_px}; expected at least one image and one column, and no "
            "negative padding."
        )
    num_images, height, width, _ = arrays.shape
    num_rows = -(-num_images // num_columns)
    step_y, step_x = height + padding_px, width + padding_px
    size = (num_rows * step_y - padding_px, num_columns * step_x - padding_px, 3)
    grid = np.full(size, 255, dtype=np.uint8)
    for index, array in enumerate(arrays):
        top, left = index // num_columns * step_y, index % num_columns * step_x
        grid[top : top + height, left : left + width] = array
    return grid


def scale_to_height(
    array: UInt8[ndarray, "height width 3"], height: int
) -> UInt8[ndarray, "new_height new_width 3"]:
    """Scale a picture of any shape, with Lanczos, keeping its proportions."""
    width = max(1, round(array.shape[1] * height / array.shape[0]))
    return np.array(Image.fromarray(array).resize((width, height), Image.Resampling.LANCZOS))


def resize(
    images: Float[Tensor, "batch channels height width"], *, img_resolution: int
) -> Float[Tensor, "batch channels img_resolution img_resolution"]:
    """Resize squares: antialiased bilinear, so nothing overshoots the range of the input.

    Raises:
        ValueError: The images are not square, which would change their proportions.
    """
    height, width = images.shape[2:]
    if height != width:
        raise ValueError(
            f"resize was given images of {height}x{width} pixels; expected squares, because it "
            "keeps proportions. Crop them first."
        )
    if height == img_resolution:
        return images
    size = (img_resolution, img_resolution)
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)


def tint(
    images: Float[Tensor, "batch 3 height width"],
    weights: Float[Tensor, "batch rows columns"],
    *,
    colour: tuple[float, float, float] = (0.9, -0.2, -1.0),
) -> Float[Tensor, "batch 3 height width"]:
    """Lay maps over pictures: grey where a map is 0, and of one colour where it is 1.

    Args:
        images: Pictures.
        weights: One map for each, from 0 to 1, of any resolution; its cells stay visible.
        colour: In the range of the pictures; orange unless told otherwise.
    """
    grey = (images.clamp(-1, 1) * images.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(
        dim=1, keepdim=True
    )
    share = F.interpolate(weights[:, None].to(images), size=images.shape[2:])
    return torch.lerp(grey.expand_as(images), images.new_tensor(colour)[:, None, None], 0.8 * share)
