"""The four latent spaces that an inversion can find latents in: Z, Z+, W and W+.

Z is where the prior is known, W+ is where most images can be reached. The plus spaces have a latent
of their own for every layer.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers.latents.sampling import z_from_seeds
from sa_helpers.networks import Generator, broadcast_w, truncate

_NUM_SAMPLES = 10_000


@dataclass(frozen=True)
class LatentSpace:
    """One of the spaces.

    Attributes:
        name: "z", "z_plus", "w" or "w_plus".
        is_before_mapping: Whether its latents are z, which the mapping network turns into w.
        has_layers: Whether every layer has a latent of its own.
    """

    name: str
    is_before_mapping: bool
    has_layers: bool

    def start(
        self, generator: Generator, *, num_images: int
    ) -> Float[Tensor, "num_images layers dim"]:
        """Where a search begins: z = 0, or the mean of w."""
        layers = generator.num_ws if self.has_layers else 1
        config = generator.config
        if self.is_before_mapping:
            return torch.zeros(num_images, layers, config.z_dim, device=generator.w_avg.device)
        return generator.w_avg.expand(num_images, layers, config.w_dim).clone()

    def spread(self, generator: Generator) -> float:
        """Standard deviation of the space: 1 in Z, the root mean square distance to w_avg in W."""
        if self.is_before_mapping:
            return 1.0
        device = generator.w_avg.device
        z = z_from_seeds(range(_NUM_SAMPLES), z_dim=generator.config.z_dim, device=device)
        with torch.no_grad():
            squared = (generator.mapping(z) - generator.w_avg).square().sum(dim=1)
        return float(squared.mean().sqrt())

    def to_w_plus(
        self,
        generator: Generator,
        latents: Float[Tensor, "num_images layers dim"],
        *,
        truncation_psi: float,
    ) -> Float[Tensor, "num_images num_ws w_dim"]:
        """What the synthesis network gets; truncation applies to latents before the mapping."""
        if not self.is_before_mapping:
            return latents.expand(-1, generator.num_ws, -1)
        w = generator.mapping(latents.flatten(0, 1))
        if self.has_layers:
            w_plus = w.unflatten(0, latents.shape[:2])
        else:
            w_plus = broadcast_w(w, num_ws=generator.num_ws)
        return truncate(w_plus, generator.w_avg, truncation_psi=truncation_psi)


SPACES = {
    space.name: space
    for space in (
        LatentSpace("z", is_before_mapping=True, has_layers=False),
        LatentSpace("z_plus", is_before_mapping=True, has_layers=True),
        LatentSpace("w", is_before_mapping=False, has_layers=False),
        LatentSpace("w_plus", is_before_mapping=False, has_layers=True),
    )
}
"""Name to space."""


@torch.no_grad()
def latents_to_w_plus(
    generator: Generator,
    latents: Float[Tensor, "images layers dim"],
    *,
    space: str,
    truncation_psi: float,
) -> Float[Tensor, "images num_ws w_dim"]:
    """What the synthesis network of a model gets for latents that were found in this or another.

    Args:
        generator: Whose mapping network turns latents of Z and Z+ into w; those of W and W+ are
            handed on as they are.
        latents: Such as an inversion finds.
        space: Of the latents, one of `SPACES`.
        truncation_psi: Of latents of Z and Z+.
    """
    return SPACES[space].to_w_plus(generator, latents, truncation_psi=truncation_psi)
