"""Zip archives of images, such as NVIDIA's `dataset_tool` writes, however many they hold.

Only the archive's index is read when it is opened; an image is decoded when a step asks for it.
"""

import functools
import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from sa_helpers import images
from sa_helpers.datasets.training_images import TrainingImages
from sa_helpers.runtime import shown

_IMAGE_SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_LABELS = "dataset.json"
_MAX_BYTES_PER_PIXEL = 16


class ZippedImages:
    """Images of a zip archive, in the place of an array of them.

    An index gives one image, a list of them an array, a range a view that decodes nothing yet.

    Args:
        path: Of the archive.
        names: Of its entries, one an image.
        img_resolution: Side in pixels.
        fit: How images of other shapes become squares, see `images.read_image`.
        max_pixels: What has more pixels is refused.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        path: Path,
        names: Sequence[str],
        *,
        img_resolution: int,
        fit: images.Fit = "crop",
        max_pixels: int = images.MAX_PIXELS,
    ) -> None:
        self.path, self.names = path, names
        self._resolution, self._fit, self._max_pixels = img_resolution, fit, max_pixels

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of images, and the sizes of one."""
        return (len(self.names), self._resolution, self._resolution, 3)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        """One image, some, or a view of a range of them.

        Raises:
            ValueError: An image cannot be decoded; the message names it.
        """
        if isinstance(index, slice):
            return ZippedImages(
                self.path,
                self.names[index],
                img_resolution=self._resolution,
                fit=self._fit,
                max_pixels=self._max_pixels,
            )
        if isinstance(index, int | np.integer):
            return self._decode(self.names[int(index)])
        return np.stack([self._decode(self.names[int(i)]) for i in index])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        """All of them, decoded, as NumPy asks for it."""
        if copy is False:
            raise ValueError("The images of an archive have to be decoded, which makes a copy.")
        return np.stack([self._decode(name) for name in self.names]).astype(dtype or self.dtype)

    def _decode(self, name: str) -> UInt8[ndarray, "size size 3"]:
        entry = f"{self.path}/{name}"
        try:
            info = _opened(self.path).getinfo(name)
            if info.file_size > _MAX_BYTES_PER_PIXEL * self._max_pixels:
                raise ValueError(f"{shown(entry)} has {info.file_size} bytes, too many to decode.")
            content = _opened(self.path).read(info)
        except (RuntimeError, zipfile.BadZipFile, NotImplementedError) as error:
            raise ValueError(
                f"{shown(entry)} cannot be unpacked ({shown(error)}). Copy or make the archive "
                "again, without a password."
            ) from error
        return images.decode_image(
            content,
            name=entry,
            img_resolution=self._resolution,
            fit=self._fit,
            max_pixels=self._max_pixels,
        )


def zipped_images(
    path: Path,
    *,
    img_resolution: int,
    fit: images.Fit = "crop",
    max_pixels: int = images.MAX_PIXELS,
) -> TrainingImages:
    """Open a zip archive of images without unpacking it.

    Its entries are told by their endings. Labels (`dataset.json`) are not used, as the networks
    are unconditional; the origin says so.

    Args:
        path: Of the archive.
        img_resolution: Side in pixels.
        fit: How images of other shapes become squares, see `images.read_image`.
        max_pixels: What has more pixels is refused when it is asked for.

    Raises:
        ValueError: It is no zip archive, or holds no image that can be read.
        OSError: It cannot be read.
    """
    try:
        entries = [info for info in _opened(path).infolist() if not info.is_dir()]
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{shown(path)} is no zip archive ({shown(error)}); expected a folder of images, or a "
            "zip of them, as dataset_tool writes it. Unpack archives of other kinds first."
        ) from error
    visible = [info for info in entries if not _is_hidden(info.filename)]
    chosen = sorted(filter(_is_image, visible), key=lambda info: info.filename)
    if not chosen:
        raise ValueError(
            f"{shown(path)} holds {len(entries)} files, but none that ends like an image: "
            f"{', '.join(sorted(_IMAGE_SUFFIXES))}. Put images there."
        )
    digest = hashlib.sha256()
    for info in chosen:
        digest.update(f"{info.filename} {info.CRC:08x} {info.file_size}\n".encode())
    array = ZippedImages(
        path,
        [info.filename for info in chosen],
        img_resolution=img_resolution,
        fit=fit,
        max_pixels=max_pixels,
    )
    array[0]  # an archive of something else is refused now
    description = {
        "kind": "zip",
        "num_images": len(array),
        "img_resolution": img_resolution,
        "fit": fit,
        "sha256": digest.hexdigest(),
    }
    return TrainingImages(array, description, origin=_origin(path, entries, visible, len(array)))


@functools.lru_cache(maxsize=4)
def _opened_at(path: str, _version: tuple[int, int], _process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def _opened(path: Path) -> zipfile.ZipFile:
    """The archive, its index read once in each process, as a shared handle would share its place.

    Raises:
        FileNotFoundError: No such file.
    """
    found = path.stat()
    return _opened_at(str(path), (found.st_mtime_ns, found.st_size), os.getpid())


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _is_image(info: zipfile.ZipInfo) -> bool:
    return PurePosixPath(info.filename).suffix.lower() in _IMAGE_SUFFIXES


def _origin(
    path: Path, entries: Sequence[Any], visible: Sequence[Any], num_images: int
) -> dict[str, Any]:
    has_labels = any(info.filename == _LABELS for info in visible)
    return {
        "name": shown(path.absolute().name),
        "files": {
            "found": len(visible),
            "used": num_images,
            "left_out": 0,
            "texts": len(visible) - num_images,
            "hidden": len(entries) - len(visible),
        },
        "labels": f"{_LABELS} not used: the networks are unconditional" if has_labels else "none",
    }
