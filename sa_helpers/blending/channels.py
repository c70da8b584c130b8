"""Blends in which single channels come from another model than the rest.

Source: Pinkney and Adler 2020, Appendix C.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from sa_helpers.blending.components import blend_weights
from sa_helpers.networks import Generator, StyleLayer


def swap_channels(
    parent: Generator, child: Generator, channels: Sequence[str], *, amount: float = 1.0
) -> Generator:
    """Return the parent with single channels as they are in the child.

    To a channel belong the filter and the bias of the layer before, which make its feature map, the
    row of the affine layer, which gives its style, and the column of the weights that read it.

    Args:
        parent: Model to take everything else from.
        child: Model that the channels are taken from.
        channels: Names as in StyleSpace, such as `6_501`; of feature convolutions or tRGB layers.
        amount: Where between parent (0) and child (1) the channels are.

    Raises:
        KeyError: No such channel.
        ValueError: Models of different sizes.

    Source: Pinkney and Adler 2020, Appendix C ("channel dependent interpolation"), which leaves
    open what belongs to a channel.
    """
    amounts = _channel_amounts(parent, channels, amount)
    return blend_weights(parent, child, lambda name: amounts.get(name, 0.0))


def _channel_amounts(model: Generator, channels: Sequence[str], amount: float) -> dict[str, Tensor]:
    """For every weight that belongs to a channel, a mask that holds `amount` at the channel."""
    state, space = model.state_dict(), model.synthesis.style_space
    amounts: dict[str, Tensor] = {}
    for channel_name in channels:
        layer, channel = space.parse(channel_name)
        for name, axis in _weights_of_channels(space.layers[layer]).items():
            mask = amounts.setdefault(name, torch.zeros_like(state[name]))
            mask.select(axis, channel).fill_(amount)
    return amounts


def _weights_of_channels(layer: StyleLayer) -> dict[str, int]:
    """Weights with an entry for each channel of a layer, and the axis that counts the channels."""
    block, kind = layer.name.split(".")
    reads = {f"{layer.name}.weight": 1, f"{layer.name}.affine.weight": 0}
    reads |= {f"{layer.name}.affine.bias": 0}
    if kind == "conv0":
        maker = f"b{layer.resolution // 2}.conv1"
    else:
        maker = f"{block}.conv0" if kind == "conv1" else f"{block}.conv1"
    makes = {"b4.const": 0} if maker == "b4.conv0" else {f"{maker}.weight": 0, f"{maker}.bias": 0}
    return {f"synthesis.{name}": axis for name, axis in {**reads, **makes}.items()}
