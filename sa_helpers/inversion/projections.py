"""Latents in W+ that were found for pictures of anybody's, as a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers import checkpoints


@dataclass(frozen=True)
class Projection:
    """Pictures as a model draws them.

    Attributes:
        w_plus: One an image; any model of the family takes them.
        names: Of the files of the pictures.
        record: Of the model and the search.
    """

    w_plus: Float[Tensor, "images num_ws w_dim"]
    names: tuple[str, ...]
    record: dict[str, Any]


def _take_apart(found: Projection) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    meaning = {"names": list(found.names), "record": found.record}
    return {"w_plus": found.w_plus.numpy()}, meaning


def _put_together(arrays: Mapping[str, np.ndarray], meaning: dict[str, Any]) -> Projection:
    w_plus = torch.from_numpy(arrays["w_plus"].astype(np.float32))
    return Projection(w_plus, tuple(meaning["names"]), meaning["record"])


PROJECTIONS: checkpoints.ArrayKind[Projection] = checkpoints.ArrayKind(
    name="projection",
    take_apart=_take_apart,
    put_together=_put_together,
    remedy="Make one with `sa-helpers project MODEL PICTURE --to {path}`.",
)
"""Projections as files."""
