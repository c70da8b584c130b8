"""One model of a family: a name and a record, until more of it is asked for.

What takes a large package to open (encoders, readers, surveys) is imported when it is asked for, so
that whoever wants generators alone waits for nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sa_helpers import checkpoints
from sa_helpers.checkpoints import CheckpointError, Description, Kind, LoadedModel
from sa_helpers.checkpoints.detecting import weights_file
from sa_helpers.checkpoints.own_format import model_files
from sa_helpers.checkpoints.places import RUN_BEST
from sa_helpers.family.listed_readers import ReadersEntry
from sa_helpers.family.listing import Source
from sa_helpers.family.opened import opened
from sa_helpers.networks import Discriminator, Encoder, Generator
from sa_helpers.runtime import shown

if TYPE_CHECKING:
    import sa_helpers.channels.survey
    import sa_helpers.editing.scales
    import sa_helpers.family.readers
    import sa_helpers.inversion

T = TypeVar("T")
WEIGHTS = ".safetensors"
_SNAPSHOT = f"kimg{WEIGHTS}"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Member:
    """One model of a family; everything of it is opened when asked for, and then kept.

    Networks are in evaluation mode and without gradients. They are shared between callers and not
    to be changed in place; `sa_helpers.blending` makes new ones.

    Attributes:
        name: Of the model.
        record: What is known of it: domain, settings, kimg, versions, curves.
        path: Of its file, there or not; of our own format without ending.
        folder: Of what lies beside it, usually of the family.
        source: Where a listed model comes from.
        run: Folder of the run that made it, with the snapshots; None where it lies in none.
        relatives: All models of the family by name, this one among them.
        listed_readers: What reads its images, where a `family.toml` says so.
    """

    name: str
    record: Mapping[str, Any]
    path: Path
    folder: Path
    source: Source | None = None
    run: Path | None = None
    relatives: Mapping[str, "Member"] = field(default_factory=dict)
    listed_readers: ReadersEntry | None = None

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def __repr__(self) -> str:
        """Say in one line which model it is."""
        origin = f", fine-tuned from {shown(self.parent.name)}" if self.parent else ""
        return f"Member({shown(self.name)!r} of {shown(self._family)!r}{origin})"

    @property
    def parent(self) -> "Member | None":
        """The model that this one was fine-tuned from; None for one trained from scratch."""
        origin = self.record.get("parent") or {}
        return self.relatives.get(str(origin.get("name")))

    @property
    def domain(self) -> str:
        """Domain of the clay world that the model was trained on.

        Raises:
            ValueError: It was trained on something else.
        """
        data = self.record.get("data") or {}
        if data.get("kind") != "clay":
            raise ValueError(
                f'"{self.name}" of the family "{self._family}" was not trained on a domain of the '
                "clay world, so there is no ground truth to read. Choose a model of the clay "
                "family."
            )
        return str(data["domain"])

    @property
    def generator(self) -> Generator:
        """The generator.

        Raises:
            CheckpointError: Its files are damaged, or not on this machine.
        """
        return self._model().generator

    @property
    def discriminator(self) -> Discriminator | None:
        """The discriminator; None where it was not kept.

        Raises:
            CheckpointError: The files are damaged, or not on this machine.
        """
        return self._model("discriminator").discriminator if self._described.discriminator else None

    @property
    def sha256(self) -> str:
        """Digest of the file of weights, by which what belongs to them names them.

        Raises:
            CheckpointError: The model cannot be opened.
        """
        return self._model().sha256

    @property
    def encoder(self) -> "sa_helpers.inversion.ImageEncoder":
        """The encoder, from images to latents.

        It lies in `encoders/<name>.safetensors`, or in the model's own checkpoint, as those of pSp
        and e4e do.

        Raises:
            CheckpointError: There is none, or it was trained for other weights.
        """
        from sa_helpers.inversion import ENCODERS

        path = self.encoder_path
        own = None if path.is_file() else self._own_encoder()
        # A change of an encoder is read with the one that it changes, which lies beside it.
        return own or self._beside(ENCODERS, path, files=sorted(path.parent.glob(f"*{WEIGHTS}")))

    @property
    def encoder_path(self) -> Path:
        """Path of the file of the encoder, there or not."""
        return self.folder / "encoders" / f"{self.name}{WEIGHTS}"

    @property
    def has_encoder(self) -> bool:
        """Whether there is an encoder, by the structure of files alone.

        Raises:
            CheckpointError: The model's file has to be looked into to tell, and cannot be.
        """
        return self.encoder_path.is_file() or self._described.encoder is not None

    @property
    def readers(self) -> "sa_helpers.family.readers.Readers":
        """Networks that read the images of the model, where the family has them.

        Raises:
            ValueError: It is of no domain of the clay world, and no readers are listed for it.
        """
        from sa_helpers.family.readers import ClayReaders, ListedReaders

        if self.listed_readers is not None:
            return ListedReaders(self, self.listed_readers)
        # They belong to domains, so a run may use those of its parent's family.
        lenders = (member for member in (self, self.parent) if member is not None)
        folders = [m.folder for m in lenders if (m.folder / "readers").is_dir()]
        try:
            return ClayReaders(next(iter(folders), self.folder), self.domain)
        except ValueError as error:
            how = "Or list published readers; see help(sa_helpers.family.listed_readers)."
            raise ValueError(f"{error} {how}") from error

    @property
    def survey(self) -> "sa_helpers.channels.survey.ChannelSurvey":
        """The survey of the model's channels.

        Raises:
            CheckpointError: It was not surveyed, or other weights were; the message says how to do
                it.
        """
        from sa_helpers.channels.survey import SURVEYS

        return self._beside(SURVEYS, self.survey_path)

    @property
    def survey_path(self) -> Path:
        """Path of the file of the survey, there or not."""
        return self.folder / "channels" / f"{self.name}.npz"

    @property
    def has_survey(self) -> bool:
        """Whether the channels were surveyed."""
        return self.survey_path.is_file()

    @property
    def second_survey(self) -> "sa_helpers.channels.survey.ChannelSurvey":
        """A survey on other images, which tells how far surveys of one model agree.

        Raises:
            CheckpointError: It was not made, or for other weights; the message says how to do it.
        """
        from sa_helpers.channels.survey import SECOND_SURVEYS

        return self._beside(SECOND_SURVEYS, self.second_survey_path)

    @property
    def second_survey_path(self) -> Path:
        """Path of the file of the second survey, there or not."""
        return self.folder / "channels" / "second" / f"{self.name}.npz"

    @property
    def has_second_survey(self) -> bool:
        """Whether the channels were surveyed on other images, too."""
        return self.second_survey_path.is_file()

    def found_latents(self, *, space: str = "z") -> "sa_helpers.inversion.FoundLatents":
        """Open the latents that searches found for held-out images of the model's domain.

        Args:
            space: That was searched, one of `latents.SPACES`.

        Raises:
            CheckpointError: There are none, or they belong to other weights.
        """
        from sa_helpers.inversion import FOUND_LATENTS

        path = self.folder / "inversions" / self.name / f"{space}.npz"
        return self._beside(FOUND_LATENTS, path)

    @property
    def scales(self) -> "sa_helpers.editing.scales.Scales":
        """The directions of W that were found and measured in this model.

        Raises:
            CheckpointError: There are none, or they belong to other weights; the message says how
                to make them.
        """
        from sa_helpers.editing.scales import SCALES

        return self._beside(SCALES, self.scales_path)

    @property
    def scales_path(self) -> Path:
        """Path of the file of scaled directions, there or not."""
        return self.folder / "directions" / f"{self.name}.npz"

    @property
    def training_kimg(self) -> float:
        """Kimg that it has seen since it left another model of the family, or random weights.

        A model that was grown, or continued from another run, counts the kimg of those runs too.
        It is NaN where no record says it, as of public models.
        """
        return self._sum_over_runs("kimg")

    @property
    def training_hours(self) -> float:
        """Hours of training in which it saw its `training_kimg`, on whatever it ran."""
        return self._sum_over_runs("train_sec") / 3600

    @property
    def snapshot_paths(self) -> list[tuple[float, Path]]:
        """Weights that were kept on the way from the parent to this model.

        They are (kimg, path of the weights) in order of training. The parent and the finished model
        are not among them.

        Raises:
            CheckpointError: The name of one does not tell its kimg.
        """
        end_kimg = float(self.record.get("kimg") or "inf")
        named = self.record.get("snapshots", self.name)
        usual = self.folder / "snapshots" / named if named else None
        folder = self.run / "snapshots" if self.run else usual
        files = folder.glob(f"*{_SNAPSHOT}") if folder else ()
        kept = sorted((_kimg_of(file), file) for file in files)
        return [(kimg, file) for kimg, file in kept if 0 < kimg < end_kimg]

    @property
    def snapshots(self) -> list[tuple[float, Generator]]:
        """The generators of `snapshot_paths`.

        Raises:
            CheckpointError: A file is damaged, or its name does not tell its kimg.
        """
        paths = self.snapshot_paths
        return [(kimg, _model(path.with_suffix("")).generator) for kimg, path in paths]

    @property
    def stages(self) -> list[tuple[float, Generator]]:
        """A fine-tuning from end to end, from the parent at 0 kimg by the snapshots to this model.

        They are (kimg, generator) in order of training. Where the record does not say how long that
        took, it counts as 1.

        Raises:
            ValueError: It was not fine-tuned from another model of the family.
        """
        if self.parent is None:
            children = [name for name, other in self.relatives.items() if other.parent]
            raise ValueError(
                f'"{self.name}" was not fine-tuned from another model of the family '
                f'"{shown(self._family)}"; expected one of {names(children)}.'
            )
        kimg = float(self.record.get("kimg") or 1.0)
        return [(0.0, self.parent.generator), *self.snapshots, (kimg, self.generator)]

    @property
    def best(self) -> tuple[float, Generator]:
        """The stage that was nearest to its images, which a run keeps beside the last.

        It is (kimg, generator), the averaged generator as in `stages`.

        Raises:
            CheckpointError: The model lies in no run's folder, the run keeps none, or its file is
                damaged.
        """
        if self.run is None:
            raise CheckpointError(
                f'"{self.name}" of the family "{self._family}" lies in no folder of a run, which '
                "alone keeps its best stage. Choose one of its stages."
            )
        path = self.run / RUN_BEST
        if not weights_file(path).is_file():
            raise CheckpointError(
                f"The run in '{shown(self.run)}' keeps no best stage: no measured one was nearer "
                "to its images than what it started from. Choose one of its stages."
            )
        loaded = _model(path)
        return float(loaded.record.get("kimg", "nan")), loaded.generator

    @property
    def how_to_get(self) -> str:
        """How to get a model that comes from elsewhere, and under which licence, in sentences."""
        source = self.source or Source(file=self.path.name)
        by_hand = f"with a browser from {source.page or source.url} to {self.path}"
        if source.url is None:
            return f"Get it {by_hand}."
        size = f" ({source.num_bytes / 1e6:.0f} MB)" if source.num_bytes else ""
        return (
            f'Download it{size} with open_family("{self._family}").download("{self.name}") or '
            f"`sa-helpers download {self.folder} {self.name}`, or {by_hand}. "
            f"Licence: {shown(source.licence or 'not stated')}."
        )

    @property
    def _family(self) -> str:
        return self.folder.resolve().name

    @property
    def _existing_path(self) -> Path:
        if self.source is not None and self.source.is_remote and not self.path.exists():
            raise CheckpointError(
                f'The model "{self.name}" of the family "{self._family}" is not on this machine, '
                f"and nothing is downloaded unasked. {self.how_to_get}"
            )
        return self.path

    def _model(self, *parts: str) -> LoadedModel:
        return _model(self._existing_path, *parts)

    @property
    def _described(self) -> Description:
        path = self._existing_path
        return opened(checkpoints.describe, path, files=(path, *model_files(path)))

    def _beside(self, kind: Kind[T], path: Path, *, files: Iterable[Path] = ()) -> T:
        """Open what was made for the model's weights and lies beside it."""
        sha256 = self.sha256 if path.is_file() else ""  # what is missing is missing for any weights
        return opened(kind.load_for, path, self.name, sha256, files=files)

    def _own_encoder(self) -> Encoder | None:
        return self._model("encoder").encoder if self._described.encoder else None

    def _sum_over_runs(self, key: str) -> float:
        """Sum of an entry of the records of the model's own runs."""
        run: Mapping[str, Any] | None = self.record
        known = []
        while run and (run is self.record or run["name"] not in self.relatives):
            known.append(run.get(key))
            run = run.get("parent")
        values = [float(value) for value in known if value is not None]
        return sum(values) if values else float("nan")


def names(chosen: Iterable[str]) -> str:
    """Names for a message: however many, whatever is in them."""
    return shown(str(list(chosen)), max_length=1000)


def _kimg_of(snapshot: Path) -> float:
    """Length of the training that a snapshot's name tells."""
    try:
        return float(snapshot.name.removesuffix(_SNAPSHOT))
    except ValueError as error:
        raise CheckpointError(
            f"{shown(snapshot)} is among snapshots, but its name begins with no number of kimg. "
            "Name it such as 2.5kimg.safetensors, or move it."
        ) from error


def _model(path: Path, *parts: str) -> LoadedModel:
    return opened(_load, path, *parts, files=(path, *model_files(path)))


def _load(path: Path, *parts: str) -> LoadedModel:
    loaded = checkpoints.load_model(path, parts=parts)
    for network in (loaded.generator, loaded.discriminator, loaded.encoder):
        if network is not None:
            network.requires_grad_(False)
    return loaded
