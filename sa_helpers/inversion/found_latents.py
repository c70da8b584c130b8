"""Invert many held-out images by search, and keep the latents.

A search takes seconds an image, a distance between sets of images needs many, and a reader has
minutes. So the latents of a hundred are kept, with what anybody needs to search again.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers import checkpoints, clay, images
from sa_helpers.inversion.optimisation import Inversion, InversionSettings, invert
from sa_helpers.latents import images_from_w_plus, latents_to_w_plus
from sa_helpers.networks import Generator
from sa_helpers.runtime import share_out

_BATCH = 10
SEARCH_SETTINGS = InversionSettings(
    num_steps=100, num_candidates=200, coarse_share=0.75, truncation_psi=0.7
)
"""Of the searches that ship."""


@dataclass(frozen=True)
class FoundLatents:
    """Latents that searches found, one an image.

    Attributes:
        latents: In the space, as `LatentSpace.to_w_plus` takes them.
        distances: Perceptual distance of each reconstruction to its image.
        space: Name of the space.
        seeds: Of the clay images, in this order.
        settings: Of the searches.
        record: Model, domain and time.
    """

    latents: Float[Tensor, "images layers dim"]
    distances: Float[Tensor, " images"]
    space: str
    seeds: tuple[int, ...]
    settings: InversionSettings
    record: dict[str, Any]

    def to_inversion(self, generator: Generator) -> Inversion:
        """What `invert` returned when these were searched, images drawn again, without losses.

        Args:
            generator: The one that was searched.
        """
        psi = self.settings.truncation_psi
        w_plus = latents_to_w_plus(generator, self.latents, space=self.space, truncation_psi=psi)
        pictures = images_from_w_plus(generator, w_plus)
        losses = torch.empty(0, len(self.seeds))
        return Inversion(self.space, self.latents, w_plus, pictures, self.distances, losses)


def invert_many(
    generator: Generator,
    domain: str,
    *,
    space: str,
    seeds: Sequence[int],
    settings: InversionSettings,
    num_threads: int | None = None,
    report: Callable[[str], None] = print,
) -> FoundLatents:
    """Invert rendered images, a few at a time, which processes share; each as if it were alone.

    Args:
        generator: Left unchanged.
        domain: Of the clay world, the generator's own.
        space: To search in.
        seeds: Of the images.
        settings: Of the searches.
        num_threads: For rendering; None takes all.
        report: Called with a line after every few images.
    """
    started, size = time.monotonic(), generator.config.img_resolution

    def search(first: int) -> tuple[Tensor, Tensor]:
        chunk = seeds[first : first + _BATCH]
        batch = clay.render(domain, chunk, img_resolution=size, num_threads=num_threads)
        targets = images.from_uint8(batch.images)
        found = invert(targets, generator, space=space, settings=settings, seeds=chunk)
        seconds = time.monotonic() - started
        mean = float(found.distances.mean())
        report(f"{first + len(chunk)}/{len(seeds)} images  distance {mean:.3f}  {seconds:.0f} s")
        return found.latents.cpu(), found.distances.cpu()

    latents, distances = zip(*share_out(range(0, len(seeds), _BATCH), search), strict=True)
    record = {"domain": domain, "search_sec": round(time.monotonic() - started, 1)}
    return FoundLatents(
        torch.cat(latents), torch.cat(distances), space, tuple(seeds), settings, record
    )


def _take_apart(found: FoundLatents) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    meaning = {
        "space": found.space,
        "seeds": list(found.seeds),
        "settings": dataclasses.asdict(found.settings),
        "record": found.record,
    }
    arrays = {
        "latents": found.latents.numpy().astype(np.float16),
        "distances": found.distances.numpy(),
    }
    return arrays, meaning


def _put_together(arrays: Mapping[str, np.ndarray], meaning: dict[str, Any]) -> FoundLatents:
    return FoundLatents(
        torch.from_numpy(arrays["latents"].astype(np.float32)),
        torch.from_numpy(arrays["distances"]),
        meaning["space"],
        tuple(meaning["seeds"]),
        InversionSettings(**meaning["settings"]),
        checkpoints.with_model_sha256(meaning["record"]),
    )


FOUND_LATENTS: checkpoints.ArrayKind[FoundLatents] = checkpoints.ArrayKind(
    name="set of latents that searches found",
    take_apart=_take_apart,
    put_together=_put_together,
    remedy="Make it with `sa-helpers invert MODEL DOMAIN {path} --space {name}`.",
)
"""Found latents as files, in half precision."""
