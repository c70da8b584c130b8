"""States of trainings: written whole, and read again only if not a bit of them changed."""

import errno
import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from sa_helpers.runtime.files import is_sealed, replacing, sealing

_REMEDY = "Delete it to start the training anew."


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write the state of a training by `torch.save`, whole or not at all, with its digest.

    `torch.load` reads it too.

    Raises:
        OSError: The file cannot be written. Where the disk is full, path and needed room are
            stated.
    """
    with sealing(path, num_bytes=_num_bytes(state)) as stream:
        _save(state, stream)


def save_torch(path: Path, content: dict[str, Any]) -> None:
    """Write networks by `torch.save`, whole or not at all, with nothing behind it.

    Raises:
        OSError: As `save_state`.
    """
    with replacing(path, num_bytes=_num_bytes(content)) as stream:
        _save(content, stream)


def _save(content: dict[str, Any], stream: BinaryIO) -> None:
    try:
        torch.save(content, stream)
    except RuntimeError as error:
        if "unexpected pos" not in str(error):
            raise
        # So torch reports that less was written than it wanted.
        raise OSError(errno.ENOSPC, f"is the disk full? ({error})") from error


def digest(*networks: nn.Module) -> str:
    """SHA-256 of all parameters and buffers, abbreviated, to tell whether two copies are equal."""
    found = hashlib.sha256()
    for network in networks:
        for tensor in network.state_dict().values():
            found.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()[:16]


def _num_bytes(content: dict[str, Any]) -> int:
    return sum(tensor.nbytes for tensor in _tensors(content))


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        for value in values.values():
            yield from _tensors(value)


def load_state(path: Path, *, keys: Collection[str]) -> dict[str, Any]:
    """Read the state of a training that was interrupted, as `save_state` wrote it, to the CPU.

    Args:
        path: Of the file.
        keys: What the state must hold.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not as `save_state` wrote it, or holds something else.
    """
    if not is_sealed(path):
        raise ValueError(
            f"{path} is damaged. {_REMEDY} (Its digest does not match: it was cut or changed, or "
            "holds no state of this package.)"
        )
    state = torch.load(path, weights_only=True, map_location="cpu")
    if not isinstance(state, dict) or not set(keys) <= set(state):
        raise ValueError(f"{path} holds no state of such a training. {_REMEDY}")
    return state


def misfits(given: Any, expected: Any, *, name: str = "state") -> Iterator[str]:
    """Tell where a state differs in its structure from one that is known to fit.

    Compared are the keys of dictionaries, lengths of lists, types, and shapes and types of tensors,
    which must also be finite.

    Args:
        given: What was read.
        expected: What a fresh training has.
        name: Of the whole, for what is told.

    Returns:
        One phrase a difference.
    """
    if isinstance(expected, Tensor):
        if not isinstance(given, Tensor):
            yield f"{name} is no tensor"
        elif (given.shape, given.dtype) != (expected.shape, expected.dtype):
            yield f"{name} is {given.dtype} {tuple(given.shape)}"
        elif given.is_floating_point() and not given.isfinite().all():
            yield f"{name} is not finite"
    elif isinstance(expected, dict) and isinstance(given, dict):
        yield from (f"{name} lacks {key}" for key in expected.keys() - given.keys())
        yield from (f"{name} has {key!r}" for key in given.keys() - expected.keys())
        for key in expected.keys() & given.keys():
            yield from misfits(given[key], expected[key], name=f"{name}.{key}")
    elif isinstance(expected, list) and isinstance(given, list) and len(given) == len(expected):
        for index, pair in enumerate(zip(given, expected, strict=True)):
            yield from misfits(*pair, name=f"{name}.{index}")
    elif type(given) is not type(expected) or isinstance(expected, list):
        yield f"{name} is another {type(given).__name__}"


def adam_like(adam: torch.optim.Adam, given: Any) -> dict[str, Any]:
    """What a state of an optimiser looks like that has stepped the same parameters as `given`."""
    moments = given.get("state") if isinstance(given, dict) else None
    stepped = moments if isinstance(moments, dict) else {}
    parameters = [p for group in adam.param_groups for p in group["params"]]
    state = {
        index: {"step": torch.tensor(0.0), "exp_avg": p, "exp_avg_sq": p}
        for index, p in enumerate(parameters)
        if index in stepped
    }
    return {**adam.state_dict(), "state": state}
