"""Readers as files: what makes one of the two networks out of a file, and back."""

from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import NetworkKind
from sa_helpers.recognition.attribute_network import AttributeNetwork
from sa_helpers.recognition.coding import FactorCoding
from sa_helpers.recognition.segmenter import Segmenter


def _describe(network: AttributeNetwork | Segmenter, _: Path) -> dict[str, Any]:
    if isinstance(network, AttributeNetwork):
        return {"coding": network.coding.to_dict()}
    return {"regions": list(network.regions)}


def _build(meaning: dict[str, Any], _: Path) -> AttributeNetwork | Segmenter:
    if "coding" in meaning:
        return AttributeNetwork(FactorCoding.from_dict(meaning["coding"]))
    return Segmenter(meaning["regions"])


READERS: NetworkKind[AttributeNetwork | Segmenter] = NetworkKind(
    name="reader",
    describe=_describe,
    build=_build,
    remedy="Copy it again, or train it with `python -m workshop train-attributes DOMAIN {path}` or "
    "`train-segmenter`.",
)
"""Networks that read factors or regions; their record tells how they scored."""
