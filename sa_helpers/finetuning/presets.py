"""Settings by purpose, which the command, the README and the chapters share."""

from collections.abc import Mapping

from sa_helpers.finetuning.settings import TrainingSettings

FEW_IMAGES = 1000
"""Fewer than so many are few."""

PRESETS: Mapping[str, TrainingSettings] = {
    "few": TrainingSettings.of_a_child(total_kimg=10, ada_target=0.6, ada_kimg=20),
    "many": TrainingSettings.of_a_child(total_kimg=24),
    "scratch": TrainingSettings.of_a_child(total_kimg=300, ema_rampup=0.05),
}
"""Purpose to settings: a child of hundreds of images, a child of thousands, a model from scratch.

All are the shipped models', at 128 px and without noise. For few images ADA is added, fast enough
for so short a run.
"""
