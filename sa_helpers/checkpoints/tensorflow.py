"""NVIDIA's TensorFlow pickles, read without TensorFlow.

A tuple (G, D, Gs) of networks, each with its settings, its components and its variables as arrays.
The networks also carry the source of their code, which is left alone.
"""

import re
from collections.abc import Mapping
from typing import Any

from sa_helpers.checkpoints.carried import NumpyArray, NumpyScalar, TensorflowNetwork
from sa_helpers.checkpoints.contents import Contents, plain, renamed, text
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.names import (
    from_tensorflow,
    largest_block,
    numbers_from_tensorflow,
    tensorflow_discriminator,
    tensorflow_generator,
)
from sa_helpers.checkpoints.sizes import Weights, discriminator_config, generator_config
from sa_helpers.checkpoints.spans import StoredTensor

_VERSIONS = (4, 5)  # StyleGAN2, StyleGAN2-ADA
_DEFAULT_LR_MULTIPLIER = 0.01
_DEFAULT_GROUP = 4
# What says how training goes on, not what the networks are.
_IGNORED = re.compile(r"(?:synthesis/)?lod|.*(?:pl_mean_var|pl_mean|dlatent_avg_beta)")
_EXPECTED = {
    "architecture": ("skip", "resnet"),
    "nonlinearity": ("lrelu",),
    "resample_kernel": ([1, 3, 3, 1], (1, 3, 3, 1)),
    "label_size": (0,),
    "use_noise": (True,),
    "mbstd_num_features": (1,),
}


def read_pickle(root: tuple[Any, ...]) -> Contents:
    """Read the averaged generator Gs and the discriminator D.

    Raises:
        CheckpointError: Another version, or a variant that our networks cannot express.
    """
    discriminator, generator = root[-2], root[-1]
    variables, static = _network(generator, "Gs")
    weights: dict[str, Weights] = {"generator": _generator(variables)}
    clamp = _setting(static, "conv_clamp", None)
    configs: dict[str, Any] = {
        "generator": generator_config(
            weights["generator"],
            conv_clamp=clamp,
            mapping_lr_multiplier=_setting(static, "mapping_lrmul", _DEFAULT_LR_MULTIPLIER),
        )
    }
    if discriminator is not None:
        variables, d_static = _network(discriminator, "D")
        weights["discriminator"] = _discriminator(variables)
        configs["discriminator"] = discriminator_config(
            weights["discriminator"],
            conv_clamp=_setting(d_static, "conv_clamp", None),
            mbstd_group_size=_setting(d_static, "mbstd_group_size", _DEFAULT_GROUP),
        )
    names = ("num_fp16_res", "truncation_psi", "truncation_cutoff", "dlatent_avg_beta")
    settings = {name: plain(_scalar(static[name])) for name in names if name in static}
    return Contents(
        format="NVIDIA TensorFlow pickle",
        configs=configs,
        weights=weights,
        settings={"version": generator.state["version"], "conv_clamp": clamp, **settings},
    )


def _network(network: Any, name: str, depth: int = 0) -> tuple[dict[str, StoredTensor], dict]:
    """Collect variables, as component/variable, and settings, of a network and its components."""
    state = network.state if isinstance(network, TensorflowNetwork) else None
    if not isinstance(state, dict) or depth > 2:
        raise CheckpointError(
            f"There is no network at {name}, but {type(network).__name__}. The pickle is damaged, "
            "or not of StyleGAN2; download it again."
        )
    version = state.get("version")
    if version not in _VERSIONS:
        raise CheckpointError(
            f"{name} was saved in version {plain(version, depth=0)!r} of the TensorFlow code; this "
            f"release reads {list(_VERSIONS)}: StyleGAN2 and StyleGAN2-ADA. StyleGAN1 and "
            "progressive GANs have other layers."
        )
    variables = {text(key): _array(value, text(key)) for key, value in state["variables"]}
    settings = dict(state.get("static_kwargs") or {})
    for component, inner in (state.get("components") or {}).items():
        theirs, their_settings = _network(inner, f"{name}.{text(component)}", depth + 1)
        variables |= {f"{component}/{key}": value for key, value in theirs.items()}
        settings = {**their_settings, **settings}
    _check_settings(settings, name)
    return {k: v for k, v in variables.items() if not _IGNORED.fullmatch(k)}, settings


def _check_settings(settings: Mapping[str, Any], name: str) -> None:
    for key, accepted in _EXPECTED.items():
        given = _scalar(settings.get(key, accepted[0]))
        if given not in accepted:
            raise CheckpointError(
                f"{name} has {key} = {plain(given, depth=1)!r}; this book's networks have "
                f"{accepted[0]!r}. Conditional networks and other architectures are not supported."
            )


def _array(value: Any, name: str) -> StoredTensor:
    # TensorFlow gives a variable without dimensions as a number.
    if isinstance(value, NumpyArray | NumpyScalar):
        return value.stored()
    raise CheckpointError(f"The variable {name!s:.80} is no array. Download the file again.")


def _generator(variables: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
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
