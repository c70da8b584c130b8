"""Write networks, so that a reader never meets half a file."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.own_format import (
    DESCRIPTION,
    DIGEST,
    SCHEMA_VERSION,
    digest_of,
    is_description,
    model_files,
)
from sa_helpers.checkpoints.safetensors_files import with_metadata
from sa_helpers.networks import Discriminator, Encoder, Generator
from sa_helpers.runtime import replacing


def save_model(
    path: str | Path,
    generator: Generator,
    discriminator: Discriminator | None = None,
    *,
    record: dict[str, Any],
    encoder: Encoder | None = None,
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write `path.safetensors`, with all that belongs to the model, and return its path.

    The file appears complete or not at all, so that a reader finds the old model or the new one.

    Args:
        path: Without ending; its folder is made.
        generator: Usually the moving average.
        discriminator: Optional; needed to continue training.
        record: How the model came about; anything that JSON can hold, without NaN.
        encoder: Optional; inverts images of the generator's domain.
        dtype: Of the stored weights; float16 halves the file and is invisible in images.

    Raises:
        CheckpointError: Weights that are not finite or that `dtype` cannot hold, or a record that
            JSON cannot hold; nothing is written.

    Example:
        >>> import tempfile
        >>> import sa_helpers as sa
        >>> models = sa.open_family("clay")
        >>> between = sa.interpolate_weights(
        ...     models.parent.generator, models["dog"].generator, amount=0.5
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = sa.save_model(f"{folder}/between", between, record={"name": "between"})
        ...     sa.load_model(path).record["name"]
        'between'
    """
    weights_path, json_path = model_files(path)
    parts: dict[str, Any] = {"generator": generator, "discriminator": discriminator}
    if encoder is not None:
        parts["encoder"] = encoder
    tensors: dict[str, Tensor] = {}
    for part, network in parts.items():
        if network is not None:
            tensors |= _stored_tensors(part, network, dtype)
    description = {
        "schema_version": SCHEMA_VERSION,
        **{part: network and network.config.to_dict() for part, network in parts.items()},
        "weights": {"dtype": str(dtype).removeprefix("torch.")},
        "record": record,
    }
    text = _to_json(description, weights_path)
    content = save(tensors)
    _, numbers = with_metadata(content, {})
    digest = digest_of(text, iter([numbers]))
    header, numbers = with_metadata(content, {DESCRIPTION: text, DIGEST: digest})
    with replacing(weights_path) as stream:
        stream.write(header)
        stream.write(numbers)
    if is_description(json_path):  # of an earlier edition, which wrote two files
        json_path.unlink(missing_ok=True)
    return weights_path


def _stored_tensors(part: str, network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    tensors = {}
    for name, value in network.state_dict().items():
        stored = value.detach().to(device="cpu", dtype=dtype).contiguous()
        if not stored.isfinite().all():
            cause = f"overflows {dtype}" if value.isfinite().all() else "is not finite"
            raise CheckpointError(
                f"{part} {name} {cause}, so nothing was written. "
                "Save with dtype=torch.float32, or an earlier state if training diverged."
            )
        tensors[f"{part}.{name}"] = stored
    return tensors


def _to_json(description: dict[str, Any], path: Path) -> str:
    try:
        return json.dumps(description, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"The record for {path.name} cannot become JSON ({error}). "
            "Give text, numbers, lists and dictionaries, and None in place of NaN."
        ) from error
