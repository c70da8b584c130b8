"""Fit a network to pictures whose answers are known, as readers and encoders are trained."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor, nn

from sa_helpers import runtime
from sa_helpers.images import from_uint8


class OneCycle:
    """AdamW with one cycle of the learning rate: it warms up, and falls to zero.

    Source: Loshchilov and Hutter 2019 (AdamW); Smith and Topin 2019 (one cycle).

    Args:
        network: Trained in place.
        learning_rate: At the peak.
        num_steps: Of the whole training.
    """

    def __init__(self, network: nn.Module, *, learning_rate: float, num_steps: int) -> None:
        self._optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, max_lr=learning_rate, total_steps=num_steps
        )

    def descend(self, loss: Tensor) -> None:
        """Take one step."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self._schedule.step()


def fit(
    network: nn.Module,
    pictures: UInt8[ndarray, "num_images height width 3"],
    loss_of: Callable[[Any, Tensor], Tensor],
    *,
    num_epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> Iterator[list[float]]:
    """Train in place, in batches in random order of pictures that are a little spoilt.

    Args:
        network: On the device of the training, in training mode.
        pictures: What it sees; those that fill no batch are left out of an epoch.
        loss_of: From what the network says of a batch, in whatever precision it was computed, and
            the positions of its pictures to the loss.
        num_epochs: Passes over the pictures.
        batch_size: Pictures a step.
        learning_rate: See `OneCycle`.
        seed: Of the order and of how pictures are spoilt.

    Yields:
        The losses of the steps of an epoch.
    """
    device = next(network.parameters()).device
    dtype = runtime.compute_dtype(device)
    count = len(pictures) // batch_size * batch_size
    num_steps = num_epochs * (count // batch_size)
    cycle = OneCycle(network, learning_rate=learning_rate, num_steps=num_steps)
    rng = torch.Generator().manual_seed(seed)
    for _ in range(num_epochs):
        losses = []
        for chosen in torch.randperm(len(pictures), generator=rng)[:count].split(batch_size):
            seen = perturb(from_uint8(pictures[chosen.numpy()]), rng=rng).to(device)
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                outputs = network(seen.contiguous(memory_format=torch.channels_last))
            loss = loss_of(outputs, chosen)
            cycle.descend(loss)
            losses.append(float(loss.detach()))
        yield losses


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
