"""Checkpoints: networks to files and back, without ever running code that a file carries."""

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.loading import LoadedModel, load_model
from sa_helpers.checkpoints.saving import save_model

__all__ = ["CheckpointError", "LoadedModel", "load_model", "save_model"]
