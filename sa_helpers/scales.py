"""Directions of W in units: how far a step turns a head in degrees, and how far it may go.

A direction is found in the parent from what a reader sees in its pictures. Its scale is measured by
the same reader, and its reach ends where pictures cease to be whole. Scales take minutes, so they
are kept in a file that says what they were made from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from sa_helpers.checkpoints import load_arrays, save_arrays
from sa_helpers.directions import Direction, fit_regression
from sa_helpers.images import resize
from sa_helpers.latents import z_from_seeds, z_to_w_plus
from sa_helpers.networks import Generator
from sa_helpers.recognition import IMG_RESOLUTION, AttributeNetwork, Segmenter

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

LABELLED_SEEDS = range(2000, 2600)  # pictures that directions are learnt from
MEASURED_SEEDS = range(1000, 1024)  # pictures that are moved
TRUNCATION_PSI = 0.7  # of the moved pictures
MIN_WHOLE = 0.9  # share of the moved pictures that has to stay whole
MIN_FOLLOWING = 0.5  # share of an asked change that has to be read
_AREA_TOLERANCE = 0.02  # of the picture
_STRIDE = 0.125  # of the reach that is searched, in typical distances of a w from the mean
_MAX_STRIDES = 12
_CHUNK = 16


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
        self, w_plus: Float[Tensor, "batch num_ws w_dim"], amount: float
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """Move latents by an amount in the unit."""
        return self.direction.move(w_plus, amount * self.step)


@dataclass(frozen=True)
class Scales:
    """The scaled directions of a parent.

    Attributes:
        directions: By name.
        provenance: What they were made from; JSON-ready.
    """

    directions: Mapping[str, ScaledDirection]
    provenance: dict[str, Any]

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


@torch.inference_mode()
def measure_scales(
    parent: Generator,
    attributes: AttributeNetwork,
    segmenter: Segmenter,
    factors: Sequence[str],
    *,
    labelled_seeds: Sequence[int] = LABELLED_SEEDS,
    measured_seeds: Sequence[int] = MEASURED_SEEDS,
) -> dict[str, ScaledDirection]:
    """Find a direction for each factor, its scale and its reach; leave out what does not move.

    A picture is whole if every region of it covers no less and no more than in any of the parent's
    own pictures. The reach ends before fewer than `MIN_WHOLE` of the moved pictures are whole, or
    less than `MIN_FOLLOWING` of the asked change is read.

    Args:
        parent: Whose directions these are.
        attributes: Reads the factors.
        segmenter: Gives the regions.
        factors: Continuous ones.
        labelled_seeds: Of the pictures that directions are learnt from, untruncated.
        measured_seeds: Of the pictures that are moved.
    """
    w = parent.mapping(z_from_seeds(labelled_seeds, z_dim=parent.config.z_dim))
    labelled = _pictures(parent, w[:, None].expand(-1, parent.num_ws, -1))
    labels = attributes.read(labelled)
    areas = _areas(segmenter, labelled)
    stride = _STRIDE * float(w.std(dim=0).norm())
    z = z_from_seeds(measured_seeds, z_dim=parent.config.z_dim)
    w_plus = z_to_w_plus(parent, z, truncation_psi=TRUNCATION_PSI)
    bounds = (areas.min(axis=0) - _AREA_TOLERANCE, areas.max(axis=0) + _AREA_TOLERANCE)

    def look(direction: Direction, length: float) -> tuple[float, float]:
        """Mean of the factor, and share of whole pictures, after a step of this length."""
        images = _pictures(parent, direction.move(w_plus, length))
        read = attributes.read(images)[direction.name]
        return float(read.mean()), float(_is_whole(_areas(segmenter, images), bounds).mean())

    found = {}
    for factor in factors:
        direction = fit_regression(w, labels[factor], name=factor)
        slope = (look(direction, 2 * stride)[0] - look(direction, -2 * stride)[0]) / (4 * stride)
        if slope <= 0:
            continue
        start = look(direction, 0.0)[0]
        ends = [_end(look, direction, sign * stride, start, slope) for sign in (-1.0, 1.0)]
        unit = "°" if factor.endswith("_deg") else ""
        reach = (ends[0] * slope, ends[1] * slope)
        found[factor] = ScaledDirection(direction, unit, 1 / slope, reach)
    return found


def _end(look: Any, direction: Direction, stride: float, start: float, slope: float) -> float:
    """Length of the longest step, in strides, that can be taken."""
    end = 0.0
    for length in stride * np.arange(1, _MAX_STRIDES + 1):
        value, whole_share = look(direction, float(length))
        if whole_share < MIN_WHOLE or (value - start) / (length * slope) < MIN_FOLLOWING:
            break
        end = float(length)
    return end


def _pictures(generator: Generator, w_plus: Tensor) -> Float[Tensor, "samples 3 height width"]:
    return torch.cat([generator.synthesis(chunk) for chunk in w_plus.split(_CHUNK)])


def _areas(segmenter: Segmenter, images: Tensor) -> Float[ndarray, "samples regions"]:
    """Share of each picture that each region covers."""
    masks = segmenter.segment(resize(images, img_resolution=IMG_RESOLUTION))
    regions = range(len(segmenter.regions))
    return np.stack([(masks == region).mean(axis=(1, 2)) for region in regions], axis=1)


def _is_whole(areas: ndarray, bounds: tuple[ndarray, ndarray]) -> Bool[ndarray, " samples"]:
    low, high = bounds
    is_inside: ndarray = (areas >= low) & (areas <= high)
    return np.asarray(is_inside.all(axis=1))


def save_scales(path: Path, scales: Scales) -> Path:
    """Write scales as a compressed NumPy archive, whole or not at all."""
    rows = scales.directions.values()
    meaning = {
        "names": list(scales.directions),
        "units": [row.unit for row in rows],
        "provenance": scales.provenance,
    }
    arrays = {
        "vectors": np.stack([row.direction.vector.numpy() for row in rows]),
        "offsets": np.array([row.direction.offset for row in rows]),
        "steps": np.array([row.step for row in rows]),
        "reaches": np.array([row.reach for row in rows]),
    }
    return save_arrays(path, arrays, meaning=meaning)


def load_scales(path: Path) -> Scales:
    """Read what `save_scales` wrote.

    Raises:
        CheckpointError: A missing or damaged file, or one of another kind.
    """
    remedy = "Make it with `python -m sa_helpers.family scale`."
    return load_arrays(path, make=_made, kind="file of scaled directions", remedy=remedy)


def _made(meaning: dict[str, Any], arrays: Mapping[str, ndarray]) -> Scales:
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
    return Scales(directions, meaning["provenance"])
