"""Make a child step by step, and judge it on the way: what a notebook needs to train live."""

import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sa_helpers import images, metrics, runtime
from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.finetuning.trainer import Trainer
from sa_helpers.finetuning.training import Start
from sa_helpers.latents import images_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.seeds import Drawn, first_seeds

FEATURE_NETWORK = "efficientnet-lite0"
COARSE_RESOLUTION = 32
_NUM_GROUPS, _GROUP_SIZE = 10, 20
_NUM_LOGITS = 40
_NUM_SUBSETS = 20


def child_trainer(parent: Path, data: TrainingImages, *, settings: TrainingSettings) -> Trainer:
    """A trainer whose networks are a copy of a parent's, ready for the first step.

    Args:
        parent: Model with a discriminator, named as for `Start`.
        data: Images of the new domain, of the parent's resolution.
        settings: Usually `TrainingSettings.of_a_child(...)`.

    Raises:
        CheckpointError: No such model.
        ValueError: A model without discriminator, or images of another resolution.
    """
    generator, discriminator, _ = Start(parent=parent).networks(seed=settings.seed)
    device = runtime.default_device()
    return Trainer(
        generator=generator,
        discriminator=discriminator,
        data=data,
        settings=settings,
        device=device,
        dtype=runtime.compute_dtype(device),
    )


def finetune(parent: Path, data: TrainingImages, *, settings: TrainingSettings) -> Generator:
    """Fine-tune a copy of a parent on images of another domain, and return the averaged child.

    All happens in memory. A training of hours is better started by `sa-helpers finetune`, which
    keeps states, sheets and a record, and goes on after an interruption.

    Args:
        parent: Model with a discriminator, as `load_model` opens it.
        data: Images of the new domain, of the parent's resolution: `clay_images` or
            `folder_images`.
        settings: Usually `TrainingSettings.of_a_child(total_kimg=...)`.

    Raises:
        CheckpointError: No such model.
        ValueError: A model without discriminator, or images of another resolution.
        FloatingPointError: The training diverged.

    Example:
        >>> import sa_helpers as sa
        >>> from sa_helpers.datasets import clay_images
        >>> from sa_helpers.finetuning import TrainingSettings
        >>> parent = sa.open_family("clay").parent
        >>> toons = clay_images("toon", num_images=8, img_resolution=128)
        >>> settings = TrainingSettings.of_a_child(total_kimg=0.016)  # a child takes 10
        >>> child = sa.finetune(parent.path, toons, settings=settings)
        >>> sa.images_from_seeds(child, [22], truncation_psi=0.7).shape
        torch.Size([1, 3, 128, 128])
    """
    return train_until(child_trainer(parent, data, settings=settings), settings.total_kimg)


def train_until(trainer: Trainer, kimg: float) -> Generator:
    """Train up to `kimg` in all, and return a copy of the averaged generator as it is then.

    Raises:
        FloatingPointError: The training diverged.
    """
    batch_size = trainer.settings.batch_size
    last_step = round(kimg * 1000 / batch_size)
    for _ in runtime.progress(range(trainer.num_steps, last_step), desc=f"to {kimg:g} kimg"):
        trainer.step()
    return copy.deepcopy(trainer.generator_ema)


@dataclass(frozen=True)
class Evaluation:
    """How near a child is to its domain, and how well its discriminator knows its images by heart.

    Attributes:
        kimg: Length of the training so far.
        kernel_distances: Kernel distance of groups of generated images to the domain, one a group;
            the same z in every evaluation.
        coarse_distances: The same of images averaged down to `COARSE_RESOLUTION`: what is in the
            picture, without the finish of its surfaces.
        trained_logits: What the discriminator says of images that it was trained on, one each; it
            judges in groups, and what is left over of them is left out.
        held_out_logits: The same of images of the domain that it has never seen.
        generated_logits: The same of generated images.
        ada_probability: Of the augmentation, at this moment.
    """

    kimg: float
    kernel_distances: Float[ndarray, " groups"]
    coarse_distances: Float[ndarray, " groups"]
    trained_logits: Float[ndarray, " trained"]
    held_out_logits: Float[ndarray, " held_out"]
    generated_logits: Float[ndarray, " generated"]
    ada_probability: float

    @property
    def overfitting(self) -> Float[ndarray, " held_out"]:
        """ADA's heuristic with a validation set, one value an unseen image.

        0 where the discriminator takes it for a trained one, 1 where for a generated one. An
        interval over these covers the choice of unseen images, not of the others.

        Source: Karras et al. 2020 (ADA), Equation 1, r_v, which is the mean of these values.
        """
        trained, generated = self.trained_logits.mean(), self.generated_logits.mean()
        return (trained - self.held_out_logits) / (trained - generated)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON stores them, rounded to four decimals."""
        return {
            name: np.round(value, 4).tolist() if isinstance(value, ndarray) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Evaluation":
        """Inverse of `to_dict`."""
        arrays: dict[str, Any] = {
            name: np.array(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**arrays)


def evaluate(trainer: Trainer, *, domain: TrainingImages, held_out: TrainingImages) -> Evaluation:
    """Compare what a trainer's averaged generator makes with a domain, and ask its discriminator.

    Args:
        trainer: Left as it is.
        domain: All images of the domain that there are.
        held_out: Those of them that the trainer has not seen.
    """
    seeds = first_seeds(Drawn.JUDGED, _NUM_GROUPS * _GROUP_SIZE)
    generated = images_from_seeds(trainer.generator_ema, seeds, truncation_psi=1.0)
    resolution = domain.img_resolution
    return Evaluation(
        kimg=trainer.num_images_seen / 1000,
        kernel_distances=_kernel_distances(generated, domain, img_resolution=resolution),
        coarse_distances=_kernel_distances(generated, domain, img_resolution=COARSE_RESOLUTION),
        trained_logits=_logits(trainer, _some(trainer.data)),
        held_out_logits=_logits(trainer, _some(held_out)),
        generated_logits=_logits(trainer, generated[:_NUM_LOGITS]),
        ada_probability=round(trainer.ada_probability, 4),
    )


def _some(data: TrainingImages) -> Tensor:
    """A few images in random order: neighbours in a folder are often variants of one picture."""
    order = np.random.default_rng(0).permutation(len(data))
    return images.from_uint8(data.array[order[:_NUM_LOGITS]])


def _kernel_distances(
    generated: Tensor, domain: TrainingImages, *, img_resolution: int
) -> Float[ndarray, " groups"]:
    def reduced(batch: Tensor) -> Tensor:
        return images.resize(batch, img_resolution=img_resolution)

    real = metrics.cached_features(
        f"{img_resolution} px of {domain.sha256}",
        lambda: map(reduced, domain.batches()),
        network=FEATURE_NETWORK,
    )
    fake = metrics.extract_features(reduced(generated), network=FEATURE_NETWORK)
    sampling = {"num_subsets": _NUM_SUBSETS, "subset_size": _GROUP_SIZE}
    groups = np.split(fake, _NUM_GROUPS)
    return np.array([metrics.kernel_distance(group, real, **sampling).mean for group in groups])


@torch.inference_mode()
def _logits(trainer: Trainer, batch: Tensor) -> Float[ndarray, " images"]:
    """Logits in groups as small as the discriminator compares; what is left over is left out."""
    size = trainer.discriminator.config.mbstd_group_size
    if len(batch) < size:
        raise ValueError(f"There are {len(batch)} images to judge; expected {size} or more.")
    whole = batch[: len(batch) // size * size].to(trainer.device)
    logits = [trainer.discriminator(group) for group in whole.split(size)]
    return torch.cat(logits)[:, 0].cpu().double().numpy()
