"""Checkpoints with rosinality's names: converted, trained, StyleGAN-NADA, e4e and pSp.

All are dicts of state dicts; they differ in what stands beside the averaged generator.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import torch

from sa_helpers.checkpoints.contents import (
    NOISE,
    W_AVG,
    Contents,
    Weights,
    clamp,
    number,
    plain,
    renamed,
    require_filter,
    tensors_of,
)
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import StoredTensor
from sa_helpers.checkpoints.foreign import refuse_others, require_square
from sa_helpers.checkpoints.names import (
    from_rosinality,
    largest_block,
    rosinality_discriminator,
    rosinality_generator,
)
from sa_helpers.checkpoints.sizes import discriminator_config, generator_config
from sa_helpers.checkpoints.stand_ins import Namespace
from sa_helpers.networks import EncoderConfig, GeneratorConfig

_NOTES = {
    W_AVG: "The file has no mean latent; it was computed from 10 000 latents with a fixed seed.",
    NOISE: "The file has no noise maps; they were drawn from a fixed seed.",
}
_UP, _DOWN = 4.0, 1.0
_KERNEL = re.compile(r".*(?:blur|upsample|conv2\.0|skip\.0)\.kernel")
_ENCODERS = {"Encoder4Editing": True, "GradualStyleEncoder": False}


def read_checkpoint(root: Mapping[str, Any]) -> Contents:
    """Read the averaged generator and, if there is one, the discriminator.

    Raises:
        CheckpointError: They are not those of a StyleGAN2.
    """
    state = _without_kernels(tensors_of(root["g_ema"], what="g_ema"), gain=_UP)
    generator = _generator(state, root.get("latent_avg"))
    given = root.get("sa_helpers")
    given = given if isinstance(given, dict) else {}
    config = generator_config(generator, **_settings(given))
    _require_unconditional(config, given)
    weights: dict[str, Weights] = {"generator": generator}
    configs: dict[str, Any] = {"generator": config}
    if isinstance(root.get("d"), dict) and root["d"]:
        weights["discriminator"] = _discriminator(tensors_of(root["d"], what="d"))
        configs["discriminator"] = discriminator_config(
            weights["discriminator"], **_discriminator_settings(given)
        )
    lacks = frozenset(e for e in _NOTES if not any(name.endswith(e) for name in generator))
    return Contents(
        format=_kind(root),
        configs=configs,
        weights=weights,
        settings={"args": _options(root.get("args"))} if "args" in root else {},
        notes=tuple(note for ending, note in _NOTES.items() if ending in lacks),
        lacks=lacks,
    )


def read_encoder_checkpoint(root: Mapping[str, Any]) -> Contents:
    """Read the encoder and the generator of an e4e or pSp checkpoint.

    Raises:
        CheckpointError: An encoder of another architecture.
    """
    state = tensors_of(root["state_dict"], what="state_dict")
    inner = {"g_ema": _part(state, "decoder."), "latent_avg": _one_latent(root.get("latent_avg"))}
    generator = read_checkpoint(inner)
    options = _options(root.get("opts"))
    config = cast(GeneratorConfig, generator.configs["generator"])
    is_offset = _is_offset(options)
    encoder = _encoder(state, root.get("latent_avg"), options, config)
    return Contents(
        format="e4e" if is_offset else "pSp",
        configs={
            **generator.configs,
            "encoder": EncoderConfig(
                num_ws=config.num_ws,
                w_dim=config.w_dim,
                width=encoder["input_layer.0.weight"].shape[0],
                img_channels=encoder["input_layer.0.weight"].shape[1],
                is_offset=is_offset,
            ),
        },
        weights={**generator.weights, "encoder": encoder},
        settings={"opts": options},
        notes=generator.notes,
        lacks=generator.lacks,
    )


def _kind(root: Mapping[str, Any]) -> str:
    if "args" in root or "d_optim" in root:
        return "rosinality, trained"
    return "StyleGAN-NADA" if "g_optim" in root else "rosinality"


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that our own export adds, because rosinality's code has none of them."""
    settings: dict[str, Any] = {"conv_clamp": clamp(given.get("conv_clamp"))}
    if "mapping_lr_multiplier" in given:
        settings["mapping_lr_multiplier"] = float(
            number(given["mapping_lr_multiplier"], what="mapping_lr_multiplier", low=1e-6, high=1e3)
        )
    return settings


def _discriminator_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {"conv_clamp": clamp(given.get("discriminator_conv_clamp"))}
    if "mbstd_group_size" in given:
        settings["mbstd_group_size"] = number(
            given["mbstd_group_size"],
            what="mbstd_group_size",
            low=1,
            high=2**31 - 1,
            is_integer=True,
        )
    return settings


def _require_unconditional(config: GeneratorConfig, given: Mapping[str, Any]) -> None:
    """Refuse what rosinality's code cannot be: its z and w have one size, unless we wrote the file.

    A conditional network whose names were changed without its embedding looks like that, and would
    take z and the label in one for z.
    """
    if config.z_dim != config.w_dim and plain(given.get("z_dim"), depth=0) != config.z_dim:
        raise CheckpointError(
            f"The first mapping layer takes {config.z_dim} numbers for latents of {config.w_dim}: "
            "it is of a class-conditional network, and names as of rosinality's code have no place "
            "for its embedding. Load NVIDIA's original pickle with a class_index."
        )


def _part(state: Mapping[str, StoredTensor], prefix: str) -> dict[str, StoredTensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _without_kernels(state: dict[str, StoredTensor], *, gain: float) -> dict[str, StoredTensor]:
    for name in [name for name in state if _KERNEL.fullmatch(name)]:
        require_filter(state.pop(name), name=name, gain=gain)
    return state


def _generator(state: Mapping[str, StoredTensor], w_avg: Any) -> dict[str, StoredTensor]:
    refuse_others(state)
    const = state.get("input.input")
    require_square(None if const is None else const.shape, what="input.input")
    blocks = sum(re.fullmatch(r"to_rgbs\.\d+\.conv\.weight", name) is not None for name in state)
    depth = sum(re.fullmatch(r"style\.\d+\.weight", name) is not None for name in state)
    size = largest_block(blocks, what="generator")
    names = rosinality_generator(size, num_mapping_layers=depth)
    has_noise = any(name.startswith("noises.") for name in state)
    optional = () if has_noise else ("noise_const",)
    found = renamed(state, names, what="generator", is_optional=optional)
    weights = {name: stored.reshaped(from_rosinality(name)) for name, stored in found.items()}
    if isinstance(w_avg, StoredTensor):
        weights[W_AVG] = w_avg.reshaped(lambda tensor: tensor.reshape(-1))
    return weights


def _discriminator(state: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    state = _without_kernels(state, gain=_DOWN)
    blocks = sum(re.fullmatch(r"convs\.\d+\.conv1\.0\.weight", name) is not None for name in state)
    names = rosinality_discriminator(largest_block(blocks, what="discriminator"))
    found = renamed(state, names, what="discriminator")
    is_flat = ("bias",)
    return {
        name: stored.reshaped(lambda t: t.reshape(-1)) if name.endswith(is_flat) else stored
        for name, stored in found.items()
    }


def _options(options: Any) -> dict[str, Any]:
    values = options.state if isinstance(options, Namespace) else options
    cleaned = plain(values)
    return cleaned if isinstance(cleaned, dict) else {}


def _one_latent(latent: Any) -> Any:
    """The mean latent of W; encoders keep it once for each layer."""
    if not isinstance(latent, StoredTensor) or len(latent.shape) != 2:
        return latent
    return latent.reshaped(lambda tensor: tensor[0])


def _encoder(
    state: Mapping[str, StoredTensor],
    latent: Any,
    options: Mapping[str, Any],
    config: GeneratorConfig,
) -> dict[str, StoredTensor]:
    weights = {
        name: stored
        for name, stored in _part(state, "encoder.").items()
        if not name.endswith("num_batches_tracked")
    }
    if "input_layer.0.weight" not in weights or len(weights["input_layer.0.weight"].shape) != 4:
        raise CheckpointError(
            "The checkpoint has no encoder.input_layer.0.weight: it holds no pSp or e4e encoder. "
            "Download it again."
        )
    _require_fitting(weights, config)
    weights["w_plus_avg"] = _offset(
        latent, bool(options.get("start_from_latent_avg", True)), config
    )
    return weights


def _is_offset(options: Mapping[str, Any]) -> bool:
    """Whether the encoder is an e4e, not a pSp: only the options of its training tell."""
    kind = options.get("encoder_type")
    if kind is None:
        raise CheckpointError(
            "The checkpoint has an encoder, but no `opts` that say whether it is an e4e or a pSp, "
            "and their weights look alike. Add it, if you know, and save the file again: "
            "content['opts'] = {'encoder_type': 'Encoder4Editing'} for e4e, or "
            "'GradualStyleEncoder' for pSp."
        )
    if not isinstance(kind, str) or kind not in _ENCODERS:
        raise CheckpointError(
            f"The encoder is a {plain(kind, depth=0)!r}; expected one of {list(_ENCODERS)}. "
            "Encoders into W alone and those of later papers have other layers."
        )
    return _ENCODERS[kind]


def _require_fitting(weights: Weights, config: GeneratorConfig) -> None:
    """Refuse encoders that belong to generators of another size, and those of ReStyle."""
    heads = {name.split(".")[1] for name in weights if re.match(r"styles\.\d+\.", name)}
    if len(heads) != config.num_ws:
        raise CheckpointError(
            f"The encoder gives {len(heads)} latents, and the generator beside it takes "
            f"{config.num_ws}, for images of {config.img_resolution} px: they do not belong "
            "together. Get an encoder that was trained for this generator."
        )
    num_channels = weights["input_layer.0.weight"].shape[1]
    if num_channels != config.img_channels:
        raise CheckpointError(
            f"The encoder reads {num_channels} channels where images have {config.img_channels}: "
            "those of ReStyle read an image and its last reconstruction, in several steps, which "
            "this book does not. Get a pSp or an e4e."
        )


def _offset(latent: Any, is_used: bool, config: GeneratorConfig) -> StoredTensor:
    """What the encoder's output is added to: the mean latent in every layer, or nothing."""
    shape = (config.num_ws, config.w_dim)
    if not is_used:
        return StoredTensor(shape, lambda: torch.zeros(shape))
    if not isinstance(latent, StoredTensor):
        raise CheckpointError(
            "The encoder starts from the mean latent, but the checkpoint has no latent_avg. "
            "Download it again, or take the one that the encoder's authors publish."
        )
    return latent.reshaped(lambda tensor: tensor.expand(shape))
