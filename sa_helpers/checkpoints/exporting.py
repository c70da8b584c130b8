"""Hand networks on: to the names and layouts of other tools, and from any format to ours."""

from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.loading import LoadedModel, load_model
from sa_helpers.checkpoints.names import (
    rosinality_discriminator,
    rosinality_generator,
    to_rosinality,
)
from sa_helpers.checkpoints.saving import save_model
from sa_helpers.networks import Discriminator, Generator, GeneratorConfig
from sa_helpers.networks.config import block_resolutions
from sa_helpers.runtime import save_torch

Layout = Literal["nvidia", "rosinality"]
LAYOUTS = ("safetensors", "nvidia", "rosinality")


def to_nvidia_state(network: Generator | Discriminator) -> dict[str, Tensor]:
    """State dict that NVIDIA's PyTorch network of the same sizes takes with `load_state_dict`.

    The names are ours; added are the low-pass filters, which NVIDIA's modules keep as buffers.
    """
    state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
    prefixes = _blocks_with_filters(network)
    return state | {f"{prefix}.resample_filter": _low_pass(gain=1.0) for prefix in prefixes}


def to_rosinality_state(network: Generator | Discriminator) -> dict[str, Tensor]:
    """State dict that rosinality's network of the same sizes takes with `load_state_dict`.

    The generator's mean latent is not in it: rosinality's code keeps it beside, as `latent_avg`.
    """
    state = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    size = network.config.img_resolution
    num_blocks = len(block_resolutions(size)) - 1
    if isinstance(network, Discriminator):
        names = rosinality_discriminator(size)
        kernels = [f"convs.{i + 1}.{k}.0.kernel" for i in range(num_blocks) for k in _DOWN]
        filters = {name: _low_pass(gain=1.0) for name in kernels}
        return {theirs: state[ours].clone() for ours, theirs in names.items()} | filters
    names = rosinality_generator(size, num_mapping_layers=network.config.num_mapping_layers)
    kernels = [f"convs.{2 * i}.conv.blur.kernel" for i in range(num_blocks)]
    kernels += [f"to_rgbs.{i}.upsample.kernel" for i in range(num_blocks)]
    filters = {name: _low_pass(gain=4.0) for name in kernels}
    moved = {theirs: to_rosinality(ours)(state[ours]).clone() for ours, theirs in names.items()}
    return moved | filters


def export(
    path: str | Path,
    generator: Generator,
    discriminator: Discriminator | None = None,
    *,
    layout: Layout,
) -> Path:
    """Write networks as a `.pt` for tools that use NVIDIA's or rosinality's code.

    Both hold state dicts only, which torch reads with `weights_only=True`. "rosinality" is what
    its own converter writes: `g_ema`, `latent_avg` and `d`. "nvidia" has `G_ema` and `D`, for
    `load_state_dict` of networks that were made with that code. What those codes cannot express in
    a state dict (clamps) is kept under `sa_helpers`, for the way back.

    Raises:
        ValueError: Another layout.
        CheckpointError: A weight is not finite; nothing is written.
    """
    if layout not in LAYOUTS[1:]:
        raise ValueError(f'layout is "{layout}"; expected one of {LAYOUTS[1:]}.')
    _require_finite(generator, discriminator)
    content: dict[str, Any] = {"sa_helpers": _settings(generator, discriminator)}
    if layout == "nvidia":
        content["G_ema"] = to_nvidia_state(generator)
    else:
        content |= {
            "g_ema": to_rosinality_state(generator),
            "latent_avg": generator.w_avg.cpu().clone(),
        }
    if discriminator is not None:
        is_nvidia = layout == "nvidia"
        state = (to_nvidia_state if is_nvidia else to_rosinality_state)(discriminator)
        content["D" if is_nvidia else "d"] = state
    path = Path(path)
    save_torch(path, content)
    return path


def convert(
    source: str | Path,
    target: str | Path,
    *,
    layout: str = "safetensors",
    dtype: torch.dtype | None = None,
    has_discriminator: bool = True,
    parent: str | None = None,
    kimg: float | None = None,
    class_index: int | None = None,
) -> Path:
    """Read a checkpoint of any format and write it in another.

    Args:
        source: What `load_model` opens.
        target: Path to write; for "safetensors" without ending.
        layout: One of `LAYOUTS`.
        dtype: For "safetensors": None is float16 where that keeps every bit, else float32.
        has_discriminator: Whether the discriminator, half of the weights, is written too. Images
            need none, further training does.
        parent: For "safetensors": name of the model that this one was fine-tuned from. A folder of
            models whose records say so is a family.
        kimg: For "safetensors": how long it was fine-tuned, if that is known.
        class_index: As for `load_model`: of a class-conditional model, the class that is written.

    Returns:
        The path of the weights that were written.

    Raises:
        ValueError: Another layout.
        CheckpointError: As `load_model` and `save_model`; nothing is written.
    """
    if layout not in LAYOUTS:
        raise ValueError(f'layout is "{layout}"; expected one of {LAYOUTS}.')
    model = load_model(source, class_index=class_index)
    discriminator = model.discriminator if has_discriminator else None
    if layout != "safetensors":
        return export(target, model.generator, discriminator, layout=cast(Layout, layout))
    return save_model(
        target,
        model.generator,
        discriminator,
        encoder=model.encoder,
        record=_record(model, Path(source), parent=parent, kimg=kimg),
        dtype=dtype or _smallest_dtype(model.generator, discriminator, model.encoder),
    )


_DOWN = ("conv2", "skip")


def _record(
    model: LoadedModel, source: Path, *, parent: str | None, kimg: float | None
) -> dict[str, Any]:
    description = model.description
    origin = {
        "file": source.name,
        "sha256": model.sha256,
        "format": description.format,
        "settings": description.settings,
        "notes": list(description.notes),
    }
    record = {**model.record, "source": origin}
    if parent is not None:
        record["parent"] = {"name": parent}
    return record if kimg is None else {**record, "kimg": kimg}


def _smallest_dtype(*networks: nn.Module | None) -> torch.dtype:
    """Half precision where no weight loses a bit by it, as of models that were stored so."""
    weights = (w for network in networks if network for w in network.state_dict().values())
    is_half = all(torch.equal(weight.half().to(weight.dtype), weight) for weight in weights)
    return torch.float16 if is_half else torch.float32


def why_unfit(config: GeneratorConfig, *, layout: Layout) -> str | None:
    """Why a program that was written for a layout cannot take networks of these sizes.

    Such programs take a size, from which they compute the feature maps of each resolution r:
    NVIDIA's min(channel_base / r, channel_max), rosinality's 512 up to 32 px, then halves for each
    doubling, times a channel multiplier.

    Returns:
        A sentence; None where it can.
    """
    channels = dict(config.channels)
    if layout == "nvidia":
        base = max(r * n for r, n in channels.items())
        expected = {r: min(base // r, max(channels.values())) for r in channels}
        rule = f"channel_base {base} and channel_max {max(channels.values())}"
    else:
        top = max((r for r in channels if r > 32), default=0)
        multiplier = channels.get(top, 0) * top / 16384 if top else 1
        expected = {r: 512 if r <= 32 else round(16384 * multiplier / r) for r in channels}
        rule = f"channel_multiplier {multiplier:g}"
    wrong = [f"{channels[r]} at {r} px, not {n}" for r, n in expected.items() if n != channels[r]]
    if not wrong:
        return None
    return f"programs of {layout} with {rule} build other networks: here {'; '.join(wrong)}."


def _settings(generator: Generator, discriminator: Discriminator | None) -> dict[str, float | None]:
    settings: dict[str, float | None] = {
        "conv_clamp": generator.config.conv_clamp,
        "mapping_lr_multiplier": generator.config.mapping_lr_multiplier,
        "z_dim": generator.config.z_dim,
    }
    if discriminator is not None:
        settings["discriminator_conv_clamp"] = discriminator.config.conv_clamp
        settings["mbstd_group_size"] = discriminator.config.mbstd_group_size
    return settings


def _require_finite(*networks: Generator | Discriminator | None) -> None:
    for network in networks:
        for name, value in network.state_dict().items() if network is not None else ():
            if not value.isfinite().all():
                raise CheckpointError(
                    f"{name} is not finite, so nothing was written. Export an earlier state if "
                    "training diverged."
                )


def _blocks_with_filters(network: Generator | Discriminator) -> list[str]:
    """Modules that keep a low-pass filter in NVIDIA's code, used or not."""
    resolutions = block_resolutions(network.config.img_resolution)
    if isinstance(network, Generator):
        blocks = [f"synthesis.b{r}" for r in resolutions]
        convs = [f"{block}.conv{i}" for block in blocks for i in (0, 1)]
        return blocks + [conv for conv in convs if conv != "synthesis.b4.conv0"]
    blocks = [f"b{r}" for r in resolutions[1:]]
    layers = [f"{block}.{layer}" for block in blocks for layer in ("conv0", "conv1", "skip")]
    return [*blocks, *layers, f"{blocks[-1]}.fromrgb", "b4.conv"]


def _low_pass(*, gain: float) -> Tensor:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) * (gain / 64)
