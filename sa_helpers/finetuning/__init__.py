"""Training and fine-tuning: losses, adaptive augmentation, trainer, runs."""

from sa_helpers.finetuning.augmentation import adjust_probability, augment
from sa_helpers.finetuning.children import Judgement, child_trainer, judge, train_until
from sa_helpers.finetuning.data import TrainingImages, clay_images, folder_images
from sa_helpers.finetuning.initial_networks import CLAY_CHANNELS, new_networks
from sa_helpers.finetuning.resizing import grow, shrink, widen
from sa_helpers.finetuning.run import Progress, Run
from sa_helpers.finetuning.sampling import sample_images, sample_sheet
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.finetuning.trainer import StepReport, Trainer
from sa_helpers.finetuning.training import ImageChoice, Start, Training

__all__ = [
    "CLAY_CHANNELS",
    "ImageChoice",
    "Judgement",
    "Progress",
    "Run",
    "Start",
    "StepReport",
    "Trainer",
    "Training",
    "TrainingImages",
    "TrainingSettings",
    "adjust_probability",
    "augment",
    "child_trainer",
    "clay_images",
    "folder_images",
    "grow",
    "judge",
    "new_networks",
    "sample_images",
    "sample_sheet",
    "shrink",
    "train_until",
    "widen",
]
