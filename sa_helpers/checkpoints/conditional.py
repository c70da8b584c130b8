"""Class-conditional networks, folded for one class into networks of the usual kind.

With the class chosen, the embedding of its label is a constant. In the generator it stands beside z
in front of the first mapping layer, so that its share of that layer is a change of the bias. In the
discriminator it weighs the outputs of the last layer, whose weighted sum is one output.

Source: Karras et al. 2020 (ADA), Appendix; Miyato and Koyama 2018 for the projection.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from sa_helpers.checkpoints.contents import Contents, Weights
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import StoredTensor, sides
from sa_helpers.networks.layers import LRELU_GAIN, LRELU_SLOPE

_EMBED = "mapping.embed"
_EPS = 1e-8


def num_classes(weights: Weights) -> int:
    """Number of classes that a network of NVIDIA's names distinguishes; 0 where it knows none."""
    return _sides(weights, f"{_EMBED}.weight", 2)[1] if f"{_EMBED}.weight" in weights else 0


def embedding_size(weights: Weights) -> int:
    """How many inputs of the first mapping layer belong to the label."""
    return _sides(weights, f"{_EMBED}.weight", 2)[0] if f"{_EMBED}.weight" in weights else 0


def for_class(contents: Contents, class_index: int | None, *, path: Path) -> Contents:
    """Fold networks for a class; others stay as they are.

    Args:
        contents: As read.
        class_index: Of the class, from 0; None where there are no classes.
        path: Of the file, for messages.

    Raises:
        CheckpointError: The networks need a class and none is given, or the other way round, or
            there is no such class.
    """
    count = contents.num_classes
    if class_index is None and not count:
        return contents
    if class_index is None or not 0 <= class_index < count:
        given = "none was chosen" if class_index is None else f"{class_index} was chosen"
        expected = (
            f"choose one of its {count} classes: load_model(path, class_index=0), or --class-index "
            f"0 on the command line, up to {count - 1}. Then convert it, and open the result "
            "without a class"
            if count
            else "it is not class-conditional; leave class_index out"
        )
        raise CheckpointError(f"Of the classes of {path} {given}; {expected}.")
    folds = {"generator": _generator, "discriminator": _discriminator}
    weights = {
        part: folds[part](part_weights, class_index, contents.label_lr_multiplier)
        if num_classes(part_weights)
        else part_weights
        for part, part_weights in contents.weights.items()
    }
    return replace(
        contents,
        weights=weights,
        settings={**contents.settings, "num_classes": count, "class_index": class_index},
        notes=(
            *(note for note in contents.notes if not note.startswith(CONDITIONAL)),
            f"{CONDITIONAL}: class {class_index} of {count} was folded into the first mapping "
            "layer. The mean latent is that of all classes.",
        ),
        num_classes=0,
    )


CONDITIONAL = "Class-conditional"


def _generator(weights: Weights, index: int, _: float) -> dict[str, StoredTensor]:
    """Keep the columns of z, and add what the label's columns give to the bias.

    The layer's gain is the learning-rate multiplier over the root of its number of inputs, of which
    there are fewer afterwards; its bias has the multiplier as gain.
    """
    label = _Label(weights, index)
    weight, bias = weights["mapping.fc0.weight"], weights["mapping.fc0.bias"]
    rows, columns = _sides(weights, "mapping.fc0.weight", 2)
    _require(weights, "mapping.fc0.bias", (rows,))
    size = columns - label.size
    scale = math.sqrt(size / columns)

    def folded_bias() -> Tensor:
        return bias.read() + weight.read()[:, size:] @ label.read() / math.sqrt(columns)

    folded = {
        "mapping.fc0.weight": StoredTensor(
            (rows, size), lambda: weight.read()[:, :size].mul(scale).contiguous()
        ),
        "mapping.fc0.bias": StoredTensor((rows,), folded_bias),
    }
    rest = {name: value for name, value in weights.items() if not name.startswith(f"{_EMBED}.")}
    return {**rest, **folded}


def _discriminator(weights: Weights, index: int, lr_multiplier: float) -> dict[str, StoredTensor]:
    """Weigh the outputs of the last layer by the mapped label, and add them up."""
    label = _Label(weights, index)
    weight, bias = weights["b4.out.weight"], weights["b4.out.bias"]
    num_outputs, size = _sides(weights, "b4.out.weight", 2)
    _require(weights, "b4.out.bias", (num_outputs,))
    layers = _mapping_layers(weights, label.size, num_outputs)

    def factors() -> Tensor:
        x = label.read()
        for layer in layers:
            matrix = weights[f"{layer}.weight"].read() * (lr_multiplier / math.sqrt(len(x)))
            x = F.linear(x, matrix, weights[f"{layer}.bias"].read() * lr_multiplier)
            x = F.leaky_relu(x, LRELU_SLOPE) * LRELU_GAIN
        return x / math.sqrt(num_outputs)

    folded = {
        "b4.out.weight": StoredTensor((1, size), lambda: (factors() @ weight.read())[None]),
        "b4.out.bias": StoredTensor((1,), lambda: (factors() @ bias.read())[None]),
    }
    rest = {name: value for name, value in weights.items() if not name.startswith("mapping.")}
    return {**rest, **folded}


def _mapping_layers(weights: Weights, num_inputs: int, num_outputs: int) -> list[str]:
    count = sum(f"mapping.fc{index}.weight" in weights for index in range(len(weights)))
    layers = [f"mapping.fc{index}" for index in range(count)]
    size = num_inputs
    for layer in layers:
        rows, _ = _sides(weights, f"{layer}.weight", 2)
        _require(weights, f"{layer}.weight", (rows, size))
        _require(weights, f"{layer}.bias", (rows,))
        size = rows
    if size != num_outputs:
        raise CheckpointError(
            f"The label of the discriminator has {size} numbers for {num_outputs} outputs. The "
            "file is damaged, or of another network; download it again."
        )
    return layers


class _Label:
    """The embedding of a label, of unit mean square."""

    def __init__(self, weights: Weights, index: int) -> None:
        self.size, self._num_classes = _sides(weights, f"{_EMBED}.weight", 2)
        _require(weights, f"{_EMBED}.bias", (self.size,))
        self._weight, self._bias = weights[f"{_EMBED}.weight"], weights[f"{_EMBED}.bias"]
        if index >= self._num_classes:
            raise CheckpointError(
                f"The networks have different numbers of classes; one has {self._num_classes}. "
                "Download the file again, or load it with parts=()."
            )
        self._index = index

    def read(self) -> Tensor:
        column = self._weight.read()[:, self._index] / math.sqrt(self._num_classes)
        y = column + self._bias.read()
        return y * (y.square().mean() + _EPS).rsqrt()


def _sides(weights: Weights, name: str, num_dimensions: int) -> tuple[int, ...]:
    shape = weights[name].shape if name in weights else ()
    if len(shape) != num_dimensions or min(shape) < 1:
        raise CheckpointError(
            f"The weight {name} of a conditional network is missing or has the shape "
            f"{sides(shape)}. The file is damaged, or of another network; download it again."
        )
    return shape


def _require(weights: Mapping[str, StoredTensor], name: str, shape: tuple[int, ...]) -> None:
    if _sides(weights, name, len(shape)) != shape:
        raise CheckpointError(
            f"The weight {name} of a conditional network has the shape "
            f"{sides(weights[name].shape)}; expected {sides(shape)}. The file is damaged, or of "
            "another network; download it again."
        )
