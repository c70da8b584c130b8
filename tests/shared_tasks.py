"""What tests let several processes do together, each as one function."""

from typing import Any

import numpy as np
import torch

from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning import Trainer, TrainingSettings, new_networks

ALL_OF_IT: dict[str, Any] = {
    "total_kimg": 1,
    "batch_size": 32,
    "learning_rate": 0.001,
    "r1_interval": 3,
    "path_length_weight": 2.0,
    "path_length_interval": 4,
    "ada_target": 0.2,
    "ada_kimg": 1.0,
    "is_mirrored": True,
}


def trainer(num_rounds: int = 1, **settings: Any) -> Trainer:
    """A tiny one on images of noise, all that is regularised switched on."""
    generator, discriminator = new_networks(
        img_resolution=8, seed=0, channels={4: 8, 8: 8}, latent_dim=8, num_mapping_layers=2
    )
    with torch.no_grad():  # so that noise counts
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.1)
    array = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3), dtype=np.uint8)
    return Trainer(
        generator=generator,
        discriminator=discriminator,
        data=TrainingImages(array, {"kind": "test"}),
        settings=TrainingSettings(**{**ALL_OF_IT, **settings}),
        device=torch.device("cpu"),
        dtype=torch.float32,
        num_rounds=num_rounds,
    )


def train(num_steps: int, num_rounds: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The state after some steps, and what they reported."""
    made = trainer(num_rounds, **settings)
    reports = [made.step() for _ in range(num_steps)]
    return {**made.state_dict(), "reports": reports}
