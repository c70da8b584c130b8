"""Make the pictures of the front page, of the README and of social cards from the shipped models.

python book/make_pictures.py        # writes into book/assets
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor

from sa_helpers.family import Family, open_family
from sa_helpers.images import make_grid, to_uint8
from sa_helpers.latents import images_from_w_plus, w_plus_from_seeds
from sa_helpers.video import write_video

ASSETS = Path(__file__).resolve().parent / "assets"
PSI = 0.7
NAMES = ("human", "toon", "dog", "wild")
SEED = 22
CARD_SEEDS = (SEED, 29)
TURN_DEG = 20  # to either side
LOOP_SEC = 6
FRAMES_PER_SEC = 15
LOOP_PX = 640
STILL_PX = 1024
MARGIN_PX = 15


def draw(
    models: Family, name: str, *, seed: int = SEED, shift: Tensor | float = 0.0
) -> UInt8[ndarray, "batch height width 3"]:
    """Draw what a model makes of a seed, with `shift` [batch, 1, w_dim] added to its latent."""
    model = models[name].generator
    w_plus = w_plus_from_seeds(model, [seed], truncation_psi=PSI) + shift
    return to_uint8(images_from_w_plus(model, w_plus))


def enlarge(array: UInt8[ndarray, "height width 3"], width: int) -> UInt8[ndarray, "h w 3"]:
    """Resize a picture to a width, smoothly."""
    height = round(array.shape[0] * width / array.shape[1])
    return np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.LANCZOS))


def save(array: UInt8[ndarray, "height width 3"], name: str, *, quality: int = 88) -> None:
    """Write a JPEG for pages."""
    Image.fromarray(array).save(ASSETS / name, quality=quality, optimize=True, progressive=True)


def make_loop(models: Family) -> None:
    """Turn the heads of a person and of three of its counterparts together, once to either side."""
    phase = torch.linspace(0, 2 * torch.pi, FRAMES_PER_SEC * LOOP_SEC + 1)[:-1]
    yaw = models.scales["yaw_deg"]
    shift = TURN_DEG * torch.sin(phase)[:, None, None] * yaw.step * yaw.direction.vector
    columns = [draw(models, name, shift=shift) for name in NAMES]
    frames = [
        make_grid(np.stack(row), num_columns=len(NAMES)) for row in zip(*columns, strict=True)
    ]
    save(enlarge(frames[0], STILL_PX), "turning.jpg")
    large = [enlarge(frame, LOOP_PX) for frame in frames]
    write_video(ASSETS / "turning.mp4", np.stack(large), frames_per_sec=FRAMES_PER_SEC)
    first, *rest = map(Image.fromarray, large)
    first.save(
        ASSETS / "turning.webp",
        save_all=True,
        append_images=rest,
        duration=1000 // FRAMES_PER_SEC,
        loop=0,
        quality=70,
    )


def make_card(models: Family) -> None:
    """Draw two z in four models, on 1200 x 630 pixels."""
    images = [draw(models, name, seed=seed) for seed in CARD_SEEDS for name in NAMES]
    grid = enlarge(make_grid(np.concatenate(images), num_columns=len(NAMES)), 1200)
    save(np.pad(grid, [(MARGIN_PX, MARGIN_PX), (0, 0), (0, 0)], constant_values=255), "card.jpg")


if __name__ == "__main__":
    clay = open_family("clay")
    make_loop(clay)
    make_card(clay)
