"""Measure how far sets of images are apart: of models, of folders, of the clay world."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from torch import Tensor
from tyro.conf import Positional, arg

from sa_helpers import checkpoints, metrics, runtime
from sa_helpers.checkpoints.places import is_run
from sa_helpers.commands.options import Count, NumThreads, use_num_threads
from sa_helpers.commands.running import say
from sa_helpers.finetuning import ImageChoice
from sa_helpers.images import Fit
from sa_helpers.latents import images_from_seeds
from sa_helpers.metrics import NetworkUnavailableError
from sa_helpers.networks import Generator
from sa_helpers.seeds import Drawn, first_seeds

_CHUNK = 50
_PICTURES_PX, _CLAY_PX = 256, 128
Images = Annotated[
    Positional[str], arg(help="A model, a folder or zip of images, or clay:DOMAIN for renders.")
]


def measure(
    first: Images,
    second: Images,
    *,
    num_images: Count = 1000,
    network: Literal["efficientnet-lite0", "inception-v3"] = "efficientnet-lite0",
    fit: Fit = "crop",
    num_threads: NumThreads = None,
) -> None:
    """Tell how far apart models and folders of images are.

    By Fréchet and kernel distance (FID and KID). The default network works offline; inception-v3
    gives the numbers of publications, which take 50000 images, and downloads its weights. Compare
    equal counts only. For example:
      sa-helpers measure runs/faces path/to/images
      sa-helpers measure runs/faces path/to/images --network inception-v3 --num-images 50000

    Args:
        num_images: Images of each, or as many as there are.
        network: What sees the images.
        fit: How pictures of folders become squares.
    """
    use_num_threads(num_threads)
    try:
        features = [
            metrics.extract_features(_batches(named, num_images, fit), network=network)
            for named in (first, second)
        ]
    except NetworkUnavailableError as error:
        raise ValueError(str(error)) from error
    frechet = metrics.frechet_distance(*features)
    kernel = metrics.kernel_distance(*features)
    counts = " and ".join(str(len(found)) for found in features)
    say(f"{counts} images, {metrics.describe(network)}")
    say(f"Fréchet distance {frechet:.2f}")
    spread = "" if np.isnan(kernel.std) else f" ± {1000 * kernel.std:.2f} over subsets"
    say(f"kernel distance (KID) x 1000: {1000 * kernel.mean:.2f}{spread}")


def _batches(named: str, num_images: int, fit: Fit) -> Iterator[Tensor]:
    path, is_clay = Path(named), named.startswith("clay:")
    if is_clay or path.suffix.lower() == ".zip" or (path.is_dir() and not is_run(path)):
        choice = ImageChoice(num_images=num_images, fit=fit)
        found = choice.of(named, img_resolution=_CLAY_PX if is_clay else _PICTURES_PX)
        say(f"{named}: {found.summary}")
        return found.first(num_images).batches()
    loaded = checkpoints.load_model(named, parts=(), device=runtime.default_device())
    return _generated(loaded.generator, num_images)


def _generated(generator: Generator, num_images: int) -> Iterator[Tensor]:
    seeds = first_seeds(Drawn.JUDGED, num_images)
    for first in range(0, num_images, _CHUNK):
        yield images_from_seeds(generator, seeds[first : first + _CHUNK], truncation_psi=1.0)
