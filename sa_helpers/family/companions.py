"""What lies beside the models of a family: readers, encoders, surveys of channels, and more.

`encoders/<model>.safetensors` gives the latents of an image in the spaces of a model,
`readers/<domain>.safetensors` reads the factors of a domain, `readers/segmenter_*.safetensors` the
regions of a group of domains, and `channels/<model>.npz` tells what the channels of a model do.
`directions/<parent>.npz` holds directions of W in units.
`inversions/<model>/<space>.npz` holds latents that searches found for held-out images, and
`translators/<source>_<target>.safetensors` is a baseline: a network that knows two domains only.
"""

import functools
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import CheckpointError
from sa_helpers.inversion import FoundLatents, LatentEncoder, load_encoder, load_latents
from sa_helpers.recognition import VIEWS, AttributeNetwork, Segmenter, load_reader, put_right
from sa_helpers.runtime import version_of
from sa_helpers.scales import Scales, load_scales
from sa_helpers.survey import ChannelSurvey, load_survey
from sa_helpers.translation import Translator, load_translator

_HOW = "Train one with `python -m workshop {words}`, in the repository of the book."


@dataclass(frozen=True)
class Readers:
    """The networks that read the images of one domain, and how well they read held-out samples.

    A domain that is a view of another one, such as `human_right`, has no reader of factors of its
    own: the other domain's reads its images after they were put right.

    Everything raises `CheckpointError` where the family has no such network, or a damaged one.

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
        return network.through(functools.partial(put_right, domain=self.domain))

    @property
    def can_read_factors(self) -> bool:
        """Whether the family has a network for them, intact or not."""
        return self._attributes_path.is_file()

    @property
    def attribute_scores(self) -> dict[str, dict[str, float]]:
        """Factor to scores on held-out samples of the domain that the network was trained on.

        See `recognition.factor_scores`.
        """
        return dict(self._attributes[1]["scores"])

    def well_read(self, *, min_correlation: float = 0.8) -> set[str]:
        """Numeric factors whose correlation with the truth is at least so high."""
        scores = self.attribute_scores.items()
        correlations = {factor: row.get("correlation") or 0.0 for factor, row in scores}
        return {factor for factor, value in correlations.items() if value >= min_correlation}

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
        network, record = _load_reader(path) if path.is_file() else (None, {})
        if not isinstance(network, AttributeNetwork):
            how = _HOW.format(words=f"train-attributes {path.stem} {path}")
            raise CheckpointError(
                f'The family in {self.folder} reads no factors of "{self.domain}". {how}'
            )
        return network, record

    @property
    def _segmenter(self) -> tuple[Segmenter, dict[str, Any]]:
        for path in sorted((self.folder / "readers").glob("segmenter_*.safetensors")):
            network, record = _load_reader(path)
            if isinstance(network, Segmenter) and self.domain in record.get("domains", ()):
                return network, record
        path = self.folder / "readers" / "segmenter_mine.safetensors"
        how = _HOW.format(words=f"train-segmenter {path} --domains {self.domain}")
        raise CheckpointError(
            f'The family in {self.folder} has no segmenter for "{self.domain}". {how}'
        )


def encoder_path(folder: Path, name: str) -> Path:
    """Where the encoder of a model lies, or would lie."""
    return folder / "encoders" / f"{name}.safetensors"


def open_encoder(path: Path, *, model_path: Path, sha256: str) -> LatentEncoder:
    """Open the encoder of a model.

    Args:
        path: Of the encoder.
        model_path: Of the model.
        sha256: Of the model's weights, which the encoder has to be trained for.

    Raises:
        CheckpointError: There is none, it is damaged, or it was trained for other weights.
    """
    command = f"sa-helpers train-encoder {model_path} DOMAIN {path}"
    if not path.is_file():
        raise CheckpointError(
            f'The model "{model_path.stem}" has no encoder: there is no {path}. Train one with '
            f"`{command}`, or invert by optimisation."
        )
    encoder, record = load_encoder(path)
    if _model_of(record) != sha256:
        raise CheckpointError(
            f"{path} was trained for other weights than those of {model_path}. Train it again with "
            f"`{command}`, or invert by optimisation."
        )
    return encoder


def _model_of(record: Mapping[str, Any]) -> Any:
    """Digest of the weights that a companion was made for, as far as its record says it."""
    model = record.get("model")
    return model.get("sha256") if isinstance(model, dict) else None


def survey_path(folder: Path, name: str) -> Path:
    """Where the survey of a model lies, or would lie."""
    return folder / "channels" / f"{name}.npz"


def open_survey(folder: Path, name: str, *, sha256: str) -> ChannelSurvey:
    """Open the survey of a model's channels.

    Args:
        folder: Of the family.
        name: Of the model.
        sha256: Of the model's weights, which have to be those that were surveyed.

    Raises:
        CheckpointError: There is none, it is damaged, or it is of other weights.
    """
    path = survey_path(folder, name)
    survey = load_survey(path)
    if survey.provenance.get("sha256") != sha256:
        raise CheckpointError(
            f"{path} is a survey of other weights than those of {name}. Survey them with "
            f"`sa-helpers survey {folder} {name}`."
        )
    return survey


def scales_path(folder: Path, name: str) -> Path:
    """Where the scaled directions of a parent lie, or would lie."""
    return folder / "directions" / f"{name}.npz"


def open_scales(folder: Path, name: str, *, sha256: str) -> Scales:
    """Open the scaled directions of a parent.

    Args:
        folder: Of the family.
        name: Of the parent.
        sha256: Of the parent's weights, in which they have to have been measured.

    Raises:
        CheckpointError: There are none, they are damaged, or they belong to other weights.
    """
    path = scales_path(folder, name)
    scales = load_scales(path)
    if scales.provenance.get("sha256") != sha256:
        raise CheckpointError(
            f"{path} was measured for other weights than those of {name}. Measure again with "
            f"`sa-helpers scale {folder}`."
        )
    return scales


def open_latents(folder: Path, name: str, *, space: str, sha256: str) -> FoundLatents:
    """Open the latents that searches found in a model.

    Args:
        folder: Of the family.
        name: Of the model.
        space: That was searched.
        sha256: Of the model's weights, in which the searches have to have been made.

    Raises:
        CheckpointError: There are none, they are damaged, or they belong to other weights.
    """
    path = folder / "inversions" / name / f"{space}.npz"
    found = load_latents(path)
    if found.record.get("model_sha256") != sha256:
        raise CheckpointError(
            f"{path} was searched for other weights than those of {name}. Search again with "
            f"`sa-helpers invert MODEL DOMAIN {path} --space {space}`."
        )
    return found


def open_translator(folder: Path, source: str, target: str) -> Translator:
    """Open the network that was trained to translate between two domains.

    Raises:
        CheckpointError: There is none, or it is damaged; the message says how to train one.
    """
    path = folder / "translators" / f"{source}_{target}.safetensors"
    return load_translator(path)[0]


def _load_reader(path: Path) -> tuple[AttributeNetwork | Segmenter, dict[str, Any]]:
    return _load(path, version_of(path))


@functools.lru_cache(maxsize=16)
def _load(path: Path, _: Hashable) -> tuple[AttributeNetwork | Segmenter, dict[str, Any]]:
    return load_reader(path)
