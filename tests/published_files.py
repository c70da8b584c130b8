"""Write our networks in the layouts of other codes, to test readers where no real file is at hand.

Each layout is written from its description, independently of the reader: names are spelled out
here and arrays are turned with numpy.
"""

import argparse
import contextlib
import math
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sa_helpers.networks import (
    Discriminator,
    DiscriminatorConfig,
    Encoder,
    EncoderConfig,
    Generator,
    GeneratorConfig,
)
from sa_helpers.networks.config import block_resolutions

EVIL_SOURCE = "import os\nos.system('touch harm_was_done')\nopen('harm_was_done', 'w')\n"


def make_pair(
    img_resolution: int = 16,
    *,
    seed: int = 3,
    num_mapping_layers: int = 2,
    widths: tuple[int, ...] = (6, 5, 4, 4, 4, 4, 4, 4, 4),
    conv_clamp: float | None = None,
    latent_dim: int = 7,
) -> tuple[Generator, Discriminator]:
    """Random networks of which every weight matters: biases, noise and w_avg are drawn too."""
    torch.manual_seed(seed)
    channels = dict(zip(block_resolutions(img_resolution), widths, strict=False))
    config = GeneratorConfig(
        img_resolution=img_resolution,
        channels=channels,
        z_dim=latent_dim,
        w_dim=latent_dim,
        num_mapping_layers=num_mapping_layers,
        conv_clamp=conv_clamp,
    )
    generator = Generator(config).eval()
    discriminator = Discriminator(
        DiscriminatorConfig(img_resolution=img_resolution, channels=channels, conv_clamp=conv_clamp)
    ).eval()
    with torch.no_grad():
        generator.w_avg.normal_()
        for network in (generator, discriminator):
            for name, weight in network.named_parameters():
                if name.endswith(("noise_strength", "bias")):
                    weight.add_(torch.randn_like(weight), alpha=0.1)
    return generator, discriminator


class _EasyDict(dict):
    """As dnnlib's: a dictionary of another class."""


class _Persistent:
    """Pickles as NVIDIA's modules do: a call with the class, its source and its state."""

    def __init__(self, meta: dict[str, Any]) -> None:
        self.meta = meta

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


class _Network:
    """Pickles as a network of NVIDIA's TensorFlow code: its state is a dict of plain things."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def __getstate__(self) -> dict[str, Any]:
        return self.state


@contextlib.contextmanager
def _foreign_modules() -> Iterator[None]:
    """Let `pickle` find what it writes under the names of NVIDIA's modules."""
    contents = {
        "torch_utils.persistence": {"_reconstruct_persistent_obj": lambda meta: None},
        "dnnlib.util": {"EasyDict": _EasyDict},
        "dnnlib.tflib.network": {"Network": _Network},
    }
    names = {".".join(n.split(".")[:k]) for n in contents for k in range(1, n.count(".") + 2)}
    old = {}
    for name in names:
        module = types.ModuleType(name)
        for key, value in contents.get(name, {}).items():
            value.__module__, value.__qualname__, value.__name__ = name, key, key
            setattr(module, key, value)
        old[name] = sys.modules.get(name)
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _filter(gain: float = 1.0) -> Tensor:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return gain * torch.outer(taps, taps) / 64


_CLASSES = {
    "SynthesisBlock": ("resample_filter",),
    "SynthesisLayer": ("resample_filter",),
    "DiscriminatorBlock": ("resample_filter",),
    "Conv2dLayer": ("resample_filter",),
}


def nvidia_pickle(
    path: Path,
    generator: Generator,
    discriminator: Discriminator | None = None,
    *,
    protocol: int = 4,
    num_fp16_res: int = 0,
    version: int = 6,
    overrides: dict[str, Any] | None = None,
    is_channels_last: bool = False,
    key: str = "G_ema",
    is_alone: bool = False,
    is_torch_file: bool = False,
) -> Path:
    """Write what `pickle.dump(dict(G, D, G_ema, ...))` of stylegan2-ada-pytorch writes.

    Args:
        overrides: Attributes to change in all modules that have them, to make variants.
        key: Under which the generator stands.
        is_alone: The generator alone, without the dict around it.
        is_torch_file: Written by `torch.save`, as PTI writes its generators.
    """
    fp16 = set(block_resolutions(generator.config.img_resolution)[-num_fp16_res:][:num_fp16_res])

    def carry(name: str, module: nn.Module) -> _Persistent:
        state = {
            "training": False,
            "_parameters": OrderedDict(
                (k, _laid_out(v, is_channels_last)) for k, v in module._parameters.items()
            ),
            "_buffers": OrderedDict(module._buffers),
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_init_args": (),
            "_init_kwargs": _EasyDict(resample_filter=[1, 3, 3, 1]),
            **_attributes(name, module, fp16),
        }
        for key, value in (overrides or {}).items():
            if key in state:
                state[key] = value
        for buffer in _CLASSES.get(type(module).__name__, ()):
            state["_buffers"][buffer] = _filter()
        children = {k: carry(f"{name}.{k}", m) for k, m in module._modules.items() if m is not None}
        if type(module).__name__ == "DiscriminatorEpilogue":
            mbstd = {"group_size": module.mbstd_group_size, "num_channels": 1}
            mbstd |= {"_parameters": {}, "_buffers": {}, "_modules": {}}
            children["mbstd"] = _persistent("MinibatchStdLayer", mbstd, version)
        state["_modules"] = OrderedDict(children)
        return _persistent(type(module).__name__, state, version)

    with _foreign_modules():
        content = {
            "training_set_kwargs": _EasyDict(class_name="training.dataset.ImageFolderDataset"),
            "G": None,
            "D": None if discriminator is None else carry("D", discriminator),
            "augment_pipe": None,
            key: carry("G_ema", generator),
        }
        written = content[key] if is_alone else content
        if is_torch_file:
            torch.save(written, path)
        else:
            path.write_bytes(pickle.dumps(written, protocol=protocol))
    return path


def _persistent(class_name: str, state: dict[str, Any], version: int) -> _Persistent:
    return _Persistent(
        _EasyDict(
            type="class",
            version=version,
            module_src=EVIL_SOURCE,
            class_name=class_name,
            state=state,
        )
    )


def _laid_out(weight: nn.Parameter | None, is_channels_last: bool) -> nn.Parameter | None:
    if weight is None or weight.ndim != 4 or not is_channels_last:
        return weight
    return nn.Parameter(weight.detach().contiguous(memory_format=torch.channels_last))


def _attributes(name: str, module: nn.Module, fp16: set[int]) -> dict[str, Any]:
    kind = type(module).__name__
    if kind in ("SynthesisLayer", "ToRGBLayer"):
        extra = {} if kind == "ToRGBLayer" else {"use_noise": True, "activation": "lrelu"}
        return {"conv_clamp": module.clamp, **extra}
    if kind == "Conv2dLayer":
        scale = module.clamp and module.clamp / (math.sqrt(0.5) if "conv1" in name else 1.0)
        return {"conv_clamp": None if "skip" in name else scale and round(scale, 6)}
    if kind == "FullyConnectedLayer":
        return {"bias_gain": np.float64(module.bias_gain), "activation": "lrelu"}
    if kind in ("SynthesisBlock", "DiscriminatorBlock"):
        resolution = int(name.rpartition(".b")[2])
        architecture = "skip" if kind == "SynthesisBlock" else "resnet"
        return {"use_fp16": resolution in fp16, "architecture": architecture}
    if kind == "MappingNetwork":
        return {"c_dim": 0, "w_avg_beta": 0.995}
    return {"c_dim": 0} if kind in ("Generator", "Discriminator") else {}


def tensorflow_arrays(generator: Generator) -> dict[str, np.ndarray]:
    """The generator's variables as TensorFlow stores them, by component/name."""
    state = {name: value.detach().numpy() for name, value in generator.state_dict().items()}
    arrays = {"dlatent_avg": state["mapping.w_avg"]}
    for i in range(generator.config.num_mapping_layers):
        arrays[f"mapping/Dense{i}/weight"] = state[f"mapping.fc{i}.weight"].T
        arrays[f"mapping/Dense{i}/bias"] = state[f"mapping.fc{i}.bias"]
    arrays["synthesis/4x4/Const/const"] = state["synthesis.b4.const"][None]
    noise = 0
    for r in block_resolutions(generator.config.img_resolution):
        layers = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB"}
        layers = {"conv1": "Conv", "torgb": "ToRGB"} if r == 4 else layers
        for ours, theirs in layers.items():
            source, target = f"synthesis.b{r}.{ours}", f"synthesis/{r}x{r}/{theirs}"
            kernel = state[f"{source}.weight"].transpose(2, 3, 1, 0)
            arrays[f"{target}/weight"] = kernel[::-1, ::-1] if ours == "conv0" else kernel
            arrays[f"{target}/bias"] = state[f"{source}.bias"]
            arrays[f"{target}/mod_weight"] = state[f"{source}.affine.weight"].T
            arrays[f"{target}/mod_bias"] = state[f"{source}.affine.bias"] - np.float32(1)
            if ours != "torgb":
                arrays[f"{target}/noise_strength"] = np.float32(state[f"{source}.noise_strength"])
                arrays[f"synthesis/noise{noise}"] = state[f"{source}.noise_const"][None, None]
                noise += 1
    return arrays


def tensorflow_discriminator_arrays(discriminator: Discriminator) -> dict[str, np.ndarray]:
    """The discriminator's variables as TensorFlow stores them."""
    state = {name: value.detach().numpy() for name, value in discriminator.state_dict().items()}
    names = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip"}
    tops = {"b4.conv": "4x4/Conv", "b4.fc": "4x4/Dense0", "b4.out": "Output"}
    arrays = {}
    for name, value in state.items():
        module, _, kind = name.rpartition(".")
        block, _, layer = module.partition(".")
        side = block.removeprefix("b")
        target = tops.get(module) or f"{side}x{side}/{names[layer]}"
        turned = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
        arrays[f"{target}/{kind}"] = turned
    return arrays


def tensorflow_pickle(
    path: Path,
    generator: Generator,
    discriminator: Discriminator | None = None,
    *,
    protocol: int = 4,
    version: int = 4,
    **static_kwargs: Any,
) -> Path:
    """Write what `pickle.dump((G, D, Gs))` of NVIDIA's TensorFlow code writes."""

    def network(name: str, arrays: dict[str, np.ndarray], components: Any = None) -> _Network:
        state = {
            "version": version,
            "name": name,
            "static_kwargs": _EasyDict(resample_kernel=[1, 3, 3, 1], **static_kwargs),
            "components": _EasyDict(components or {}),
            "build_module_src": EVIL_SOURCE,
            "build_func_name": name,
            "variables": [(k, np.ascontiguousarray(v) if v.ndim else v) for k, v in arrays.items()],
        }
        return _Network(state)

    arrays = tensorflow_arrays(generator) | {"lod": np.float32(0)}
    parts: dict[str, dict[str, np.ndarray]] = {"": {}, "mapping": {}, "synthesis": {}}
    for name, value in arrays.items():
        component, _, rest = name.partition("/")
        where = component if component in parts else ""
        parts[where][rest if where else name] = value
    with _foreign_modules():
        components = {c: network(f"G_{c}", parts[c]) for c in ("mapping", "synthesis")}
        gs = network("Gs", parts[""], components)
        d = discriminator and network("D", tensorflow_discriminator_arrays(discriminator))
        path.write_bytes(pickle.dumps((gs, d, gs), protocol=protocol))
    return path


def rosinality_state(generator: Generator) -> dict[str, Tensor]:
    """The generator's state dict with rosinality's names."""
    ours = {name: value.detach() for name, value in generator.state_dict().items()}
    state = {}
    for i in range(generator.config.num_mapping_layers):
        for kind in ("weight", "bias"):
            state[f"style.{i + 1}.{kind}"] = ours[f"mapping.fc{i}.{kind}"]
    state["input.input"] = ours["synthesis.b4.const"][None]
    for k, r in enumerate(block_resolutions(generator.config.img_resolution)):
        layers = [("conv0", f"convs.{2 * k - 2}"), ("conv1", f"convs.{2 * k - 1}")]
        for number, (layer, target) in enumerate([("conv1", "conv1")] if k == 0 else layers):
            source = f"synthesis.b{r}.{layer}"
            state |= _modulated(ours, source, target)
            state[f"{target}.noise.weight"] = ours[f"{source}.noise_strength"].reshape(1)
            state[f"{target}.activate.bias"] = ours[f"{source}.bias"]
            index = 0 if k == 0 else 2 * k - 1 + number
            state[f"noises.noise_{index}"] = ours[f"{source}.noise_const"][None, None]
            if layer == "conv0":
                state[f"{target}.conv.blur.kernel"] = _filter(4.0)
        target = "to_rgb1" if k == 0 else f"to_rgbs.{k - 1}"
        state |= _modulated(ours, f"synthesis.b{r}.torgb", target)
        state[f"{target}.bias"] = ours[f"synthesis.b{r}.torgb.bias"][None, :, None, None]
        if k:
            state[f"{target}.upsample.kernel"] = _filter(4.0)
    return state


def _modulated(ours: dict[str, Tensor], source: str, target: str) -> dict[str, Tensor]:
    return {
        f"{target}.conv.weight": ours[f"{source}.weight"][None],
        f"{target}.conv.modulation.weight": ours[f"{source}.affine.weight"],
        f"{target}.conv.modulation.bias": ours[f"{source}.affine.bias"],
    }


def nada_file(path: Path, generator: Generator) -> Path:
    """Write what StyleGAN-NADA saves: the averaged generator and the state of its optimiser."""
    state = rosinality_state(generator)
    moments = {"step": 3, "exp_avg": torch.zeros(2), "exp_avg_sq": torch.zeros(2)}
    optimiser = {"state": {0: moments}, "param_groups": [{"lr": 0.002, "betas": (0.0, 0.99)}]}
    torch.save({"g_ema": OrderedDict(state), "g_optim": optimiser}, path)
    return path


def make_encoder(generator: Generator, *, is_offset: bool, seed: int = 5) -> Encoder:
    """A random encoder whose statistics, too, are drawn."""
    torch.manual_seed(seed)
    config = generator.config
    encoder = Encoder(
        EncoderConfig(num_ws=config.num_ws, w_dim=config.w_dim, width=16, is_offset=is_offset)
    ).eval()
    with torch.no_grad():
        encoder.w_plus_avg.copy_(generator.w_avg.expand_as(encoder.w_plus_avg))
        for name, buffer in encoder.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 2.0)
            elif name.endswith("running_mean"):
                buffer.normal_(std=0.1)
    return encoder


def encoder_file(
    path: Path, generator: Generator, encoder: Encoder, *, is_namespace: bool = False
) -> Path:
    """Write what e4e and pSp save: both networks in one state dict, options, the mean latent."""
    state = OrderedDict()
    for name, value in encoder.state_dict().items():
        if name != "w_plus_avg":
            state[f"encoder.{name}"] = value
            if name.endswith("running_var"):
                tracked = name.replace("running_var", "num_batches_tracked")
                state[f"encoder.{tracked}"] = torch.tensor(7)
    state |= {f"decoder.{name}": value for name, value in rosinality_state(generator).items()}
    is_offset = encoder.config.is_offset
    options = {
        "encoder_type": "Encoder4Editing" if is_offset else "GradualStyleEncoder",
        "start_from_latent_avg": True,
        "stylegan_size": generator.config.img_resolution,
        "device": "cuda:0",
        "exp_dir": None,
    }
    content = {
        "state_dict": state,
        "opts": argparse.Namespace(**options) if is_namespace else options,
        "latent_avg": encoder.w_plus_avg,
    }
    torch.save(content, path)
    return path
