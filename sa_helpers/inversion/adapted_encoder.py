"""An encoder as a small change of another one: every weight plus a matrix of low rank.

Encoders of aligned models are much alike, so that the change takes a twentieth of the space. It is
stored alone, and added to the encoder beside it when it is read.

Source: Hu et al. 2022 (LoRA), Section 4.1.
"""

import functools
import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sa_helpers.checkpoints import NetworkKind
from sa_helpers.inversion.latent_encoder import LatentEncoder, LatentEncoderConfig


class AdaptedEncoder(LatentEncoder):
    """An encoder whose weights are those of another one plus changes of low rank; none at first.

    The other one's weights stay as they are and are left out of the state dict. Biases and
    normalisations are trained as usual.

    Args:
        origin: Left unchanged.
        rank: Of the changes, 1 or more; smaller where a weight's shorter side is.

    Raises:
        ValueError: The rank is below 1.
    """

    def __init__(self, origin: LatentEncoder, *, rank: int) -> None:
        """Draw from torch's default generator; one factor of each change is zero."""
        if rank < 1:
            raise ValueError(f"The rank is {rank}; expected 1 or more.")
        super().__init__(origin.config)
        self.rank = rank
        self.load_state_dict(origin.state_dict())
        for layer in list(self.modules()):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                _add_change(layer, rank)

    @property
    def origin_digest(self) -> str:
        """SHA-256 of the other encoder's weights in half precision, as they are stored."""
        digest = hashlib.sha256()
        for name, values in self.named_buffers():
            if name.endswith(".original"):
                halves = values.cpu().bfloat16().contiguous()
                digest.update(halves.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def plain(self) -> LatentEncoder:
        """An encoder of the usual kind that computes the same."""
        with torch.random.fork_rng(devices=[]):
            encoder = LatentEncoder(self.config).to(self.w_std)
        state = {
            name: functools.reduce(getattr, name.split("."), self) for name in encoder.state_dict()
        }
        encoder.load_state_dict(state)
        return encoder.train(self.training)


class _Change(nn.Module):
    """Adds a matrix of low rank to a weight; kernels of a convolution count as its rows."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.flatten(start_dim=1).shape
        rank = min(rank, rows, columns)
        self.down = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.up @ self.down).view_as(weight)


def _add_change(layer: nn.Conv2d | nn.Linear, rank: int) -> None:
    parametrize.register_parametrization(layer, "weight", _Change(layer.weight, rank))
    holder = layer.get_submodule("parametrizations.weight")
    frozen = holder.get_parameter("original").detach()
    del holder.original
    holder.register_buffer("original", frozen, persistent=False)


def _describe(encoder: LatentEncoder, path: Path, *, origin: str | None) -> dict[str, Any]:
    meaning: dict[str, Any] = {"config": encoder.config.to_dict()}
    if not isinstance(encoder, AdaptedEncoder):
        return meaning
    if origin in (None, path.stem):
        raise ValueError(
            f"The encoder is a change of another one, but its origin is {origin}; expected the "
            f"name of another file beside {path}."
        )
    change = {"origin": origin, "origin_digest": encoder.origin_digest, "rank": encoder.rank}
    return {**meaning, "change": change}


def _build(meaning: dict[str, Any], path: Path, *, within: tuple[str, ...]) -> LatentEncoder:
    change = meaning.get("change")
    if change is None:
        return LatentEncoder(LatentEncoderConfig.from_dict(meaning["config"]))
    within = (*within, path.stem)
    origin = path.with_name(f"{Path(change['origin']).name}.safetensors")
    if origin.stem in within:
        raise ValueError(f"it is a change of itself, by way of {', '.join(within)}")
    adapted = AdaptedEncoder(encoders(within=within).load(origin)[0], rank=change["rank"])
    if adapted.origin_digest != change["origin_digest"]:
        raise ValueError(f"it is a change of other weights than those of {origin}")
    return adapted


def _plain(encoder: LatentEncoder) -> LatentEncoder:
    return encoder.plain() if isinstance(encoder, AdaptedEncoder) else encoder


def encoders(
    *, origin: str | None = None, within: tuple[str, ...] = ()
) -> NetworkKind[LatentEncoder]:
    """Encoders as files; what is read is always an encoder of the usual kind.

    Writing an `AdaptedEncoder` without an origin, or as a change of itself, is a `ValueError`.
    Reading a change of an encoder that is missing or has other weights is a `CheckpointError`.

    Args:
        origin: What a written `AdaptedEncoder` is a change of: another file in the same folder, by
            its name without the ending.
        within: Files whose encoders are changes of the one that is read.
    """
    return NetworkKind(
        name="encoder",
        describe=functools.partial(_describe, origin=origin),
        build=functools.partial(_build, within=within),
        remedy="Train one with `sa-helpers train-encoder MODEL DOMAIN {path}`, or invert by "
        "optimisation.",
        finish=_plain,
    )


ENCODERS = encoders()
"""Encoders as files; their record tells for which weights they were trained, and how well."""
