"""Train one part of a generator only, and leave the rest as its parent's.

Resetting a component asks what a child cannot do without; training it alone asks what it can do by
itself. The parts are the four components, and two changes with few numbers:

    style_offsets   the biases of the affine layers: one direction in StyleSpace for all images
    low_rank_conv   a change of rank `LOW_RANK` in each feature convolution

Source: Alanov et al. 2023 (StyleDomain), Sections 3 and 4, who compare such parts.
"""

import math
from operator import attrgetter

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sa_helpers.blending import COMPONENTS, component_of
from sa_helpers.networks import Generator
from sa_helpers.networks.synthesis import SynthesisLayer

PARTS = ("all", *COMPONENTS, "style_offsets", "low_rank_conv")
LOW_RANK = 8


class _LowRankChange(nn.Module):
    """Adds a product of two thin matrices to a convolution's weight, at first zero.

    The fixed scale of `right` lets a step of `left` move the weight as far as a step of the weight
    itself would.
    """

    def __init__(self, weight: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        num_outputs, num_inputs = weight.flatten(1).shape
        right = torch.randn(LOW_RANK, num_inputs, generator=rng) / math.sqrt(LOW_RANK)
        self.left = nn.Parameter(weight.new_zeros(num_outputs, LOW_RANK))
        self.right = nn.Parameter(right.to(weight))

    def forward(
        self, weight: Float[Tensor, "channels_out channels_in height width"]
    ) -> Float[Tensor, "channels_out channels_in height width"]:
        """The changed weight."""
        return weight + (self.left @ self.right).view_as(weight)


def train_only(generator: Generator, part: str, *, seed: int) -> None:
    """Let gradients reach one part of a generator, which changes in place.

    Args:
        generator: It computes what it did before.
        part: One of `PARTS`.
        seed: Of the random factors of "low_rank_conv".

    Raises:
        ValueError: Unknown part.
    """
    check_part(part)
    for name, parameter in generator.named_parameters():
        parameter.requires_grad_(_belongs(name, part))
    if part == "low_rank_conv":
        rng = torch.Generator().manual_seed(seed)
        for layer in _convolutions(generator):
            change = _LowRankChange(layer.weight.detach(), rng)
            parametrize.register_parametrization(layer, "weight", change)


def check_part(part: str) -> None:
    """Refuse what is no part.

    Raises:
        ValueError: It is not one of `PARTS`.
    """
    if part not in PARTS:
        raise ValueError(f'trained_part is "{part}", but it has to be one of {", ".join(PARTS)}.')


def with_plain_weights(generator: Generator) -> Generator:
    """A generator whose changes of low rank are added into its weights, as files hold them.

    It is the given one where there are none.
    """
    if not any(map(parametrize.is_parametrized, _convolutions(generator))):
        return generator
    with torch.random.fork_rng(devices=[]):
        plain = Generator(generator.config)
    # By attribute, as a changed weight is computed and in no state.
    plain.load_state_dict({name: attrgetter(name)(generator) for name in plain.state_dict()})
    return plain.to(generator.w_avg.device).train(generator.training)


def _belongs(name: str, part: str) -> bool:
    if part == "all":
        return True
    if part == "style_offsets":
        return name.endswith(".affine.bias")
    return part == component_of(name)


def _convolutions(generator: Generator) -> list[SynthesisLayer]:
    return [module for module in generator.modules() if isinstance(module, SynthesisLayer)]
