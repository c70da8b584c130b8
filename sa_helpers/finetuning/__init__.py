"""Training and fine-tuning: losses, adaptive augmentation, trainer, runs."""

from sa_helpers.finetuning.augmentation import adjust_probability, augment
from sa_helpers.finetuning.children import (
    Evaluation,
    child_trainer,
    evaluate,
    finetune,
    train_until,
)
from sa_helpers.finetuning.curves import tensorboard_curves
from sa_helpers.finetuning.initial_networks import CLAY_CHANNELS, new_networks
from sa_helpers.finetuning.presets import PRESETS
from sa_helpers.finetuning.resizing import grow, shrink, widen
from sa_helpers.finetuning.run import Progress, Run
from sa_helpers.finetuning.sampling import sample_sheet
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.finetuning.trainer import StepReport, Trainer
from sa_helpers.finetuning.training import ImageChoice, Start, Training

__all__ = [
    "CLAY_CHANNELS",
    "PRESETS",
    "Evaluation",
    "ImageChoice",
    "Progress",
    "Run",
    "Start",
    "StepReport",
    "Trainer",
    "Training",
    "TrainingSettings",
    "adjust_probability",
    "augment",
    "child_trainer",
    "evaluate",
    "finetune",
    "grow",
    "new_networks",
    "sample_sheet",
    "shrink",
    "tensorboard_curves",
    "train_until",
    "widen",
]
