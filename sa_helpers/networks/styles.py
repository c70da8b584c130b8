"""StyleSpace: the styles of all layers, numbered as in the literature.

Layers count b4.conv1 = 0, b4.torgb = 1, b8.conv0 = 2, b8.conv1 = 3, b8.torgb = 4, and so on; a
channel is named `layer_channel`, such as `6_501`. ToRGB styles are counted before the weight gain.

Source: Wu et al. 2021 (StyleSpace), Section 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sa_helpers.networks.config import GeneratorConfig, block_resolutions


@dataclass(frozen=True, kw_only=True)
class StyleLayer:
    """A layer that takes a style.

    Attributes:
        name: Name of the module, such as `b16.conv1`.
        resolution: Side of the layer's output in pixels.
        is_torgb: Whether the layer makes colours rather than features.
        num_channels: Channels of the style, which are the input channels of the layer.
        w_index: Which latent of w_plus the layer reads.
    """

    name: str
    resolution: int
    is_torgb: bool
    num_channels: int
    w_index: int


@dataclass(frozen=True)
class StyleSpace:
    """The layers and channels of a generator's styles, and where each lies in a joined vector.

    Attributes:
        layers: In StyleSpace order.
    """

    layers: tuple[StyleLayer, ...]

    @classmethod
    def of(cls, config: GeneratorConfig) -> "StyleSpace":
        """The space of a generator's config."""
        layers: list[StyleLayer] = []
        channels = config.channels
        for block, resolution in enumerate(block_resolutions(config.img_resolution)):
            previous = channels[resolution // 2] if block else channels[resolution]
            rows = [("conv0", previous, 2 * block - 1)] if block else []
            rows += [
                ("conv1", channels[resolution], 2 * block),
                ("torgb", channels[resolution], 2 * block + 1),
            ]
            layers += [
                StyleLayer(
                    name=f"b{resolution}.{name}",
                    resolution=resolution,
                    is_torgb=name == "torgb",
                    num_channels=num_channels,
                    w_index=w_index,
                )
                for name, num_channels, w_index in rows
            ]
        return cls(tuple(layers))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Channels of each layer."""
        return tuple(layer.num_channels for layer in self.layers)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all channels, such as `6_501`, as `Styles.cat` joins them."""
        return tuple(f"{i}_{c}" for i, size in enumerate(self.sizes) for c in range(size))

    @cached_property
    def is_feature(self) -> Bool[Tensor, " total"]:
        """Of each channel, whether it is one of a feature convolution and not of a tRGB layer."""
        return torch.tensor([not layer.is_torgb for layer in self.layers]).repeat_interleave(
            torch.tensor(self.sizes)
        )

    @property
    def feature_names(self) -> list[str]:
        """Names of the channels of feature convolutions."""
        return [self.names[index] for index in self.is_feature.nonzero().flatten().tolist()]

    def index(self, layer_channel: str) -> int:
        """Place of a channel in a joined vector.

        Raises:
            KeyError: Not a name, or no such layer or channel in this network.
        """
        layer, channel = self.parse(layer_channel)
        return sum(self.sizes[:layer]) + channel

    def parse(self, layer_channel: str) -> tuple[int, int]:
        """Split a name such as `6_501` into the numbers of its layer and channel.

        Raises:
            KeyError: Not a name, or no such layer or channel in this network.
        """
        layer_text, _, channel_text = layer_channel.partition("_")
        if not (layer_text.isdecimal() and channel_text.isdecimal()):
            raise KeyError(
                f'"{layer_channel}" is no style channel; write layer_channel, as "6_501".'
            )
        layer, channel = int(layer_text), int(channel_text)
        if layer >= len(self.layers):
            raise KeyError(
                f'"{layer_channel}": this network has layers 0 to {len(self.layers) - 1}.'
            )
        if channel >= self.sizes[layer]:
            raise KeyError(
                f'"{layer_channel}": layer {layer} ({self.layers[layer].name}) has channels '
                f"0 to {self.sizes[layer] - 1}."
            )
        return layer, channel

    def split(self, joined: Float[Tensor, "batch total"]) -> "Styles":
        """Undo `Styles.cat`: cut vectors into styles."""
        return Styles(joined.split(self.sizes, dim=1), self)


class Styles(Sequence[Tensor]):
    """Styles of a batch: one tensor [batch, channels] for each layer, in StyleSpace order.

    `styles[6]` is the tensor of layer 6, `styles["6_501"]` one channel of it, [batch].
    """

    def __init__(self, tensors: Sequence[Tensor], space: StyleSpace) -> None:
        """Check that every tensor fits its layer.

        Raises:
            ValueError: Tensors and layers differ in number, channels or batch size.
        """
        given = [tuple(tensor.shape) for tensor in tensors]
        batch_size = given[0][0] if given else 0
        expected = [(batch_size, size) for size in space.sizes]
        if given != expected:
            raise ValueError(
                f"Styles have shapes {given}; this network expects {expected}. "
                "Take them from w_plus_to_s of a network with the same config."
            )
        self._tensors = tuple(tensors)
        self.space = space

    def __len__(self) -> int:
        """Count the layers."""
        return len(self._tensors)

    def __getitem__(self, key: int | str) -> Tensor:  # type: ignore[override]
        """Return a layer's tensor by its number, or one channel by its name."""
        if isinstance(key, str):
            layer, channel = self.space.parse(key)
            return self._tensors[layer][:, channel]
        return self._tensors[key]

    def edit(self, layer_channel: str, delta: float | Float[Tensor, " batch"]) -> "Styles":
        """Return new styles with `delta` added to one channel; these stay unchanged."""
        layer, channel = self.space.parse(layer_channel)
        tensors = list(self._tensors)
        tensors[layer] = tensors[layer].clone()
        tensors[layer][:, channel] += delta
        return Styles(tensors, self.space)

    def replace(self, tensors: Mapping[int, Tensor]) -> "Styles":
        """Return new styles with the tensors of some layers exchanged."""
        return Styles([tensors.get(i, old) for i, old in enumerate(self._tensors)], self.space)

    def cat(self) -> Float[Tensor, "batch total"]:
        """Join all layers into one vector a sample."""
        return torch.cat(self._tensors, dim=1)
