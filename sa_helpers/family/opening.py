"""From a name to a family."""

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import shipped_models
from sa_helpers.checkpoints.detecting import weights_file
from sa_helpers.checkpoints.places import SHIPPED_MODELS, is_run
from sa_helpers.family.families import Family
from sa_helpers.family.listed_readers import ReadersEntry, readers_for
from sa_helpers.family.listing import FILE_NAME, Listing, Source, read_listing
from sa_helpers.family.members import WEIGHTS, Member
from sa_helpers.family.places import Place, parent_of_run, place_of, record_of
from sa_helpers.runtime import cache_dir, shown

DEFAULT_FAMILY = "clay"


def shipped_families() -> tuple[str, ...]:
    """Names of the families whose models come with the package."""
    return tuple(sorted({file.parent.name for file in SHIPPED_MODELS.glob(f"*/*{WEIGHTS}")}))


def known_families() -> tuple[str, ...]:
    """Names of all families that the package knows, the public ones to be downloaded included."""
    listed = {file.parent.name for file in SHIPPED_MODELS.glob(f"*/{FILE_NAME}")}
    return tuple(sorted({*shipped_families(), *listed}))


def is_shipped(family: Family) -> bool:
    """Whether the family is one of those that come with the package, weights included."""
    return family.folder.resolve() in {
        SHIPPED_MODELS.resolve() / name for name in shipped_families()
    }


def open_family(name: str | os.PathLike[str] | None = None) -> Family:
    """Open a family of aligned models; weights are read when a model is asked for.

    Args:
        name: A family that the package knows ("clay" is shipped, "photo" lists public models of
            photographs), or the path of a folder: with models, with a `family.toml`, or of a run of
            `sa-helpers finetune`, whose model is opened with its parent as it is. None takes the
            environment variable SA_FAMILY, and "clay" where it is not set.

    Raises:
        ValueError: No such family or folder, or a damaged `family.toml` or record.

    Example:
        >>> import sa_helpers as sa
        >>> models = sa.open_family("clay")
        >>> models.parent.name, models["dog"].domain
        ('human', 'dog')
    """
    wanted = os.fspath(name or os.environ.get("SA_FAMILY") or DEFAULT_FAMILY)
    name = os.path.expanduser(wanted)  # of SA_FAMILY="~/mine" no shell takes care
    folder = next((f for f in (SHIPPED_MODELS / name, Path(name)) if _has_models(f)), None)
    if folder is None:
        raise ValueError(
            f'There is no family "{shown(name)}"; expected one of {list(known_families())}, the '
            f"folder of a run, or a folder that holds models as <name>{WEIGHTS}, or a {FILE_NAME}. "
            "Check SA_FAMILY if you did not name it yourself."
        )
    listing = read_listing(folder / FILE_NAME)
    if not listing.sources and is_run(folder):
        return _open_run(folder)
    return _open_folder(folder, listing)


def _open_folder(folder: Path, listing: Listing) -> Family:
    own = {path.stem: record_of(path) for path in sorted(folder.glob(f"*{WEIGHTS}"))}
    # A model that lies here is not the one that could be downloaded.
    sources = {model: s for model, s in listing.sources.items() if model not in own}
    cache = cache_dir() / "families" / _cache_name(folder)
    members: dict[str, Member] = {}
    for model, record in {**listing.records, **own}.items():
        source = sources.get(model)
        if source is None or source.is_remote:
            path = folder / model if source is None else cache / source.file
            place = Place(model, path, folder)
        else:
            place = _listed(folder, source.file)
            said = {key: value for key, value in record.items() if value is not None}
            record = {**place.record(), **said}
        readers = readers_for(model, listing.readers)
        members[model] = _member(place, model, record, members, source=source, readers=readers)
    return Family(
        name=folder.resolve().name,
        folder=folder,
        members=members,
        listing=dataclasses.replace(listing, sources=sources),
    )


def _listed(folder: Path, file: str) -> Place:
    """Where a model lies that a `family.toml` in a folder names: a path from there, or a name."""
    path = folder / Path(file).expanduser()
    if path.is_dir():
        return place_of(path)
    if not weights_file(path).is_file() and file in shipped_models():
        return place_of(file)
    return Place(path.stem, path, folder)


def _open_run(folder: Path) -> Family:
    """The family of a run: its model under the folder's name, and the parent of that."""
    run = place_of(folder)
    record = record_of(run.path)
    members: dict[str, Member] = {}
    parent = parent_of_run(folder, record)
    if parent is not None:
        # Of two models of one name, each would be its own parent.
        name = parent.name if parent.name != run.name else f"{parent.name}_parent"
        record["parent"] = {**record["parent"], "name": name}
        members[name] = _member(parent, name, {**parent.record(), "parent": None}, members)
    members[run.name] = _member(run, run.name, record, members)
    return Family(name=run.name, folder=folder, members=members)


def _member(
    place: Place,
    name: str,
    record: dict[str, Any],
    members: dict[str, Member],
    *,
    source: Source | None = None,
    readers: ReadersEntry | None = None,
) -> Member:
    return Member(
        name=name,
        record=record,
        path=place.path,
        folder=place.folder,
        source=source,
        run=place.run,
        relatives=members,
        listed_readers=readers,
    )


def _cache_name(folder: Path) -> str:
    """A name for the downloads of a family, another one for each folder."""
    whole = folder.resolve()
    if whole.parent == SHIPPED_MODELS.resolve():
        return whole.name
    return f"{whole.name}-{hashlib.sha256(str(whole).encode()).hexdigest()[:8]}"


def _has_models(folder: Path) -> bool:
    try:
        return any(folder.glob(f"*{WEIGHTS}")) or (folder / FILE_NAME).is_file() or is_run(folder)
    except (OSError, ValueError):  # a name that no folder can have, or one that cannot be read
        return False
