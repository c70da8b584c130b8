"""Losses of StyleGAN2: non-saturating logistic loss, R1 and path-length regularisation."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def generator_loss(fake_logits: Float[Tensor, "batch 1"]) -> Float[Tensor, ""]:
    """Non-saturating generator loss: mean of softplus(-D(G(z))).

    Source: Goodfellow et al. 2014, Section 3.
    """
    return F.softplus(-fake_logits).mean()


def discriminator_loss(
    real_logits: Float[Tensor, "batch 1"], fake_logits: Float[Tensor, "batch 1"]
) -> Float[Tensor, ""]:
    """Logistic discriminator loss: mean of softplus(-D(x)) + softplus(D(G(z))).

    Source: Goodfellow et al. 2014, Equation 1.
    """
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def r1_penalty(
    real_logits: Float[Tensor, "batch 1"], real_images: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, ""]:
    """Mean squared gradient norm of the logits with respect to the real images.

    The caller multiplies by gamma / 2. The graph is kept, so the penalty can be minimised.

    Source: Mescheder et al. 2018, Equation 9.
    """
    (gradient,) = torch.autograd.grad(real_logits.sum(), real_images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def path_lengths(
    images: Float[Tensor, "batch 3 height width"],
    w_plus: Float[Tensor, "batch num_ws w_dim"],
    *,
    image_noise: Float[Tensor, "batch 3 height width"],
) -> Float[Tensor, " batch"]:
    """Length of J_w^T y for image noise y of unit variance, per sample.

    Source: Karras et al. 2020 (StyleGAN2), Section 3.2, Equation 4.
    """
    num_pixels = images.shape[2] * images.shape[3]
    scalar = (images * image_noise).sum() / num_pixels**0.5
    (gradient,) = torch.autograd.grad(scalar, w_plus, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()
