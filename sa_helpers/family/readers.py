"""The networks that read the images of a model, where a family has them.

Models of the clay world are read by networks that were trained on its ground truth:
`readers/<domain>.safetensors` reads the factors of a domain, `readers/segmenter_*.safetensors` the
regions of a group of domains. Models of photographs are read by published networks, which a
`family.toml` lists. Chapters ask either kind in the same way.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sa_helpers.checkpoints import CheckpointError
from sa_helpers.editing.scales import FACTORS
from sa_helpers.family.listed_readers import LandmarksEntry, ReadersEntry, RegionsEntry, TextEntry
from sa_helpers.family.opened import opened
from sa_helpers.latents import images_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition import (
    READERS,
    VIEWS,
    AttributeNetwork,
    AttributeReader,
    JoinedReader,
    LandmarkReader,
    NumberReader,
    PublishedSegmenter,
    RegionReader,
    Segmenter,
    TextReader,
    undo_view,
)
from sa_helpers.recognition.landmarks import COCO_POINTS, NOSE_DEPTH
from sa_helpers.recognition.published import folder_of
from sa_helpers.runtime import shown
from sa_helpers.seeds import Drawn, first_seeds

if TYPE_CHECKING:
    from sa_helpers.family.members import Member

SCALED_SEEDS = first_seeds(Drawn.LABELLED, 64)
"""Images of a model among which listed readers learn how much their numbers vary."""


class Readers(ABC):
    """The networks that read the images of one model, and how well they read.

    Everything raises `CheckpointError` where the family has no such network, or a damaged one.
    """

    @property
    @abstractmethod
    def attributes(self) -> AttributeReader:
        """The network that reads the factors."""

    @property
    @abstractmethod
    def can_read_factors(self) -> bool:
        """Whether the family has a network for them, intact or not."""

    @property
    @abstractmethod
    def attribute_scores(self) -> dict[str, dict[str, float]]:
        """Factor to scores on samples whose truth is known; see `recognition.factor_scores`.

        Raises:
            ValueError: Nobody knows the truth.
        """

    @abstractmethod
    def well_read(self, *, min_correlation: float = 0.8) -> set[str]:
        """Numeric factors that are trusted.

        Args:
            min_correlation: With the truth, where that is known.
        """

    @abstractmethod
    def movable(self) -> list[str]:
        """Factors for which a straight line in W is looked for."""

    @property
    @abstractmethod
    def segmenter(self) -> RegionReader:
        """The network that labels the regions."""

    @property
    @abstractmethod
    def segmenter_scores(self) -> dict[str, float]:
        """Region to intersection over union on samples whose truth is known.

        Raises:
            ValueError: Nobody knows the truth.
        """


@dataclass(frozen=True)
class ClayReaders(Readers):
    """The readers of one domain of the clay world, scored on held-out samples.

    A domain that is a view of another one, such as `human_right`, has no reader of factors of its
    own: the other domain's reads its images after they were put right.

    Attributes:
        folder: Of the family.
        domain: Of the clay world.
    """

    folder: Path
    domain: str

    @property
    def attributes(self) -> AttributeNetwork:
        """The network that reads the factors."""
        network, _ = self._attributes
        if self.domain not in VIEWS:
            return network
        return network.after(functools.partial(undo_view, domain=self.domain))

    @property
    def can_read_factors(self) -> bool:
        """Whether the family has a network for them, intact or not."""
        return self._attributes_path.is_file()

    @property
    def attribute_scores(self) -> dict[str, dict[str, float]]:
        """Factor to scores on held-out samples of the domain that the network was trained on."""
        return dict(self._attributes[1]["scores"])

    def well_read(self, *, min_correlation: float = 0.8) -> set[str]:
        """Numeric factors whose correlation with the truth is at least so high."""
        scores = self.attribute_scores.items()
        correlations = {factor: row.get("correlation") or 0.0 for factor, row in scores}
        return {factor for factor, value in correlations.items() if value >= min_correlation}

    def movable(self) -> list[str]:
        """Those of `editing.scales.FACTORS` that are read well."""
        well_read = self.well_read()
        return [factor for factor in FACTORS if factor in well_read]

    @property
    def segmenter(self) -> Segmenter:
        """The network that labels the regions."""
        return self._segmenter[0]

    @property
    def segmenter_scores(self) -> dict[str, float]:
        """Region to intersection over union on held-out samples of the domain."""
        return dict(self._segmenter[1]["scores"][self.domain])

    @property
    def _attributes_path(self) -> Path:
        return self.folder / "readers" / f"{VIEWS.get(self.domain, self.domain)}.safetensors"

    @property
    def _attributes(self) -> tuple[AttributeNetwork, dict[str, Any]]:
        path = self._attributes_path
        network, record = opened(READERS.load, path) if path.is_file() else (None, {})
        if not isinstance(network, AttributeNetwork):
            how = f"Train one with `python -m workshop train-attributes {path.stem} {path}`."
            raise CheckpointError(
                f'The family in {self.folder} reads no factors of "{self.domain}". {how}'
            )
        return network, record

    @property
    def _segmenter(self) -> tuple[Segmenter, dict[str, Any]]:
        for path in sorted((self.folder / "readers").glob("segmenter_*.safetensors")):
            network, record = opened(READERS.load, path)
            if isinstance(network, Segmenter) and self.domain in record.get("domains", ()):
                return network, record
        path = self.folder / "readers" / "segmenter_mine.safetensors"
        how = f"Train one with `python -m workshop train-segmenter {path} --domains {self.domain}`."
        raise CheckpointError(
            f'The family in {self.folder} has no segmenter for "{self.domain}". {how}'
        )


@dataclass(frozen=True)
class ListedReaders(Readers):
    """Published networks, which a `family.toml` lists for a model. Nobody scored them on it.

    Attributes:
        model: Whose images they read.
        listed: Which they are.
    """

    model: "Member"
    listed: ReadersEntry

    @property
    def attributes(self) -> AttributeReader:
        """What reads the listed attributes.

        How much each varies is measured on 64 images of the model when this is first asked for.
        """
        readers = self._number_readers()
        if not readers:
            raise self._missing("text", "landmarks")
        return _scaled(readers, self.model.generator)

    @property
    def can_read_factors(self) -> bool:
        """Whether a reader of them is listed, on this machine or not."""
        return self.listed.text is not None or self.listed.landmarks is not None

    @property
    def attribute_scores(self) -> dict[str, dict[str, float]]:
        """There are none.

        Raises:
            ValueError: Always.
        """
        raise self._unscored()

    def well_read(self, *, min_correlation: float = 0.8) -> set[str]:  # noqa: ARG002
        """All listed factors: whoever lists them answers for them."""
        return set(self.movable())

    def movable(self) -> list[str]:
        """All listed factors, in the order of the listing."""
        return [name for reader in self._number_readers() for name in reader.coding.names]

    @property
    def segmenter(self) -> RegionReader:
        """The listed network for regions."""
        if self.listed.regions is None:
            raise self._missing("regions")
        entry, folder = self.listed.regions, self._folder_of(self.listed.regions)
        return opened(_open_regions, folder, entry, files=_files(folder))

    @property
    def segmenter_scores(self) -> dict[str, float]:
        """There are none.

        Raises:
            ValueError: Always.
        """
        raise self._unscored()

    def _number_readers(self) -> tuple[NumberReader, ...]:
        readers: list[NumberReader] = []
        if self.listed.text is not None:
            folder = self._folder_of(self.listed.text)
            readers.append(opened(_open_text, folder, self.listed.text, files=_files(folder)))
        if self.listed.landmarks is not None:
            folder = self._folder_of(self.listed.landmarks)
            landmarks = self.listed.landmarks
            readers.append(opened(_open_landmarks, folder, landmarks, files=_files(folder)))
        return tuple(readers)

    def _folder_of(self, entry: TextEntry | LandmarksEntry | RegionsEntry) -> Path:
        return folder_of(entry.model, beside=self.model.folder)

    def _missing(self, *parts: str) -> CheckpointError:
        tables = " or ".join(f"[readers.<name>.{part}]" for part in parts)
        return CheckpointError(
            f'The readers of "{self.model.name}" list no {" and no ".join(parts)}. Add {tables} to '
            f"'{shown(self.model.folder)}/family.toml'; see "
            "help(sa_helpers.family.listed_readers)."
        )

    def _unscored(self) -> ValueError:
        return ValueError(
            f'Nobody knows the truth about the images of "{self.model.name}", so its readers have '
            "no scores. Choose a model of the clay family, or leave the scores out."
        )


@functools.lru_cache(maxsize=16)
def _scaled(readers: Sequence[NumberReader], generator: Generator) -> NumberReader:
    """Join readers that know how much their numbers vary among the images of a model.

    Networks are told apart by identity, as they are opened once for all callers.
    """
    joined = readers[0] if len(readers) == 1 else JoinedReader(readers)
    return joined.scaled_by(images_from_seeds(generator, SCALED_SEEDS, truncation_psi=1.0))


def _open_text(folder: Path, entry: TextEntry) -> TextReader:
    return TextReader(dict(entry.prompts), model=f"local-dir:{folder}", weights=None)


def _open_landmarks(folder: Path, entry: LandmarksEntry) -> LandmarkReader:
    return LandmarkReader(
        folder,
        nose_depth=NOSE_DEPTH if entry.nose_depth is None else entry.nose_depth,
        points=COCO_POINTS if entry.points is None else entry.points,
    )


def _open_regions(folder: Path, entry: RegionsEntry) -> PublishedSegmenter:
    return PublishedSegmenter(folder, groups=dict(entry.groups))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())
