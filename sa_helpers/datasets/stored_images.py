"""Images that are made once, kept on disk and mapped into memory, however many there are.

A file is a NumPy array with JSON notes and a digest behind it. One that is damaged is made again.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from sa_helpers import runtime

Images = UInt8[ndarray, "num_images size size 3"]
Notes = dict[str, Any]
_BLOCK_IMAGES, _BLOCK_BYTES = 256, 2**26


def stored_images(
    key: dict[str, Any],
    make: Callable[[Notes], Iterator[ndarray]],
    *,
    img_resolution: int,
    max_images: int,
    folder: Path | None = None,
    is_current: Callable[[ndarray], bool] = lambda _: True,
) -> tuple[Images, Notes]:
    """Map the images of a key from the disk, and make them where they are missing.

    Args:
        key: Everything that they depend on; JSON-ready.
        make: Given a dictionary for notes, yields the images a few at a time. It may leave notes,
            JSON-ready, which come back with the images whenever they are mapped.
        img_resolution: Side in pixels.
        max_images: The most that `make` yields.
        folder: Of such files; None is the one in the cache.
        is_current: Whether images that are there are still those of the key.

    Returns:
        The images, and the notes with the `sha256` of all their bytes.

    Raises:
        OSError: They cannot be written; where the disk is full, path and needed room are stated.
    """
    text = json.dumps(key, sort_keys=True)
    folder = folder or runtime.cache_dir() / "training_images"
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npy"
    if path.is_file():
        if not runtime.is_sealed(path):
            logging.getLogger(__name__).warning("%s was damaged, and is made again", path)
        elif is_current((found := _read(path))[0]):
            return found
    shape = (max_images, img_resolution, img_resolution, 3)
    with runtime.sealing(path, num_bytes=int(np.prod(shape))) as stream:
        notes: Notes = {}
        _write_header(stream, shape)
        digest, count = hashlib.sha256(), 0
        for images in make(notes):
            content = np.ascontiguousarray(images, np.uint8)
            digest.update(content.data)
            stream.write(content.data)
            count += len(images)
        stream.write(json.dumps({**notes, "sha256": digest.hexdigest()}).encode())
        stream.seek(0)
        _write_header(stream, (count, *shape[1:]))
    return _read(path)


def _write_header(stream: BinaryIO, shape: tuple[int, ...]) -> None:
    """As long for any number of images: NumPy leaves room for the first length to grow."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)


def _read(path: Path) -> tuple[Images, Notes]:
    array = np.load(path, mmap_mode="r")
    with path.open("rb") as stream:
        stream.seek(array.offset + array.nbytes)
        notes, _ = json.JSONDecoder().raw_decode(stream.read().decode())
    return array, notes


def blocks(array: Any) -> Iterator[ndarray]:
    """Go through images a few at a time, to bound the memory."""
    step = max(1, min(_BLOCK_IMAGES, _BLOCK_BYTES // int(np.prod(array.shape[1:]))))
    for start in range(0, len(array), step):
        yield np.asarray(array[start : start + step])
