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

[models.faces]
file = "../runs/faces"       # or a path from here: of a file, or of the folder of a run, with its
                             # record and snapshots
[models.human]
file = "human"               # or the name of a model that comes with the package

Published networks that read the images are listed beside them, as
`sa_helpers.family.listed_readers` describes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa_helpers.family.listed_readers import ReadersEntry, parse_readers
from sa_helpers.family.records import is_amount, is_mere_name
from sa_helpers.runtime import read_toml, shown

FILE_NAME = "family.toml"
_DRIVE = "https://drive.usercontent.google.com/download?id={}&export=download&confirm=t"
_WORDS = re.compile(r".{1,2000}", re.DOTALL)
_PATTERNS = {
    "url": re.compile(r"https?://[\x21-\x7e]{1,2000}", re.IGNORECASE),
    "drive_id": re.compile(r"[\w-]{1,200}", re.ASCII),
    "file": re.compile(r"[^\0-\x1f]{1,1000}"),
    "page": _WORDS,
    "licence": _WORDS,
    "notes": _WORDS,
    "sha256": re.compile(r"[0-9a-fA-F]{64}"),
}
_HELP = "Expected what is described by help(sa_helpers.family.listing)."


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a listed model comes from.

    Attributes:
        file: Its path on the disk, from the folder of the `family.toml`, or a shipped model's name.
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
        readers: Name of a group of readers to what they are.
    """

    parent: str | None = None
    near: str | None = None
    distant: str | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    records: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    readers: Mapping[str, ReadersEntry] = field(default_factory=dict)


def read_listing(path: Path) -> Listing:
    """Read a `family.toml`; none is an empty one.

    Raises:
        ValueError: It is damaged, or says something that is not understood.
    """
    try:
        content = read_toml(path)
    except FileNotFoundError:
        return Listing()
    except ValueError as error:
        raise ValueError(f"{error} {_HELP}") from error
    models = content.pop("models", {})
    readers = parse_readers(content.pop("readers", {}), place=f"'{shown(path)}'")
    wrong = sorted(key for key, value in content.items() if not _is_role(key, value))
    if wrong or not isinstance(models, dict):
        raise ValueError(
            f"'{shown(path)}' has unknown or wrong entries {_some(wrong or ['models'])}; expected "
            "the names of models as parent, near, distant, a table [models.<name>] for each model, "
            "and tables [readers.<name>]."
        )
    sources = {name: _source(name, entry, path) for name, entry in models.items()}
    records = {name: _record(entry) for name, entry in models.items()}
    return Listing(**content, sources=sources, records=records, readers=readers)


def _is_role(key: str, value: object) -> bool:
    return key in ("parent", "near", "distant") and is_mere_name(value)


def _source(name: str, entry: object, path: Path) -> Source:
    place = f"the model \"{shown(name)}\" in '{shown(path)}'"
    if not is_mere_name(name) or not isinstance(entry, dict):
        raise ValueError(f"There is a wrong name or entry: {place}. {_HELP}")
    wrong = [key for key, value in entry.items() if not _is_right(key, value)]
    if wrong:
        values = ", ".join(
            f"{shown(key)} = {shown(entry[key], max_length=80)}" for key in wrong[:8]
        )
        raise ValueError(f"There are wrong entries in {place}: {values}. {_HELP}")
    if "file" not in entry:
        raise ValueError(f"There is no file named in {place}. {_HELP}")
    if {"url", "drive_id", "page"} & entry.keys() and not is_mere_name(entry["file"]):
        raise ValueError(
            f"There is a path, {shown(entry['file'], max_length=80)}, as the file of {place}; what "
            f"is downloaded goes into the cache under a mere name. {_HELP}"
        )
    drive_id = entry.get("drive_id")
    return Source(
        file=entry["file"],
        url=_DRIVE.format(drive_id) if drive_id else entry.get("url"),
        page=entry.get("page"),
        licence=entry.get("licence"),
        num_bytes=entry.get("num_bytes"),
        sha256=entry.get("sha256"),
    )


def _is_right(key: str, value: object) -> bool:
    if key == "num_bytes":
        return type(value) is int and value > 0
    if key == "kimg":
        return is_amount(value) and value != 0
    if key == "parent":
        return is_mere_name(value)
    pattern = _PATTERNS.get(key)
    return pattern is not None and isinstance(value, str) and bool(pattern.fullmatch(value))


def _some(names: Sequence[str]) -> str:
    return shown(str(list(names)))


def _record(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Put what is known of a model as if we had trained it."""
    known = {key: entry[key] for key in ("kimg", "licence", "notes", "page") if key in entry}
    return {**known, "parent": {"name": entry["parent"]} if "parent" in entry else None}
