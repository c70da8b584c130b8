"""What tests kill: tiny trainings, conversions, shipments and downloads, each as one function."""

import os
from pathlib import Path

import numpy as np
import torch

from sa_helpers import checkpoints, family, metrics
from sa_helpers.commands import main
from sa_helpers.networks import Generator, GeneratorConfig
from workshop.rebuild import ship_run

CONFIG = GeneratorConfig(
    img_resolution=8, channels={4: 4, 8: 4}, z_dim=4, w_dim=4, num_mapping_layers=1
)


def _mean_colours(images, *, network):
    """Stands in for the features of a network, which take seconds and touch no files."""
    batches = [images] if isinstance(images, torch.Tensor) else list(images)
    values = torch.cat(batches)
    return torch.cat([values.mean((2, 3)), values.std((2, 3))], dim=1).double().numpy()


def train(folder: Path, data: Path, cache: Path, *more: str) -> None:
    """Train from scratch, on the images of a folder."""
    os.environ["SA_CACHE_DIR"], os.environ["TQDM_DISABLE"] = str(cache), "1"
    torch.set_num_threads(1)
    metrics.extract_features = _mean_colours
    metrics.feature_cache.extract_features = _mean_colours
    arguments = [
        "finetune", str(data), str(folder), "--img-resolution", "8", "--total-kimg", "0.08",
        "--batch-size", "8", "--state-kimg", "0.024", "--evaluation-kimg", "0.04",
        "--num-evaluation-images", "8", "--snapshot-kimg", "0.016", "--num-threads", "1",
        "--device", "cpu", "--ada-target", "0.6", *more,
    ]  # fmt: skip
    assert main(arguments) == 0


def save(path: Path, value: float, **record: object) -> None:
    """Save a model that is told by the value of its constant."""
    generator = Generator(CONFIG)
    with torch.no_grad():
        generator.get_parameter("synthesis.b4.const").fill_(value)
    checkpoints.save_model(path, generator, record={"parent": None, "kimg": 8.0, **record})


def value_of(generator: Generator) -> float:
    """What `save` was given."""
    return float(np.round(generator.get_parameter("synthesis.b4.const").mean().item(), 3))


def make_run(folder: Path, value: float) -> None:
    """A finished run with two snapshots, all told by one value."""
    for kimg in (2, 4):
        save(folder / "snapshots" / f"{kimg}kimg", value)
    save(folder / "model", value, data={"kind": "folder"})


def convert(source: Path, target: Path, layout: str) -> None:
    """Convert a model, over one that is there."""
    checkpoints.convert(source, target, layout=layout)


def ship(run: Path, target: Path) -> None:
    """Ship a run, over one that was shipped."""
    ship_run(run, target, is_origin=True, num_quality_images=1)


def fetch(url: str, path: Path) -> None:
    """Download a checkpoint."""
    os.environ["NO_PROXY"], os.environ["TQDM_DISABLE"] = "*", "1"
    family.download(url, path)
