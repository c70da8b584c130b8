"""Read networks, and say clearly what is wrong where that fails."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sa_helpers.checkpoints.contents import W_AVG, Config, Contents, Weights
from sa_helpers.checkpoints.detecting import open_checkpoint
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.networks import (
    Discriminator,
    DiscriminatorConfig,
    Encoder,
    EncoderConfig,
    Generator,
    GeneratorConfig,
)
from sa_helpers.runtime import FILE_FAULTS

PARTS = ("generator", "discriminator", "encoder")
_NETWORKS: Mapping[str, Any] = {
    "generator": Generator,
    "discriminator": Discriminator,
    "encoder": Encoder,
}
_NUM_SHOWN = 3
_NUM_AVERAGED = 10_000
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a checkpoint is, as far as can be told without its weights.

    Attributes:
        format: Name of the format.
        num_bytes: Size of the file.
        generator: Sizes.
        discriminator: Sizes, or None where there is none.
        encoder: Sizes, or None where there is none.
        settings: What else the file says, in its own words: the number of fp16 layers, truncation,
            options of the training.
        notes: What the reader had to assume, in sentences.
    """

    format: str
    num_bytes: int
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig | None
    encoder: EncoderConfig | None
    settings: dict[str, Any]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the description as data that JSON can hold."""
        parts = {part: getattr(self, part) for part in PARTS}
        return {
            "format": self.format,
            "num_bytes": self.num_bytes,
            **{part: config and config.to_dict() for part, config in parts.items()},
            "settings": self.settings,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        """Put the description in a few lines."""
        sizes = self.generator
        rows = {
            "format": f"{self.format}, {self.num_bytes / 1e6:.1f} MB",
            "generator": f"{sizes.img_resolution} px, z {sizes.z_dim}, w {sizes.w_dim}, "
            f"{sizes.num_mapping_layers} mapping layers, clamp {sizes.conv_clamp}",
            "channels": ", ".join(f"{r}: {n}" for r, n in sizes.channels.items()),
            "discriminator": "yes" if self.discriminator else "no",
            "encoder": "yes" if self.encoder else "no",
            "settings": json.dumps(self.settings, sort_keys=True),
        }
        lines = [f"{name:<14} {value}" for name, value in rows.items()]
        return "\n".join([*lines, *(f"{'note':<14} {note}" for note in self.notes)])


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """What a checkpoint holds.

    Attributes:
        generator: In evaluation mode, float32.
        discriminator: The same, or None where the checkpoint has none.
        encoder: The same.
        description: Format, sizes and settings.
        record: How the model came about, as its maker wrote it; empty in foreign formats.
        sha256: Of the file of weights, which is how a child's record names its parent.
    """

    generator: Generator
    discriminator: Discriminator | None
    encoder: Encoder | None
    description: Description
    record: dict[str, Any]
    sha256: str


def load(
    path: str | Path,
    *,
    device: torch.device | None = None,
    parts: Collection[str] = PARTS,
) -> LoadedModel:
    """Open a StyleGAN2 checkpoint of any published format, without running anything of it.

    NVIDIA's pickles (PyTorch and TensorFlow), rosinality's files and their descendants (e4e, pSp,
    StyleGAN-NADA), and what `save_model` and `export` wrote. The format is told by the content, not
    by the name. Weights are in memory once.

    Args:
        path: Of the file; of our own format with or without ending.
        device: Where to put the networks; None means the CPU.
        parts: Which of `PARTS` to load, besides the generator.

    Raises:
        CheckpointError: A missing, damaged, foreign or harmful file; cause and remedy are stated.
        ValueError: Unknown parts.
    """
    if isinstance(parts, str) or not set(parts) <= set(PARTS):
        raise ValueError(f"parts is {parts}; expected some of {PARTS}.")
    path = Path(path)
    # Whoever opens a model within inference mode may train it, or another caller may, later on.
    with (
        torch.inference_mode(False),
        _explaining(path),
        open_checkpoint(path) as (contents, sha256),
    ):
        networks = {
            part: _build(part, contents, path)
            for part in PARTS
            if part in contents.configs and part in {*parts, "generator"}
        }
        model = LoadedModel(
            generator=cast(Generator, networks["generator"]),
            discriminator=cast(Discriminator | None, networks.get("discriminator")),
            encoder=cast(Encoder | None, networks.get("encoder")),
            description=_description(contents, path),
            record=contents.record,
            sha256=sha256(),
        )
    for network in networks.values():  # A device that is missing or full is no fault of the file.
        network.to(device or torch.device("cpu"))
    return model


def describe(path: str | Path) -> Description:
    """Tell what a checkpoint holds, by its structure; the weights stay on the disk.

    Raises:
        CheckpointError: As `load`, but for what is wrong with the numbers themselves.
    """
    path = Path(path)
    with _explaining(path), open_checkpoint(path) as (contents, _):
        return _description(contents, path)


def _description(contents: Contents, path: Path) -> Description:
    return Description(
        format=contents.format,
        num_bytes=path.stat().st_size if path.is_file() else _own_size(path),
        generator=cast(GeneratorConfig, contents.configs["generator"]),
        discriminator=cast(DiscriminatorConfig | None, contents.configs.get("discriminator")),
        encoder=cast(EncoderConfig | None, contents.configs.get("encoder")),
        settings=contents.settings,
        notes=contents.notes,
    )


def _own_size(path: Path) -> int:
    return path.with_name(f"{path.name}.safetensors").stat().st_size


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Whatever a damaged file makes go wrong is one error, with a remedy."""
    try:
        yield
    except CheckpointError:
        raise
    except FILE_FAULTS as error:
        raise CheckpointError(
            f"{path} is damaged or no StyleGAN2 checkpoint ({type(error).__name__}: "
            f"{str(error)[:200]}). Download it again, or save it again with the code that made it."
        ) from error


def _build(part: str, contents: Contents, path: Path) -> nn.Module:
    """Make a network around the weights of a file.

    It is laid out without memory first, so that its own random weights never exist.
    """
    config = contents.configs[part]
    with torch.device("meta"), _WithoutNumbers():
        network = _layout(part, config, path)
    weights, expected = contents.weights[part], network.state_dict()
    lacks = contents.lacks if part == "generator" else frozenset()
    absent = {name for name in expected if name.endswith(tuple(lacks))}
    _check_shapes(part, {n: v for n, v in expected.items() if n not in absent}, weights, path)
    drawn = _draw({name: expected[name].shape for name in absent})
    network.load_state_dict({**_read_all(part, weights, path), **drawn}, assign=True)
    network.eval()
    if W_AVG in absent:
        _set_w_avg(cast(Generator, network))
    return network


class _WithoutNumbers(TorchFunctionMode):
    """Leaves initial weights undrawn: on torch's meta device they have none anyway.

    There, random numbers and arithmetic would import torch's compiler, 160 MB of memory.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.randn:
            return torch.empty(*args, **(kwargs or {}))
        is_division = func in (Tensor.div, Tensor.__truediv__)
        return args[0] if is_division else func(*args, **(kwargs or {}))


def _layout(part: str, config: Config, path: Path) -> nn.Module:
    try:
        network = _NETWORKS[part](config)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"The {part} config of {path} makes no network ({error}). Get the file again."
        ) from error
    return cast(nn.Module, network)


def _check_shapes(part: str, expected: Mapping[str, Tensor], weights: Weights, path: Path) -> None:
    problems = [f"{name} is missing" for name in sorted(expected.keys() - weights.keys())]
    problems += [f"{name} is unknown" for name in sorted(weights.keys() - expected.keys())]
    for name in sorted(expected.keys() & weights.keys()):
        shape, wanted = weights[name].shape, tuple(expected[name].shape)
        if shape != wanted:
            problems.append(f"{name} has shape {shape}, the config means {wanted}")
    _raise_if_any(problems, part, path)


def _read_all(part: str, weights: Weights, path: Path) -> dict[str, Tensor]:
    state, problems = {}, []
    for name in sorted(weights):
        state[name] = weights[name].read().float().contiguous()
        if not state[name].isfinite().all():
            problems.append(f"{name} holds NaN or infinity")
    _raise_if_any(problems, part, path)
    return state


def _raise_if_any(problems: list[str], part: str, path: Path) -> None:
    if problems:
        shown = "; ".join(problems[:_NUM_SHOWN])
        raise CheckpointError(
            f"The {part} in {path} does not fit: {shown} ({len(problems)} in all). Download or "
            "copy the file again, from one source; if you made it, save it again, from before it "
            "diverged."
        )


def _draw(shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Draw what a file lacks: its noise maps, and a place for the mean latent."""
    random = torch.Generator().manual_seed(_SEED)
    return {name: torch.randn(shapes[name], generator=random) for name in sorted(shapes)}


@torch.inference_mode()
def _set_w_avg(generator: Generator) -> None:
    """Compute the mean latent, as the code does whose checkpoints lack it."""
    random = torch.Generator().manual_seed(_SEED)
    z = torch.randn(_NUM_AVERAGED, generator.config.z_dim, generator=random)
    generator.w_avg.copy_(generator.mapping(z).mean(dim=0))
