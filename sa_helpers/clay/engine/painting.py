"""Turn a render into a painting: patches of paint, strokes, canvas, varnish.

All patterns are sums and products of parabolas that look like waves, so that no library's sine
decides on a byte; they live in picture coordinates (-1 to 1), so every resolution shows the same.
Source of the patches: Kuwahara et al. 1976, "Processing of RI-angiocardiographic images"; here
the windows share a pixel by weight.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from sa_helpers.clay.engine.scene import REGIONS

Plane = Float32[np.ndarray, "height width"]
Picture = Float32[np.ndarray, "height width 3"]
VARNISH = np.array([1.0, 0.88, 0.66], np.float32)
GROUND = np.array([0.055, 0.038, 0.024], np.float32)
# Frequency across and along the stroke, and weight.
BRISTLES = ((5.0, 1.1, 0.40), (8.7, 1.9, 0.35), (14.3, 2.7, 0.25))
NUM_THREADS = 32
FACE = [REGIONS.index(name) for name in ("skin", "brow", "eye", "ear", "nose", "mouth", "neck")]


class Manner(NamedTuple):
    """How a picture is painted.

    Attributes:
        brush: Depth of the strokes, 0 to 1.
        stroke_angle_deg: Their angle from upright; a mirror image negates it.
        stroke_drift: From -1 to 1: which strokes; a mirror image negates it.
        canvas: Depth of the weave, 0 to 1.
        varnish: Yellowness, 0 to 1.
        vignette: Darkness of the corners, 0 to 1.
    """

    brush: float
    stroke_angle_deg: float
    stroke_drift: float
    canvas: float
    varnish: float
    vignette: float


def paint_over(
    image: UInt8[np.ndarray, "height width 3"],
    mask: UInt8[np.ndarray, "height width"],
    manner: Manner,
) -> None:
    """Paint over a square image in place; faces, found by its mask, are painted smoothly."""
    size = image.shape[0]
    place = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2.0 / size) - 1
    x, y = np.broadcast_to(place, (size, size)), np.broadcast_to(-place[:, None], (size, size))
    picture = patches(image.astype(np.float32) / np.float32(255.0), max(1, round(size / 64)))
    tint = 1 + np.float32(0.55 * manner.varnish) * (VARNISH - 1)
    picture = picture * tint * (1 - GROUND) + GROUND
    shade = 1 - np.float32(0.34 * manner.vignette) * (x * x + y * y)
    rough = np.where(np.isin(mask, FACE), np.float32(0.25), np.float32(1.0))
    shade += rough * np.float32(0.05 * manner.canvas) * weave(x, y)
    relief = rough * np.float32(0.13 * manner.brush) * strokes(x, y, manner)
    light = picture.mean(axis=-1)
    picture = picture * (shade + relief)[..., None] + (relief * (1 - light) * 0.12)[..., None]
    image[:] = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def wave(turns: Plane) -> Plane:
    """A sine made of parabolas: odd, with period 1."""
    rest = turns - np.floor(turns + np.float32(0.5))
    return 8 * rest * (1 - 2 * np.abs(rest))


def even_wave(turns: Plane) -> Plane:
    """A cosine made of parabolas."""
    return wave(turns + np.float32(0.25))


def strokes(x: Plane, y: Plane, manner: Manner) -> Plane:
    """Relief of brush strokes, about -1 to 1; mirrored with the signs of angle and drift."""
    angle, drift = math.radians(manner.stroke_angle_deg), np.float32(manner.stroke_drift)
    sine, cosine = np.float32(math.sin(angle)), np.float32(math.cos(angle))
    along, across = x * sine + y * cosine, x * cosine - y * sine
    relief = np.zeros_like(along)
    for index, (fine, coarse, weight) in enumerate(BRISTLES):
        bend = (
            drift * np.float32(0.8) * wave(along * np.float32(0.7 * coarse) + np.float32(index / 3))
        )
        bristle = even_wave(across * np.float32(fine) + drift * np.float32(4.1 + index) + bend)
        length = even_wave(along * np.float32(coarse) + drift * drift * np.float32(3 + index))
        relief += np.float32(weight) * bristle * (np.float32(0.5) + np.float32(0.5) * length)
    return relief


def weave(x: Plane, y: Plane) -> Plane:
    """Threads of the canvas, over and under each other."""
    count = np.float32(NUM_THREADS / 2)
    return even_wave(x * count) * even_wave(y * count)


def patches(picture: Picture, radius: int) -> Picture:
    """Each pixel becomes the mean of the calmest of four windows around it.

    Windows are weighted by how little they vary, so that two alike share the pixel.
    """
    size = picture.shape[0]
    padded = np.pad(picture, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    light = padded.mean(axis=-1, keepdims=True)
    stack = window_means(np.concatenate([padded, light * light], axis=-1), radius + 1)
    spread = stack[..., 3] - np.square(stack[..., :3].mean(axis=-1))
    calm = np.square(1 / (np.maximum(spread, 0) + np.float32(2e-4)))[..., None]
    weighted, total = stack[..., :3] * calm, np.zeros((size, size, 1), np.float32)
    answer = np.zeros_like(picture)
    for top in (0, radius):
        for left in (0, radius):
            window = np.s_[top : top + size, left : left + size]
            answer += weighted[window]
            total += calm[window]
    return answer / total


def window_means(
    stack: Float32[np.ndarray, "height width channels"], size: int
) -> Float32[np.ndarray, "rows columns channels"]:
    """Means over all windows of `size` by `size`."""
    rows, columns = stack.shape[0] - size + 1, stack.shape[1] - size + 1
    total = np.zeros((rows, columns, stack.shape[2]), np.float32)
    for top in range(size):
        for left in range(size):
            total += stack[top : top + rows, left : left + columns]
    return total / np.float32(size * size)
