"""The models of a family, opened when asked for."""

import functools
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sa_helpers import checkpoints
from sa_helpers.blending import weight_change
from sa_helpers.channels.survey import ChannelSurvey, load_survey
from sa_helpers.checkpoints import CheckpointError, LoadedModel
from sa_helpers.checkpoints.own_format import model_files
from sa_helpers.editing.scales import Scales
from sa_helpers.family import companions
from sa_helpers.family.downloads import DownloadError, download
from sa_helpers.family.listing import Listing
from sa_helpers.inversion import FoundLatents, ImageEncoder
from sa_helpers.networks import Encoder, Generator
from sa_helpers.runtime import shown, version_of
from sa_helpers.translation import Translator

WEIGHTS = ".safetensors"
_SNAPSHOT = f"kimg{WEIGHTS}"


@dataclass(frozen=True, kw_only=True)
class Family:
    """The models of one family, opened when asked for and then kept.

    Models are shared between callers and not to be changed in place; `sa_helpers.blending` makes
    new ones.

    Attributes:
        name: Of the family.
        folder: What it was opened from.
        records: Model to record: what its file says, or a `family.toml`.
        files: Model to the path of its file; of our own format without ending.
        listing: What a `family.toml` says, if there is one.
    """

    name: str
    folder: Path
    records: Mapping[str, dict[str, Any]]
    files: Mapping[str, Path]
    listing: Listing = field(default_factory=Listing)

    def __repr__(self) -> str:
        """Name the family and its models; records and paths are for those who ask."""
        return f"Family({self.name!r}, models: {', '.join(self.records)})"

    @property
    def names(self) -> tuple[str, ...]:
        """All models: the parent first, then the others by name."""
        return (self.parent_name, *(n for n in self.records if n != self.parent_name))

    @property
    def parent_name(self) -> str:
        """Name of the model that the family descends from.

        Raises:
            ValueError: None or several could be it.
        """
        if self.listing.parent is not None:
            self.record(self.listing.parent)
            return self.listing.parent
        roots = [name for name in self.records if self.parent_of(name) is None]
        named = [root for root in roots if root in map(self.parent_of, self.records)]
        candidates = named or roots
        if len(candidates) != 1:
            raise ValueError(
                f'The family "{shown(self.name)}" has {_names(candidates)} as possible parents; '
                f'expected one. The records in {shown(self.folder)} name each model\'s "parent".'
            )
        return candidates[0]

    @property
    def parent(self) -> Generator:
        """The model that the family descends from."""
        return self.model(self.parent_name)

    @property
    def child_names(self) -> tuple[str, ...]:
        """All models that were fine-tuned from another one of the family."""
        return tuple(name for name in self.records if self.parent_of(name) is not None)

    def parent_of(self, name: str) -> str | None:
        """Name of the model that `name` was fine-tuned from; None for one trained from scratch."""
        origin = self.record(name).get("parent") or {}
        return origin["name"] if origin.get("name") in self.records else None

    def child(self, name: str) -> Generator:
        """Open a model that was fine-tuned from another one of the family.

        Raises:
            ValueError: No such child; the message lists those that there are.
        """
        if name not in self.child_names:
            raise ValueError(
                f'The family "{shown(self.name)}" has no child "{shown(name)}"; expected one of '
                f"{_names(self.child_names)}."
            )
        return self.model(name)

    @property
    def near_and_distant(self) -> tuple[str, str]:
        """Names of the two children that chapters compare, the one with the nearer domain first.

        A `family.toml` may name them. Otherwise they are the two children of the parent whose
        convolutions moved least and most; a family with a single child gives it twice.

        Raises:
            ValueError: The parent has no children.
            CheckpointError: Children have to be opened to tell, and one cannot be.
        """
        if self.listing.near is not None and self.listing.distant is not None:
            return self.listing.near, self.listing.distant
        names = [name for name in self.records if self.parent_of(name) == self.parent_name]
        if not names:
            raise ValueError(
                f'The parent "{self.parent_name}" of the family "{self.name}" has no children; '
                "expected one at least. Let their records name it as their parent."
            )
        if len(names) > 1:
            names.sort(key=lambda n: weight_change(self.parent, self.model(n), "conv").relative)
        return names[0], names[-1]

    def model(self, name: str) -> Generator:
        """Open any model of the family, in evaluation mode.

        Raises:
            ValueError: No such model; the message lists those that there are.
            CheckpointError: Its files are damaged, or not on this machine.
        """
        return _opened(self._existing_path(name)).generator

    def sha256(self, name: str) -> str:
        """Digest of the file that a model was opened from: what its companions are made for.

        Raises:
            ValueError: No such model.
            CheckpointError: It cannot be opened.
        """
        return _opened(self._existing_path(name)).sha256

    def encoder(self, name: str) -> ImageEncoder:
        """Open the encoder of a model, from images to latents, in evaluation mode.

        It lies in `encoders/<name>.safetensors`, or in the model's own checkpoint, as those of pSp
        and e4e do.

        Raises:
            ValueError: No such model.
            CheckpointError: It has no encoder, or one that was trained for other weights.
        """
        path, model_path = self.encoder_path(name), self._existing_path(name)
        own = None if path.is_file() else _own_encoder(model_path)
        if own is not None:
            return own
        return companions.open_encoder(path, model_path=model_path, sha256=self.sha256(name))

    def encoder_path(self, name: str) -> Path:
        """Path of the file of a model's encoder, there or not."""
        self.record(name)
        return companions.encoder_path(self.folder, name)

    def has_encoder(self, name: str) -> bool:
        """Tell whether a model has an encoder, without reading its weights where it lies apart.

        Raises:
            ValueError: No such model.
            CheckpointError: The model has to be opened to tell, and cannot be.
        """
        is_apart = self.encoder_path(name).is_file()
        return is_apart or _opened(self._existing_path(name)).description.encoder is not None

    def found_latents(self, name: str, *, space: str = "z") -> FoundLatents:
        """Open the latents that searches found for held-out images of a model's domain.

        Args:
            name: Of the model.
            space: That was searched, one of `latents.SPACES`.

        Raises:
            ValueError: No such model.
            CheckpointError: There are none, or they belong to other weights.
        """
        sha256 = self.sha256(name)
        return companions.open_latents(self.folder, name, space=space, sha256=sha256)

    def translator(self, source: str, target: str) -> Translator:
        """Open the baseline that was trained for the domains of two models alone.

        Raises:
            ValueError: No such model, or one of no domain of the clay world.
            CheckpointError: There is none from the one to the other, or it is damaged.
        """
        domains = self.domain(source), self.domain(target)
        return companions.open_translator(self.folder, *domains)

    def _existing_path(self, name: str) -> Path:
        path = self.path(name)
        source = self.listing.sources.get(name)
        if source is not None and source.is_remote and not path.exists():
            raise CheckpointError(
                f'The model "{name}" of the family "{self.name}" is not on this machine, and '
                f"nothing is downloaded unasked. {self._how_to_get(name)}"
            )
        return path

    def path(self, name: str) -> Path:
        """Path of a model's file, there or not; of our own format without ending.

        Raises:
            ValueError: No such model.
        """
        self.record(name)
        return self.files[name]

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
        paths = []
        for name in chosen:
            path, source = self.path(name), sources.get(name)
            if source is None or not source.is_remote:
                paths.append(path)
            elif source.url is None:
                if not path.is_file():
                    raise DownloadError(f'"{name}" is no single file. {self._how_to_get(name)}')
                paths.append(path)
            else:
                size, sha256 = source.num_bytes, source.sha256
                paths.append(download(source.url, path, num_bytes=size, sha256=sha256))
        return paths

    def _how_to_get(self, name: str) -> str:
        source = self.listing.sources[name]
        by_hand = f"with a browser from {source.page or source.url} to {self.path(name)}"
        if source.url is None:
            return f"Get it {by_hand}."
        size = f" ({source.num_bytes / 1e6:.0f} MB)" if source.num_bytes else ""
        return (
            f'Download it{size} with family("{self.name}").download("{name}") or `python -m '
            f"sa_helpers.family download {self.folder} {name}`, or {by_hand}. Licence: "
            f"{shown(source.licence or 'not stated')}."
        )

    def record(self, name: str) -> dict[str, Any]:
        """What is known of a model: domain, settings, kimg, versions, curves.

        Raises:
            ValueError: No such model.
        """
        if name not in self.records:
            raise ValueError(
                f'The family "{shown(self.name)}" has no model "{shown(name)}"; expected one of '
                f"{_names(self.records)}."
            )
        return self.records[name]

    def domain(self, name: str) -> str:
        """Domain of the clay world that a model was trained on.

        Raises:
            ValueError: No such model, or one that was trained on something else.
        """
        data = self.record(name).get("data") or {}
        if data.get("kind") != "clay":
            raise ValueError(
                f'"{name}" of the family "{self.name}" was not trained on a domain of the clay '
                "world, so there is no ground truth to read. Choose a model of the clay family."
            )
        return str(data["domain"])

    def readers(self, name: str) -> companions.Readers:
        """Networks that read the images of a model, where the family has them.

        Raises:
            ValueError: No such model, or one of no domain of the clay world.
        """
        return companions.Readers(self.folder, self.domain(name))

    def has_survey(self, name: str) -> bool:
        """Whether the channels of a model were surveyed."""
        return companions.survey_path(self.folder, name).is_file()

    def survey(self, name: str) -> ChannelSurvey:
        """Open the survey of a model's channels.

        Raises:
            ValueError: No such model.
            CheckpointError: It was not surveyed, or other weights were; the message says how to do
                it.
        """
        self.record(name)
        if not self.has_survey(name):  # said without opening the model
            return load_survey(companions.survey_path(self.folder, name))
        return companions.open_survey(self.folder, name, sha256=self.sha256(name))

    def scales(self) -> Scales:
        """Open the directions of W that were found and measured in the parent.

        Raises:
            CheckpointError: There are none, or they belong to other weights; the message says how
                to make them.
        """
        name = self.parent_name
        return companions.open_scales(self.folder, name, sha256=self.sha256(name))

    def training_kimg(self, name: str) -> float:
        """Kimg that a model has seen since it left another model of the family, or random weights.

        A model that was grown, or continued from another run, counts the kimg of those runs too.
        It is NaN where no record says it, as of public models.

        Raises:
            ValueError: No such model.
        """
        return self._sum_over_runs(name, "kimg")

    def training_hours(self, name: str) -> float:
        """Hours of training in which a model saw its `training_kimg`, on whatever it ran.

        Raises:
            ValueError: No such model.
        """
        return self._sum_over_runs(name, "train_sec") / 3600

    def _sum_over_runs(self, name: str, key: str) -> float:
        """Sum of an entry of the records of a model's own runs."""
        run: dict[str, Any] | None = self.record(name)
        known = []
        while run and (run is self.records[name] or run["name"] not in self.records):
            known.append(run.get(key))
            run = run.get("parent")
        values = [float(value) for value in known if value is not None]
        return sum(values) if values else float("nan")

    def snapshot_paths(self, name: str) -> list[tuple[float, Path]]:
        """Weights that were kept on the way from the parent to the child.

        Returns:
            (kimg, path of the weights) in order of training. The parent and the finished child are
            not among them.

        Raises:
            ValueError: No such model.
            CheckpointError: The name of one does not tell its kimg.
        """
        record = self.record(name)
        end_kimg = float(record.get("kimg") or "inf")
        folder = record.get("snapshots", name)
        files = (self.folder / "snapshots" / folder).glob(f"*{_SNAPSHOT}") if folder else ()
        kept = sorted((_kimg_of(file), file) for file in files)
        return [(kimg, file) for kimg, file in kept if 0 < kimg < end_kimg]

    def snapshots(self, name: str) -> list[tuple[float, Generator]]:
        """Open the models of `snapshot_paths`.

        Raises:
            ValueError: No such model.
            CheckpointError: A file is damaged, or its name does not tell its kimg.
        """
        return [
            (kimg, _opened(path.with_name(path.name.removesuffix(WEIGHTS))).generator)
            for kimg, path in self.snapshot_paths(name)
        ]

    def stages(self, name: str) -> list[tuple[float, Generator]]:
        """Open a fine-tuning from end to end: its parent at 0 kimg, its snapshots, the child.

        Returns:
            (kimg, model) in order of training. Where the record does not say how long that took, it
            counts as 1.

        Raises:
            ValueError: No such child.
        """
        child, kimg = self.child(name), float(self.record(name).get("kimg") or 1.0)
        parent = self.model(str(self.parent_of(name)))
        return [(0.0, parent), *self.snapshots(name), (kimg, child)]


def _names(names: Iterable[str]) -> str:
    return shown(str(list(names)), max_length=1000)


def _kimg_of(snapshot: Path) -> float:
    """Length of the training that a snapshot's name tells."""
    try:
        return float(snapshot.name.removesuffix(_SNAPSHOT))
    except ValueError as error:
        raise CheckpointError(
            f"{shown(snapshot)} is among snapshots, but its name begins with no number of kimg. "
            "Name it such as 2.5kimg.safetensors, or move it."
        ) from error


def _opened(path: Path) -> LoadedModel:
    """Open a model once for all callers, and anew where its files are others by now."""
    return _open(path, version_of(path, *model_files(path)))


@functools.lru_cache(maxsize=64)
def _open(path: Path, _: Hashable) -> LoadedModel:
    loaded = checkpoints.load(path, parts=())
    loaded.generator.requires_grad_(False)
    return loaded


def _own_encoder(path: Path) -> Encoder | None:
    return _open_own_encoder(path, version_of(path, *model_files(path)))


@functools.lru_cache(maxsize=8)
def _open_own_encoder(path: Path, _: Hashable) -> Encoder | None:
    if _opened(path).description.encoder is None:
        return None
    encoder = checkpoints.load(path, parts=("encoder",)).encoder
    return encoder and encoder.requires_grad_(False)
