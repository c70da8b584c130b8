"""NVIDIA's PyTorch pickles, and state dicts with NVIDIA's names.

The pickle is a dict of networks. Each module carries its Python source, which the original loader
executes and this one leaves alone, and its state, of which the weights and the settings are read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sa_helpers.checkpoints.budget import MAX_DEPTH, Budget
from sa_helpers.checkpoints.conditional import CONDITIONAL, num_classes
from sa_helpers.checkpoints.contents import (
    Contents,
    Weights,
    clamp,
    name_of,
    number,
    plain,
    require_filter,
    tensors_of,
)
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import StoredTensor
from sa_helpers.checkpoints.foreign import refuse_others
from sa_helpers.checkpoints.sizes import discriminator_config, generator_config, only
from sa_helpers.checkpoints.stand_ins import NumpyScalar, PersistentModule
from sa_helpers.networks import DiscriminatorConfig

_VERSION = 6
_FILTER = re.compile(r"(?:.*\.)?resample_filter")
_WHOLE_BATCH = 2**31 - 1  # NVIDIA's None: one group, however many samples
_LR_MULTIPLIER = 0.01
_MODULE_NODES = 20  # what looking at a module costs, as many times as it is met

Module = dict[str, Any]


def read_pickle(root: Mapping[str, Any], budget: Budget) -> Contents:
    """Read the averaged generator and the discriminator of a pickle.

    Raises:
        CheckpointError: It holds no StyleGAN2, or a variant that our networks cannot express.
    """
    modules = dict(_walk(root.get("G_ema"), "G_ema", budget))
    refuse_others(modules)
    generator, settings = _weights(modules, budget), _generator_settings(modules)
    configs: dict[str, Any] = {
        "generator": generator_config(
            generator,
            conv_clamp=settings["conv_clamp"],
            mapping_lr_multiplier=settings["mapping_lr_multiplier"],
        )
    }
    weights: dict[str, Weights] = {"generator": generator}
    label_lr_multiplier = _LR_MULTIPLIER
    if root.get("D") is not None:
        modules = dict(_walk(root["D"], "D", budget))
        weights["discriminator"] = _weights(modules, budget)
        configs["discriminator"] = _discriminator(modules, weights["discriminator"])
        label_lr_multiplier = _mapping_lr_multiplier(modules)
    training_set = plain(root.get("training_set_kwargs"))
    return Contents(
        format="NVIDIA PyTorch pickle",
        configs=configs,
        weights=weights,
        settings={**settings, "training_set": training_set, **_classes(weights)},
        notes=_class_notes(weights),
        num_classes=_num_classes(weights),
        label_lr_multiplier=label_lr_multiplier,
    )


def read_state_dicts(root: Mapping[str, Any]) -> Contents:
    """Read state dicts with NVIDIA's names, as `export` writes them and other tools save them.

    Raises:
        CheckpointError: They are not those of a StyleGAN2.
    """
    given = root.get("sa_helpers")
    given = given if isinstance(given, dict) else {}
    generator = _without_filters(tensors_of(root["G_ema"], what="The generator"))
    settings: dict[str, Any] = {"conv_clamp": clamp(given.get("conv_clamp"))}
    if "mapping_lr_multiplier" in given:
        settings["mapping_lr_multiplier"] = _multiplier(given["mapping_lr_multiplier"])
    configs: dict[str, Any] = {"generator": generator_config(generator, **settings)}
    weights: dict[str, Weights] = {"generator": generator}
    if isinstance(root.get("D"), dict):
        state = tensors_of(root["D"], what="The discriminator")
        weights["discriminator"] = _without_filters(state)
        limits: dict[str, Any] = {"conv_clamp": clamp(given.get("discriminator_conv_clamp"))}
        if "mbstd_group_size" in given:
            limits["mbstd_group_size"] = _group(given["mbstd_group_size"])
        configs["discriminator"] = discriminator_config(weights["discriminator"], **limits)
    notes = () if given else ("State dicts do not tell a clamp; none was assumed.",)
    return Contents(
        format="state dict with NVIDIA's names",
        configs=configs,
        weights=weights,
        settings={**settings, **_classes(weights)},
        notes=(*notes, *_class_notes(weights)),
        num_classes=_num_classes(weights),
    )


def _walk(module: Any, name: str, budget: Budget, depth: int = 0) -> Iterator[tuple[str, Module]]:
    """Yield the state of a module and of all inside it, with their dotted names."""
    budget.spend(_MODULE_NODES)
    if not isinstance(module, PersistentModule) or depth > MAX_DEPTH:
        raise CheckpointError(
            f"There is no network at {name}, but {type(module).__name__}. The pickle holds no "
            "averaged generator (G_ema), or was altered; choose another snapshot."
        )
    meta = module.arguments[0] if module.arguments else None
    version = meta.get("version") if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or plain(version) != _VERSION:
        raise CheckpointError(
            f"{name} was saved in version {plain(version, depth=0)!r} of NVIDIA's persistence; "
            f"this release reads {_VERSION}. Load it with the code that made it and save it again "
            "with stylegan2-ada-pytorch."
        )
    state = meta.get("state")
    if not isinstance(state, dict):
        raise CheckpointError(f"{name} has no state. {_ALTERED}")
    yield name, state
    for child, inner in _entries(state, "_modules", name, budget):
        if inner is not None:
            yield from _walk(inner, f"{name}.{child}", budget, depth + 1)


def _entries(state: Module, key: str, name: str, budget: Budget) -> Iterable[tuple[str, Any]]:
    """What a module has of one kind; each is paid for as often as it is met."""
    entries = state.get(key)
    if not isinstance(entries, dict):
        raise CheckpointError(f"{name} has no {key}. {_ALTERED}")
    budget.spend(len(entries))
    return [(name_of(child), value) for child, value in entries.items()]


_ALTERED = "The pickle was altered, or is of another kind; download it again."


def _weights(modules: Mapping[str, Module], budget: Budget) -> dict[str, StoredTensor]:
    found: dict[str, StoredTensor] = {}
    for name, state in modules.items():
        prefix = f"{name}.".partition(".")[2]
        for kind in ("_parameters", "_buffers"):
            entries = _entries(state, kind, name, budget)
            found |= {f"{prefix}{key}": value for key, value in entries if value is not None}
    return _without_filters(tensors_of(found, what="A network"))


def _without_filters(state: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    refuse_others(state)
    for name in [name for name in state if _FILTER.fullmatch(name)]:
        require_filter(state.pop(name), name=name, gain=1.0)
    return state


def _generator_settings(modules: Mapping[str, Module]) -> dict[str, Any]:
    """Read what the modules say beside their weights, and refuse what we have no layers for."""
    layers = {
        name: m for name, m in modules.items() if "synthesis." in name and "affine" not in name
    }
    _require(layers, architecture="skip", use_noise=True, activation="lrelu")
    mapping = modules.get("G_ema.mapping", {})
    return {
        "conv_clamp": _clamp(layers.values()),
        "mapping_lr_multiplier": _mapping_lr_multiplier(modules),
        "num_fp16_res": sum(plain(m.get("use_fp16")) is True for m in layers.values()),
        "w_avg_beta": plain(_scalar(mapping.get("w_avg_beta"))),
    }


def _mapping_lr_multiplier(modules: Mapping[str, Module]) -> float:
    """The learning rate of mapping layers, which is the gain of their biases."""
    gains = [
        _scalar(m["bias_gain"])
        for name, m in modules.items()
        if ".mapping.fc" in name and "bias_gain" in m
    ]
    gain = only(gains, what="the mapping network's learning rate")
    return _LR_MULTIPLIER if gain is None else _multiplier(gain)


def _multiplier(value: Any) -> float:
    return float(number(value, what="the mapping network's learning rate", low=1e-6, high=1e3))


def _group(value: Any) -> int:
    return int(number(value, what="mbstd_group_size", low=1, high=_WHOLE_BATCH, is_integer=True))


def _discriminator(modules: Mapping[str, Module], weights: Weights) -> DiscriminatorConfig:
    _require(modules, architecture="resnet")
    blocks = {n: m for n, m in modules.items() if not n.endswith(".skip")}  # which has no clamp
    mbstd = modules.get("D.b4.mbstd", {})
    _require({"D.b4.mbstd": mbstd}, num_channels=1)
    group = _scalar(mbstd.get("group_size"))
    return discriminator_config(
        weights,
        conv_clamp=_clamp(blocks.values()),
        mbstd_group_size=_WHOLE_BATCH if group is None else _group(group),
    )


def _clamp(modules: Iterable[Module]) -> float | None:
    values = (_scalar(m["conv_clamp"]) for m in modules if "conv_clamp" in m)
    return clamp(only(values, what="conv_clamp"))


def _require(modules: Mapping[str, Module], **expected: Any) -> None:
    for name, state in modules.items():
        for key, value in expected.items():
            given = _scalar(state.get(key, value))
            if given != value:
                raise CheckpointError(
                    f"{name} has {key} = {plain(given)!r}; this book's networks have {value!r}. "
                    "Other architectures are not read; open the file with the code that made it."
                )


def _scalar(value: Any) -> Any:
    return value.read() if isinstance(value, NumpyScalar) else value


def _num_classes(weights: Mapping[str, Weights]) -> int:
    return max(num_classes(of_part) for of_part in weights.values())


def _classes(weights: Mapping[str, Weights]) -> dict[str, int]:
    count = _num_classes(weights)
    return {"num_classes": count} if count else {}


def _class_notes(weights: Mapping[str, Weights]) -> tuple[str, ...]:
    count = _num_classes(weights)
    return (
        (f"{CONDITIONAL}: choose one of {count} classes by class_index, 0 to {count - 1}.",)
        if count
        else ()
    )
