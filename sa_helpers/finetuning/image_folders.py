"""Find the images of a folder by their content, and account for everything else in it."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sa_helpers import images
from sa_helpers.runtime import shown

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
