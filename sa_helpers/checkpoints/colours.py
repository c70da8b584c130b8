"""Networks of grey images and of colours with transparency, as networks of three colours.

The skip generator adds up colours channel by channel. So three equal channels make its grey, and
three of four make its colours, without their transparency. The discriminator is told of the same
images: grey by the mean of three channels, and transparency as if it were full.
"""

import math
from dataclasses import replace

from torch import Tensor

from sa_helpers.checkpoints.contents import Contents, Weights
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import StoredTensor
from sa_helpers.networks import DiscriminatorConfig, GeneratorConfig

_COLOURS = 3
_NOTES = {
    1: "The networks are of grey images; they were given three equal channels.",
    4: "The networks are of images with transparency; it was left out, and counts as full.",
}


def with_three_channels(contents: Contents) -> Contents:
    """Change networks of one or four channels, as published; models of our own stay as they are.

    Raises:
        CheckpointError: Another number of channels.
    """
    generator = contents.configs["generator"]
    count = generator.img_channels
    if count == _COLOURS or contents.format.startswith("safetensors"):
        return contents
    if count not in _NOTES:
        raise CheckpointError(
            f"The generator makes images of {count} channels; expected 3, or 1 or 4, which are "
            "made into 3. Open it with the code that made it."
        )
    configs, weights = dict(contents.configs), dict(contents.weights)
    configs["generator"] = replace(generator, img_channels=_COLOURS)
    weights["generator"] = _generator(weights["generator"])
    judge = configs.get("discriminator")
    if isinstance(judge, DiscriminatorConfig) and judge.img_channels == count:
        configs["discriminator"] = replace(judge, img_channels=_COLOURS)
        side = f"b{judge.img_resolution}"
        weights["discriminator"] = _discriminator(weights["discriminator"], side, count)
    assert isinstance(generator, GeneratorConfig)
    return replace(
        contents,
        configs=configs,
        weights=weights,
        settings={**contents.settings, "img_channels": count},
        notes=(*contents.notes, _NOTES[count]),
    )


def _generator(weights: Weights) -> dict[str, StoredTensor]:
    def coloured(value: Tensor) -> Tensor:
        return value.expand(_COLOURS, *value.shape[1:]) if len(value) == 1 else value[:_COLOURS]

    return {
        name: stored.reshaped(coloured)
        if name.endswith(("torgb.weight", "torgb.bias")) and stored.shape
        else stored
        for name, stored in weights.items()
    }


def _discriminator(weights: Weights, side: str, count: int) -> dict[str, StoredTensor]:
    """Change the first layer, whose gain is one over the root of its number of channels."""
    name, bias_name = f"{side}.fromrgb.weight", f"{side}.fromrgb.bias"
    stored = weights[name]
    shape = (stored.shape[0], _COLOURS, *stored.shape[2:])

    def coloured() -> Tensor:
        value = stored.read()
        if count == 1:
            return value.expand(shape) / math.sqrt(_COLOURS)
        return value[:, :_COLOURS] * math.sqrt(_COLOURS / count)

    changed = {**weights, name: StoredTensor(shape, coloured)}
    if count == 1 or bias_name not in weights:
        return changed
    bias = weights[bias_name]
    opaque = StoredTensor(
        bias.shape, lambda: bias.read() + stored.read()[:, -1, 0, 0] / math.sqrt(count)
    )
    return {**changed, bias_name: opaque}
