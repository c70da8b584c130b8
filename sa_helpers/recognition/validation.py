"""Whether a reader may be trusted with pictures whose factors nobody knows, such as generated ones.

Two tests need no truth. A mirrored picture has the mirrored factors; a reader that says otherwise
errs in one of the two. And what was read can be rendered again: a picture whose factors were read
well looks like the one that was read. Neither test is enough alone: a reader that always says the
same passes the first, and one that reads colours only may pass the second.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from sa_helpers import clay
from sa_helpers.recognition.interfaces import AttributeReader


def mirror_errors(
    reader: AttributeReader, images: Float[Tensor, "images 3 height width"], *, factor: str
) -> Float[np.ndarray, " images"]:
    """Half the sum of what is read in an image and in its mirror image, without its sign.

    Args:
        reader: Of the images' domain.
        images: In [-1, 1].
        factor: One that changes its sign in a mirror, such as "yaw_deg".

    Returns:
        In the factor's unit; at least the mean error of the two readings.
    """
    here, mirrored = reader.read(images)[factor], reader.read(images.flip(-1))[factor]
    return np.abs(here + mirrored).astype(np.float64) / 2


def render_again(
    reader: AttributeReader, images: Float[Tensor, "images 3 height width"], *, domain: str
) -> clay.ClayBatch:
    """Render what a reader reads in images, as `clay.render` does with factors that it draws.

    Numbers are clipped to the range of the factor, and the likeliest category is taken.

    Args:
        reader: Of the domain.
        images: In [-1, 1].
        domain: Of the clay world.
    """
    read = reader.read(images)
    rows: list[dict[str, Any]] = [{} for _ in images]
    for spec in clay.factor_specs(domain):
        for row, value in zip(rows, read[spec.name], strict=True):
            row[spec.name] = _as_factor(spec, value)
    return clay.render_factors(domain, rows, img_resolution=images.shape[-1])


def _as_factor(spec: clay.Factor, value: Any) -> Any:
    if spec.kind == "continuous":
        return float(np.clip(value, *spec.values))
    return bool(value > 0.5) if spec.kind == "binary" else spec.values[int(np.argmax(value))]
