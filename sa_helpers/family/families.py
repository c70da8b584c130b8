"""A family of models: who belongs to it, and what is about all of them."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sa_helpers.blending import weight_change
from sa_helpers.checkpoints import CheckpointError
from sa_helpers.family.downloads import DownloadError, download
from sa_helpers.family.listing import Listing
from sa_helpers.family.members import Member, names
from sa_helpers.family.opened import opened
from sa_helpers.runtime import shown

if TYPE_CHECKING:
    import sa_helpers.editing.scales
    import sa_helpers.translation

_HEADINGS = ("model", "domain", "parent", "kimg", "encoder", "survey")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Family:
    """The models of one family: `family["toon"].generator`.

    Attributes:
        name: Of the family.
        folder: What it was opened from.
        members: Model by name.
        listing: What a `family.toml` says, if there is one.
    """

    name: str
    folder: Path
    members: Mapping[str, Member]
    listing: Listing = field(default_factory=Listing)

    def __getitem__(self, name: str) -> Member:
        """Return one model; nothing is opened yet.

        Raises:
            ValueError: No such model; the message lists those that there are.
        """
        if name not in self.members:
            raise ValueError(
                f'The family "{shown(self.name)}" has no model "{shown(name)}"; expected one of '
                f"{names(self.members)}."
            )
        return self.members[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.members)

    def __len__(self) -> int:
        """Return the number of models."""
        return len(self.members)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.members)

    def __repr__(self) -> str:
        """Name the family and its models in one line."""
        return f"Family({shown(self.name)!r}, models: {shown(', '.join(self.members))})"

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{heading}</th>' for heading in _HEADINGS)
        rows = "".join(map(_row, self.members.values()))
        return f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'

    @property
    def names(self) -> tuple[str, ...]:
        """All models, the parent first, then the others by name.

        Raises:
            ValueError: None or several models could be the parent.
        """
        first = self.parent.name
        return (first, *(name for name in self.members if name != first))

    @property
    def parent(self) -> Member:
        """The model that the family descends from.

        Raises:
            ValueError: None or several could be it.
        """
        if self.listing.parent is not None:
            return self[self.listing.parent]
        roots = [member for member in self.members.values() if member.parent is None]
        parents = [member.parent for member in self.members.values()]
        candidates = [root for root in roots if root in parents] or roots
        if len(candidates) != 1:
            raise ValueError(
                f'The family "{shown(self.name)}" has {names(map(str, candidates))} as possible '
                f"parents; expected one. The records in {shown(self.folder)} name each model's "
                '"parent".'
            )
        return candidates[0]

    @property
    def child_names(self) -> tuple[str, ...]:
        """All models that were fine-tuned from another one of the family."""
        return tuple(name for name, member in self.members.items() if member.parent)

    @property
    def near_and_distant(self) -> tuple[str, str]:
        """Names of the two children that chapters compare, the one with the nearer domain first.

        A `family.toml` may name them. Otherwise they are the two children of the parent whose
        convolutions moved least and most; a family with a single child gives it twice.

        Raises:
            ValueError: The parent has no children, or a named one is no model of the family.
            CheckpointError: Children have to be opened to tell, and one cannot be.
        """
        if self.listing.near is not None and self.listing.distant is not None:
            return self[self.listing.near].name, self[self.listing.distant].name
        parent = self.parent
        children = [member for member in self.members.values() if member.parent is parent]
        if not children:
            raise ValueError(
                f'The parent "{parent}" of the family "{self.name}" has no children; expected one '
                "at least. Let their records name it as their parent."
            )
        if len(children) > 1:
            children.sort(
                key=lambda c: weight_change(parent.generator, c.generator, "conv").relative
            )
        return children[0].name, children[-1].name

    @property
    def scales(self) -> "sa_helpers.editing.scales.Scales":
        """The directions of W that were found and measured in the parent.

        Raises:
            CheckpointError: There are none, or they belong to other weights; the message says how
                to make them.
        """
        return self.parent.scales

    def translator(self, source: str, target: str) -> "sa_helpers.translation.Translator":
        """Open the baseline that was trained for the domains of two models alone.

        Raises:
            ValueError: No such model, or one of no domain of the clay world.
            CheckpointError: There is none from the one to the other, or it is damaged.
        """
        from sa_helpers.translation import TRANSLATORS

        return opened(TRANSLATORS.load, self.translator_path(source, target))[0]

    def translator_path(self, source: str, target: str) -> Path:
        """Path of the file of a translator, there or not.

        Raises:
            ValueError: No such model, or one of no domain of the clay world.
        """
        domains = f"{self[source].domain}_{self[target].domain}"
        return self.folder / "translators" / f"{domains}.safetensors"

    def download(self, *names: str) -> list[Path]:
        """Download models into the cache, or go on where an earlier call was interrupted.

        Models that are there are checked and left. Mind the licences, in the records.

        Args:
            names: Models; none means all that can be downloaded.

        Returns:
            The paths of their files.

        Raises:
            ValueError: No such model.
            DownloadError: No connection, another file than expected, or a model that programs
                cannot download; the message says how to get it.
        """
        sources = self.listing.sources
        chosen = names or tuple(name for name, source in sources.items() if source.url)
        return [_downloaded(self[name]) for name in chosen]


def _downloaded(member: Member) -> Path:
    source = member.source
    if source is None or not source.is_remote:
        return member.path
    if source.url is None:
        if not member.path.is_file():
            raise DownloadError(f'"{member}" is no single file. {member.how_to_get}')
        return member.path
    return download(source.url, member.path, num_bytes=source.num_bytes, sha256=source.sha256)


def _row(member: Member) -> str:
    """A row of the family's table, by what can be told without opening weights."""
    data, kimg = member.record.get("data") or {}, member.training_kimg
    try:
        has_encoder = member.has_encoder
    except CheckpointError:  # a model that was not downloaded, or a damaged one
        has_encoder = False
    cells = [
        data.get("domain") or "",
        member.parent or "",
        f"{kimg:g}" if kimg == kimg else "",
        "yes" if has_encoder else "",
        "yes" if member.has_survey else "",
    ]
    rest = "".join(f"<td>{html.escape(shown(str(cell)))}</td>" for cell in cells)
    return f'<tr><th scope="row">{html.escape(shown(member.name))}</th>{rest}</tr>'
