"""What tests let several processes do together, each as one function."""

import os
from typing import Any

import numpy as np
import torch

from sa_helpers import runtime
from sa_helpers.channels.localization import discover_channels
from sa_helpers.channels.survey import factor_gradients
from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning import Trainer, TrainingSettings, new_networks, quality
from sa_helpers.inversion import InversionSettings, invert_many
from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.networks import Generator

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


def _generator() -> Generator:
    channels = {4: 8, 8: 8, 16: 8, 32: 8}
    networks = new_networks(
        img_resolution=32, seed=0, channels=channels, latent_dim=8, num_mapping_layers=2
    )
    generator = networks[0].requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if ".torgb." in name:  # so that its images are nearly within [-1, 1]
            parameter.mul_(0.05)
    return generator


def survey() -> list[bytes]:
    """Where channels act and what they change, in a tiny generator."""
    generator = _generator()
    w_plus = w_plus_from_seeds(generator, range(9), truncation_psi=0.7)
    masks = np.random.default_rng(0).integers(0, 2, (9, 32, 32))
    found = discover_channels(generator, w_plus, masks, regions=["a", "b"])
    sigmas = torch.ones(len(generator.synthesis.style_space.is_feature))
    effects = factor_gradients(generator, w_plus, lambda x: x.mean(dim=(2, 3)), sigmas=sigmas)
    return [a.tobytes() for a in (found.winners, found.profiles, found.is_present, effects)]


def search() -> list[bytes]:
    """Latents that short searches find."""
    found = invert_many(
        _generator(),
        "human",
        space="w",
        seeds=range(12),
        settings=InversionSettings(num_steps=2),
        num_threads=1,
        report=lambda _: None,
    )
    return [a.numpy().tobytes() for a in (found.latents, found.distances)]


def judge() -> dict[str, Any]:
    """The quality of a tiny generator."""
    quality._CHUNK = 4
    return quality.measure_quality(_generator(), domain="human", first_seed=0, num_images=10)


def disagree() -> str:
    """What is said where one process has something else."""
    try:
        runtime.require_agreement(images="many" if runtime.is_first() else "few")
    except ValueError as error:
        return str(error)
    return ""


def speak() -> tuple[Any, ...]:
    """What each process says of itself, outside and inside of what is shared out."""
    inside = runtime.share_out(range(5), lambda i: (i, runtime.num_processes(), os.getpid()))
    values = torch.tensor([float(runtime.process_index())])
    runtime.average_([values])
    first = runtime.from_first(os.getpid)
    return inside, float(values), first, runtime.is_first_to_say("hello"), os.getpid()
