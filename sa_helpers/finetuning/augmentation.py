"""Adaptive discriminator augmentation (ADA): the "bgc" pipeline and its controller.

The pipeline applies pixel blitting (b), geometric transforms (g) and colour transforms (c), each
with the same probability p, to everything that the discriminator sees. It works with two
matrices per image, one for coordinates and one for colours, so any combination of transforms
costs one resampling and one matrix product. Bicubic resampling takes the place of the published
wavelet filter: it leaves an untransformed image exactly as it is.

Source: Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data",
Appendix B and Section 3.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class Transforms:
    """What happens to each image of a batch; nothing at all where there are no matrices.

    Attributes:
        geometry: Output-to-input maps in the normalised coordinates of `affine_grid`.
        colours: Affine maps of RGB in [-1, 1].
    """

    geometry: Float[Tensor, "batch 3 3"] | None = None
    colours: Float[Tensor, "batch 4 4"] | None = None

    def of(self, rows: Int64[Tensor, " rows"]) -> "Transforms":
        """Those of some images of the batch."""
        if self.geometry is None or self.colours is None:
            return self
        return Transforms(self.geometry[rows], self.colours[rows])

    def apply(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Transform each image by its own; differentiable once with respect to the images."""
        if self.geometry is None or self.colours is None:
            return images
        geometry, colours = self.geometry.to(images), self.colours.to(images)
        grid = F.affine_grid(geometry[:, :2], list(images.shape), align_corners=False)
        warped = F.grid_sample(
            images, grid, mode="bicubic", padding_mode="reflection", align_corners=False
        )
        flat = warped.reshape(len(images), 3, -1)
        recoloured = colours[:, :3, :3] @ flat + colours[:, :3, 3:]
        return recoloured.reshape(images.shape)


def draw_transforms(
    batch_size: int, *, img_resolution: int, probability: float, rng: torch.Generator
) -> Transforms:
    """Draw what `augment` does to square images.

    Args:
        batch_size: Of all images together, however they are divided later.
        img_resolution: Their side in pixels.
        probability: Chance of each single transform, 0 to 1; 0 draws nothing.
        rng: A CPU generator.

    Raises:
        ValueError: `probability` outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability is {probability}, but it has to lie between 0 and 1.")
    if probability == 0:
        return Transforms()
    draw = _Draws(batch_size, probability=probability, rng=rng)
    geometry = _geometry_matrix(draw, side=img_resolution)
    return Transforms(geometry, _colour_matrix(draw))


def augment(
    images: Float[Tensor, "batch 3 side side"], *, probability: float, rng: torch.Generator
) -> Float[Tensor, "batch 3 side side"]:
    """Transform each image at random; differentiable once with respect to the images.

    Args:
        images: Square.
        probability: Chance of each single transform, 0 to 1; 0 returns the images unchanged.
        rng: Source of every random draw, a CPU generator.

    Raises:
        ValueError: `probability` outside [0, 1].
    """
    count, side = len(images), images.shape[-1]
    transforms = draw_transforms(count, img_resolution=side, probability=probability, rng=rng)
    return transforms.apply(images)


def adjust_probability(
    probability: float, *, sign_mean: float, target: float, num_images: int, ada_kimg: float
) -> float:
    """One step of the controller: move p so that E[sign(D(real))] approaches `target`.

    Args:
        probability: The current p, 0 to 1.
        sign_mean: Mean of sign(D(real)) over the `num_images` seen since the last step.
        ada_kimg: Kimg in which p can move from 0 to 1.

    Source: Karras et al. 2020 (ADA), Section 3.1.
    """
    direction = (sign_mean > target) - (sign_mean < target)
    return min(1.0, max(0.0, probability + direction * num_images / (ada_kimg * 1000)))


class _Draws:
    """Random parameters for a batch: a transform is applied to an image with probability p."""

    def __init__(self, batch_size: int, *, probability: float, rng: torch.Generator) -> None:
        self.batch_size, self.probability, self.rng = batch_size, probability, rng

    def uniform(self, low: float, high: float, *, neutral: float, share: float = 1.0) -> Tensor:
        value = torch.rand(self.batch_size, generator=self.rng) * (high - low) + low
        return self._apply(value, neutral, share)

    def normal(self, std: float) -> Tensor:
        return self._apply(torch.randn(self.batch_size, generator=self.rng) * std, 0.0, 1.0)

    def choice(self, num_options: int) -> Tensor:
        value = torch.randint(num_options, (self.batch_size,), generator=self.rng).float()
        return self._apply(value, 0.0, 1.0)

    def _apply(self, value: Tensor, neutral: float, share: float) -> Tensor:
        chosen = torch.rand(self.batch_size, generator=self.rng) < self.probability * share
        return torch.where(chosen, value, torch.full_like(value, neutral))


def _geometry_matrix(draw: _Draws, *, side: int) -> Tensor:
    """Output-to-input map in the normalised coordinates of `affine_grid`, [batch, 3, 3].

    Shifts are drawn for each axis on its own, where ADA draws one chance for both.
    """
    flip = 1 - 2 * draw.choice(2)
    matrix = _scale(flip, torch.ones_like(flip))
    matrix = matrix @ _rotate(draw.choice(4) * (math.pi / 2))
    shift_x, shift_y = (draw.uniform(-0.125, 0.125, neutral=0.0) for _ in range(2))
    # Whole pixels, as blitting means; two units of normalised coordinates span the image.
    matrix = matrix @ _shift(
        torch.round(shift_x * side) * 2 / side, torch.round(shift_y * side) * 2 / side
    )
    zoom = torch.exp2(draw.normal(0.2))
    matrix = matrix @ _scale(zoom, zoom)
    # Two rotations around the stretch, each with a share that makes p the chance of at least one.
    share = (1 - math.sqrt(1 - draw.probability)) / draw.probability
    matrix = matrix @ _rotate(draw.uniform(-math.pi, math.pi, neutral=0.0, share=share))
    stretch = torch.exp2(draw.normal(0.2))
    matrix = matrix @ _scale(stretch, 1 / stretch)
    matrix = matrix @ _rotate(draw.uniform(-math.pi, math.pi, neutral=0.0, share=share))
    return matrix @ _shift(2 * draw.normal(0.125), 2 * draw.normal(0.125))


def _colour_matrix(draw: _Draws) -> Tensor:
    """Affine map of RGB in [-1, 1], [batch, 4, 4]: brightness to saturation, in that order."""
    axis = torch.tensor([1.0, 1.0, 1.0, 0.0]) / math.sqrt(3)
    luma = torch.outer(axis, axis)
    identity = torch.eye(4)
    matrix = identity.repeat(draw.batch_size, 1, 1)
    matrix[:, :3, 3] = draw.normal(0.2)[:, None]
    contrast = torch.exp2(draw.normal(0.5))
    matrix = _diagonal(contrast, contrast, contrast) @ matrix
    matrix = (identity - 2 * luma * draw.choice(2)[:, None, None]) @ matrix
    matrix = _rotate_hue(draw.uniform(-math.pi, math.pi, neutral=0.0)) @ matrix
    saturation = torch.exp2(draw.normal(1.0))[:, None, None]
    return (luma + (identity - luma) * saturation + _affine_corner(1 - saturation)) @ matrix


def _affine_corner(value: Tensor) -> Tensor:
    """Put `value` [batch, 1, 1] in the last diagonal element of an otherwise zero 4x4 matrix."""
    corner = torch.zeros(4, 4)
    corner[3, 3] = 1
    return corner * value


def _rotate_hue(angle: Tensor) -> Tensor:
    """Rotation of RGB around the grey axis (Rodrigues' formula), [batch, 4, 4]."""
    k = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -k, k], [k, 0, -k], [-k, k, 0]])
    sin, cos = angle.sin()[:, None, None], angle.cos()[:, None, None]
    matrix = torch.eye(4).repeat(len(angle), 1, 1)
    matrix[:, :3, :3] = torch.eye(3) + sin * cross + (1 - cos) * (cross @ cross)
    return matrix


def _diagonal(*values: Tensor) -> Tensor:
    """Homogeneous scaling matrix from per-image factors."""
    return torch.diag_embed(torch.stack([*values, torch.ones_like(values[0])], dim=1))


def _scale(x: Tensor, y: Tensor) -> Tensor:
    return _diagonal(x, y)


def _rotate(angle: Tensor) -> Tensor:
    matrix = torch.eye(3).repeat(len(angle), 1, 1)
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 1, 0] = angle.sin()
    matrix[:, 0, 1] = -angle.sin()
    return matrix


def _shift(x: Tensor, y: Tensor) -> Tensor:
    matrix = torch.eye(3).repeat(len(x), 1, 1)
    matrix[:, 0, 2], matrix[:, 1, 2] = x, y
    return matrix
