"""Training and fine-tuning: losses, adaptive augmentation, trainer, runs, command line."""

from sa_helpers.finetuning.augmentation import adjust_probability, augment
from sa_helpers.finetuning.children import Judgement, child_trainer, finetune, judge, train_until
from sa_helpers.finetuning.emoji import FLUENT_EMOJI
from sa_helpers.finetuning.initial_networks import CLAY_CHANNELS, new_networks
from sa_helpers.finetuning.resizing import grow, shrink, widen
from sa_helpers.finetuning.run import Run
from sa_helpers.finetuning.sampling import sample_sheet
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.finetuning.trainer import StepReport, Trainer

__all__ = [
    "CLAY_CHANNELS",
    "FLUENT_EMOJI",
    "Judgement",
    "Run",
    "StepReport",
    "Trainer",
    "TrainingSettings",
    "adjust_probability",
    "augment",
    "child_trainer",
    "finetune",
    "grow",
    "judge",
    "new_networks",
    "sample_sheet",
    "shrink",
    "train_until",
    "widen",
]
