"""Rotations, directions and bounding boxes of primitives.

World axes: x to the right of the image, y up, z towards the camera.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from sa_helpers.clay.engine import primitives as P

Vector = Sequence[float] | Float64[np.ndarray, " 3"]
Rotation = Float64[np.ndarray, "3 3"]


def rotation(*, yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> Rotation:
    """Rotation matrix [3, 3]: roll about z, then pitch about x, then yaw about y.

    Args:
        yaw_deg: Positive turns the front (+z) towards +x, the right of the image.
        pitch_deg: Positive turns the front upwards.
        roll_deg: Positive turns +x upwards (counter-clockwise in the image).
    """
    yaw, pitch, roll = math.radians(yaw_deg), math.radians(-pitch_deg), math.radians(roll_deg)
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    return np.array(
        [
            [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
            [cp * sr, cp * cr, -sp],
            [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
        ]
    )


def direction(azimuth_deg: float, elevation_deg: float) -> Float64[np.ndarray, " 3"]:
    """Unit vector to a light: azimuth from the camera towards +x, elevation upwards."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    return np.array(
        [
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
            math.cos(azimuth) * math.cos(elevation),
        ]
    )


def frame_along(start: Vector, end: Vector) -> tuple[Rotation, float]:
    """A rotation [3, 3] whose y axis points from `start` to `end`, and their distance."""
    x, y, z = (b - a for a, b in zip(start, end, strict=True))
    length = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    side = (y, -x, 0.0) if abs(z) < 0.9 else (0.0, z, -y)
    norm = math.hypot(*side)
    a, b, c = side[0] / norm, side[1] / norm, side[2] / norm
    cross = (b * z - c * y, c * x - a * z, a * y - b * x)
    return np.array([[a, x, cross[0]], [b, y, cross[1]], [c, z, cross[2]]]), length


def box_extent(kind: int, axes: Sequence[float], size: Vector) -> list[float]:
    """Half edges of the upright box around a primitive with the given axes (one after another)."""
    if kind == P.ELLIPSOID:
        return [math.hypot(*(axes[3 * i + k] * size[i] for i in range(3))) for k in range(3)]
    if kind == P.CAPSULE:
        return [abs(axes[3 + k]) * size[0] + max(size[1], size[2]) for k in range(3)]
    if kind in (P.BOX, P.ROOF):
        return [sum(abs(axes[3 * i + k]) * size[i] for i in range(3)) for k in range(3)]
    return [math.hypot(axes[k] * size[0], axes[3 + k] * size[1]) + size[2] for k in range(3)]
