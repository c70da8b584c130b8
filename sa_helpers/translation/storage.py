"""Translators to files and back: safetensors, with sizes and record as metadata."""

from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import load_network, save_network
from sa_helpers.translation.translator import Translator, TranslatorConfig

_KIND = "translator"


def save_translator(path: Path, translator: Translator, *, record: dict[str, Any]) -> Path:
    """Write a translator whole or not at all.

    Args:
        path: Ends in .safetensors; its folder is made.
        translator: What to write.
        record: How it was trained; JSON-ready.
    """
    meaning = {"config": translator.config.to_dict()}
    return save_network(path, translator, kind=_KIND, meaning=meaning, record=record)


def load_translator(path: Path) -> tuple[Translator, dict[str, Any]]:
    """Read what `save_translator` wrote.

    Returns:
        The translator, in evaluation mode, and its record.

    Raises:
        CheckpointError: A missing or damaged file, or one of another kind.
    """
    remedy = "Copy it again, or train it with `python -m workshop train-translator`."
    return load_network(path, kind=_KIND, make=_make, remedy=remedy)


def _make(meaning: dict[str, Any]) -> Translator:
    return Translator(TranslatorConfig.from_dict(meaning["config"]))
