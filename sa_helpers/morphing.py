"""Morphing: from an image of one domain to an image of another, by latents and weights.

A morph has two coordinates: t1, where the latents are on the line from the source's to the
target's, and t2, where the weights are on the line from one model to the other. Any path through
this square from (0, 0) to (1, 1) is a morph. No correspondences are needed: two aligned models
agree on what a latent means.

Source: Wu et al. 2022 (StyleAlign), Section 4.2, Figures 24 to 27.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sa_helpers.blending import interpolate_weights
from sa_helpers.latents import images_from_w_plus
from sa_helpers.metrics import perceptual_distance
from sa_helpers.networks import Generator


@dataclass(frozen=True)
class Ending:
    """Where a morph starts or stops: images, as latents of a model.

    Attributes:
        generator: Model of the images' domain.
        w_plus: One an image, such as an inversion found in that model.
    """

    generator: Generator
    w_plus: Float[Tensor, "images num_ws w_dim"]


def path_along(
    corners: Sequence[tuple[float, float]], *, num_steps: int
) -> Float[ndarray, "points 2"]:
    """Walk along straight lines from corner to corner, in steps of equal length.

    Args:
        corners: (t1, t2), two or more; neighbours differ.
        num_steps: Steps; there is one point more.

    Raises:
        ValueError: Fewer than two corners or one step, or a corner repeated at once.
    """
    stops = np.asarray(corners, dtype=np.float64)
    lengths = np.linalg.norm(np.diff(stops, axis=0), axis=1)
    if num_steps < 1 or len(lengths) < 1 or (lengths == 0).any():
        raise ValueError(
            f"path_along was given the corners {[tuple(c) for c in corners]} and {num_steps} "
            "steps; expected two corners or more, each (t1, t2) other than the one before, and at "
            "least one step."
        )
    along = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
    return _interpolate(stops, along, np.linspace(0, 1, num_steps + 1))


def arc(*, num_steps: int) -> Float[ndarray, "points 2"]:
    """Walk along a quarter of a circle from (0, 0) to (1, 1): first the weights, then the latents.

    Args:
        num_steps: Steps, of equal length; there is one point more.
    """
    angle = np.linspace(0, np.pi / 2, num_steps + 1)
    return np.stack([1 - np.cos(angle), np.sin(angle)], axis=1)


def even_out(
    path: Float[ndarray, "points 2"], steps: Float[ndarray, " steps"]
) -> Float[ndarray, "points 2"]:
    """Move the points of a path along it, so that steps of known sizes become equal.

    Args:
        path: Points (t1, t2).
        steps: Size of the steps between them, in any unit; all positive.

    Returns:
        As many points on the same lines, with the same ends.
    """
    along = np.concatenate([[0], np.cumsum(steps)]) / steps.sum()
    return _interpolate(path, along, np.linspace(0, 1, len(path)))


@torch.inference_mode()
def morph(
    source: Ending, target: Ending, path: Float[ndarray, "points 2"]
) -> Float[Tensor, "points images 3 height width"]:
    """Draw the images at every point of a path, on the CPU.

    Args:
        source: At (0, 0).
        target: At (1, 1); as many images.
        path: Points (t1, t2) in any order and number; a grid will do. Values outside [0, 1]
            continue the lines.

    Raises:
        ValueError: Models of different sizes, or different numbers of images.
    """
    if source.w_plus.shape != target.w_plus.shape:
        raise ValueError(
            f"The source has latents {tuple(source.w_plus.shape)} and the target "
            f"{tuple(target.w_plus.shape)}; expected equal shapes, for the i-th image of one "
            "becomes the i-th of the other."
        )
    frames: dict[int, Tensor] = {}
    for t2 in np.unique(path[:, 1]):
        model = interpolate_weights(source.generator, target.generator, amount=float(t2))
        for index in np.flatnonzero(path[:, 1] == t2):
            w_plus = torch.lerp(source.w_plus, target.w_plus, float(path[index, 0]))
            frames[int(index)] = images_from_w_plus(model, w_plus)
    return torch.stack([frames[index] for index in range(len(path))])


def grid_points(*, num_steps: int) -> Float[ndarray, "points 2"]:
    """Points of the whole square, row by row: t2 grows downwards and t1 to the right.

    Args:
        num_steps: Steps a side; there are (num_steps + 1) squared points.
    """
    t = np.linspace(0, 1, num_steps + 1)
    t2, t1 = np.meshgrid(t, t, indexing="ij")
    return np.stack([t1.ravel(), t2.ravel()], axis=1)


def cross_fade(
    images_source: Float[Tensor, "images 3 height width"],
    images_target: Float[Tensor, "images 3 height width"],
    *,
    num_steps: int,
) -> Float[Tensor, "points images 3 height width"]:
    """Mix pixels: the oldest transition, which knows nothing of shapes."""
    amounts = np.linspace(0, 1, num_steps + 1)
    return torch.stack([torch.lerp(images_source, images_target, float(t)) for t in amounts])


@torch.inference_mode()
def perceptual_steps(
    frames: Float[Tensor, "points images 3 height width"], *, network: str = "st-lpips-alex"
) -> Float[ndarray, "steps images"]:
    """Measure the perceptual distances between neighbouring frames.

    Args:
        frames: In order.
        network: See `metrics.perceptual_distance`.
    """
    before, after = frames[:-1].flatten(0, 1), frames[1:].flatten(0, 1)
    distances = perceptual_distance(before, after, network=network).double()
    return distances.unflatten(0, (len(frames) - 1, -1)).numpy()


def unevenness(steps: Float[ndarray, "steps *rest"]) -> Float[ndarray, "*rest"]:
    """Largest step of a path over its mean step.

    1 where all steps are equal; the number of steps where a single one does it all.
    """
    return steps.max(axis=0) / steps.mean(axis=0)


def edge_energy(
    frames: Float[Tensor, "*batch 3 height width"],
) -> Float[Tensor, "*batch"]:
    """How strong the edges of images are: the mean squared difference of neighbouring pixels.

    In a mix of two pictures the edges of both stand at half their contrast, so that a quarter of
    each one's energy is left: half of the mean, where the edges are in different places.
    """
    vertical = frames.diff(dim=-2).square().mean(dim=(-3, -2, -1))
    horizontal = frames.diff(dim=-1).square().mean(dim=(-3, -2, -1))
    return vertical + horizontal


def _interpolate(
    points: Float[ndarray, "points 2"],
    positions: Float[ndarray, " points"],
    wanted: Float[ndarray, " wanted"],
) -> Float[ndarray, "wanted 2"]:
    return np.stack([np.interp(wanted, positions, column) for column in points.T], axis=1)
