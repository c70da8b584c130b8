"""Speed of the metrics on one thread: python benchmarks/bench_metrics.py.

Rates are per second of processor time, so that other work on the machine hardly changes them.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from sa_helpers.metrics import (
    describe,
    extract_features,
    frechet_distance,
    kernel_distance,
    manifold_scores,
    perceptual_distance,
)

NUM_FEATURES = 1280


def measure_sec(call: Callable[[], object], *, at_least_sec: float = 2.0) -> float:
    """Return the processor seconds of one call, after one call to warm up."""
    call()
    num_calls, start = 0, time.process_time()
    while time.process_time() - start < at_least_sec:
        call()
        num_calls += 1
    return (time.process_time() - start) / num_calls


def bench_networks(*, img_resolution: int, batch: int) -> None:
    """Print images and pairs a second for the offline networks."""
    shape = (batch, 3, img_resolution, img_resolution)
    images_a, images_b = torch.rand(shape) * 2 - 1, torch.rand(shape) * 2 - 1
    for network in ("st-lpips-alex", "st-lpips-vgg"):
        with torch.no_grad():
            sec = measure_sec(lambda n=network: perceptual_distance(images_a, images_b, network=n))
        print(f"{describe(network)}, {img_resolution} px: {batch / sec:.1f} pairs a second")
    sec = measure_sec(lambda: extract_features(images_a))
    print(f"{describe('efficientnet-lite0')}: {batch / sec:.1f} images a second")


def bench_distances(*, num_images: int) -> None:
    """Print the seconds of each distance between two sets of features."""
    rng = np.random.default_rng(0)
    features_a, features_b = rng.normal(size=(2, num_images, NUM_FEATURES))
    for distance in (frechet_distance, kernel_distance, manifold_scores):
        sec = measure_sec(lambda d=distance: d(features_a, features_b))
        print(f"{distance.__name__}, twice {num_images} x {NUM_FEATURES} features: {sec:.2f} s")


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--img-resolution", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--num-images", type=int, default=2000)
    settings = parser.parse_args()
    torch.set_num_threads(1)
    bench_networks(img_resolution=settings.img_resolution, batch=settings.batch)
    bench_distances(num_images=settings.num_images)


if __name__ == "__main__":
    main()
