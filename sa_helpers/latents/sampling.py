"""From seeds to z, to w_plus and to images."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers.networks import Generator, broadcast_w, truncate
from sa_helpers.runtime import in_batches, randn_per_seed


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


@torch.no_grad()
def w_plus_from_seeds(
    generator: Generator, seeds: Sequence[int], *, truncation_psi: float
) -> Float[Tensor, "seeds num_ws w_dim"]:
    """Draw the latents of one image a seed, on the generator's device.

    Args:
        generator: On any device.
        seeds: One z each; the same seed gives the same z in every model.
        truncation_psi: 1 leaves latents unchanged, 0 gives the mean latent.

    Example:
        >>> import sa_helpers as sa
        >>> dog = sa.open_family("clay")["dog"].generator
        >>> w_plus = sa.w_plus_from_seeds(dog, [22], truncation_psi=0.7)
        >>> dog.synthesis(w_plus).shape
        torch.Size([1, 3, 128, 128])
    """
    z = z_from_seeds(seeds, z_dim=generator.config.z_dim, device=generator.w_avg.device)
    return z_to_w_plus(generator, z, truncation_psi=truncation_psi)


@torch.no_grad()
def images_from_seeds(
    generator: Generator,
    seeds: Sequence[int],
    *,
    truncation_psi: float,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "seeds 3 height width"]:
    """Generate one image a seed, with the constant noise of the model, on the CPU.

    Args:
        generator: On any device.
        seeds: One z each; the same seed gives the same z in every model.
        truncation_psi: 1 leaves latents unchanged, 0 gives the mean image.
        dtype: Of the features inside; the images are float32.

    Returns:
        Images, nominally in [-1, 1].

    Example:
        >>> import sa_helpers as sa
        >>> parent = sa.open_family("clay").parent.generator
        >>> sa.images_from_seeds(parent, range(4), truncation_psi=0.7).shape
        torch.Size([4, 3, 128, 128])
    """
    w_plus = w_plus_from_seeds(generator, seeds, truncation_psi=truncation_psi)
    return images_from_w_plus(generator, w_plus, dtype=dtype)


@torch.no_grad()
def images_from_w_plus(
    generator: Generator,
    w_plus: Float[Tensor, "images num_ws w_dim"],
    *,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "images 3 height width"]:
    """Generate images, a few at a time to bound the memory, on the CPU.

    Args:
        generator: On any device.
        w_plus: Of any model of the same sizes; from `w_plus_from_seeds` or `latents_to_w_plus`.
        dtype: Of the features inside; the images are float32.

    Returns:
        Images, nominally in [-1, 1].
    """
    w_plus = w_plus.to(generator.w_avg.device)
    return in_batches(lambda latents: generator.synthesis(latents, dtype=dtype).cpu(), w_plus)
