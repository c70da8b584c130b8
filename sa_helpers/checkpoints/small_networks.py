"""Small networks beside the models, such as readers and encoders: one safetensors file each.

The weights are stored in half precision, what the network is stands in the metadata.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.runtime import FILE_FAULTS, replacing

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
        # The network is for all callers, also for those that need its gradients.
        with torch.inference_mode(False), safe_open(path, framework="pt") as file:
            meaning = json.loads((file.metadata() or {})[kind])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        with torch.random.fork_rng(devices=[]):  # Initial weights must not use up random numbers.
            network = make(meaning)
        floats = {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}
        network.load_state_dict(floats)
        record: dict[str, Any] = meaning["record"]
    except CheckpointError:
        raise
    except (OSError, SafetensorError, *FILE_FAULTS) as error:
        raise CheckpointError(
            f"{path} is no {kind} of this package ({error}); expected a file that save_{kind} "
            f"wrote. {remedy}"
        ) from error
    return network.eval().requires_grad_(False), record
