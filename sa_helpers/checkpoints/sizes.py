"""What the shapes of weights say of the network that they belong to."""

import re
from collections.abc import Iterable
from typing import Any

from sa_helpers.checkpoints.conditional import embedding_size
from sa_helpers.checkpoints.contents import Weights
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import sides
from sa_helpers.checkpoints.foreign import refuse_others, require_square
from sa_helpers.networks import DiscriminatorConfig, GeneratorConfig
from sa_helpers.runtime import shown


def generator_config(weights: Weights, **settings: Any) -> GeneratorConfig:
    """Read the sizes of a generator from the shapes of its weights.

    Args:
        weights: By our names.
        settings: What shapes do not tell: `conv_clamp`, `mapping_lr_multiplier`.

    Raises:
        CheckpointError: They are not the weights of a StyleGAN2 generator.
    """
    const = weights.get("synthesis.b4.const")
    require_square(None if const is None else const.shape, what="synthesis.b4.const")
    blocks = _blocks(weights, r"synthesis\.b(\d+)\.torgb\.weight", what="generator")
    rgb = {r: _shape(weights, f"synthesis.b{r}.torgb.weight", 4) for r in blocks}
    depth = len(_numbers(weights, r"mapping\.fc(\d+)\.weight"))
    return _make(
        GeneratorConfig,
        img_resolution=blocks[-1],
        channels={r: shape[1] for r, shape in rgb.items()},
        img_channels=rgb[4][0],
        z_dim=_shape(weights, "mapping.fc0.weight", 2)[1] - embedding_size(weights),
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

    Args:
        values: As found in a file, of any type.
        what: The setting, for messages.

    Raises:
        CheckpointError: Layers differ, which our networks cannot express, or a value is no number.
    """
    distinct: list[Any] = []
    for value in values:
        if type(value) not in (bool, int, float, type(None)):
            raise CheckpointError(
                f"A layer has a {type(value).__name__} as {what}; expected a number. The file was "
                "altered, or is of another kind; download it again."
            )
        if value not in distinct:
            distinct.append(value)
        if len(distinct) > 1:
            raise CheckpointError(
                f"The layers have different values of {what}: {distinct}; expected one for all. "
                "This variant of StyleGAN2 is not supported."
            )
    return distinct[0] if distinct else None


def _numbers(weights: Weights, pattern: str) -> list[int]:
    matches = (re.fullmatch(pattern, name) for name in weights)
    return sorted({int(match[1]) for match in matches if match and len(match[1]) < 6})


def _blocks(weights: Weights, pattern: str, *, what: str) -> list[int]:
    refuse_others(weights)
    blocks = _numbers(weights, pattern)
    if not blocks:
        names = ", ".join(shown(name, max_length=40) for name in sorted(weights)[:3])
        raise CheckpointError(
            f"The {what} has no blocks of a StyleGAN2; its weights are called "
            f"{names or 'nothing'}. It is another network; choose a checkpoint of StyleGAN2."
        )
    if len(blocks) < 2 or blocks != [4 << i for i in range(len(blocks))] or len(blocks) > 10:
        raise CheckpointError(
            f"The {what} has blocks of {', '.join(map(str, blocks[:12]))} pixels; expected 4, 8, "
            "16 and so on, up to 2048. A variant of StyleGAN2 for other sides of images has such "
            "blocks; open it with the code that made it."
        )
    return blocks


def _shape(weights: Weights, name: str, num_dimensions: int) -> tuple[int, ...]:
    shape = weights[name].shape if name in weights else None
    if shape is None or len(shape) != num_dimensions:
        given = "is missing" if shape is None else f"has shape {sides(shape)}"
        raise CheckpointError(
            f"{name} {given}; expected {num_dimensions} dimensions. The weights are "
            "incomplete or of another network; download the file again."
        )
    return shape


def _make(kind: type, **sizes: Any) -> Any:
    try:
        return kind(**sizes)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"The shapes of the weights make no network ({shown(error)}). The file is damaged, or "
            "of another network; download it again."
        ) from error
