"""NVIDIA's TensorFlow pickles, read without TensorFlow.

A tuple (G, D, Gs) of networks, each with its settings, its components and its variables as arrays.
The networks also carry the source of their code, which is left alone.
"""

import re
from collections.abc import Mapping
from typing import Any

from sa_helpers.checkpoints.budget import Budget
from sa_helpers.checkpoints.contents import (
    Contents,
    Weights,
    clamp,
    name_of,
    number,
    plain,
    renamed,
)
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import StoredTensor
from sa_helpers.checkpoints.foreign import refuse_others, require_square
from sa_helpers.checkpoints.names import (
    from_tensorflow,
    largest_block,
    numbers_from_tensorflow,
    tensorflow_discriminator,
    tensorflow_generator,
)
from sa_helpers.checkpoints.sizes import discriminator_config, generator_config
from sa_helpers.checkpoints.stand_ins import NumpyArray, NumpyScalar, TensorflowNetwork
from sa_helpers.runtime import shown

_VERSIONS = (4, 5)  # StyleGAN2, StyleGAN2-ADA
_DEFAULT_LR_MULTIPLIER = 0.01
_DEFAULT_GROUP = 4
_NETWORK_NODES = 100  # what looking at a network costs, as many times as it is met
# What says how training goes on, not what the networks are.
_IGNORED = re.compile(r"(?:synthesis/)?lod|.*(?:pl_mean_var|pl_mean|dlatent_avg_beta)")
_EXPECTED = {
    "architecture": ("skip", "resnet"),
    "nonlinearity": ("lrelu",),
    "resample_kernel": ([1, 3, 3, 1], (1, 3, 3, 1)),
    "use_noise": (True,),
    "mbstd_num_features": (1,),
}


def read_pickle(root: tuple[Any, ...], budget: Budget) -> Contents:
    """Read the averaged generator Gs and the discriminator D.

    Raises:
        CheckpointError: Another version, or a variant that our networks cannot express.
    """
    discriminator, generator = root[-2], root[-1]
    variables, static = _network(generator, "Gs", budget)
    weights: dict[str, Weights] = {"generator": _generator(variables)}
    limit = clamp(_setting(static, "conv_clamp", None))
    multiplier = number(
        _setting(static, "mapping_lrmul", _DEFAULT_LR_MULTIPLIER),
        what="mapping_lrmul",
        low=1e-6,
        high=1e3,
    )
    configs: dict[str, Any] = {
        "generator": generator_config(
            weights["generator"], conv_clamp=limit, mapping_lr_multiplier=float(multiplier)
        )
    }
    if discriminator is not None:
        variables, d_static = _network(discriminator, "D", budget)
        weights["discriminator"] = _discriminator(variables)
        group = _setting(d_static, "mbstd_group_size", _DEFAULT_GROUP)
        configs["discriminator"] = discriminator_config(
            weights["discriminator"],
            conv_clamp=clamp(_setting(d_static, "conv_clamp", None)),
            mbstd_group_size=number(
                group, what="mbstd_group_size", low=1, high=2**31 - 1, is_integer=True
            ),
        )
    names = ("num_fp16_res", "truncation_psi", "truncation_cutoff", "dlatent_avg_beta")
    settings = {name: plain(_scalar(static[name])) for name in names if name in static}
    return Contents(
        format="NVIDIA TensorFlow pickle",
        configs=configs,
        weights=weights,
        settings={"version": generator.state["version"], "conv_clamp": limit, **settings},
    )


def _network(
    network: Any, name: str, budget: Budget, depth: int = 0
) -> tuple[dict[str, StoredTensor], dict[str, Any]]:
    """Collect variables, as component/variable, and settings, of a network and its components."""
    budget.spend(_NETWORK_NODES)
    state = network.state if isinstance(network, TensorflowNetwork) else None
    if not isinstance(state, dict) or depth > 2:
        raise CheckpointError(
            f"There is no network at {name}, but {type(network).__name__}. The pickle is damaged, "
            "or not of StyleGAN2; download it again."
        )
    version = plain(state.get("version"), depth=0)
    if version not in _VERSIONS:
        raise CheckpointError(
            f"{name} was saved in version {version!r} of the TensorFlow code; this "
            f"release reads {list(_VERSIONS)}: StyleGAN2 and StyleGAN2-ADA. StyleGAN1 and "
            "progressive GANs have other layers."
        )
    variables = {key: _array(value, key) for key, value in _pairs(state, name, budget)}
    refuse_others(variables)
    settings = dict(_table(state, "static_kwargs", name, budget))
    for component, inner in _table(state, "components", name, budget).items():
        theirs, their_settings = _network(inner, f"{name}.{component}", budget, depth + 1)
        variables |= {f"{component}/{key}": value for key, value in theirs.items()}
        settings = {**their_settings, **settings}
    _check_settings(settings, name)
    return {k: v for k, v in variables.items() if not _IGNORED.fullmatch(k)}, settings


def _table(state: Mapping[str, Any], key: str, name: str, budget: Budget) -> dict[str, Any]:
    table = state.get(key)
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise CheckpointError(
            f"{name} has {key} that are a {type(table).__name__}. The pickle is damaged, or not of "
            "StyleGAN2; download it again."
        )
    budget.spend(len(table))
    return {name_of(entry): value for entry, value in table.items()}


def _pairs(state: Mapping[str, Any], name: str, budget: Budget) -> list[tuple[str, Any]]:
    pairs = state.get("variables")
    if not isinstance(pairs, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs
    ):
        raise CheckpointError(
            f"{name} has no list of variables. The pickle is damaged, or not of StyleGAN2; "
            "download it again."
        )
    budget.spend(len(pairs))
    return [(name_of(key), value) for key, value in pairs]


def _check_settings(settings: Mapping[str, Any], name: str) -> None:
    num_classes = number(
        _scalar(settings.get("label_size", 0)),
        what="label_size",
        low=0,
        high=1e6,
        is_integer=True,
    )
    if num_classes:
        raise CheckpointError(
            f"{name} has label_size = {num_classes!r}: it is class-conditional. Such networks are "
            "read from pickles of PyTorch: convert it with legacy.py of stylegan2-ada-pytorch, "
            "then load the result with a class_index."
        )
    for key, accepted in _EXPECTED.items():
        given = _scalar(settings.get(key, accepted[0]))
        if given not in accepted:
            raise CheckpointError(
                f"{name} has {key} = {plain(given, depth=1)!r}; this book's networks have "
                f"{accepted[0]!r}. Other architectures are not read; open the file with the code "
                "that made it."
            )


def _array(value: Any, name: str) -> StoredTensor:
    # TensorFlow gives a variable without dimensions as a number.
    if isinstance(value, NumpyArray | NumpyScalar):
        return value.stored()
    raise CheckpointError(f"The variable {shown(name)} is no array. Download the file again.")


def _generator(variables: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    const = variables.get("synthesis/4x4/Const/const")
    require_square(None if const is None else const.shape, what="4x4/Const")
    blocks = [
        name for name in variables if re.fullmatch(r"synthesis/\d+x\d+/Conv0_up/weight", name)
    ]
    depth = len([name for name in variables if re.fullmatch(r"mapping/Dense\d+/weight", name)])
    size = largest_block(len(blocks), what="generator")
    names = tensorflow_generator(size, num_mapping_layers=depth)
    return _converted(renamed(variables, names, what="generator"))


def _discriminator(variables: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    blocks = [name for name in variables if re.fullmatch(r"\d+x\d+/Skip/weight", name)]
    names = tensorflow_discriminator(largest_block(len(blocks), what="discriminator"))
    return _converted(renamed(variables, names, what="discriminator"))


def _converted(weights: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    return {
        name: stored.reshaped(from_tensorflow(name)).changed(numbers_from_tensorflow(name))
        for name, stored in weights.items()
    }


def _setting(settings: Mapping[str, Any], name: str, default: Any) -> Any:
    value = _scalar(settings.get(name, default))
    return default if value is None else value


def _scalar(value: Any) -> Any:
    return value.read() if isinstance(value, NumpyScalar) else value
