"""What is drawn at random for the generated images of one batch."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sa_helpers.networks import Generator


@dataclass(frozen=True)
class Latents:
    """For each image two z, which layers see the first of them, and a seed of its noise.

    Noise is drawn by the seed of each image: a portion of a batch costs only its own.
    """

    z: Float[Tensor, "2 batch z_dim"]
    is_first: Bool[Tensor, "batch num_ws"]
    noise_seeds: Int64[Tensor, " batch"] | None

    @classmethod
    def draw(
        cls,
        generator: Generator,
        rng: torch.Generator,
        *,
        batch_size: int,
        mixing_prob: float,
        is_noise_used: bool,
    ) -> "Latents":
        """Draw for a whole batch.

        Args:
            generator: Gives the sizes.
            rng: A CPU generator.
            batch_size: Of all images together, however they are divided later.
            mixing_prob: Share of images that mix their two latents at a random layer.
            is_noise_used: Whether they need noise.

        Source: Karras et al. 2019, Section 3.1 ("mixing regularization").
        """
        num_ws = generator.num_ws
        z = torch.randn(2 * batch_size, generator.config.z_dim, generator=rng)
        crossover = torch.randint(1, num_ws, (batch_size, 1), generator=rng)
        is_single = torch.rand(batch_size, 1, generator=rng) >= mixing_prob
        crossover = torch.where(is_single, num_ws, crossover)
        seeds = draw_seeds(rng, batch_size) if is_noise_used else None
        return cls(z.unflatten(0, (2, batch_size)), torch.arange(num_ws) < crossover, seeds)

    def of(self, rows: Int64[Tensor, " rows"]) -> "Latents":
        """Those of some images of the batch."""
        seeds = None if self.noise_seeds is None else self.noise_seeds[rows]
        return Latents(self.z[:, rows], self.is_first[rows], seeds)

    @property
    def noise(self) -> list[int] | Literal["none"]:
        """As the synthesis network takes it."""
        return "none" if self.noise_seeds is None else self.noise_seeds.tolist()


def draw_seeds(rng: torch.Generator, count: int) -> Int64[Tensor, " count"]:
    """Draw seeds, one an image."""
    return torch.randint(2**62, (count,), generator=rng)
