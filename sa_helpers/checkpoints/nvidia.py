"""NVIDIA's PyTorch pickles, and state dicts with NVIDIA's names.

The pickle is a dict of networks. Each module carries its Python source, which the original loader
executes and this one leaves alone, and its state, of which the weights and the settings are read.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sa_helpers.checkpoints.carried import NumpyScalar, PersistentModule
from sa_helpers.checkpoints.contents import Contents, plain, require_filter, text
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.sizes import Weights, discriminator_config, generator_config, only
from sa_helpers.checkpoints.spans import StoredTensor
from sa_helpers.networks import DiscriminatorConfig

_VERSION = 6
_MAX_DEPTH = 6
_FILTER = re.compile(r"(?:.*\.)?resample_filter")
_WHOLE_BATCH = 2**31 - 1  # NVIDIA's None: one group, however many samples

Module = dict[str, Any]


def read_pickle(root: Mapping[str, Any]) -> Contents:
    """Read the averaged generator and the discriminator of a pickle.

    Raises:
        CheckpointError: It holds no StyleGAN2, or a variant that our networks cannot express.
    """
    modules = dict(_walk(root.get("G_ema"), "G_ema"))
    generator, settings = _weights(modules), _generator_settings(modules)
    config = generator_config(
        generator,
        conv_clamp=settings["conv_clamp"],
        mapping_lr_multiplier=settings["mapping_lr_multiplier"],
    )
    configs: dict[str, Any] = {"generator": config}
    weights: dict[str, Weights] = {"generator": generator}
    if root.get("D") is not None:
        modules = dict(_walk(root["D"], "D"))
        weights["discriminator"] = _weights(modules)
        configs["discriminator"] = _discriminator(modules, weights["discriminator"])
    training_set = plain(root.get("training_set_kwargs"))
    return Contents(
        format="NVIDIA PyTorch pickle",
        configs=configs,
        weights=weights,
        settings={**settings, "training_set": training_set},
    )


def read_state_dicts(root: Mapping[str, Any]) -> Contents:
    """Read state dicts with NVIDIA's names, as `export` writes them and other tools save them.

    Raises:
        CheckpointError: They are not those of a StyleGAN2.
    """
    state = {**_tensors(root["G_ema"])}
    clamps = root.get("sa_helpers") if isinstance(root.get("sa_helpers"), dict) else {}
    generator = _without_filters(state)
    settings = {"conv_clamp": _number(clamps, "conv_clamp")}
    lr_multiplier = _number(clamps, "mapping_lr_multiplier")
    if lr_multiplier is not None:
        settings["mapping_lr_multiplier"] = lr_multiplier
    configs: dict[str, Any] = {"generator": generator_config(generator, **settings)}
    weights: dict[str, Weights] = {"generator": generator}
    if isinstance(root.get("D"), dict):
        weights["discriminator"] = _without_filters(_tensors(root["D"]))
        given = {"conv_clamp": _number(clamps, "discriminator_conv_clamp")}
        if (group := _number(clamps, "mbstd_group_size")) is not None:
            given["mbstd_group_size"] = int(group)
        configs["discriminator"] = discriminator_config(weights["discriminator"], **given)
    return Contents(
        format="state dict with NVIDIA's names",
        configs=configs,
        weights=weights,
        settings=settings,
        notes=() if clamps else ("State dicts do not tell a clamp; none was assumed.",),
    )


def _walk(module: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Module]]:
    """Yield the state of a module and of all inside it, with their dotted names."""
    if not isinstance(module, PersistentModule) or depth > _MAX_DEPTH:
        raise CheckpointError(
            f"There is no network at {name}, but {type(module).__name__}. The pickle holds no "
            "averaged generator (G_ema), or was altered; choose another snapshot."
        )
    (meta,) = module.arguments
    version = meta.get("version") if isinstance(meta, dict) else None
    if version != _VERSION:
        raise CheckpointError(
            f"{name} was saved in version {plain(version, depth=0)!r} of NVIDIA's persistence; "
            f"this release reads {_VERSION}. Load it with the code that made it and save it again "
            "with stylegan2-ada-pytorch."
        )
    state = meta["state"]
    yield name, state
    for child, inner in state["_modules"].items():
        inner_name = f"{name}.{text(child)}"
        if inner is not None:
            yield from _walk(inner, inner_name, depth + 1)


def _weights(modules: Mapping[str, Module]) -> dict[str, StoredTensor]:
    found: dict[str, StoredTensor] = {}
    for name, state in modules.items():
        prefix = f"{name}.".partition(".")[2]
        for entry in ("_parameters", "_buffers"):
            tensors = {f"{prefix}{text(key)}": value for key, value in state[entry].items()}
            found |= {key: value for key, value in tensors.items() if value is not None}
    return _without_filters(_tensors(found))


def _tensors(state: Any) -> dict[str, StoredTensor]:
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, StoredTensor) for name, value in state.items()
    ):
        raise CheckpointError(
            "A state dict holds something that is no tensor. It is of another kind, or altered; "
            "download it again."
        )
    return dict(state)


def _without_filters(state: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    for name in [name for name in state if _FILTER.fullmatch(name)]:
        require_filter(state.pop(name), name=name, gain=1.0)
    return state


def _generator_settings(modules: Mapping[str, Module]) -> dict[str, Any]:
    """Read what the modules say beside their weights, and refuse what we have no layers for."""
    layers = {
        name: m for name, m in modules.items() if "synthesis." in name and "affine" not in name
    }
    _require(layers, architecture="skip", use_noise=True, activation="lrelu")
    _require(modules, c_dim=0)
    mapping = modules.get("G_ema.mapping", {})
    first = modules.get("G_ema.mapping.fc0", {})
    gains = (
        only(
            (_scalar(m["bias_gain"]) for n, m in modules.items() if ".mapping.fc" in n),
            what="the mapping network's learning rate",
        )
        if first
        else 0.01
    )
    return {
        "conv_clamp": _clamp(layers.values()),
        "mapping_lr_multiplier": gains,
        "num_fp16_res": sum(bool(m.get("use_fp16")) for m in layers.values()),
        "w_avg_beta": plain(_scalar(mapping.get("w_avg_beta"))),
    }


def _discriminator(modules: Mapping[str, Module], weights: Weights) -> DiscriminatorConfig:
    _require(modules, architecture="resnet", c_dim=0)
    blocks = {n: m for n, m in modules.items() if not n.endswith(".skip")}  # which has no clamp
    mbstd = modules.get("D.b4.mbstd", {})
    _require({"D.b4.mbstd": mbstd}, num_channels=1)
    group = _scalar(mbstd.get("group_size"))
    return discriminator_config(
        weights,
        conv_clamp=_clamp(blocks.values()),
        mbstd_group_size=_WHOLE_BATCH if group is None else group,
    )


def _clamp(modules: Any) -> float | None:
    values = (_scalar(m["conv_clamp"]) for m in modules if "conv_clamp" in m)
    clamp = only(values, what="conv_clamp")
    return None if clamp is None else float(clamp)


def _require(modules: Mapping[str, Module], **expected: Any) -> None:
    for name, state in modules.items():
        for key, value in expected.items():
            given = _scalar(state.get(key, value))
            if given != value:
                raise CheckpointError(
                    f"{name} has {key} = {plain(given)!r}; this book's networks have {value!r}. "
                    "Conditional networks and other architectures are not supported."
                )


def _scalar(value: Any) -> Any:
    return value.read() if isinstance(value, NumpyScalar) else value


def _number(values: Any, key: str) -> float | None:
    value = values.get(key)
    return float(value) if isinstance(value, int | float) else None
