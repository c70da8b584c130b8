"""Readers to files and back: safetensors, with what the outputs mean as metadata."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sa_helpers.checkpoints import CheckpointError
from sa_helpers.recognition.attribute_network import AttributeNetwork
from sa_helpers.recognition.coding import FactorCoding
from sa_helpers.recognition.segmenter import Segmenter
from sa_helpers.runtime import replacing

_META = "reader"


def save_reader(
    path: Path, network: AttributeNetwork | Segmenter, *, record: dict[str, Any]
) -> Path:
    """Write a reader in half precision, whole or not at all.

    Args:
        path: Ends in .safetensors; its folder is made.
        network: What to write.
        record: How it was trained and how it scored; JSON-ready.
    """
    meaning: dict[str, Any]
    if isinstance(network, AttributeNetwork):
        meaning = {"coding": network.coding.to_dict()}
    else:
        meaning = {"regions": list(network.regions)}
    tensors = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    metadata = {_META: json.dumps({**meaning, "record": record}, sort_keys=True)}
    with replacing(path) as stream:
        stream.write(save(tensors, metadata=metadata))
    return path


def load_reader(path: Path) -> tuple[AttributeNetwork | Segmenter, dict[str, Any]]:
    """Read what `save_reader` wrote.

    Returns:
        The network, in evaluation mode, and its record.

    Raises:
        CheckpointError: A missing or damaged file, or one of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            meaning = json.loads((file.metadata() or {})[_META])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = _make(meaning)
        floats = {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}
        network.load_state_dict(floats)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{path} is no reader of this package ({error}); expected a file that save_reader "
            "wrote. Copy it again, or train it with `python -m sa_helpers.recognition`."
        ) from error
    return network.eval().requires_grad_(False), meaning["record"]


def _make(meaning: dict[str, Any]) -> AttributeNetwork | Segmenter:
    with torch.random.fork_rng(devices=[]):  # Initial weights must not use up random numbers.
        if "coding" in meaning:
            return AttributeNetwork(FactorCoding.from_dict(meaning["coding"]))
        return Segmenter(meaning["regions"])
