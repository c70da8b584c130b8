"""Training images: a clay domain rendered once, or any folder of images.

Both end as one uint8 array on disk that is mapped into memory, so a data set larger than the
memory works and a second run starts at once.
"""

import functools
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from sa_helpers import clay, images, runtime
from sa_helpers.finetuning.image_folders import FolderContent, look_into
from sa_helpers.finetuning.stored_images import Images, Notes, blocks, stored_images
from sa_helpers.runtime import shown

_RENDER_RESOLUTION = 128
_RENDER_CHUNK = 256
_NUM_COMPARED = 8
_ROUNDING_LEVELS = 0.25
_NUM_NAMED = 20  # files that are left out, in logs, records and summaries; the rest is counted


@dataclass(frozen=True)
class TrainingImages:
    """A set of square images of one size, with a description that goes into the run record.

    Args:
        array: The images, channels last, possibly mapped from disk.
        description: What they are; two sets with equal descriptions hold equal images.
        left_out: What of the folder is not used, with the reason of each.
        origin: Where they were found, for the record; it may differ where the images are equal.
    """

    array: UInt8[np.ndarray, "num_images size size 3"]
    description: dict[str, Any]
    left_out: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of images, mirrored copies not counted."""
        return len(self.array)

    @property
    def summary(self) -> str:
        """What was found, used and left out, in a sentence."""
        files = self.origin.get("files")
        if files is None:
            return f"{len(self)} images"
        return (
            f"{files['found']} files found: {files['used']} images used, {files['left_out']} left "
            f"out, {files['texts']} texts; {files['hidden']} hidden files or folders not looked at"
        )

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
        taken = {**self.description, "taken": chosen}
        return TrainingImages(self.array[chosen], taken, origin=self.origin)

    def batches(self) -> Iterator[Float[Tensor, "batch 3 size size"]]:
        """All images in their order, a few at a time."""
        return map(images.from_uint8, blocks(self.array))

    def first(self, num_images: int) -> "TrainingImages":
        """The first images, or all if there are fewer; nothing is copied."""
        description = {**self.description, "first": num_images}
        return TrainingImages(self.array[:num_images], description, origin=self.origin)

    @functools.cached_property
    def sha256(self) -> str:
        """Digest of all bytes of the images."""
        digest = hashlib.sha256()
        for block in blocks(self.array):
            digest.update(np.ascontiguousarray(block).data)
        return digest.hexdigest()

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
        ValueError: Unknown domain, no images, or a resolution that does not divide 128.
        OSError: They cannot be kept; where the disk is full, path and needed room are stated.
    """
    if img_resolution < 1 or _RENDER_RESOLUTION % img_resolution:
        raise ValueError(
            f"img_resolution is {img_resolution}, but clay images are rendered at "
            f"{_RENDER_RESOLUTION} px and averaged down, so it has to divide that."
        )
    if num_images < 1:
        raise ValueError(f"num_images is {num_images}, but there has to be one image at least.")
    description = {
        "kind": "clay",
        "domain": domain,
        "num_images": num_images,
        "first_seed": first_seed,
    }
    seeds = range(first_seed, first_seed + num_images)
    first = clay.render(domain, seeds[:_NUM_COMPARED]).images
    folder = cache_dir or _default_folder()

    def rendered() -> Images:
        return stored_images(
            description,
            lambda _: (clay.render(domain, chunk).images for chunk in _chunks(domain, seeds)),
            img_resolution=_RENDER_RESOLUTION,
            is_current=lambda found: _begins_with(found, first),
            max_images=num_images,
            folder=folder,
        )[0]

    whole = {**description, "img_resolution": img_resolution}
    factor = _RENDER_RESOLUTION // img_resolution
    if factor == 1:
        return TrainingImages(rendered(), whole)
    array, _ = stored_images(
        whole,
        lambda _: (_averaged(block, factor=factor) for block in blocks(rendered())),
        img_resolution=img_resolution,
        is_current=lambda found: _begins_with(found, _averaged(first, factor=factor)),
        max_images=num_images,
        folder=folder,
    )
    return TrainingImages(array, whole)


def _default_folder() -> Path:
    return runtime.cache_dir() / "training_images"


def _chunks(domain: str, seeds: range) -> Iterator[range]:
    starts = range(0, len(seeds), _RENDER_CHUNK)
    for start in runtime.progress(starts, desc=f"rendering {domain}"):
        yield seeds[start : start + _RENDER_CHUNK]


def _averaged(array: np.ndarray, *, factor: int) -> np.ndarray:
    """Mean over blocks of `factor` pixels."""
    size = array.shape[1] // factor
    pieces = array.reshape(len(array), size, factor, size, factor, 3)
    return np.rint(pieces.mean(axis=(2, 4))).astype(np.uint8)


def _begins_with(array: np.ndarray, first_images: np.ndarray) -> bool:
    """Whether these are the first images, beyond the rounding that differs between processors."""
    difference = array[: len(first_images)].astype(np.float32) - first_images
    return bool(np.abs(difference).mean() < _ROUNDING_LEVELS)


def folder_images(
    folder: Path,
    *,
    img_resolution: int,
    max_pixels: int = images.MAX_PIXELS,
    cache_dir: Path | None = None,
) -> TrainingImages:
    """Read every image below `folder`, cut to a centred square and resized.

    PNG, JPEG, WebP and TIFF of any size and shape, told by their content, not by their names; see
    `images.read_image`. A linked folder is followed once, and of equal files the first is used.
    What cannot be read is named in a warning of the log and, with all else that is not used, in
    `left_out`. Hidden files and texts such as a licence are passed over.

    Raises:
        FileNotFoundError: No such folder, or no readable image in it.
        NotADirectoryError: A file, such as an archive.
        OSError: The images cannot be kept; where the disk is full, path and needed room are stated.
    """
    content = look_into(folder)
    key = {
        "kind": "folder",
        "files": content.digests,
        "img_resolution": img_resolution,
        "max_pixels": max_pixels,
    }
    array, notes = stored_images(
        key,
        lambda notes: _prepared(content, notes, img_resolution, max_pixels),
        img_resolution=img_resolution,
        max_images=len(content.images),
        folder=cache_dir or _default_folder(),
    )
    unreadable = {content.name(content.images[int(i)]): why for i, why in notes["unread"].items()}
    left_out = dict(sorted({**content.left_out, **unreadable}.items()))
    _warn(left_out)
    description = {
        "kind": "folder",
        "num_images": len(array),
        "img_resolution": img_resolution,
        "sha256": notes["sha256"],
    }
    return TrainingImages(array, description, left_out, _origin(content, left_out, len(array)))


def _prepared(
    content: FolderContent, notes: Notes, img_resolution: int, max_pixels: int
) -> Iterator[np.ndarray]:
    """Read the images one by one, and note why some cannot be read."""
    unread: dict[str, str] = {}
    notes["unread"] = unread
    paths = runtime.progress(content.images, desc=f"reading {shown(content.folder.name)}")
    for index, path in enumerate(paths):
        try:
            array = images.read_image(path, img_resolution=img_resolution, max_pixels=max_pixels)
        except (OSError, ValueError) as error:
            unread[str(index)] = str(error).replace(f"'{shown(path)}'", "it")
        else:
            yield array[None]
    if len(unread) == len(content.images):
        raise FileNotFoundError(
            f"{shown(content.folder)} holds no readable image, and "
            f"{len(unread) + len(content.left_out)} other files; put images there: PNG, JPEG, WebP "
            "or TIFF. Convert HEIC and raw photographs, and take the single frames of videos."
        )


def _warn(left_out: Mapping[str, str]) -> None:
    logger = logging.getLogger(__name__)
    for name, reason in list(left_out.items())[:_NUM_NAMED]:
        logger.warning("left out %s: %s", name, reason)
    if len(left_out) > _NUM_NAMED:
        logger.warning("left out %d more", len(left_out) - _NUM_NAMED)


def _origin(content: FolderContent, left_out: Mapping[str, str], num_images: int) -> dict[str, Any]:
    return {
        "name": shown(content.folder.absolute().name),
        "files": {
            "found": num_images + len(left_out) + len(content.others),
            "used": num_images,
            "left_out": len(left_out),
            "texts": len(content.others),
            "hidden": content.num_hidden,
        },
        "left_out": dict(list(left_out.items())[:_NUM_NAMED]),
    }
