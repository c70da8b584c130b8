"""Directions of W in units: how far a step turns a head in degrees, and how far it may go.

A direction is found in the parent from what a reader sees in its pictures. Its scale is measured by
the same reader, and its reach ends where pictures cease to be whole. Scales take minutes, so they
are kept in a file that says what they were made from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sa_helpers.checkpoints import ArrayKind, with_model_sha256
from sa_helpers.editing.directions import Direction, fit_regression
from sa_helpers.images import resize
from sa_helpers.latents import images_from_w_plus, w_plus_from_seeds, z_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition import AttributeReader, RegionReader
from sa_helpers.seeds import Drawn, first_seeds

FACTORS = (
    "yaw_deg",
    "pitch_deg",
    "light_azimuth_deg",
    "light_elevation_deg",
    "background_value",
    "hair_length",
    "beard",
    "mouth_open",
    "skin_tone",
    "face_width",
)
"""What readers of the clay world read well and a straight line in W can move."""

LABELLED_SEEDS = first_seeds(Drawn.LABELLED, 600)  # pictures that directions are learnt from
MEASURED_SEEDS = first_seeds(Drawn.MEASURED, 16)  # pictures that are moved
TRUNCATION_PSI = 0.7  # of the moved pictures
MIN_WHOLE = 0.9  # share of the moved pictures that has to stay whole
MIN_KNOWN = 0.75  # share of them whose factor has to stay within what the parent draws by itself
MIN_FOLLOWING = 0.5  # share of an asked change that has to be read
MIN_SPAN = 1.5  # from end to end, in standard deviations that the factor has in the parent
_KNOWN_PERCENTILES = (1.0, 99.0)
_AREA_TOLERANCE = 0.02  # of the picture
_MAX_STRIDES = 8  # they lead as far as a w typically is from the mean


@dataclass(frozen=True)
class ScaledDirection:
    """A direction whose amounts have a unit.

    Attributes:
        direction: Found in the parent, to be applied to any model of the family.
        unit: Such as "°"; "" for shares.
        step: Length in W of one unit, by the parent's pictures.
        reach: Amounts, in the unit, up to which the parent's pictures stay whole.
    """

    direction: Direction
    unit: str
    step: float
    reach: tuple[float, float]

    def move(
        self,
        w_plus: Float[Tensor, "batch num_ws w_dim"],
        amount: float,
        *,
        layers: Sequence[int] | None = None,
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """Move latents by an amount in the unit; see `Direction.move`."""
        return self.direction.move(w_plus, amount * self.step, layers=layers)


@dataclass(frozen=True)
class Scales:
    """The scaled directions of a parent.

    Attributes:
        directions: By name.
        record: What they were made from; JSON-ready.
    """

    directions: Mapping[str, ScaledDirection]
    record: dict[str, Any]

    def __getitem__(self, name: str) -> ScaledDirection:
        """Return one direction.

        Raises:
            ValueError: There is none of this name; the message lists those that there are.
        """
        if name not in self.directions:
            raise ValueError(
                f'There is no scaled direction "{name}"; expected one of {list(self.directions)}.'
            )
        return self.directions[name]


@dataclass(frozen=True)
class _Look:
    """What readers see in moved pictures.

    Attributes:
        mean: Of the factor.
        known_share: Share of the pictures whose factor the parent draws by itself too.
        whole_share: Share of the pictures that are whole.
    """

    mean: float
    known_share: float
    whole_share: float


class _Observer:
    """Looks at the parent's own pictures first, then at moved ones, and compares.

    A picture is whole if every region of it covers no less and no more than in any of the own ones.
    """

    def __init__(
        self,
        parent: Generator,
        attributes: AttributeReader,
        segmenter: RegionReader,
        *,
        labelled_seeds: Sequence[int],
        measured_seeds: Sequence[int],
    ) -> None:
        self.parent, self.attributes, self.segmenter = parent, attributes, segmenter
        z_dim = parent.config.z_dim
        self.w = parent.mapping(z_from_seeds(labelled_seeds, z_dim=z_dim))
        own = images_from_w_plus(parent, self.w[:, None].expand(-1, parent.num_ws, -1))
        self.labels = attributes.read(own)
        areas = self._areas(own)
        self.least = areas.min(axis=0) - _AREA_TOLERANCE
        self.most = areas.max(axis=0) + _AREA_TOLERANCE
        self.w_plus = w_plus_from_seeds(parent, measured_seeds, truncation_psi=TRUNCATION_PSI)

    def look(self, direction: Direction, length: float) -> _Look:
        images = images_from_w_plus(self.parent, direction.move(self.w_plus, length))
        values = self.attributes.read(images)[direction.name]
        low, high = np.percentile(self.labels[direction.name], _KNOWN_PERCENTILES)
        areas = self._areas(images)
        is_whole = ((areas >= self.least) & (areas <= self.most)).all(axis=1)
        is_known = (values >= low) & (values <= high)
        return _Look(float(values.mean()), float(is_known.mean()), float(is_whole.mean()))

    def _areas(self, images: Tensor) -> Float[ndarray, "samples regions"]:
        """Share of each picture that each region covers."""
        masks = self.segmenter.segment(resize(images, img_resolution=self.segmenter.img_resolution))
        regions = range(len(self.segmenter.regions))
        return np.stack([(masks == region).mean(axis=(1, 2)) for region in regions], axis=1)


@torch.inference_mode()
def measure_scales(
    parent: Generator,
    attributes: AttributeReader,
    segmenter: RegionReader,
    factors: Sequence[str],
    *,
    labelled_seeds: Sequence[int] = LABELLED_SEEDS,
    measured_seeds: Sequence[int] = MEASURED_SEEDS,
) -> dict[str, ScaledDirection]:
    """Find a direction for each factor, its scale and its reach; leave out what hardly moves.

    The reach ends before fewer than `MIN_WHOLE` of the moved pictures are whole, fewer than
    `MIN_KNOWN` have a factor between the first and the last percent of the parent's own pictures,
    or less than `MIN_FOLLOWING` of the asked change is read. A direction whose reach is shorter
    than `MIN_SPAN` is left out.

    Args:
        parent: Whose directions these are.
        attributes: Reads the factors.
        segmenter: Gives the regions.
        factors: Continuous ones.
        labelled_seeds: Of the pictures that directions are learnt from, untruncated.
        measured_seeds: Of the pictures that are moved.
    """
    observer = _Observer(
        parent,
        attributes,
        segmenter,
        labelled_seeds=labelled_seeds,
        measured_seeds=measured_seeds,
    )
    found = {factor: _scaled(observer, factor) for factor in factors}
    return {factor: row for factor, row in found.items() if row is not None}


def _scaled(observer: _Observer, factor: str) -> ScaledDirection | None:
    direction = fit_regression(observer.w, observer.labels[factor], name=factor)
    stride = float(observer.w.std(dim=0).norm()) / _MAX_STRIDES
    up, down = (observer.look(direction, sign * 2 * stride).mean for sign in (1.0, -1.0))
    slope = (up - down) / (4 * stride)
    if slope <= 0:
        return None
    low, high = (_end(observer, direction, sign * stride, slope) for sign in (-1.0, 1.0))
    if (high - low) * slope < MIN_SPAN * observer.labels[factor].std():
        return None
    unit = "°" if factor.endswith("_deg") else ""
    return ScaledDirection(direction, unit, 1 / slope, (low * slope, high * slope))


def _end(observer: _Observer, direction: Direction, stride: float, slope: float) -> float:
    """Length of the longest step, in strides, before pictures cease to be what they should."""
    start, end = observer.look(direction, 0.0).mean, 0.0
    for length in stride * np.arange(1, _MAX_STRIDES + 1):
        seen = observer.look(direction, float(length))
        is_following = (seen.mean - start) / (length * slope) >= MIN_FOLLOWING
        if not (is_following and seen.whole_share >= MIN_WHOLE and seen.known_share >= MIN_KNOWN):
            break
        end = float(length)
    return end


def _take_apart(scales: Scales) -> tuple[dict[str, ndarray], dict[str, Any]]:
    rows = scales.directions.values()
    meaning = {
        "names": list(scales.directions),
        "units": [row.unit for row in rows],
        "provenance": scales.record,
    }
    arrays = {
        "vectors": np.stack([row.direction.vector.numpy() for row in rows]),
        "offsets": np.array([row.direction.offset for row in rows]),
        "steps": np.array([row.step for row in rows]),
        "reaches": np.array([row.reach for row in rows]),
    }
    return arrays, meaning


def _put_together(arrays: Mapping[str, ndarray], meaning: dict[str, Any]) -> Scales:
    columns = ("vectors", "offsets", "steps", "reaches")
    rows = zip(meaning["names"], meaning["units"], *(arrays[name] for name in columns), strict=True)
    directions = {
        name: ScaledDirection(
            Direction(name, torch.from_numpy(vector), float(offset)),
            unit,
            float(step),
            (float(reach[0]), float(reach[1])),
        )
        for name, unit, vector, offset, step, reach in rows
    }
    return Scales(directions, with_model_sha256(meaning["provenance"]))


SCALES: ArrayKind[Scales] = ArrayKind(
    name="set of scaled directions",
    take_apart=_take_apart,
    put_together=_put_together,
    remedy="Make it with `sa-helpers scale FAMILY`.",
)
"""Scales as files."""
