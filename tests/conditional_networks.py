"""Class-conditional networks as in NVIDIA's code, and what they compute, written from the paper."""

import math

import torch
import torch.nn.functional as F
from published_files import make_pair
from torch import Tensor, nn

from sa_helpers.networks import Discriminator, Generator
from sa_helpers.networks.discriminator import append_minibatch_std
from sa_helpers.networks.layers import FullyConnectedLayer

NUM_CLASSES, EMBEDDING, LABEL = 5, 6, 4


class MappingNetwork(nn.Module):
    """A label to numbers; the name is what the pickle shows."""


def conditional_pair(seed: int = 0) -> tuple[Generator, Discriminator]:
    """Networks with the layers that labels need; they compute nothing by themselves."""
    generator, discriminator = make_pair(16)
    torch.manual_seed(seed)
    size, width = generator.config.z_dim, generator.config.w_dim
    mapping = generator.mapping
    mapping.embed = FullyConnectedLayer(NUM_CLASSES, EMBEDDING)
    mapping.fc0 = FullyConnectedLayer(
        size + EMBEDDING, width, is_activated=True, lr_multiplier=0.01
    )
    label = MappingNetwork()
    label.embed = FullyConnectedLayer(NUM_CLASSES, LABEL)
    for index in range(2):
        layer = FullyConnectedLayer(LABEL, LABEL, is_activated=True, lr_multiplier=0.01)
        label.add_module(f"fc{index}", layer)
    discriminator.mapping = label
    discriminator.b4.out = FullyConnectedLayer(discriminator.config.channels[4], LABEL)
    for network in (mapping, label, discriminator.b4.out):
        for name, weight in network.named_parameters():
            if name.endswith("bias"):
                nn.init.normal_(weight, std=0.3 if "embed" in name or name == "bias" else 30.0)
    return generator, discriminator


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().mean(dim=-1, keepdim=True) + 1e-8).sqrt()


def _dense(x: Tensor, layer: nn.Module, *, rate: float = 1.0, is_activated: bool = False) -> Tensor:
    y = F.linear(x, layer.weight * rate / math.sqrt(x.shape[-1]), layer.bias * rate)
    return F.leaky_relu(y, 0.2) * math.sqrt(2) if is_activated else y


def reference_w(generator: Generator, z: Tensor, class_index: int) -> Tensor:
    """W of a class: z and the label, each of unit length, side by side through the layers."""
    labels = F.one_hot(torch.full((len(z),), class_index), NUM_CLASSES).float()
    x = torch.cat([_unit(z), _unit(_dense(labels, generator.mapping.embed))], dim=1)
    for index in range(generator.config.num_mapping_layers):
        layer = generator.mapping.get_submodule(f"fc{index}")
        x = _dense(x, layer, rate=0.01, is_activated=True)
    return x


def reference_logits(discriminator: Discriminator, images: Tensor, class_index: int) -> Tensor:
    """Outputs of the last layer, weighed by the mapped label."""
    labels = F.one_hot(torch.tensor([class_index]), NUM_CLASSES).float()
    x = _unit(_dense(labels, discriminator.mapping.embed))
    for index in range(2):
        layer = discriminator.mapping.get_submodule(f"fc{index}")
        x = _dense(x, layer, rate=0.01, is_activated=True)
    features = images
    for resolution in discriminator.resolutions:
        features = discriminator.get_submodule(f"b{resolution}")(features)
    end = discriminator.b4
    features = append_minibatch_std(features, group_size=end.mbstd_group_size)
    outputs = end.out(end.fc(end.conv(features).flatten(1)))
    return (outputs * x).sum(dim=1, keepdim=True) / math.sqrt(LABEL)
