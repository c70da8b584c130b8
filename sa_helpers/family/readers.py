"""The networks that read the images of a domain, where a family has them.

`readers/<domain>.safetensors` reads the factors of a domain, `readers/segmenter_*.safetensors` the
regions of a group of domains. They belong to domains, not to the weights of models.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import CheckpointError
from sa_helpers.family.opened import opened
from sa_helpers.recognition import READERS, VIEWS, AttributeNetwork, Segmenter, undo_view


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
        return network.after(functools.partial(undo_view, domain=self.domain))

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
