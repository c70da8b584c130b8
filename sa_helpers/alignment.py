"""How closely two models are aligned: by weights, images, latents, and over a training."""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sa_helpers.blending import COMPONENTS, require_same_config, weight_change
from sa_helpers.latents import images_from_seeds, z_from_seeds
from sa_helpers.metrics import perceptual_distance
from sa_helpers.networks import Generator

Label = TypeVar("Label", bound=Hashable)

# Measured in conv: clay children 0.98 and more; a model and the one grown from it 0.98; two models
# trained on the same domain, independently, 0.001 and less.
MIN_CORRELATION = 0.2


def weight_correlations(parent: Generator, child: Generator) -> dict[str, float]:
    """Correlate the weights of two models, component by component.

    Returns:
        Component to Pearson correlation: near 1 after a fine-tuning, near 0 for models that began
        from different random weights.

    Raises:
        ValueError: Models of different sizes.
    """
    return {part: weight_change(parent, child, part).correlation for part in COMPONENTS}


def are_aligned(parent: Generator, child: Generator) -> bool:
    """Tell from the weights whether one model descends from the other, or both from a third.

    Training never moves weights far, and random weights have nothing in common, so the correlation
    of the feature convolutions tells the two cases apart. Where it is below `MIN_CORRELATION` a
    warning says so: what the book claims of aligned models does not hold for such a pair. NVIDIA's
    AFHQ models are the usual trap, being trained from scratch and not from FFHQ.

    Raises:
        ValueError: Models of different sizes.
    """
    correlation = weight_correlations(parent, child)["conv"]
    if correlation >= MIN_CORRELATION:
        return True
    warnings.warn(
        f"The feature convolutions of the two models have a correlation of {correlation:.3f}; a "
        f"parent and its child have {MIN_CORRELATION} or more, mostly above 0.9. The models were "
        "trained independently and are not aligned; find the checkpoint that the child's training "
        "resumed from.",
        stacklevel=2,
    )
    return False


def image_changes(
    reference: Generator,
    variants: Mapping[Label, Generator],
    seeds: Sequence[int],
    *,
    truncation_psi: float,
    network: str = "st-lpips-alex",
) -> dict[Label, Float[ndarray, " seeds"]]:
    """Measure what each variant changes in the reference's images of the same seeds.

    Args:
        reference: Model whose images are compared with.
        variants: Label to model, such as component to the child with that component reset.
        seeds: One image each.
        truncation_psi: For all models.
        network: See `metrics.perceptual_distance`.

    Returns:
        Label to perceptual distances, one a seed, for `intervals.bootstrap`.
    """
    images = images_from_seeds(reference, seeds, truncation_psi=truncation_psi)
    return {
        label: _distances(
            images, images_from_seeds(variant, seeds, truncation_psi=truncation_psi), network
        )
        for label, variant in variants.items()
    }


@dataclass(frozen=True)
class Transition:
    """What fine-tuning did to the images of some seeds, stage by stage.

    Attributes:
        kimg: Of the stages, increasing; the first is the parent.
        from_start: Perceptual distance from the first stage.
        steps: Perceptual distance from the stage before.
    """

    kimg: Float[ndarray, " stages"]
    from_start: Float[ndarray, "stages seeds"]
    steps: Float[ndarray, "steps seeds"]

    @property
    def share(self) -> Float[ndarray, "stages seeds"]:
        """Distance from the first stage as a share of that of the last stage."""
        return self.from_start / self.from_start[-1]

    @property
    def pace(self) -> Float[ndarray, "steps seeds"]:
        """Perceptual distance between neighbouring stages, per kimg."""
        return self.steps / np.diff(self.kimg)[:, None]

    def last_before(self, share_of_kimg: float) -> int:
        """Index of the last stage within this share of the training."""
        return int(np.searchsorted(self.kimg, share_of_kimg * self.kimg[-1], side="right")) - 1


def measure_transition(
    stages: Sequence[tuple[float, Generator]],
    seeds: Sequence[int],
    *,
    truncation_psi: float,
    network: str = "st-lpips-alex",
) -> Transition:
    """Follow the images of fixed seeds through the stages of a fine-tuning.

    Args:
        stages: (kimg, model) in order of training, the parent first.
        seeds: One image each.
        truncation_psi: For all stages.
        network: See `metrics.perceptual_distance`.

    Raises:
        ValueError: Fewer than two stages, or kimg that do not increase.

    Source: Wu et al. 2022 (StyleAlign), Figures 4 and 13, which show it by example.
    """
    kimg = np.array([stage_kimg for stage_kimg, _ in stages], dtype=np.float64)
    if len(kimg) < 2 or (np.diff(kimg) <= 0).any():
        raise ValueError(
            f"The stages are at {kimg.tolist()} kimg; expected two or more, in order of training. "
            "Put the parent at 0 and the child at the end, without repeating a snapshot."
        )
    images = [images_from_seeds(model, seeds, truncation_psi=truncation_psi) for _, model in stages]
    first, *later = images
    from_start = [_distances(first, image, network) for image in later]
    further_steps = [_distances(*pair, network) for pair in pairwise(later)]
    return Transition(
        kimg,
        np.stack([np.zeros(len(seeds)), *from_start]),
        np.stack([from_start[0], *further_steps]),
    )


@torch.inference_mode()
def latent_distances(
    parent: Generator, child: Generator, seeds: Sequence[int]
) -> Float[ndarray, " seeds"]:
    """Measure how far the child's w is from the parent's w of the same z.

    The unit is the distance that w of two different z typically have in the parent (root mean
    square): 0 means the same point, 1 means as far as another sample's w.

    Args:
        parent: Gives the unit.
        child: Model of the same sizes.
        seeds: One z each, two or more, without truncation.

    Raises:
        ValueError: Models of different sizes, or fewer than two seeds.

    Source: Wu et al. 2022 (StyleAlign), Section 3, "point-wise aligned".
    """
    require_same_config(parent, child)
    if len(seeds) < 2:
        raise ValueError(f"There are {len(seeds)} seeds; expected two or more to have a spread.")
    z = z_from_seeds(seeds, z_dim=parent.config.z_dim)
    w, w_child = (model.mapping(z.to(model.w_avg.device)).cpu() for model in (parent, child))
    # The mean squared distance of two independent draws is twice their total variance.
    unit = (2 * w.var(dim=0).sum()).sqrt()
    return (torch.linalg.vector_norm(w_child - w, dim=1) / unit).double().numpy()


def _distances(images: Tensor, others: Tensor, network: str) -> Float[ndarray, " seeds"]:
    with torch.inference_mode():
        return perceptual_distance(images, others, network=network).double().numpy()
