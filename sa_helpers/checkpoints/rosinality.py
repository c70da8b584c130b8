"""Checkpoints with rosinality's names: converted, trained, StyleGAN-NADA, e4e and pSp.

All are dicts of state dicts; they differ in what stands beside the averaged generator.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor

from sa_helpers.checkpoints.carried import Namespace
from sa_helpers.checkpoints.contents import (
    NOISE,
    W_AVG,
    Contents,
    plain,
    renamed,
    require_filter,
)
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.names import (
    from_rosinality,
    largest_block,
    rosinality_discriminator,
    rosinality_generator,
)
from sa_helpers.checkpoints.sizes import Weights, discriminator_config, generator_config
from sa_helpers.checkpoints.spans import StoredTensor
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
    state = _without_kernels(_tensors(root["g_ema"], "g_ema"), gain=_UP)
    generator = _generator(state, root.get("latent_avg"))
    given = _given(root)
    config = generator_config(generator, **_some(given, "conv_clamp", "mapping_lr_multiplier"))
    weights: dict[str, Weights] = {"generator": generator}
    configs: dict[str, Any] = {"generator": config}
    if root.get("d"):
        weights["discriminator"] = _discriminator(_tensors(root["d"], "d"))
        limits = {"conv_clamp": given.get("discriminator_conv_clamp")}
        configs["discriminator"] = discriminator_config(
            weights["discriminator"], **limits, **_some(given, "mbstd_group_size")
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
    state = _tensors(root["state_dict"], "state_dict")
    inner = {"g_ema": _part(state, "decoder."), "latent_avg": _one_latent(root.get("latent_avg"))}
    generator = read_checkpoint(inner)
    options = _options(root.get("opts"))
    config = cast(GeneratorConfig, generator.configs["generator"])
    encoder = _encoder(state, root.get("latent_avg"), options, config)
    is_offset = options.get("encoder_type") == "Encoder4Editing"
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


def _given(root: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that our own export adds, because rosinality's code has none of them."""
    given = root.get("sa_helpers")
    values = given if isinstance(given, dict) else {}
    return {key: value for key, value in values.items() if isinstance(value, int | float)}


def _some(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: values[key] for key in keys if key in values}


def _tensors(state: Any, name: str) -> dict[str, StoredTensor]:
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, StoredTensor) for key, value in state.items()
    ):
        raise CheckpointError(
            f"{name} is no state dict of tensors. The file is of another kind, or altered; "
            "download it again."
        )
    return dict(state)


def _part(state: Mapping[str, StoredTensor], prefix: str) -> dict[str, StoredTensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _without_kernels(state: dict[str, StoredTensor], *, gain: float) -> dict[str, StoredTensor]:
    for name in [name for name in state if _KERNEL.fullmatch(name)]:
        require_filter(state.pop(name), name=name, gain=gain)
    return state


def _generator(state: Mapping[str, StoredTensor], w_avg: Any) -> dict[str, StoredTensor]:
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
    kind = options.get("encoder_type", "GradualStyleEncoder")
    if kind not in _ENCODERS:
        raise CheckpointError(
            f"The encoder is a {kind!r}; expected one of {list(_ENCODERS)}. Encoders into W alone "
            "and those of later papers have other layers."
        )
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
    weights["w_plus_avg"] = _offset(
        latent, bool(options.get("start_from_latent_avg", True)), config
    )
    return weights


def _offset(latent: Any, is_used: bool, config: GeneratorConfig) -> StoredTensor:
    """What the encoder's output is added to: the mean latent in every layer, or nothing."""
    shape = (config.num_ws, config.w_dim)
    if not is_used:
        return StoredTensor(shape, lambda: Tensor(*shape).zero_())
    if not isinstance(latent, StoredTensor):
        raise CheckpointError(
            "The encoder starts from the mean latent, but the checkpoint has no latent_avg. "
            "Download it again, or take the one that the encoder's authors publish."
        )
    return latent.reshaped(lambda tensor: tensor.expand(shape).contiguous())
