"""Train readers on rendered samples."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers import clay, images, runtime
from sa_helpers.recognition.attribute_network import AttributeNetwork
from sa_helpers.recognition.coding import FactorCoding
from sa_helpers.recognition.segmenter import Segmenter


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """How a reader is trained.

    Args:
        num_images: Images of each domain that are rendered for training.
        num_epochs: Passes over the images.
        batch_size: Images a step.
        learning_rate: Peak of a schedule that warms up and falls to zero (one cycle).
        first_seed: Seed of the first rendered image. The generators' training images begin at 0,
            the held-out ones at 2 000 000: no reader sees either.
        seed: Seed of everything random in the training.

    Raises:
        ValueError: A setting outside its range.
    """

    num_images: int = 12000
    num_epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 3e-3
    first_seed: int = 1_000_000
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
    _fit(
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
    _fit(
        network,
        np.concatenate([batch.images for batch in batches]),
        lambda logits, indices: F.cross_entropy(logits, masks[indices].long().to(logits.device)),
        settings,
        report,
    )
    return network


def _fit(
    network: nn.Module,
    arrays: np.ndarray,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    settings: ReaderSettings,
    report: Callable[[str], None],
) -> None:
    """Train in place with Adam and one cycle of the learning rate; end in evaluation mode."""
    device = runtime.default_device()
    network.to(device).to(memory_format=torch.channels_last).train()
    num_steps = settings.num_epochs * (len(arrays) // settings.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=settings.learning_rate, total_steps=num_steps
    )
    rng = torch.Generator().manual_seed(settings.seed)
    dtype = runtime.compute_dtype(device)
    started = time.monotonic()
    for epoch in range(settings.num_epochs):
        total = 0.0
        for indices in _batches(len(arrays), settings.batch_size, rng):
            seen = perturb(images.from_uint8(arrays[indices.numpy()]), rng=rng).to(device)
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                outputs = network(seen.contiguous(memory_format=torch.channels_last))
            loss = loss_of(outputs.float(), indices)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(indices)
        seconds = time.monotonic() - started
        mean = total / (num_steps // settings.num_epochs * settings.batch_size)
        report(f"epoch {epoch + 1}/{settings.num_epochs}  loss {mean:.4f}  {seconds:.0f} s")
    network.eval().requires_grad_(False)


def _batches(num_images: int, batch_size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Full batches in random order."""
    order = torch.randperm(num_images, generator=rng)
    yield from order[: num_images // batch_size * batch_size].split(batch_size)


def perturb(
    batch: Float[Tensor, "batch 3 height width"], *, rng: torch.Generator
) -> Float[Tensor, "batch 3 height width"]:
    """Spoil images a little, each batch differently, so that readers also read generated ones.

    Generators blur, ring and speckle. Contrast, brightness and tint change by up to a tenth; half
    of the batches are blurred by resizing, and all get noise. Nothing moves: the labels stay true.
    """
    count = (len(batch), 3, 1, 1)
    gain = 1 + 0.1 * (2 * torch.rand(count, generator=rng) - 1)
    shift = 0.1 * (2 * torch.rand(count, generator=rng) - 1)
    spoilt = batch * gain + shift
    if float(torch.rand((), generator=rng)) < 0.5:
        side = batch.shape[-1]
        smaller = int(side * (0.5 + 0.5 * float(torch.rand((), generator=rng))))
        for size in (smaller, side):
            spoilt = F.interpolate(spoilt, size=(size, size), mode="bilinear", antialias=True)
    strength = 0.08 * float(torch.rand((), generator=rng))
    noise = torch.randn(spoilt.shape, generator=rng)
    return (spoilt + strength * noise).clamp(-1, 1)
