"""Read networks, and say clearly what is wrong where that fails."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sa_helpers.checkpoints.colours import with_three_channels
from sa_helpers.checkpoints.conditional import for_class
from sa_helpers.checkpoints.contents import W_AVG, Contents, Weights
from sa_helpers.checkpoints.detecting import open_checkpoint, weights_file
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import is_finite, sides
from sa_helpers.checkpoints.places import find_model
from sa_helpers.networks import (
    Discriminator,
    DiscriminatorConfig,
    Encoder,
    EncoderConfig,
    Generator,
    GeneratorConfig,
)
from sa_helpers.runtime import shown

PARTS = ("generator", "discriminator", "encoder")
_NETWORKS: Mapping[str, Any] = {
    "generator": Generator,
    "discriminator": Discriminator,
    "encoder": Encoder,
}
_NUM_SHOWN = 3
_NUM_AVERAGED = 10_000
_SLACK_BYTES = 1 << 25  # as noise maps of 1024 px, which some files lack, and more
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


def load_model(
    path: str | Path,
    *,
    device: torch.device | None = None,
    parts: Collection[str] = PARTS,
    class_index: int | None = None,
) -> LoadedModel:
    """Open a StyleGAN2 checkpoint of any published format, without running anything of it.

    NVIDIA's pickles (PyTorch and TensorFlow), rosinality's files and their descendants (e4e, pSp,
    StyleGAN-NADA, JoJoGAN, PTI), state dicts with the names of either code, also as safetensors,
    and what `save_model` and `export` wrote. The format is told by the content, not by the name.
    Weights are in memory once.

    Args:
        path: Of the file, of our own format with or without ending; or whatever `find_model` takes:
            the folder of a finished run, the name of a shipped model.
        device: Where to put the networks; None means the CPU.
        parts: Which of `PARTS` to load, besides the generator.
        class_index: Class of a class-conditional model, from 0; the networks are those of this
            class. None for all other models.

    Raises:
        CheckpointError: A missing, damaged, foreign or harmful file, or one whose class has to be
            chosen; cause and remedy are stated.
        ValueError: Unknown parts.

    Example:
        >>> import sa_helpers as sa
        >>> person = sa.load_model(sa.open_family("clay").parent.path)
        >>> person.generator.config.img_resolution, person.discriminator is None
        (128, False)
    """
    if isinstance(parts, str) or not set(parts) <= set(PARTS):
        raise ValueError(f"parts is {parts}; expected some of {PARTS}.")
    path = find_model(path)
    # Whoever opens a model within inference mode may train it, or another caller may, later on.
    with (
        torch.inference_mode(False),
        _naming(path),
        open_checkpoint(path) as (read, sha256),
    ):
        contents = with_three_channels(for_class(read, class_index, path=path))
        chosen = [p for p in PARTS if p in contents.configs and p in {*parts, "generator"}]
        networks = _build(chosen, contents, path)
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


def describe(path: str | Path, *, class_index: int | None = None) -> Description:
    """Tell what a checkpoint holds, by its structure; the weights stay on the disk.

    Args:
        path: As for `load`.
        class_index: As for `load`; a class-conditional model can also be described without.

    Raises:
        CheckpointError: As `load`, but for what is wrong with the numbers themselves.
    """
    path = find_model(path)
    with _naming(path), open_checkpoint(path) as (read, _):
        is_folded = class_index is not None or not read.num_classes
        contents = for_class(read, class_index, path=path) if is_folded else read
        return _description(with_three_channels(contents), path)


def _description(contents: Contents, path: Path) -> Description:
    return Description(
        format=contents.format,
        num_bytes=weights_file(path).stat().st_size,
        generator=cast(GeneratorConfig, contents.configs["generator"]),
        discriminator=cast(DiscriminatorConfig | None, contents.configs.get("discriminator")),
        encoder=cast(EncoderConfig | None, contents.configs.get("encoder")),
        settings=contents.settings,
        notes=contents.notes,
    )


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let every refusal say which file it is about."""
    try:
        yield
    except CheckpointError as error:
        if shown(str(path), max_length=len(str(path))) in str(error):
            raise
        raise CheckpointError(f"{path}: {error}") from error


def _build(chosen: Collection[str], contents: Contents, path: Path) -> dict[str, nn.Module]:
    """Make networks around the weights of a file.

    They are laid out without memory first, so that their own random weights never exist, and their
    sizes are known before a number is read.
    """
    networks: dict[str, nn.Module] = {}
    with torch.device("meta"), _WithoutNumbers():
        for part in chosen:
            networks[part] = _NETWORKS[part](contents.configs[part])
    for part, network in networks.items():
        _check_shapes(part, network.state_dict(), contents)
    _require_proportion(networks.values(), weights_file(path).stat().st_size)
    for part, network in networks.items():
        expected = network.state_dict()
        state = _read_all(part, contents.weights[part])
        absent = {name: value.shape for name, value in expected.items() if name not in state}
        network.load_state_dict({**state, **_draw(absent)}, assign=True)
        network.eval()
        if W_AVG in absent:
            _set_w_avg(cast(Generator, network))
    return networks


def _require_proportion(networks: Iterable[nn.Module], num_bytes: int) -> None:
    """Refuse networks that are larger than their file.

    It could have all their weights in one small place, or no noise maps for huge images.
    """
    wanted = sum(4 * value.numel() for n in networks for value in n.state_dict().values())
    if wanted > 2 * num_bytes + _SLACK_BYTES:  # half precision doubles when it is read
        raise CheckpointError(
            f"The networks need {wanted / 1e6:.0f} MB, and the file has {num_bytes / 1e6:.1f}: "
            "its weights share their memory, as those of no StyleGAN2 do. Save it again with "
            "weights of their own, if you trust it."
        )


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


def _check_shapes(part: str, expected: Mapping[str, Tensor], contents: Contents) -> None:
    weights: Weights = contents.weights[part]
    lacks = tuple(contents.lacks) if part == "generator" else ()
    needed = {name for name in expected if not name.endswith(lacks or ("\0",))}
    problems = [f"{name} is missing" for name in sorted(needed - weights.keys())]
    problems += [f"{name} is unknown" for name in sorted(weights.keys() - expected.keys())]
    for name in sorted(expected.keys() & weights.keys()):
        shape, wanted = weights[name].shape, tuple(expected[name].shape)
        if shape != wanted:
            problems.append(f"{name} has shape {sides(shape)}, the config means {sides(wanted)}")
    _raise_if_any(problems, part)


def _read_all(part: str, weights: Weights) -> dict[str, Tensor]:
    state, problems = {}, []
    for name in sorted(weights):
        value = weights[name].read()
        if not value.is_floating_point():
            problems.append(f"{name} holds {value.dtype}, which is no weight")
        elif not is_finite(value):
            problems.append(f"{name} holds NaN or infinity")
        state[name] = value.contiguous()
        _raise_if_any(problems, part)
    return state


def _raise_if_any(problems: list[str], part: str) -> None:
    if problems:
        listed = "; ".join(shown(problem, max_length=120) for problem in problems[:_NUM_SHOWN])
        raise CheckpointError(
            f"The {part} does not fit: {listed} ({len(problems)} in all). Download or "
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
