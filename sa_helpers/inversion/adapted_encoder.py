"""An encoder as a small change of another one: every weight plus a matrix of low rank.

Encoders of aligned models are much alike, so that the change takes a twentieth of the space.

Source: Hu et al. 2022 (LoRA), Section 4.1.
"""

import functools
import hashlib

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sa_helpers.inversion.latent_encoder import LatentEncoder


class AdaptedEncoder(LatentEncoder):
    """An encoder whose weights are those of another one plus changes of low rank; none at first.

    The other one's weights stay as they are and are left out of the state dict. Biases and
    normalisations are trained as usual.

    Args:
        origin: Left unchanged.
        rank: Of the changes, 1 or more; smaller where a weight's shorter side is.

    Raises:
        ValueError: The rank is below 1.
    """

    def __init__(self, origin: LatentEncoder, *, rank: int) -> None:
        """Draw from torch's default generator; one factor of each change is zero."""
        if rank < 1:
            raise ValueError(f"The rank is {rank}; expected 1 or more.")
        super().__init__(origin.config)
        self.rank = rank
        self.load_state_dict(origin.state_dict())
        for layer in list(self.modules()):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                _add_change(layer, rank)

    @property
    def origin_digest(self) -> str:
        """SHA-256 of the other encoder's weights in half precision, as they are stored."""
        digest = hashlib.sha256()
        for name, values in self.named_buffers():
            if name.endswith(".original"):
                halves = values.cpu().bfloat16().contiguous()
                digest.update(halves.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def plain(self) -> LatentEncoder:
        """An encoder of the usual kind that computes the same."""
        with torch.random.fork_rng(devices=[]):
            encoder = LatentEncoder(self.config).to(self.w_std)
        state = {
            name: functools.reduce(getattr, name.split("."), self) for name in encoder.state_dict()
        }
        encoder.load_state_dict(state)
        return encoder.train(self.training)


class _Change(nn.Module):
    """Adds a matrix of low rank to a weight; kernels of a convolution count as its rows."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.flatten(start_dim=1).shape
        rank = min(rank, rows, columns)
        self.down = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.up @ self.down).view_as(weight)


def _add_change(layer: nn.Conv2d | nn.Linear, rank: int) -> None:
    parametrize.register_parametrization(layer, "weight", _Change(layer.weight, rank))
    holder = layer.get_submodule("parametrizations.weight")
    frozen = holder.get_parameter("original").detach()
    del holder.original
    holder.register_buffer("original", frozen, persistent=False)
