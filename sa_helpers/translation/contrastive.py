"""Losses of contrastive unpaired translation (CUT)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def patch_nce_loss(
    queries: Float[Tensor, "batch patches dim"],
    keys: Float[Tensor, "batch patches dim"],
    *,
    temperature: float,
) -> Float[Tensor, ""]:
    """Ask each patch of the output for the patch of the input at its place, among the others.

    Args:
        queries: Unit vectors of the output.
        keys: Unit vectors of the input, at the same places; no gradient flows into them.
        temperature: Divides the similarities.

    Returns:
        Mean cross-entropy in nats; log(patches) where the vectors tell nothing.

    Source: Park et al. 2020 (CUT), Equations 2 and 3, with negatives of the same image.
    """
    logits = queries @ keys.detach().transpose(1, 2) / temperature
    batch, patches, _ = logits.shape
    targets = torch.arange(patches, device=logits.device).expand(batch, patches)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def discriminator_loss(
    real_logits: Float[Tensor, "batch 1 height width"],
    fake_logits: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, ""]:
    """Least squares: half the mean of (D(y) - 1)² + D(G(x))².

    Source: Mao et al. 2017 (LSGAN), Equation 9.
    """
    return ((real_logits - 1).square().mean() + fake_logits.square().mean()) / 2


def generator_loss(fake_logits: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, ""]:
    """Least squares: mean of (D(G(x)) - 1)².

    Source: Mao et al. 2017 (LSGAN), Equation 9.
    """
    return (fake_logits - 1).square().mean()
