"""Training images: a clay domain rendered once, or any folder of images.

Both end as one uint8 array on disk that is mapped into memory, so a data set larger than the
memory works and a second run starts at once.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from sa_helpers import clay, images, runtime

# Files that lie beside images without being meant as such: licences, notes, tables.
_COMPANION_SUFFIXES = frozenset({"", ".csv", ".json", ".md", ".toml", ".txt", ".yaml", ".yml"})
_RENDER_RESOLUTION = 128
_RENDER_CHUNK = 256
_NUM_COMPARED = 8
_ROUNDING_LEVELS = 0.25


@dataclass(frozen=True)
class TrainingImages:
    """A set of square images of one size, with a description that goes into the run record.

    Args:
        array: The images, channels last, possibly mapped from disk.
        description: Where they come from; two sets with equal descriptions hold equal images.
        left_out: Files of the folder that could not be read, with the reason of each.
    """

    array: UInt8[np.ndarray, "num_images size size 3"]
    description: dict[str, Any]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of images, mirrored copies not counted."""
        return len(self.array)

    @property
    def img_resolution(self) -> int:
        """Side length in pixels."""
        return int(self.array.shape[1])

    def take(self, indices: Sequence[int]) -> "TrainingImages":
        """The images at some positions, in that order.

        Raises:
            ValueError: No positions, or one that does not exist.
        """
        chosen = [int(index) for index in indices]
        if not chosen or not 0 <= min(chosen) <= max(chosen) < len(self):
            raise ValueError(
                f"The positions {chosen} were asked of {len(self)} images; expected one or more, "
                f"from 0 to {len(self) - 1}."
            )
        return TrainingImages(self.array[chosen], {**self.description, "taken": chosen})

    def batch(
        self, step: int, *, batch_size: int, seed: int, is_mirrored: bool
    ) -> Float[Tensor, "batch 3 size size"]:
        """The images of one training step; equal arguments give equal images.

        Every image is shown once before any is shown again, in an order that depends on `seed`
        and on the number of the pass.
        """
        first = step * batch_size
        positions = np.arange(first, first + batch_size)
        passes, offsets = np.divmod(positions, len(self))
        order = {int(p): _permutation(len(self), seed=seed, epoch=int(p)) for p in set(passes)}
        indices = [order[int(p)][o] for p, o in zip(passes, offsets, strict=True)]
        chosen = np.stack([self.array[i] for i in indices])
        if is_mirrored:
            is_flipped = np.random.default_rng([seed, step, 1]).random(batch_size) < 0.5
            chosen[is_flipped] = chosen[is_flipped, :, ::-1]
        return images.from_uint8(chosen)


def _permutation(num_images: int, *, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, 0]).permutation(num_images)


def clay_images(
    domain: str,
    *,
    num_images: int,
    img_resolution: int,
    first_seed: int = 0,
    cache_dir: Path | None = None,
) -> TrainingImages:
    """Render `num_images` of a clay domain with the seeds from `first_seed` on.

    The images are rendered at 128 px and averaged down where `img_resolution` is lower.

    Raises:
        ValueError: Unknown domain, or a resolution that does not divide 128.
    """
    if img_resolution < 1 or _RENDER_RESOLUTION % img_resolution:
        raise ValueError(
            f"img_resolution is {img_resolution}, but clay images are rendered at "
            f"{_RENDER_RESOLUTION} px and averaged down, so it has to divide that."
        )
    description = {
        "kind": "clay",
        "domain": domain,
        "num_images": num_images,
        "first_seed": first_seed,
    }
    seeds = range(first_seed, first_seed + num_images)
    rendered = _cached(
        description,
        clay.render(domain, seeds[:_NUM_COMPARED]).images,
        lambda: (clay.render(domain, chunk).images for chunk in _chunks(domain, seeds)),
        shape=(num_images, _RENDER_RESOLUTION, _RENDER_RESOLUTION, 3),
        folder=cache_dir or runtime.cache_dir() / "training_images",
    )
    averaged = _average_down(rendered, factor=_RENDER_RESOLUTION // img_resolution)
    return TrainingImages(averaged, {**description, "img_resolution": img_resolution})


def _chunks(domain: str, seeds: range) -> Iterator[range]:
    starts = range(0, len(seeds), _RENDER_CHUNK)
    for start in runtime.progress(starts, desc=f"rendering {domain}"):
        yield seeds[start : start + _RENDER_CHUNK]


def folder_images(folder: Path, *, img_resolution: int) -> TrainingImages:
    """Read every image below `folder`, cut to a centred square and resized.

    Any size, shape and format that Pillow reads will do; see `images.read_image`. Files that cannot
    be read are named in a warning of the log and in `left_out`. Hidden files and texts such as a
    licence are passed over.

    Raises:
        FileNotFoundError: No such folder, or no readable image in it.
        NotADirectoryError: A file, such as an archive.
    """
    paths = _candidates(folder)
    readable: list[np.ndarray] = []
    left_out: dict[str, str] = {}
    for path in runtime.progress(paths, desc=f"reading {folder.name}"):
        try:
            readable.append(images.read_image(path, img_resolution=img_resolution))
        except (OSError, ValueError) as error:
            left_out[path.relative_to(folder).as_posix()] = str(error)
    for name, reason in left_out.items():
        logging.getLogger(__name__).warning("left out %s: %s", name, reason)
    if not readable:
        raise FileNotFoundError(
            f"{folder} holds no readable image, and {len(left_out)} other files; put images there, "
            "such as PNG, JPEG or WebP. Convert HEIC and raw photographs, and take the single "
            "frames of videos."
        )
    array = np.stack(readable)
    description = {
        "kind": "folder",
        "name": folder.name,
        "num_images": len(readable),
        "img_resolution": img_resolution,
        "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
    }
    return TrainingImages(array, description, left_out)


def _candidates(folder: Path) -> list[Path]:
    """Files below a folder that could be meant as images, in a stable order."""
    if folder.is_file():
        raise NotADirectoryError(
            f"{folder} is a file; expected a folder of images. Unpack an archive first."
        )
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder at {folder}. Check the path and the working folder."
        )
    inside = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        folder / path
        for path in inside
        if path.suffix.lower() not in _COMPANION_SUFFIXES
        and not any(part.startswith(".") for part in path.parts)
    ]


def _average_down(array: np.ndarray, *, factor: int) -> np.ndarray:
    """Mean over blocks of `factor` pixels, a chunk of images at a time to bound the memory."""
    if factor == 1:
        return array
    n, size = len(array), array.shape[1] // factor
    averaged = np.empty((n, size, size, 3), np.uint8)
    for start in range(0, n, _RENDER_CHUNK):
        chunk = array[start : start + _RENDER_CHUNK]
        blocks = chunk.reshape(len(chunk), size, factor, size, factor, 3)
        averaged[start : start + len(chunk)] = np.rint(blocks.mean(axis=(2, 4)))
    return averaged


def _cached(
    description: dict[str, Any],
    first_images: np.ndarray,
    chunks: Callable[[], Iterator[np.ndarray]],
    *,
    shape: tuple[int, int, int, int],
    folder: Path,
) -> np.ndarray:
    """Map the array of `description` from the cache, writing it where it is missing or outdated.

    It is outdated where it begins with other images than `first_images`, beyond the rounding that
    differs between processors.
    """
    key = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:24]
    path = folder / f"{key}.npy"
    if not path.exists() or not _begins_with(np.load(path, mmap_mode="r"), first_images):
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        with runtime.replacing(path) as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for chunk in chunks():
                stream.write(chunk.astype(np.uint8, copy=False).tobytes())
    return np.load(path, mmap_mode="r")


def _begins_with(array: np.ndarray, first_images: np.ndarray) -> bool:
    difference = array[: len(first_images)].astype(np.float32) - first_images
    return bool(np.abs(difference).mean() < _ROUNDING_LEVELS)
