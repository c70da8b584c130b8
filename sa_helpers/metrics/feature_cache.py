"""Features kept on disk, so that a real data set goes through a network only once."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from sa_helpers.metrics.catalog import describe
from sa_helpers.metrics.features import extract_features
from sa_helpers.metrics.inputs import ImageBatch
from sa_helpers.runtime import cache_dir as default_cache_dir
from sa_helpers.runtime import is_sealed, sealing

_VERSION = 1  # raise it when the features of any network change


def cached_features(
    key: str | ndarray,
    images_factory: Callable[[], ImageBatch | Iterable[ImageBatch]],
    *,
    network: str = "efficientnet-lite0",
    cache_dir: str | os.PathLike[str] | None = None,
) -> Float64[ndarray, "num_images num_features"]:
    """Load features from disk, or make the images, extract their features and keep those.

    A file that is damaged or belongs to something else is made again.

    Args:
        key: Everything that the images depend on, in words ("clay dog, seeds 0 to 1999, 128 px,
            renderer 3"), or the images themselves as an array.
        images_factory: Called only if the features are not on disk; see `extract_features`.
        network: As in `extract_features`; part of the key.
        cache_dir: Folder; None means `features` in `runtime.cache_dir()`.

    Raises:
        ValueError: Unknown network, no images, wrong shape or range.
        NetworkUnavailableError: The weights are not here and cannot be downloaded.
    """
    label = f"{network} ({describe(network)}), version {_VERSION}: {_key_text(key)}"
    folder = Path(cache_dir) if cache_dir is not None else default_cache_dir() / "features"
    path = folder / f"{network}-{hashlib.sha256(label.encode()).hexdigest()[:20]}.npz"
    features = _read(path, label=label)
    if features is None:
        features = extract_features(images_factory(), network=network)
        _write(path, features, label=label)
    return features


def _key_text(key: str | ndarray) -> str:
    if isinstance(key, str):
        return key
    digest = hashlib.sha256(np.ascontiguousarray(key).tobytes()).hexdigest()
    return f"{key.dtype} {key.shape} {digest}"


def _read(path: Path, *, label: str) -> Float64[ndarray, "num_images num_features"] | None:
    if not path.is_file():
        return None
    if not is_sealed(path):
        logging.getLogger(__name__).warning("%s was damaged, and is made again", path)
        return None
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        return stored["features"].astype(np.float64) if str(stored["label"]) == label else None


def _write(path: Path, features: ndarray, *, label: str) -> None:
    with sealing(path, num_bytes=features.size * 4) as stream:
        # The networks compute in float32, so nothing is lost.
        np.savez(stream, features=features.astype(np.float32), label=np.array(label))
