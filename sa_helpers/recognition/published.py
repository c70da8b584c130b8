"""Networks of others, as their makers publish them: a folder with a configuration and weights."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers.checkpoints import CheckpointError
from sa_helpers.runtime import shown

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


class ReaderUnavailableError(CheckpointError):
    """A published reader, or a package for it, is not on this machine; the message has a remedy."""


def folder_of(model: str, *, beside: Path) -> Path:
    """Where a published network lies on this machine; nothing is downloaded.

    Args:
        model: Name of a folder, or of a model on the Hugging Face Hub that was downloaded before.
        beside: Where folders are looked for.

    Raises:
        ReaderUnavailableError: It is not there; the message says how to get it.
    """
    folder = beside / model
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(model):
        raise ReaderUnavailableError(
            f"'{shown(folder)}' is no folder; expected one with a configuration and weights, or "
            "the name of a model on the Hugging Face Hub, such as jonathandinu/face-parsing."
        )
    hub = _package("huggingface_hub")
    try:
        return Path(hub.snapshot_download(model, local_files_only=True))
    except (OSError, ValueError) as error:
        raise ReaderUnavailableError(
            f'The reader "{model}" is not on this machine, and nothing is downloaded unasked. Mind '
            f"its licence, and get it with: hf download {model}"
        ) from error


def open_published(folder: Path, *, kind: str) -> Any:
    """Open a network with the package transformers, in evaluation mode and without gradients.

    Only weights in safetensors are read, as other formats can run code.

    Args:
        folder: With config.json and model.safetensors.
        kind: Class of transformers that opens it, such as "AutoModelForSemanticSegmentation".

    Raises:
        ReaderUnavailableError: transformers is missing, or opens no such network there.
    """
    transformers = _package("transformers")
    try:
        network = getattr(transformers, kind).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        raise ReaderUnavailableError(
            f"transformers opens no reader in '{shown(folder)}' ({error}). Expected config.json "
            f"and model.safetensors of a network for {kind}; download the folder again."
        ) from error
    return network.eval().requires_grad_(False)


def _package(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise ReaderUnavailableError(
            f"Published readers need the package {name}, which is not installed. Install it with: "
            'pip install "sa-helpers[photo]"'
        ) from error


def normalise(
    images: Float[Tensor, "batch 3 height width"], *, mean: Sequence[float], std: Sequence[float]
) -> Float[Tensor, "batch 3 height width"]:
    """Images in [-1, 1] as a network was trained to see them: in [0, 1], then standardised.

    Args:
        mean: Of each colour, in [0, 1].
        std: Of each colour.
    """
    centre, spread = (images.new_tensor(values)[:, None, None] for values in (mean, std))
    return ((images + 1) / 2 - centre) / spread
