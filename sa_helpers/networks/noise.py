"""The per-pixel noise of the synthesis layers: where it comes from."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

NoiseSource = Literal["const", "none"] | torch.Generator | Sequence[int]


def draw_noise(
    source: NoiseSource,
    constants: Sequence[Float[Tensor, "_ _"]],
    *,
    batch_size: int,
) -> list[Float[Tensor, "samples 1 _ _"] | None]:
    """One noise map for each layer that has noise, in order of the layers.

    Args:
        source: "const": the maps stored in the network; "none": no noise; a torch.Generator:
            fresh noise, as in training; a sequence of integers: one seed a sample, so that a
            sample keeps its noise in any batch.
        constants: The stored maps.
        batch_size: Number of samples.

    Raises:
        ValueError: Another word, or a number of seeds that is not the batch size.
    """
    if isinstance(source, torch.Generator):
        return [_fresh(source, batch_size, constant) for constant in constants]
    if isinstance(source, str):
        if source not in ("const", "none"):
            raise ValueError(
                f'noise is "{source}"; expected "const", "none", seeds or a generator.'
            )
        return [constant[None, None] if source == "const" else None for constant in constants]
    if len(source) != batch_size:
        raise ValueError(f"noise has {len(source)} seeds for {batch_size} samples; give one each.")
    generators = [torch.Generator().manual_seed(int(seed)) for seed in source]
    return [torch.cat([_fresh(g, 1, constant) for g in generators]) for constant in constants]


def _fresh(
    generator: torch.Generator, batch_size: int, like: Float[Tensor, "height width"]
) -> Float[Tensor, "batch 1 height width"]:
    # Drawn in float32 on the generator's device: a seed means the same noise on every device.
    shape = (batch_size, 1, *like.shape)
    return torch.randn(shape, generator=generator, device=generator.device).to(like)
