"""Encoders to files and back: safetensors, with sizes and record as metadata."""

from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import load_network, save_network
from sa_helpers.inversion.latent_encoder import LatentEncoder, LatentEncoderConfig

_KIND = "encoder"


def save_encoder(path: Path, encoder: LatentEncoder, *, record: dict[str, Any]) -> Path:
    """Write an encoder whole or not at all.

    Args:
        path: Ends in .safetensors; its folder is made.
        encoder: What to write.
        record: How it was trained, for which weights, and how well it does; JSON-ready.
    """
    meaning = {"config": encoder.config.to_dict(), "record": record}
    return save_network(path, encoder, kind=_KIND, meaning=meaning)


def load_encoder(path: Path) -> tuple[LatentEncoder, dict[str, Any]]:
    """Read what `save_encoder` wrote.

    Returns:
        The encoder, in evaluation mode, and its record.

    Raises:
        CheckpointError: A missing or damaged file, or one of another kind.
    """
    remedy = "Copy it again, or train it with `python -m sa_helpers.inversion`."
    encoder, meaning = load_network(path, kind=_KIND, make=_make, remedy=remedy)
    return encoder, meaning["record"]


def _make(meaning: dict[str, Any]) -> LatentEncoder:
    return LatentEncoder(LatentEncoderConfig.from_dict(meaning["config"]))
