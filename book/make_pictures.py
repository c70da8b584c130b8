"""Make the pictures of the front page, of the README and of social cards from the shipped models.

python book/make_pictures.py        # writes into book/assets
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image
from torch import Tensor

from sa_helpers import directions
from sa_helpers.alignment import seeds_to_images
from sa_helpers.family import Family, family
from sa_helpers.images import make_grid, to_uint8
from sa_helpers.latents import z_from_seeds, z_to_w_plus
from sa_helpers.video import write_video

ASSETS = Path(__file__).resolve().parent / "assets"
PSI = 0.7
LABELLED_SEEDS = range(2000, 2400)  # images of the parent from which the yaw direction is learnt
NAMES = ("human", "toon", "dog", "wild")
SEED = 22
REACH = 0.25  # of the turn to either side, in typical distances of a w to the mean
LOOP_SEC = 6
FRAMES_PER_SEC = 15
LOOP_PX = 640
STILL_PX = 1024
MARGIN_PX = 15


def yaw_step(models: Family) -> Float[Tensor, " w_dim"]:
    """Find the step in W that turns the parent's head as far as the loop goes."""
    parent = models.parent
    with torch.inference_mode():
        w = parent.mapping(z_from_seeds(LABELLED_SEEDS, z_dim=parent.config.z_dim))
    images = seeds_to_images(parent, LABELLED_SEEDS, truncation_psi=1.0)
    yaw = models.readers(models.parent_name).attributes.read(images)["yaw_deg"]
    found = directions.fit_regression(w, yaw, name="yaw_deg")
    return REACH * w.std(dim=0).norm() * found.vector


def draw(
    models: Family, name: str, *, seed: int = SEED, shift: Tensor | float = 0.0
) -> UInt8[ndarray, "batch height width 3"]:
    """Draw what a model makes of a seed, with `shift` [batch, 1, w_dim] added to its latent."""
    model = models.model(name)
    z = z_from_seeds([seed], z_dim=model.config.z_dim)
    with torch.inference_mode():
        w_plus = z_to_w_plus(model, z, truncation_psi=PSI) + shift
        return np.concatenate([to_uint8(model.synthesis(part)) for part in w_plus.split(32)])


def enlarge(array: UInt8[ndarray, "height width 3"], width: int) -> UInt8[ndarray, "h w 3"]:
    """Resize a picture to a width, smoothly."""
    height = round(array.shape[0] * width / array.shape[1])
    return np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.LANCZOS))


def save(array: UInt8[ndarray, "height width 3"], name: str, *, quality: int = 88) -> None:
    """Write a JPEG for pages."""
    Image.fromarray(array).save(ASSETS / name, quality=quality, optimize=True, progressive=True)


def make_loop(models: Family) -> None:
    """Turn the heads of a person and of three of its counterparts together, once to either side."""
    turn = torch.sin(torch.linspace(0, 2 * torch.pi, FRAMES_PER_SEC * LOOP_SEC + 1)[:-1])
    shift = turn[:, None, None] * yaw_step(models)
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
    images = [draw(models, name, seed=seed) for seed in (SEED, 29) for name in NAMES]
    grid = enlarge(make_grid(np.concatenate(images), num_columns=len(NAMES)), 1200)
    save(np.pad(grid, [(MARGIN_PX, MARGIN_PX), (0, 0), (0, 0)], constant_values=255), "card.jpg")


if __name__ == "__main__":
    clay = family("clay")
    make_loop(clay)
    make_card(clay)
