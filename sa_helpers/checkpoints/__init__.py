"""Checkpoints: networks to files and back, without ever running code that a file carries.

`load_model` opens every published format of StyleGAN2, `describe` tells what a file holds,
`save_model` writes our own format, `export` those of other tools, and `convert` goes from one file
to another.
"""

from sa_helpers.checkpoints.artefacts import (
    ArrayKind,
    Kind,
    NetworkKind,
    with_model_sha256,
)
from sa_helpers.checkpoints.detecting import require_weights_file
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.exporting import (
    convert,
    export,
    to_nvidia_state,
    to_rosinality_state,
)
from sa_helpers.checkpoints.loading import Description, LoadedModel, describe, load_model
from sa_helpers.checkpoints.own_format import read_record
from sa_helpers.checkpoints.places import find_model, shipped_models
from sa_helpers.checkpoints.saving import save_model

__all__ = [
    "ArrayKind",
    "CheckpointError",
    "Description",
    "Kind",
    "LoadedModel",
    "NetworkKind",
    "convert",
    "describe",
    "export",
    "find_model",
    "load_model",
    "read_record",
    "require_weights_file",
    "save_model",
    "shipped_models",
    "to_nvidia_state",
    "to_rosinality_state",
    "with_model_sha256",
]
