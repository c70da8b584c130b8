"""From a name to a family."""

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import CheckpointError, read_record
from sa_helpers.family.families import Family
from sa_helpers.family.listed_readers import readers_for
from sa_helpers.family.listing import FILE_NAME, Source, read_listing
from sa_helpers.family.members import WEIGHTS, Member
from sa_helpers.family.records import checked_record
from sa_helpers.runtime import cache_dir, shown

DEFAULT_FAMILY = "clay"
_KNOWN = Path(__file__).parent.parent / "models"


def shipped_families() -> tuple[str, ...]:
    """Names of the families whose models come with the package."""
    return tuple(sorted({file.parent.name for file in _KNOWN.glob(f"*/*{WEIGHTS}")}))


def known_families() -> tuple[str, ...]:
    """Names of all families that the package knows, the public ones to be downloaded included."""
    listed = {file.parent.name for file in _KNOWN.glob(f"*/{FILE_NAME}")}
    return tuple(sorted({*shipped_families(), *listed}))


def is_shipped(family: Family) -> bool:
    """Whether the family is one of those that come with the package, weights included."""
    return family.folder.resolve() in {_KNOWN.resolve() / name for name in shipped_families()}


def open_family(name: str | os.PathLike[str] | None = None) -> Family:
    """Open a family of aligned models; weights are read when a model is asked for.

    Args:
        name: A family that the package knows ("clay" is shipped, "photo" lists public models of
            photographs), or the path of a folder with models or with a `family.toml`. None takes
            the environment variable SA_FAMILY, and "clay" where it is not set.

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
    folder = next((f for f in (_KNOWN / name, Path(name)) if _has_models(f)), None)
    if folder is None:
        raise ValueError(
            f'There is no family "{shown(name)}"; expected one of {list(known_families())}, or a '
            f"folder that holds models as <name>{WEIGHTS}, or a {FILE_NAME}. "
            "Check SA_FAMILY if you did not name it yourself."
        )
    listing = read_listing(folder / FILE_NAME)
    own = {path.stem: _read_record(path) for path in sorted(folder.glob(f"*{WEIGHTS}"))}
    # A model that lies here is not the one that could be downloaded.
    sources = {model: s for model, s in listing.sources.items() if model not in own}
    cache = cache_dir() / "families" / _cache_name(folder)
    members: dict[str, Member] = {}
    for model, record in {**listing.records, **own}.items():
        source = sources.get(model)
        members[model] = Member(
            name=model,
            record=record,
            path=_path(model, source, folder=folder, cache=cache),
            folder=folder,
            source=source,
            relatives=members,
            listed_readers=readers_for(model, listing.readers),
        )
    return Family(
        name=folder.resolve().name,
        folder=folder,
        members=members,
        listing=dataclasses.replace(listing, sources=sources),
    )


def _path(model: str, source: Source | None, *, folder: Path, cache: Path) -> Path:
    if source is None:
        return folder / model
    return (cache if source.is_remote else folder) / source.file


def _cache_name(folder: Path) -> str:
    """A name for the downloads of a family, another one for each folder."""
    whole = folder.resolve()
    if whole.parent == _KNOWN.resolve():
        return whole.name
    return f"{whole.name}-{hashlib.sha256(str(whole).encode()).hexdigest()[:8]}"


def _has_models(folder: Path) -> bool:
    try:
        return any(folder.glob(f"*{WEIGHTS}")) or (folder / FILE_NAME).is_file()
    except (OSError, ValueError):  # a name that no folder can have, or one that cannot be read
        return False


def _read_record(weights_path: Path) -> dict[str, Any]:
    try:
        record = read_record(weights_path)
    except CheckpointError as error:
        raise ValueError(
            f"The record of '{shown(weights_path)}' cannot be read ({error}) Leave in the folder "
            "only models that save_model wrote; name others in a family.toml."
        ) from error
    return checked_record(record, place=f"'{shown(weights_path)}'")
