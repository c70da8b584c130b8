"""Translation: images of one domain into images of another.

By aligned models, which invert in one and synthesise in the other (`translate`), with the style of
a reference (`mix_with_reference`); and by a network that is trained for two domains alone, CUT, as
the learned baseline (`train_translator`, `python -m workshop train-translator`).
"""

from sa_helpers.translation.latents import (
    Translation,
    mix_with_reference,
    switch_layer_of,
    translate,
)
from sa_helpers.translation.training import CutSettings, CutTrainer, train_translator
from sa_helpers.translation.translator import TRANSLATORS, Translator, TranslatorConfig

__all__ = [
    "TRANSLATORS",
    "CutSettings",
    "CutTrainer",
    "Translation",
    "Translator",
    "TranslatorConfig",
    "mix_with_reference",
    "switch_layer_of",
    "train_translator",
    "translate",
]
