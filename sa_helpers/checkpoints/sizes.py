"""What the shapes of weights say of the network that they belong to."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.spans import StoredTensor
from sa_helpers.networks import DiscriminatorConfig, GeneratorConfig

Weights = Mapping[str, StoredTensor]


def generator_config(weights: Weights, **settings: Any) -> GeneratorConfig:
    """Read the sizes of a generator from the shapes of its weights.

    Args:
        weights: By our names.
        settings: What shapes do not tell: `conv_clamp`, `mapping_lr_multiplier`.

    Raises:
        CheckpointError: They are not the weights of a StyleGAN2 generator.
    """
    blocks = _blocks(weights, r"synthesis\.b(\d+)\.torgb\.weight", what="generator")
    rgb = {r: _shape(weights, f"synthesis.b{r}.torgb.weight", 4) for r in blocks}
    depth = len(_numbers(weights, r"mapping\.fc(\d+)\.weight"))
    return _make(
        GeneratorConfig,
        img_resolution=blocks[-1],
        channels={r: shape[1] for r, shape in rgb.items()},
        img_channels=rgb[4][0],
        z_dim=_shape(weights, "mapping.fc0.weight", 2)[1],
        w_dim=_shape(weights, "synthesis.b4.conv1.affine.weight", 2)[1],
        num_mapping_layers=depth,
        **settings,
    )


def discriminator_config(weights: Weights, **settings: Any) -> DiscriminatorConfig:
    """Read the sizes of a discriminator from the shapes of its weights.

    Args:
        weights: By our names.
        settings: What shapes do not tell: `conv_clamp`, `mbstd_group_size`.

    Raises:
        CheckpointError: They are not the weights of a StyleGAN2 discriminator.
    """
    blocks = _blocks(weights, r"b(\d+)\.(?:skip|conv)\.weight", what="discriminator")
    channels = {r: _shape(weights, f"b{r}.conv0.weight", 4)[1] for r in blocks[1:]}
    largest = blocks[-1]
    return _make(
        DiscriminatorConfig,
        img_resolution=largest,
        channels={4: _shape(weights, "b4.out.weight", 2)[1], **channels},
        img_channels=_shape(weights, f"b{largest}.fromrgb.weight", 4)[1],
        **settings,
    )


def only(values: Iterable[Any], *, what: str) -> Any:
    """Return the one value that a setting has in all layers; None where there is no layer.

    Raises:
        CheckpointError: Layers differ, which our networks cannot express.
    """
    distinct = sorted(set(values), key=repr)
    if len(distinct) > 1:
        raise CheckpointError(
            f"The layers have different values of {what}: {distinct[:5]}; expected one for all. "
            "This variant of StyleGAN2 is not supported."
        )
    return distinct[0] if distinct else None


def _numbers(weights: Weights, pattern: str) -> list[int]:
    matches = (re.fullmatch(pattern, name) for name in weights)
    return sorted({int(match[1]) for match in matches if match and len(match[1]) < 6})


def _blocks(weights: Weights, pattern: str, *, what: str) -> list[int]:
    blocks = _numbers(weights, pattern)
    if len(blocks) < 2 or blocks != [4 << i for i in range(len(blocks))] or len(blocks) > 11:
        raise CheckpointError(
            f"The {what} has blocks at {blocks[:12]}; expected 4, 8, 16 and so on. Its weights are "
            f"called {sorted(weights)[:3]}: it is no StyleGAN2 {what} (StyleGAN1 and 3 are not "
            "read)."
        )
    return blocks


def _shape(weights: Weights, name: str, num_dimensions: int) -> tuple[int, ...]:
    shape = weights[name].shape if name in weights else None
    if shape is None or len(shape) != num_dimensions:
        raise CheckpointError(
            f"{name} has shape {shape}; expected {num_dimensions} dimensions. The weights are "
            "incomplete or of another network; download the file again."
        )
    return shape


def _make(kind: type, **sizes: Any) -> Any:
    try:
        return kind(**sizes)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"The shapes of the weights make no network ({error}). The file is damaged, or of "
            "another network; download it again."
        ) from error
