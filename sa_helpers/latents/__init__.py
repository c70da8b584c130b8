"""Latent spaces: from seeds to z, from z to w_plus, truncation, and from all of them to images."""

from sa_helpers.latents.sampling import (
    images_from_seeds,
    images_from_w_plus,
    w_plus_from_seeds,
    z_from_seeds,
    z_to_w_plus,
)
from sa_helpers.latents.spaces import SPACES, LatentSpace, latents_to_w_plus
from sa_helpers.networks import broadcast_w, truncate

__all__ = [
    "SPACES",
    "LatentSpace",
    "broadcast_w",
    "images_from_seeds",
    "images_from_w_plus",
    "latents_to_w_plus",
    "truncate",
    "w_plus_from_seeds",
    "z_from_seeds",
    "z_to_w_plus",
]
