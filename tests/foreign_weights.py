"""Carry the weights of the fixtures over, without running any code that they hold."""

import codecs
import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

FIXTURES = Path(__file__).parent / "fixtures"
CHANNELS_32 = {4: 48, 8: 48, 16: 32, 32: 16}


class _Carried(dict):
    """Stands in for every class of the pickle: it only holds state."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.update(state)


class _WeightsUnpickler(pickle.Unpickler):
    """Knows the globals of a weights pickle and refuses all others."""

    _KNOWN = {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): lambda meta: _Carried(
            meta["state"]
        ),
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
        ("torch.storage", "_load_from_bytes"): lambda data: torch.load(
            io.BytesIO(data), weights_only=True
        ),
        ("dnnlib.util", "EasyDict"): _Carried,
        ("__builtin__", "set"): set,
        ("builtins", "set"): set,
        ("numpy", "dtype"): lambda *_: _Carried(),
        ("numpy.core.multiarray", "scalar"): lambda *_: None,
        ("numpy._core.multiarray", "scalar"): lambda *_: None,
        ("_codecs", "encode"): codecs.encode,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of a weights file")
        return self._KNOWN[module, name]


def _state_dict(module: dict[str, Any], prefix: str = "") -> dict[str, Tensor]:
    tensors = {**module["_parameters"], **module["_buffers"]}
    state = {prefix + name: value for name, value in tensors.items() if value is not None}
    for name, child in module["_modules"].items():
        state |= _state_dict(child, f"{prefix}{name}.")
    return {name: value for name, value in state.items() if "resample_filter" not in name}


def generator_config_32() -> GeneratorConfig:
    return GeneratorConfig(
        img_resolution=32, channels=CHANNELS_32, z_dim=32, w_dim=32, num_mapping_layers=4
    )


def nvidia_networks() -> tuple[Generator, Discriminator]:
    with open(FIXTURES / "nvidia_ada_32.pkl", "rb") as file:
        carried = _WeightsUnpickler(file).load()
    generator = Generator(generator_config_32())
    generator.load_state_dict(_state_dict(carried["G_ema"]))
    discriminator = Discriminator(DiscriminatorConfig(img_resolution=32, channels=CHANNELS_32))
    discriminator.load_state_dict(_state_dict(carried["D"]))
    return generator.eval().requires_grad_(False), discriminator.eval().requires_grad_(False)


def _rosinality_name(name: str) -> str:
    """Return the name that rosinality gives to one of our tensors."""
    network, _, rest = name.partition(".")
    if network == "mapping":
        layer, kind = rest.split(".")
        return f"style.{int(layer[2:]) + 1}.{kind}"
    block, layer, *kind = rest.split(".")
    if layer == "const":
        return "input.input"
    k = int(block[1:]).bit_length() - 4
    index = 2 * k + int(layer[-1]) if layer != "torgb" else k
    foreign = {"torgb": f"to_rgbs.{k}" if k >= 0 else "to_rgb1"}.get(
        layer, f"convs.{index}" if k >= 0 else "conv1"
    )
    tails = {
        "weight": "conv.weight",
        "affine.weight": "conv.modulation.weight",
        "affine.bias": "conv.modulation.bias",
        "noise_strength": "noise.weight",
        "bias": "bias" if layer == "torgb" else "activate.bias",
    }
    kind_text = ".".join(kind)
    if kind_text == "noise_const":
        return f"noises.noise_{index + 1 if k >= 0 else 0}"
    return f"{foreign}.{tails[kind_text]}"


def rosinality_generator() -> Generator:
    carried = torch.load(FIXTURES / "rosinality_converted_32.pt", weights_only=True)
    generator = Generator(generator_config_32())
    state = {
        name: carried["g_ema"][_rosinality_name(name)].reshape(value.shape)
        for name, value in generator.state_dict().items()
        if name != "mapping.w_avg"
    }
    generator.load_state_dict({**state, "mapping.w_avg": carried["latent_avg"]})
    return generator.eval().requires_grad_(False)
