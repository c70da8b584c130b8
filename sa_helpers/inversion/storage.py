"""Encoders to files and back: safetensors, with sizes and record as metadata."""

import functools
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import load_network, save_network
from sa_helpers.inversion.adapted_encoder import AdaptedEncoder
from sa_helpers.inversion.latent_encoder import LatentEncoder, LatentEncoderConfig

_KIND = "encoder"


def save_encoder(
    path: Path, encoder: LatentEncoder, *, record: dict[str, Any], origin: str | None = None
) -> Path:
    """Write an encoder whole or not at all.

    Args:
        path: Ends in .safetensors; its folder is made.
        encoder: What to write; of an `AdaptedEncoder` the changes only.
        record: How it was trained, for which weights, and how well it does; JSON-ready.
        origin: What an `AdaptedEncoder` is a change of: another file in the same folder, by its
            name without the ending.

    Raises:
        ValueError: An `AdaptedEncoder` without an origin, or with itself.
    """
    meaning: dict[str, Any] = {"config": encoder.config.to_dict()}
    if isinstance(encoder, AdaptedEncoder):
        if origin in (None, path.stem):
            raise ValueError(
                f"The encoder is a change of another one, but its origin is {origin}; expected the "
                f"name of another file beside {path}."
            )
        meaning["change"] = {
            "origin": origin,
            "origin_digest": encoder.origin_digest,
            "rank": encoder.rank,
        }
    return save_network(path, encoder, kind=_KIND, meaning=meaning, record=record)


def load_encoder(path: Path) -> tuple[LatentEncoder, dict[str, Any]]:
    """Read what `save_encoder` wrote; a change is added to the encoder beside it.

    Returns:
        The encoder, in evaluation mode, and its record.

    Raises:
        CheckpointError: A missing or damaged file, one of another kind, or a change of an encoder
            that is missing or has other weights.
    """
    return _load(path, within=())


def _load(path: Path, *, within: tuple[str, ...]) -> tuple[LatentEncoder, dict[str, Any]]:
    """Read an encoder that others, named in `within`, are changes of."""
    remedy = "Copy it again, or train it with `sa-helpers train-encoder`."
    make = functools.partial(_make, folder=path.parent, within=(*within, path.stem))
    encoder, record = load_network(path, kind=_KIND, make=make, remedy=remedy)
    if isinstance(encoder, AdaptedEncoder):
        encoder = encoder.plain().requires_grad_(False)
    return encoder, record


def _make(meaning: dict[str, Any], *, folder: Path, within: tuple[str, ...]) -> LatentEncoder:
    change = meaning.get("change")
    if change is None:
        return LatentEncoder(LatentEncoderConfig.from_dict(meaning["config"]))
    path = folder / f"{Path(change['origin']).name}.safetensors"
    if path.stem in within:
        raise ValueError(f"it is a change of itself, by way of {', '.join(within)}")
    adapted = AdaptedEncoder(_load(path, within=within)[0], rank=change["rank"])
    if adapted.origin_digest != change["origin_digest"]:
        raise ValueError(f"it is a change of other weights than those of {path}")
    return adapted
