"""What a reader of any format hands on: sizes, settings, and weights that are not yet in memory."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import StoredTensor, sides
from sa_helpers.networks import DiscriminatorConfig, EncoderConfig, GeneratorConfig
from sa_helpers.runtime import shown

Weights = Mapping[str, StoredTensor]
Config = GeneratorConfig | DiscriminatorConfig | EncoderConfig
W_AVG = "mapping.w_avg"
NOISE = "noise_const"
_NUM_SHOWN = 3
MAX_WEIGHTS = 5_000  # an encoder of 1024 px with its generator has 1500
_MAX_NAME_LETTERS = 80
_MAX_VALUES = 1000


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
        num_classes: Of a class-conditional generator; 0 for any other. Its mapping network has to
            be folded for one of them before it is built.
        label_lr_multiplier: Of the mapping of labels in a conditional discriminator.
        record: How the model came about, as its maker wrote it.
    """

    format: str
    configs: Mapping[str, Config]
    weights: Mapping[str, Weights]
    settings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lacks: frozenset[str] = frozenset()
    num_classes: int = 0
    label_lr_multiplier: float = 0.01
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
            f"The filter {shown(name)} of {sides(stored.shape)} is not the [1, 3, 3, 1] of "
            "StyleGAN2. This variant has other images; open it with the code that made it."
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
        listed = "; ".join(shown(problem, max_length=80) for problem in problems[:_NUM_SHOWN])
        raise CheckpointError(
            f"The {what} is incomplete or of another kind: {listed} "
            f"({len(problems)} in all). Download the file again; variants of StyleGAN2 with other "
            "layers are not read."
        )
    return {ours: weights[theirs] for ours, theirs in names.items() if theirs in weights}


def tensors_of(state: Any, *, what: str) -> dict[str, StoredTensor]:
    """Check that something in a file is a state dict, of no more weights than networks have.

    Raises:
        CheckpointError: It is something else.
    """
    if (
        not isinstance(state, dict)
        or len(state) > MAX_WEIGHTS
        or not all(isinstance(k, str) and isinstance(v, StoredTensor) for k, v in state.items())
    ):
        raise CheckpointError(
            f"{what} is no state dict of tensors. The file is of another kind, or altered; "
            "download it again."
        )
    return dict(state)


def name_of(value: Any) -> str:
    """Return the name of a part of a network as found in a file, if it is one.

    Raises:
        CheckpointError: It is something else, or longer than any name.
    """
    if isinstance(value, str) and len(value) <= _MAX_NAME_LETTERS:
        return value
    what = f"{len(value)} letters" if isinstance(value, str) else f"a {type(value).__name__}"
    raise CheckpointError(
        f"A part of a network has a name of {what}, which no network has. The file was altered, "
        "or is of another kind; download it again."
    )


def number(
    value: Any,
    *,
    what: str,
    low: float,
    high: float,
    is_integer: bool = False,
) -> Any:
    """Check a number that a file gives as a setting.

    Args:
        value: As found, of any type.
        what: The setting, for messages.
        low: Smallest value.
        high: Largest value.
        is_integer: Refuse fractions.

    Raises:
        CheckpointError: It is no number, or out of range.
    """
    kinds = (int,) if is_integer else (int, float)
    if type(value) not in kinds or not low <= value <= high:
        raise CheckpointError(
            f"The file gives {what} = {plain(value, depth=0)!r}; expected a number from {low:g} to "
            f"{high:g}. It was altered, or is of another kind; download it again."
        )
    return value


def clamp(value: Any) -> float | None:
    """Check a bound of activations that a file gives; None means none.

    Raises:
        CheckpointError: It is no positive number.
    """
    if value is None:
        return None
    return float(number(value, what="conv_clamp", low=1e-6, high=1e9))


def plain(value: Any, *, depth: int = 3) -> Any:
    """Keep what JSON can hold of a value from a file, in short.

    Text is cut to 200 characters, and lists to 20 items; everything beyond a thousand values, and
    what is nested deeper, becomes the name of its type.

    Args:
        value: Of any type, nested as deep as it likes.
        depth: How many levels are kept.
    """
    return _plain(value, depth, [_MAX_VALUES])


def _plain(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if isinstance(value, str):
        return shown(value)
    if type(value) in (bool, int, float, type(None)):
        is_sound = not isinstance(value, float) or value - value == 0
        return value if is_sound else str(value)
    if depth and left[0] > 0 and isinstance(value, list | tuple):
        return [_plain(item, depth - 1, left) for item in value[:20]]
    if depth and left[0] > 0 and isinstance(value, dict):
        items = itertools.islice(value.items(), 50)
        return {shown(key, max_length=80): _plain(i, depth - 1, left) for key, i in items}
    return type(value).__name__
