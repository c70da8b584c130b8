"""Encoders behind one function: those of this package and the published ones."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers.images import resize
from sa_helpers.inversion.latent_encoder import LatentEncoder
from sa_helpers.networks import Encoder
from sa_helpers.runtime import in_batches

ImageEncoder = LatentEncoder | Encoder


@torch.no_grad()
def encode(
    images: Float[Tensor, "images 3 height width"],
    encoder: ImageEncoder,
    *,
    space: str,
    truncation_psi: float,
) -> Float[Tensor, "images layers dim"]:
    """Ask an encoder for latents.

    Args:
        images: In [-1, 1], square; resized to what the encoder reads.
        encoder: Ours, for any of its spaces, or pSp or e4e, whose space is "w_plus".
        space: Of the latents, see `SPACES`.
        truncation_psi: That the latents are meant for, in Z and Z+.

    Returns:
        Latents as `LatentSpace.to_w_plus` takes them, on the encoder's device.

    Raises:
        ValueError: The encoder does not know the space, or was trained with another truncation.
    """
    device = next(encoder.parameters()).device
    small = resize(images, img_resolution=encoder.config.img_resolution).clamp(-1, 1).to(device)
    if isinstance(encoder, LatentEncoder):
        _check_space(space, encoder.config.spaces)
        _check_truncation(encoder, space, truncation_psi)
        return in_batches(lambda batch: encoder(batch)[space], small)
    _check_space(space, ("w_plus",))
    return in_batches(encoder, small)


def _check_space(space: str, known: Sequence[str]) -> None:
    if space not in known:
        raise ValueError(
            f'The encoder gives latents of {list(known)}, not of "{space}". Choose one of these, '
            "or train another one with `sa-helpers train-encoder --help`."
        )


def _check_truncation(encoder: LatentEncoder, space: str, truncation_psi: float) -> None:
    trained = encoder.config.truncation_psi
    if space in ("z", "z_plus") and truncation_psi != trained:
        raise ValueError(
            f"The encoder was trained with truncation_psi={trained}, and {truncation_psi} is "
            "wanted. Give both the same, or search without the encoder."
        )
