"""Train readers on rendered samples."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sa_helpers import clay, runtime
from sa_helpers.fitting import fit
from sa_helpers.recognition.attribute_network import AttributeNetwork
from sa_helpers.recognition.coding import FactorCoding
from sa_helpers.recognition.segmenter import Segmenter
from sa_helpers.seeds import Rendered


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """How a reader is trained.

    Args:
        num_images: Images of each domain that are rendered for training.
        num_epochs: Passes over the images.
        batch_size: Images a step.
        learning_rate: Peak of a schedule that warms up and falls to zero (one cycle).
        first_seed: Seed of the first rendered image; by default no generator is trained on these,
            and nothing is measured on them (`seeds.Rendered`).
        seed: Seed of everything random in the training.

    Raises:
        ValueError: A setting outside its range.
    """

    num_images: int = 12000
    num_epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 3e-3
    first_seed: int = Rendered.READERS.start
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject values that would make a training meaningless, before it costs anything."""
        for name in ("num_epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected more than 0.")
        if self.num_images < self.batch_size:
            raise ValueError(
                f"num_images is {self.num_images}; expected {self.batch_size}, a batch, or more."
            )


def train_attributes(
    domain: str, settings: ReaderSettings, *, report: Callable[[str], None] = print
) -> AttributeNetwork:
    """Train a network that reads the factors of one domain.

    Args:
        domain: Of the clay world.
        report: Called with a line after every epoch.
    """
    seeds = range(settings.first_seed, settings.first_seed + settings.num_images)
    batch = clay.render(domain, seeds)
    coding = FactorCoding.fit(clay.factor_specs(domain), batch.factors)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = AttributeNetwork(coding)
    targets = coding.encode(batch.factors)
    _train(
        network,
        batch.images,
        lambda outputs, indices: coding.loss(outputs, targets[indices].to(outputs.device)),
        settings,
        report,
    )
    return network


def train_segmenter(
    domains: Sequence[str], settings: ReaderSettings, *, report: Callable[[str], None] = print
) -> Segmenter:
    """Train a network that labels the regions of pictures from any of some domains.

    Args:
        domains: Of the clay world; every one gives `num_images` samples.
        report: Called with a line after every epoch.
    """
    seeds = range(settings.first_seed, settings.first_seed + settings.num_images)
    batches = [clay.render(domain, seeds) for domain in domains]
    masks = torch.from_numpy(np.concatenate([batch.masks for batch in batches]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = Segmenter(clay.REGIONS)
    _train(
        network,
        np.concatenate([batch.images for batch in batches]),
        lambda logits, indices: F.cross_entropy(logits, masks[indices].long().to(logits.device)),
        settings,
        report,
    )
    return network


def _train(
    network: nn.Module,
    pictures: np.ndarray,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    settings: ReaderSettings,
    report: Callable[[str], None],
) -> None:
    """Train in place; end in evaluation mode."""
    network.to(runtime.default_device()).to(memory_format=torch.channels_last).train()
    started = time.monotonic()
    epochs = fit(
        network,
        pictures,
        lambda outputs, indices: loss_of(outputs.float(), indices),
        num_epochs=settings.num_epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
    )
    for epoch, losses in enumerate(epochs, start=1):
        seconds = time.monotonic() - started
        mean = sum(losses) / len(losses)
        report(f"epoch {epoch}/{settings.num_epochs}  loss {mean:.4f}  {seconds:.0f} s")
    network.eval().requires_grad_(False)
