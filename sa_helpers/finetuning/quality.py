"""The quality gate of a shipped model: how near it comes to its domain, and what nearness is worth.

Three sets of pictures are compared: generated ones, real ones that the model was trained on, and
real ones that it has never seen. The distance between the two real sets is the floor that no model
can be expected to pass. They are compared at full size, where finish counts as much as content,
coarsely, where content counts alone, and factor by factor, as a reader of the domain reads them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from torch import Tensor

from sa_helpers import clay, images, metrics
from sa_helpers.latents import images_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition import AttributeNetwork
from sa_helpers.runtime import share_out
from sa_helpers.seeds import Drawn, Rendered, first_seeds

NETWORK = "efficientnet-lite0"
_CHUNK = 50
COARSE_RESOLUTIONS = (32, 16)
WELL_READ = 0.9
"""Correlation with the truth, on renders, from which a factor counts as well read."""

Features = Float[ndarray, "num_images num_features"]


@dataclass(frozen=True)
class _Look:
    """What was seen of one set of images.

    Attributes:
        features: By resolution, to which the images were averaged down.
        read: Factors that a reader reads; empty without one.
        mirrored: The same of the mirror images.
    """

    features: dict[int, Features]
    read: dict[str, ndarray]
    mirrored: dict[str, ndarray]


def measure_quality(
    generator: Generator,
    *,
    domain: str,
    first_seed: int,
    num_images: int = 2000,
    reader: AttributeNetwork | None = None,
) -> dict[str, Any]:
    """Compare a generator of a clay domain with that domain; processes share the images.

    Args:
        generator: To judge; without truncation and without noise that differs between images.
        domain: Of the clay world.
        first_seed: Of the images that it was trained on.
        num_images: In each of the three sets; it was trained on at least as many.
        reader: Of the domain's factors; without one nothing is said of them.

    Returns:
        JSON-ready: `frechet_distance` and `kernel_distance` (times 1000) to held-out images and
        `floor` with the same of trained-on images; `coarse` with all that at each of
        `COARSE_RESOLUTIONS`; `precision`, `recall`, `density`, `coverage`; `nearest`, the median
        feature distance from a generated image to the nearest trained-on one as a share of that
        from a held-out image. A model that repeats its training images has a share well below 1.
        With a reader `factors` and `mirror_deg`, see `factor_distances` and `mirror_error`.
    """
    resolution = generator.config.img_resolution
    sizes = (resolution, *(r for r in COARSE_RESOLUTIONS if r < resolution))

    def rendered(seeds: range) -> Tensor:
        batch = images.from_uint8(clay.render(domain, seeds).images)
        return images.resize(batch, img_resolution=resolution)

    def drawn(seeds: range) -> Tensor:
        return images_from_seeds(generator, seeds, truncation_psi=1.0)

    held_out, trained_on, generated = (
        _look_at(make, seeds, resolutions=sizes, reader=reader)
        for make, seeds in (
            (rendered, first_seeds(Rendered.HELD_OUT, num_images)),
            (rendered, range(first_seed, first_seed + num_images)),
            (drawn, first_seeds(Drawn.JUDGED, num_images)),
        )
    )
    full = [look.features[resolution] for look in (held_out, trained_on, generated)]
    scores = metrics.manifold_scores(full[0], full[2])._asdict()
    quality = {
        "network": metrics.describe(NETWORK),
        "num_images": num_images,
        **_to_held_out(held_out, trained_on, generated, resolution),
        "coarse": {str(r): _to_held_out(held_out, trained_on, generated, r) for r in sizes[1:]},
        **{name: round(score, 4) for name, score in scores.items()},
        "nearest": round(_nearest(full[2], full[1]) / _nearest(full[0], full[1]), 4),
    }
    if reader is not None:
        names = [field.name for field in reader.coding.fields if field.kind == "continuous"]
        truth = _truth(domain, names, num_images)
        quality["factors"] = factor_distances(
            generated.read, held_out.read, trained_on.read, truth=truth
        )
        quality["mirror_deg"] = {
            "generated": mirror_error(generated.read, generated.mirrored),
            "floor": mirror_error(held_out.read, held_out.mirrored),
        }
    return quality


def factor_distances(
    generated: dict[str, ndarray],
    held_out: dict[str, ndarray],
    trained_on: dict[str, ndarray],
    *,
    truth: dict[str, ndarray],
) -> dict[str, Any]:
    """Compare distributions of what is read of factors, in standard deviations of held-out images.

    Args:
        generated: Name to values read.
        held_out: The same of images that the generator has never seen.
        trained_on: The same of images that it was trained on.
        truth: Name to the values that the held-out images were rendered from.

    Returns:
        For each name in `truth` the Wasserstein-1 `distance` from generated to held-out images,
        the `floor`, which is that from trained-on ones, and the `correlation` of what is read with
        the truth; as `mean` the mean distance and floor of those with `WELL_READ` or more.
    """
    factors: dict[str, Any] = {}
    for name, values in truth.items():
        scale = float(held_out[name].std()) or 1.0
        factors[name] = {
            key: round(wasserstein_distance(read[name] / scale, held_out[name] / scale), 4)
            for key, read in (("distance", generated), ("floor", trained_on))
        }
        factors[name]["correlation"] = round(_correlation(held_out[name], values), 4)
    well_read = [f for f in factors.values() if f["correlation"] >= WELL_READ]
    mean = {
        key: round(float(np.mean([f[key] for f in well_read])), 4) if well_read else None
        for key in ("distance", "floor")
    }
    return {**factors, "mean": mean}


def mirror_error(read: dict[str, ndarray], mirrored: dict[str, ndarray]) -> float:
    """How far the yaw of pictures and that of their mirror images miss each other's negative, deg.

    Mean of half the absolute sum. It is not 0 in perfect pictures, as the reader errs in them too.
    """
    return round(float(np.abs(read["yaw_deg"] + mirrored["yaw_deg"]).mean() / 2), 3)


def _truth(domain: str, names: Sequence[str], count: int) -> dict[str, ndarray]:
    seeds = first_seeds(Rendered.HELD_OUT, count)
    drawn = [clay.sample_factors(domain, seed) for seed in seeds]
    return {name: np.array([factors[name] for factors in drawn]) for name in names}


def _correlation(x: ndarray, y: ndarray) -> float:
    """Pearson's; 0 where one of the two does not vary."""
    return float(np.corrcoef(x, y)[0, 1]) if x.std() and y.std() else 0.0


def _look_at(
    make: Callable[[range], Tensor],
    seeds: range,
    *,
    resolutions: Sequence[int],
    reader: AttributeNetwork | None,
) -> _Look:
    """Look at every image once: at each resolution, and with the reader both ways round."""

    def look(chunk: range) -> _Look:
        batch = make(chunk)
        small = {r: images.resize(batch, img_resolution=r) for r in resolutions}
        return _Look(
            {r: metrics.extract_features(found, network=NETWORK) for r, found in small.items()},
            reader.read(batch) if reader is not None else {},
            reader.read(batch.flip(-1)) if reader is not None else {},
        )

    chunks = [seeds[i : i + _CHUNK] for i in range(0, len(seeds), _CHUNK)]
    looks = share_out(chunks, look)
    return _Look(
        {r: np.concatenate([look.features[r] for look in looks]) for r in resolutions},
        _joined([look.read for look in looks]),
        _joined([look.mirrored for look in looks]),
    )


def _joined(batches: Sequence[dict[str, ndarray]]) -> dict[str, ndarray]:
    names = batches[0] if batches else ()
    return {name: np.concatenate([batch[name] for batch in batches]) for name in names}


def _to_held_out(
    held_out: _Look, trained_on: _Look, generated: _Look, resolution: int
) -> dict[str, Any]:
    """Distances of generated images to held-out ones at one resolution, and their floor."""
    wanted = held_out.features[resolution]
    return {
        **_distances(generated.features[resolution], wanted),
        "floor": _distances(trained_on.features[resolution], wanted),
    }


def _distances(a: Features, b: Features) -> dict[str, float]:
    return {
        "frechet_distance": round(metrics.frechet_distance(a, b), 3),
        "kernel_distance": round(1000 * metrics.kernel_distance(a, b).mean, 3),
    }


def _nearest(points: Features, others: Features) -> float:
    """Median distance to the nearest of others."""
    return float(np.median(cdist(points, others).min(axis=1)))
