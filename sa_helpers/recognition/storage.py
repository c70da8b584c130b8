"""Readers to files and back: safetensors, with what the outputs mean as metadata."""

from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import load_network, save_network
from sa_helpers.recognition.attribute_network import AttributeNetwork
from sa_helpers.recognition.coding import FactorCoding
from sa_helpers.recognition.segmenter import Segmenter

_KIND = "reader"


def save_reader(
    path: Path, network: AttributeNetwork | Segmenter, *, record: dict[str, Any]
) -> Path:
    """Write a reader whole or not at all.

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
    return save_network(path, network, kind=_KIND, meaning=meaning, record=record)


def load_reader(path: Path) -> tuple[AttributeNetwork | Segmenter, dict[str, Any]]:
    """Read what `save_reader` wrote.

    Returns:
        The network, in evaluation mode, and its record.

    Raises:
        CheckpointError: A missing or damaged file, or one of another kind.
    """
    remedy = "Copy it again, or train it, see `python -m workshop --help`."
    return load_network(path, kind=_KIND, make=_make, remedy=remedy)


def _make(meaning: dict[str, Any]) -> AttributeNetwork | Segmenter:
    if "coding" in meaning:
        return AttributeNetwork(FactorCoding.from_dict(meaning["coding"]))
    return Segmenter(meaning["regions"])
