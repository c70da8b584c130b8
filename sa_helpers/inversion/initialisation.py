"""Where a search begins: at the mean, or at the sample that looks most like the image."""

import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers.images import resize
from sa_helpers.latents import LatentSpace, truncate, z_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.runtime import in_batches

_COMPARED_PX = 32


@torch.no_grad()
def nearest_samples(
    images: Float[Tensor, "images 3 height width"],
    generator: Generator,
    space: LatentSpace,
    *,
    num_candidates: int,
    truncation_psi: float,
) -> Float[Tensor, "images layers dim"]:
    """Choose for each image, among generated ones, the one with the nearest pixels at 32 px.

    In Z that is worth much: z = 0 has no direction, which is all that the mapping network looks
    at, and a search from there ends in the first face that it meets.

    Args:
        images: In [-1, 1].
        generator: Draws the candidates, from the seeds 0, 1, 2, ….
        space: Of the latents.
        num_candidates: How many to draw.
        truncation_psi: Of the candidates.
    """
    device = generator.w_avg.device
    z = z_from_seeds(range(num_candidates), z_dim=generator.config.z_dim, device=device)
    single = z[:, None]
    if not space.is_before_mapping:
        w = generator.mapping(z)[:, None]
        single = truncate(w, generator.w_avg, truncation_psi=truncation_psi)
    latents = single.expand(-1, generator.num_ws if space.has_layers else 1, -1)
    w_plus = space.to_w_plus(generator, latents, truncation_psi=truncation_psi)
    drawn = in_batches(lambda part: _small(generator.synthesis(part)), w_plus)
    distances = torch.cdist(_small(images.to(device)), drawn)
    return latents[distances.argmin(dim=1)]


def _small(images: Tensor) -> Float[Tensor, "images values"]:
    side = min(_COMPARED_PX, images.shape[-1])
    return resize(images, img_resolution=side).clamp(-1, 1).flatten(1)
