"""Tiles of an image: which primitives can matter in one, and which of its pixels need care."""

import math

import numpy as np
from jaxtyping import Float32, UInt8

from sa_helpers.clay.arrays import Chosen, Lists, Points, SceneArrays
from sa_helpers.clay.compiling import compiled
from sa_helpers.clay.primitives import CENTER, EXTENT, FAR, ONE, REACH, ZERO
from sa_helpers.clay.shading import LINE_WIDTH, OCCLUSION_REACH

TILE = 8
CONTRAST = np.float32(0.06)  # difference between neighbours that asks for four samples
OBLIQUE = np.float32(1.06)  # rays at the border are this much longer than those at the centre
START_SLACK = np.float32(0.12)  # samples begin this much before the nearest hit beside them


@compiled
def ray_direction(
    camera: Float32[np.ndarray, "4 3"], sx: float, sy: float, direction: Points, j: int
) -> None:
    """Unit direction of the ray through the screen point (sx, sy), both in [-1, 1]."""
    x = camera[3, 0] + sx * camera[1, 0] + sy * camera[2, 0]
    y = camera[3, 1] + sx * camera[1, 1] + sy * camera[2, 1]
    z = camera[3, 2] + sx * camera[1, 2] + sy * camera[2, 2]
    inverse = ONE / math.sqrt(x * x + y * y + z * z)
    direction[0, j], direction[1, j], direction[2, j] = x * inverse, y * inverse, z * inverse


@compiled
def view_place(
    camera: Float32[np.ndarray, "4 3"], sx: float, sy: float
) -> tuple[np.float32, np.float32]:
    """Where the screen point (sx, sy) lies in the view of a camera neither shifted nor flipped."""
    upright = ONE if camera[2, 1] > ZERO else -ONE
    return sx + camera[3, 0] / camera[1, 0], upright * sy + camera[3, 1] / abs(camera[2, 1])


@compiled
def choose_primitives(
    scene: SceneArrays,
    left: float,
    right: float,
    bottom: float,
    top: float,
    margin: float,
    chosen: Chosen,
) -> tuple[int, np.float32, np.float32]:
    """Choose the primitives whose bounding box meets the pyramid behind a tile.

    The tile is given by its borders, as `view_place` has them.

    Returns:
        Their number and the interval of the ray parameter in which they lie.
    """
    camera, count, near, far = scene.camera, 0, FAR, ZERO
    across, upward = camera[1, 0], abs(camera[2, 1])
    for i in range(scene.rows.shape[0]):
        row = scene.rows[i]
        reach = row[REACH] + margin
        x, y = row[CENTER] - camera[0, 0], row[CENTER + 1] - camera[0, 1]
        depth = camera[0, 2] - row[CENTER + 2]
        wide, high, deep = row[EXTENT] + reach, row[EXTENT + 1] + reach, row[EXTENT + 2] + reach
        front, back = depth - deep, depth + deep
        if (
            x + wide < across * min(left * front, left * back)
            or x - wide > across * max(right * front, right * back)
            or y + high < upward * min(bottom * front, bottom * back)
            or y - high > upward * max(top * front, top * back)
        ):
            continue
        chosen[count] = i
        count += 1
        near, far = min(near, front), max(far, back * OBLIQUE)
    return count, max(near, ZERO), far


@compiled
def cull_tile(
    scene: SceneArrays, top: int, left: int, size: int, resolution: int, lists: Lists
) -> tuple[tuple[int, int], tuple[np.float32, np.float32]]:
    """Choose primitives for one tile: those that rays can meet, and those that can occlude."""
    unit = np.float32(2.0) / np.float32(resolution)
    low, high = ONE - np.float32(top + size) * unit, ONE - np.float32(top) * unit
    x0, ya = view_place(scene.camera, np.float32(left) * unit - ONE, low)
    x1, yb = view_place(scene.camera, np.float32(left + size) * unit - ONE, high)
    y0, y1 = min(ya, yb), max(ya, yb)
    count, near, far = choose_primitives(scene, x0, x1, y0, y1, scene.style[LINE_WIDTH], lists[0])
    wide, _, _ = choose_primitives(scene, x0, x1, y0, y1, OCCLUSION_REACH, lists[1])
    return (count, wide), (near, far)


@compiled
def needs_samples(
    colours: Float32[np.ndarray, "3 height width"],
    labels: UInt8[np.ndarray, "height width"],
    y: int,
    x: int,
) -> bool:
    """Whether a pixel differs from one of its eight neighbours."""
    resolution = labels.shape[0]
    for v in range(max(y - 1, 0), min(y + 2, resolution)):
        for u in range(max(x - 1, 0), min(x + 2, resolution)):
            if labels[v, u] != labels[y, x]:
                return True
            for channel in range(3):
                if abs(colours[channel, v, u] - colours[channel, y, x]) > CONTRAST:
                    return True
    return False


@compiled
def safe_start(
    depths: Float32[np.ndarray, "height width"], y: int, x: int, near: np.float32
) -> np.float32:
    """Depth a little before the nearest hit among a pixel and its neighbours."""
    resolution, nearest = depths.shape[0], FAR
    for v in range(max(y - 1, 0), min(y + 2, resolution)):
        for u in range(max(x - 1, 0), min(x + 2, resolution)):
            if depths[v, u] >= ZERO:
                nearest = min(nearest, depths[v, u])
    return np.float32(max(near, nearest - START_SLACK) if nearest < FAR else near)
