"""Truncation in W: the one definition that networks and latents share."""

import torch
from jaxtyping import Float
from torch import Tensor


def broadcast_w(
    w: Float[Tensor, "batch w_dim"], *, num_ws: int
) -> Float[Tensor, "batch {num_ws} w_dim"]:
    """Repeat one w for every layer: W becomes the diagonal of W+."""
    return w[:, None, :].expand(-1, num_ws, -1).contiguous()


def truncate(
    w_plus: Float[Tensor, "batch num_ws w_dim"],
    w_avg: Float[Tensor, " w_dim"],
    *,
    truncation_psi: float,
    cutoff: int | None = None,
) -> Float[Tensor, "batch num_ws w_dim"]:
    """Pull latents towards the mean latent: w_avg + psi * (w - w_avg).

    Args:
        w_plus: Latents.
        w_avg: Mean latent, from the mapping network.
        truncation_psi: 1 leaves latents unchanged, 0 gives `w_avg`.
        cutoff: Truncate layers [0, cutoff) only; None means all.

    Raises:
        ValueError: `cutoff` outside [0, num_ws]; the message states both.

    Source: Karras et al. 2019, Appendix B.
    """
    num_ws = w_plus.shape[1]
    if cutoff is not None and not 0 <= cutoff <= num_ws:
        raise ValueError(
            f"cutoff is {cutoff}; expected a number of layers in [0, {num_ws}], or None for all."
        )
    num_truncated = num_ws if cutoff is None else cutoff
    truncated = w_avg.lerp(w_plus[:, :num_truncated], truncation_psi)
    return torch.cat([truncated, w_plus[:, num_truncated:]], dim=1)
