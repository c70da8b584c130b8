"""Small networks beside the models, such as readers and encoders: one safetensors file each.

The weights are stored in half precision, what the network is stands in the metadata.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from sa_helpers.checkpoints.budget import Budget
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.safetensors_files import parse_text, read_safetensors
from sa_helpers.checkpoints.spans import StoredTensor, is_finite, open_span
from sa_helpers.runtime import replacing, shown

_SLACK_BYTES = 1 << 26  # the change of an encoder also builds the encoder that it changes
Network = TypeVar("Network", bound=nn.Module)


def save_network(
    path: Path, network: nn.Module, *, kind: str, meaning: dict[str, Any], record: dict[str, Any]
) -> Path:
    """Write a network in bfloat16, in which it was trained, whole or not at all.

    Args:
        path: Ends in .safetensors; its folder is made.
        network: What to write.
        kind: One word, such as "reader"; `load_network` has to be given the same.
        meaning: What is needed to build the network again; JSON-ready.
        record: How it came about; JSON-ready.
    """
    text = json.dumps({**meaning, "record": record}, sort_keys=True)
    tensors = {
        name: (value.bfloat16() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    with replacing(path) as stream:
        stream.write(save(tensors, metadata={kind: text}))
    return path


def load_network(
    path: Path, *, kind: str, make: Callable[[dict[str, Any]], Network], remedy: str
) -> tuple[Network, dict[str, Any]]:
    """Read what `save_network` wrote.

    Args:
        path: Of the file.
        kind: As given to `save_network`.
        make: From the meaning to a network with any weights.
        remedy: Sentence for the error, what to do about a file that is not of this kind.

    Returns:
        The network, in evaluation mode without gradients, and the record.

    Raises:
        CheckpointError: A missing or damaged file, or one of another kind; or what `make` raises.
    """
    try:
        return _load(path, kind=kind, make=make)
    except CheckpointError as error:
        raise CheckpointError(
            f"{path} is no {kind} of this package ({error}) Expected a file that save_{kind} "
            f"wrote. {remedy}"
        ) from error


def _load(
    path: Path, *, kind: str, make: Callable[[dict[str, Any]], Network]
) -> tuple[Network, dict[str, Any]]:
    # The network is for all callers, also for those that need its gradients.
    with torch.inference_mode(False), open_span(path) as span:
        budget = Budget(path)
        tensors, metadata = read_safetensors(span, budget)
        if kind not in metadata:
            raise CheckpointError(f"{path} holds no {kind}.")
        meaning = parse_text(metadata[kind], path, budget)
        record = meaning.get("record") if isinstance(meaning, dict) else None
        if not isinstance(record, dict):
            raise CheckpointError(f"{path} lacks the record of its {kind}.")
        network = _made(meaning, path, make=make, num_bytes=span.length)
        _require_shapes(network, tensors, path)
        state = {name: stored.read() for name, stored in tensors.items()}
    _require_finite(state, path)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False), record


def _made(
    meaning: dict[str, Any],
    path: Path,
    *,
    make: Callable[[dict[str, Any]], Network],
    num_bytes: int,
) -> Network:
    """Build a network of any weights, but of no more than the file can have."""
    left = 2 * num_bytes + _SLACK_BYTES

    def pay(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal left
        left -= 0 if parameter is None else parameter.nbytes
        if left < 0:
            raise CheckpointError(f"{path} describes a network that is larger than it.")

    handle = register_module_parameter_registration_hook(pay)
    try:
        with torch.random.fork_rng(devices=[]):  # Initial weights must not use up random numbers.
            return make(meaning)
    except CheckpointError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise CheckpointError(
            f"{path} describes no network that this release knows ({shown(e)})."
        ) from e
    finally:
        handle.remove()


def _require_shapes(network: nn.Module, tensors: Mapping[str, StoredTensor], path: Path) -> None:
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    given = {name: stored.shape for name, stored in tensors.items()}
    if expected != given:
        names = sorted(n for n in {*expected, *given} if expected.get(n) != given.get(n))
        raise CheckpointError(
            f"{path} has other weights than it describes: {shown(names[0])} and {len(names) - 1} "
            f"more."
        )


def _require_finite(state: Mapping[str, Tensor], path: Path) -> None:
    for name, value in state.items():
        if not is_finite(value):
            raise CheckpointError(f"{path} holds NaN or infinity in {shown(name)}.")
