"""What a reader of any format hands on: sizes, settings, and weights that are not yet in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.spans import StoredTensor
from sa_helpers.networks import DiscriminatorConfig, EncoderConfig, GeneratorConfig

Weights = Mapping[str, StoredTensor]
Config = GeneratorConfig | DiscriminatorConfig | EncoderConfig
W_AVG = "mapping.w_avg"
NOISE = "noise_const"
_NUM_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A checkpoint that was opened but not loaded.

    Attributes:
        format: Name of the format.
        configs: Part to its sizes: "generator", and "discriminator" and "encoder" where there are.
        weights: Part to its weights, by our names.
        settings: What else the file says of the networks; JSON-ready.
        notes: What the reader had to assume, in sentences.
        lacks: Weights that the format may leave out and the loader makes: W_AVG, NOISE.
        record: How the model came about, as its maker wrote it.
    """

    format: str
    configs: Mapping[str, Config]
    weights: Mapping[str, Weights]
    settings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lacks: frozenset[str] = frozenset()
    record: dict[str, Any] = field(default_factory=dict)


def require_filter(stored: StoredTensor, *, name: str, gain: float) -> None:
    """Check that a low-pass filter of a file is the one that our networks use.

    Raises:
        CheckpointError: It is another one.
    """
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    expected = torch.outer(taps, taps) * (gain / 64)
    if stored.shape != (4, 4) or not torch.allclose(stored.read().float(), expected, atol=1e-6):
        raise CheckpointError(
            f"The filter {name} of shape {stored.shape} is not the [1, 3, 3, 1] of StyleGAN2. This "
            "variant is not supported."
        )


def renamed(
    weights: Weights,
    names: Mapping[str, str],
    *,
    what: str,
    is_optional: tuple[str, ...] = (),
) -> dict[str, StoredTensor]:
    """Give weights our names.

    Args:
        weights: By the names of another code.
        names: Our names to those.
        what: The network, for messages.
        is_optional: Endings of our names that may be missing.

    Raises:
        CheckpointError: Weights are missing, or there are others.
    """
    missing = [
        theirs
        for ours, theirs in names.items()
        if theirs not in weights and not ours.endswith(is_optional or ("\0",))
    ]
    unknown = sorted(weights.keys() - set(names.values()))
    problems = [f"{name} is missing" for name in missing] + [f"{n} is unknown" for n in unknown]
    if problems:
        raise CheckpointError(
            f"The {what} is incomplete or of another kind: {'; '.join(problems[:_NUM_SHOWN])} "
            f"({len(problems)} in all). Download the file again; variants of StyleGAN2 with other "
            "layers are not read."
        )
    return {ours: weights[theirs] for ours, theirs in names.items() if theirs in weights}


def text(name: Any) -> str:
    """Return a name as found in a file, if it is one.

    Raises:
        TypeError: It is something else, which could take for ever to hash or to show.
    """
    if not isinstance(name, str):
        raise TypeError(f"a name that is a {type(name).__name__}")
    return name


def plain(value: Any, *, depth: int = 3) -> Any:
    """Keep what JSON can hold of a value from a file, in short.

    Text is cut to 200 characters, lists to 20 items; everything else becomes the name of its type.
    """
    if isinstance(value, str):
        return value[:200]
    if isinstance(value, bool | int | float | None):
        is_sound = not isinstance(value, float) or value - value == 0
        return value if is_sound else str(value)
    if depth and isinstance(value, list | tuple):
        return [plain(item, depth=depth - 1) for item in value[:20]]
    if depth and isinstance(value, dict):
        items = list(value.items())[:50]
        return {str(key)[:80]: plain(item, depth=depth - 1) for key, item in items}
    return type(value).__name__
