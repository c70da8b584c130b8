"""`family.toml`: models of published formats, where they are, and who descends from whom.

parent = "ffhq"              # the model that the chapters start from; may be left out
near = "toon"                # the two children that the chapters compare, the one whose domain
distant = "dog"              # is nearer first; may be left out

[models.ffhq]
file = "ffhq.pkl"            # in the folder of the family.toml, or of the cache if downloaded
url = "https://..."          # or drive_id = "...", of a file on Google Drive
page = "https://..."         # where people find it: for what cannot be downloaded by programs
licence = "..."
num_bytes = 381673535        # may be left out
sha256 = "..."               # may be left out

[models.toon]
file = "toon.pkl"
parent = "ffhq"              # what it was fine-tuned from
kimg = 32                    # for how long; may be left out
notes = "..."
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE_NAME = "family.toml"
_DRIVE = "https://drive.usercontent.google.com/download?id={}&export=download&confirm=t"
_TEXTS = ("file", "url", "drive_id", "page", "licence", "sha256", "parent", "notes")
_NUMBERS = ("num_bytes", "kimg")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a listed model comes from.

    Attributes:
        file: Its name on the disk.
        url: Where to download it; None where that is not possible.
        page: Where people find it.
        licence: Under which terms.
        num_bytes: Size, if known.
        sha256: Hash, if one is published.
    """

    file: str
    url: str | None = None
    page: str | None = None
    licence: str | None = None
    num_bytes: int | None = None
    sha256: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it comes from elsewhere, and so belongs into the cache."""
        return bool(self.url or self.page)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a `family.toml` says.

    Attributes:
        parent: The model that the family descends from, if it is named.
        near: The child with the nearer domain, if named.
        distant: The other one.
        sources: Model to where it comes from.
        records: Model to what is known of it, in the form of the records of our own format.
    """

    parent: str | None = None
    near: str | None = None
    distant: str | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    records: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def read_listing(path: Path) -> Listing:
    """Read a `family.toml`; none is an empty one.

    Raises:
        ValueError: It is damaged, or says something that is not understood.
    """
    if not path.is_file():
        return Listing()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        models = dict(content.pop("models", {}))
        sources = {name: _source(name, entry) for name, entry in models.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"'{path}' cannot be read ({error}). Expected what is described by "
            "help(sa_helpers.family.listing)."
        ) from error
    unknown = sorted(content.keys() - {"parent", "near", "distant"})
    if unknown or not all(isinstance(value, str) for value in content.values()):
        raise ValueError(
            f"'{path}' has unknown or wrong entries {unknown or sorted(content)}; expected the "
            "names of models as parent, near, distant, and a table [models.<name>] for each model."
        )
    records = {name: _record(entry) for name, entry in models.items()}
    return Listing(**content, sources=sources, records=records)


def _source(name: str, entry: Mapping[str, Any]) -> Source:
    wrong = [key for key, value in entry.items() if not _is_right(key, value)]
    if wrong or "file" not in entry:
        raise ValueError(f'model "{name}" has wrong entries {wrong or "(no file)"}')
    if not re.fullmatch(r"[\w][\w .,+-]*", entry["file"]):
        raise ValueError(f'model "{name}" has the file "{entry["file"]}"; expected a mere name')
    drive_id = entry.get("drive_id")
    return Source(
        file=entry["file"],
        url=_DRIVE.format(drive_id) if drive_id else entry.get("url"),
        page=entry.get("page"),
        licence=entry.get("licence"),
        num_bytes=entry.get("num_bytes"),
        sha256=entry.get("sha256"),
    )


def _is_right(key: str, value: Any) -> bool:
    if key in _NUMBERS:
        return isinstance(value, int | float) and value > 0
    return key in _TEXTS and isinstance(value, str)


def _record(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Put what is known of a model as if we had trained it."""
    known = {key: entry[key] for key in ("kimg", "licence", "notes", "page") if key in entry}
    return {**known, "parent": {"name": entry["parent"]} if "parent" in entry else None}
