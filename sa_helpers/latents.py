"""Latent spaces: from seeds to z, from z to w_plus, and truncation."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers.networks import Generator, broadcast_w, truncate
from sa_helpers.runtime import randn_per_seed

__all__ = ["broadcast_w", "truncate", "z_from_seeds", "z_to_w_plus"]


def z_from_seeds(
    seeds: Sequence[int], *, z_dim: int, device: torch.device | None = None
) -> Float[Tensor, "seeds {z_dim}"]:
    """Draw one z for each seed; a seed gives the same z in any batch and on any device."""
    return randn_per_seed(seeds, (z_dim,), device=device)


def z_to_w_plus(
    generator: Generator,
    z: Float[Tensor, "batch z_dim"],
    *,
    truncation_psi: float,
    cutoff: int | None = None,
) -> Float[Tensor, "batch num_ws w_dim"]:
    """Map z to truncated latents, one for each layer.

    Args:
        generator: Gives the mapping network, the mean latent and the number of layers.
        z: Normally distributed latents.
        truncation_psi: 1 leaves latents unchanged, 0 gives the mean latent.
        cutoff: Truncate layers [0, cutoff) only; None means all.
    """
    w_plus = broadcast_w(generator.mapping(z), num_ws=generator.num_ws)
    return truncate(w_plus, generator.w_avg, truncation_psi=truncation_psi, cutoff=cutoff)
