"""The mapping network: from z, normally distributed, to w."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.networks.config import GeneratorConfig
from sa_helpers.networks.layers import FullyConnectedLayer

_NORM_EPS = 1e-8


class MappingNetwork(nn.Module):
    """Normalise z to unit mean square, then apply fully connected layers.

    The buffer `w_avg` is the mean of w that truncation pulls towards; the trainer keeps it.

    Source: Karras et al. 2019, Section 2.
    """

    w_avg: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        """Build `fc0`, `fc1`, ... with the learning-rate multiplier of the config."""
        super().__init__()
        self.num_layers = config.num_mapping_layers
        for index in range(self.num_layers):
            layer = FullyConnectedLayer(
                config.z_dim if index == 0 else config.w_dim,
                config.w_dim,
                is_activated=True,
                lr_multiplier=config.mapping_lr_multiplier,
            )
            self.add_module(f"fc{index}", layer)
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Float[Tensor, "batch z_dim"]) -> Float[Tensor, "batch w_dim"]:
        """Map z to w, without truncation."""
        w = z * (z.square().mean(dim=1, keepdim=True) + _NORM_EPS).rsqrt()
        for index in range(self.num_layers):
            w = self.get_submodule(f"fc{index}")(w)
        return w
