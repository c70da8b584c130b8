"""The names that three families of code give to the same weights, and how their layouts differ.

Our networks use NVIDIA's names. Each table maps them to the names of another code.

Source: the published checkpoints; Karras et al. 2020 (StyleGAN2) for what the layers are.
"""

from collections.abc import Callable

from torch import Tensor

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.networks.config import block_resolutions

Change = Callable[[Tensor], Tensor]

_ROSINALITY_TAILS = {
    "weight": "conv.weight",
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
    "noise_strength": "noise.weight",
    "bias": "activate.bias",
}
_LAYER_TAILS = ("weight", "bias", "affine.weight", "affine.bias")


def _layers(resolution: int) -> tuple[str, ...]:
    return ("conv1", "torgb") if resolution == 4 else ("conv0", "conv1", "torgb")


def _noise_index(resolution: int, layer: str) -> int:
    """Number of a noise map in the order of the layers: 0 at 4x4, two for each later block."""
    return 2 * (resolution.bit_length() - 3) - (layer == "conv0")


def _mapping(count: int, template: str, *, first: int) -> dict[str, str]:
    return {
        f"mapping.fc{i}.{kind}": f"{template.format(i + first)}.{kind}"
        for i in range(count)
        for kind in ("weight", "bias")
    }


def rosinality_generator(img_resolution: int, *, num_mapping_layers: int) -> dict[str, str]:
    """Map our names to those of rosinality's generator; `w_avg` is kept outside of it."""
    names = _mapping(num_mapping_layers, "style.{}", first=1)
    names["synthesis.b4.const"] = "input.input"
    for resolution in block_resolutions(img_resolution):
        for layer in _layers(resolution):
            ours, theirs = f"synthesis.b{resolution}.{layer}", _rosinality_layer(resolution, layer)
            tails = (
                _ROSINALITY_TAILS
                if layer != "torgb"
                else {tail: _ROSINALITY_TAILS[tail] for tail in _LAYER_TAILS} | {"bias": "bias"}
            )
            names |= {f"{ours}.{tail}": f"{theirs}.{foreign}" for tail, foreign in tails.items()}
            if layer != "torgb":
                noise = f"noises.noise_{_noise_index(resolution, layer)}"
                names[f"{ours}.noise_const"] = noise
    return names


def _rosinality_layer(resolution: int, layer: str) -> str:
    block = resolution.bit_length() - 4  # 0 at 8x8
    if layer == "torgb":
        return "to_rgb1" if block < 0 else f"to_rgbs.{block}"
    return "conv1" if block < 0 else f"convs.{2 * block + int(layer[-1])}"


def rosinality_discriminator(img_resolution: int) -> dict[str, str]:
    """Map our names to those of rosinality's discriminator."""
    names = {f"b{img_resolution}.fromrgb.weight": "convs.0.0.weight"}
    names[f"b{img_resolution}.fromrgb.bias"] = "convs.0.1.bias"
    for index, resolution in enumerate(block_resolutions(img_resolution)[:0:-1], start=1):
        names |= {
            f"b{resolution}.conv0.weight": f"convs.{index}.conv1.0.weight",
            f"b{resolution}.conv0.bias": f"convs.{index}.conv1.1.bias",
            f"b{resolution}.conv1.weight": f"convs.{index}.conv2.1.weight",
            f"b{resolution}.conv1.bias": f"convs.{index}.conv2.2.bias",
            f"b{resolution}.skip.weight": f"convs.{index}.skip.1.weight",
        }
    names |= {"b4.conv.weight": "final_conv.0.weight", "b4.conv.bias": "final_conv.1.bias"}
    for index, layer in enumerate(("fc", "out")):
        for kind in ("weight", "bias"):
            names[f"b4.{layer}.{kind}"] = f"final_linear.{index}.{kind}"
    return names


def from_rosinality(name: str) -> Change:
    """Change of layout from rosinality's generator to ours: fewer leading ones."""
    if name.endswith("noise_const"):
        return lambda tensor: tensor[0, 0]
    if name.endswith((".const", "conv0.weight", "conv1.weight", "torgb.weight")):
        return lambda tensor: tensor[0]
    if name.endswith("noise_strength"):
        return lambda tensor: tensor.reshape(())
    return lambda tensor: tensor.reshape(-1) if name.endswith("bias") else tensor


def to_rosinality(name: str) -> Change:
    """Change of layout from ours to rosinality's generator."""
    if name.endswith("noise_const"):
        return lambda tensor: tensor[None, None]
    if name.endswith((".const", "conv0.weight", "conv1.weight", "torgb.weight")):
        return lambda tensor: tensor[None]
    if name.endswith("noise_strength"):
        return lambda tensor: tensor.reshape(1)
    if name.endswith("torgb.bias"):
        return lambda tensor: tensor.reshape(1, -1, 1, 1)
    return lambda tensor: tensor


def tensorflow_generator(img_resolution: int, *, num_mapping_layers: int) -> dict[str, str]:
    """Map our names to those of NVIDIA's TensorFlow generator, as component/variable."""
    names = _mapping(num_mapping_layers, "mapping/Dense{}", first=0)
    names = {ours: theirs.replace(".", "/") for ours, theirs in names.items()}
    names |= {"mapping.w_avg": "dlatent_avg", "synthesis.b4.const": "synthesis/4x4/Const/const"}
    tails = {
        "weight": "weight",
        "bias": "bias",
        "affine.weight": "mod_weight",
        "affine.bias": "mod_bias",
        "noise_strength": "noise_strength",
    }
    for resolution in block_resolutions(img_resolution):
        for layer in _layers(resolution):
            ours = f"synthesis.b{resolution}.{layer}"
            theirs = f"synthesis/{resolution}x{resolution}/{_tensorflow_layer(resolution, layer)}"
            kept = tails if layer != "torgb" else {t: tails[t] for t in _LAYER_TAILS}
            names |= {f"{ours}.{tail}": f"{theirs}/{foreign}" for tail, foreign in kept.items()}
            if layer != "torgb":
                noise = f"synthesis/noise{_noise_index(resolution, layer)}"
                names[f"{ours}.noise_const"] = noise
    return names


def _tensorflow_layer(resolution: int, layer: str) -> str:
    if resolution == 4 and layer == "conv1":
        return "Conv"
    return {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB"}[layer]


def tensorflow_discriminator(img_resolution: int) -> dict[str, str]:
    """Map our names to those of NVIDIA's TensorFlow discriminator."""
    layers = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip"}
    names = {}
    for resolution in block_resolutions(img_resolution)[1:]:
        for ours, theirs in layers.items():
            if ours == "fromrgb" and resolution != img_resolution:
                continue
            for kind in ("weight",) if ours == "skip" else ("weight", "bias"):
                foreign = f"{resolution}x{resolution}/{theirs}/{kind}"
                names[f"b{resolution}.{ours}.{kind}"] = foreign
    for ours, theirs in (("conv", "4x4/Conv"), ("fc", "4x4/Dense0"), ("out", "Output")):
        names |= {f"b4.{ours}.{kind}": f"{theirs}/{kind}" for kind in ("weight", "bias")}
    return names


def from_tensorflow(name: str) -> Change:
    """Change of layout from TensorFlow to ours: kernels are [height, width, in, out] there."""
    if name.endswith("const") and "noise" in name:
        return lambda tensor: tensor[0, 0]
    if name.endswith("b4.const"):
        return lambda tensor: tensor[0]
    if not name.endswith("weight"):
        return lambda tensor: tensor
    return lambda tensor: tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor.t()


def numbers_from_tensorflow(name: str) -> Change:
    """Change of the numbers themselves, after that of the layout.

    Styles are stored without the 1 that is their mean. Only the kernel of the generator's
    upsampling layer is flipped, because there TensorFlow's code convolves in the other sense.
    """
    if name.endswith("affine.bias"):
        return lambda tensor: tensor + 1
    if name.startswith("synthesis.") and name.endswith("conv0.weight"):
        return lambda tensor: tensor.flip(2, 3)
    return lambda tensor: tensor


def largest_block(count: int, *, what: str) -> int:
    """Resolution of the last of `count` blocks beyond 4x4.

    Raises:
        CheckpointError: No blocks, or more than any network has.
    """
    if not 1 <= count <= 9:
        raise CheckpointError(
            f"The {what} has {count} blocks beyond 4x4; expected 1 to 9. It is no StyleGAN2 "
            "network, or its weights have the names of another code; choose a checkpoint of "
            "NVIDIA's or rosinality's code."
        )
    return 4 << count
