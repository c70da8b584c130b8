"""Any folder of images: found by their content, with an account of everything else in it."""

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sa_helpers import images, runtime
from sa_helpers.datasets.stored_images import Notes, stored_images
from sa_helpers.datasets.training_images import TrainingImages
from sa_helpers.images import Fit
from sa_helpers.runtime import shown

_NUM_NAMED = 20  # files that are left out, in logs, records and summaries; the rest is counted

# Files that lie beside images without being meant as such: licences, notes, tables.
_COMPANION_SUFFIXES = frozenset({"", ".csv", ".json", ".md", ".toml", ".txt", ".yaml", ".yml"})


@dataclass(frozen=True)
class FolderContent:
    """What lies below a folder.

    Attributes:
        folder: Of all.
        images: Files that begin like images, each content once, in a stable order.
        digests: SHA-256 of each.
        left_out: What could have been meant as an image or holds such, with the reason of each.
        others: Texts, tables and the like.
        num_hidden: Files and folders whose names begin with a dot.
    """

    folder: Path
    images: list[Path] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    num_hidden: int = 0

    def name(self, path: Path) -> str:
        """Of a file below the folder, safe to show."""
        return shown(path.relative_to(self.folder).as_posix())


def look_into(folder: Path) -> FolderContent:
    """List the files below a folder; each linked folder is followed once.

    Raises:
        FileNotFoundError: No such folder.
        NotADirectoryError: A file, such as an archive.
    """
    if folder.is_file():
        raise NotADirectoryError(
            f"{shown(folder)} is a file; expected a folder of images. Unpack an archive first."
        )
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder at {shown(folder)}. Check the path and the working folder."
        )
    left_out: dict[str, str] = {}
    walk = _Walk(folder, left_out)
    paths = sorted(walk.files())
    content = FolderContent(folder, left_out=left_out, num_hidden=walk.num_hidden)
    seen: dict[str, str] = {}
    for path in paths:
        _sort_in(path, content, seen)
    return content


class _Walk:
    """Goes through all folders below one, each once, and links only where no other way leads."""

    def __init__(self, folder: Path, left_out: dict[str, str]) -> None:
        self.folder, self.left_out, self.num_hidden = folder, left_out, 0
        self._seen: set[tuple[int, int]] = set()

    def files(self) -> Iterator[Path]:
        links = [self.folder]
        while links:
            links.sort(reverse=True)
            folders = [links.pop()]
            while folders:
                folder = folders.pop()
                if self._is_new(folder):
                    yield from self._inside(folder, folders, links)

    def _is_new(self, folder: Path) -> bool:
        found = folder.stat()
        is_new = (found.st_dev, found.st_ino) not in self._seen
        self._seen.add((found.st_dev, found.st_ino))
        if not is_new:
            self._leave_out(folder, "a link to a folder that was read already")
        return is_new

    def _inside(self, folder: Path, folders: list[Path], links: list[Path]) -> Iterator[Path]:
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            self._leave_out(folder, f"the folder cannot be read ({error.strerror})")
            return
        for path in entries:
            if path.name.startswith("."):
                self.num_hidden += 1
            elif path.is_dir():
                (links if path.is_symlink() else folders).append(path)
            elif path.is_file():
                yield path
            else:
                self._leave_out(path, "no file: a link to nowhere, a pipe or a device")

    def _leave_out(self, path: Path, reason: str) -> None:
        self.left_out[shown(path.relative_to(self.folder).as_posix())] = reason


def _sort_in(path: Path, content: FolderContent, seen: dict[str, str]) -> None:
    name = content.name(path)
    try:
        if images.is_image_file(path):
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        elif path.suffix.lower() in _COMPANION_SUFFIXES:
            content.others.append(name)
            return
        else:
            content.left_out[name] = "no PNG, JPEG, WebP or TIFF, by its content"
            return
    except OSError as error:
        content.left_out[name] = f"it cannot be read ({os.strerror(error.errno or 0)})"
        return
    if digest in seen:
        content.left_out[name] = f"the same file as {seen[digest]}"
        return
    seen[digest] = name
    content.images.append(path)
    content.digests.append(digest)


def folder_images(
    folder: Path,
    *,
    img_resolution: int,
    fit: Fit = "crop",
    max_pixels: int = images.MAX_PIXELS,
    cache_dir: Path | None = None,
) -> TrainingImages:
    """Read every image below `folder`, made square and resized.

    PNG, JPEG, WebP and TIFF of any size and shape, told by their content, not by their names; see
    `images.read_image`. A linked folder is followed once, and of equal files the first is used.
    What cannot be read is named in a warning of the log and, with all else that is not used, in
    `left_out`. Hidden files and texts such as a licence are passed over.

    Args:
        folder: Looked through with all folders in it.
        img_resolution: Side in pixels.
        fit: How they become squares: "crop" cuts a centred one out, "pad" puts white beside them.
        max_pixels: What has more pixels is left out.
        cache_dir: Where the images are kept; None is the usual place.

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
        "fit": fit,
        "max_pixels": max_pixels,
    }
    array, notes = stored_images(
        key,
        lambda notes: _prepared(
            content, notes, img_resolution=img_resolution, fit=fit, max_pixels=max_pixels
        ),
        img_resolution=img_resolution,
        max_images=len(content.images),
        folder=cache_dir,
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
    return TrainingImages(
        array, description, left_out, _origin(content, left_out, len(array), fit=fit)
    )


def _prepared(content: FolderContent, notes: Notes, **options: Any) -> Iterator[np.ndarray]:
    """Read the images one by one, and note why some cannot be read."""
    unread: dict[str, str] = {}
    notes["unread"] = unread
    paths = runtime.progress(content.images, desc=f"reading {shown(content.folder.name)}")
    for index, path in enumerate(paths):
        try:
            array = images.read_image(path, **options)
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


def _origin(
    content: FolderContent, left_out: Mapping[str, str], num_images: int, *, fit: Fit
) -> dict[str, Any]:
    return {
        "name": shown(content.folder.absolute().name),
        "fit": fit,
        "files": {
            "found": num_images + len(left_out) + len(content.others),
            "used": num_images,
            "left_out": len(left_out),
            "texts": len(content.others),
            "hidden": content.num_hidden,
        },
        "left_out": dict(list(left_out.items())[:_NUM_NAMED]),
    }
