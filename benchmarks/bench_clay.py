"""How fast the clay world renders: images a second for each domain, resolution and thread count.

Run `python benchmarks/bench_clay.py` on an idle machine; `--help` lists the settings.
"""

import argparse
import os
import time

from sa_helpers import clay


def images_per_second(
    domain: str, *, img_resolution: int, num_threads: int, num_images: int
) -> float:
    """Images a second over the whole way, from seeds to bytes."""
    clay.render(domain, [0], img_resolution=img_resolution)  # compile or load kernels
    start = time.perf_counter()
    clay.render(domain, range(num_images), img_resolution=img_resolution, num_threads=num_threads)
    return num_images / (time.perf_counter() - start)


def main() -> None:
    """Print one line a domain, resolution and thread count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-images", type=int, default=200)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    settings = parser.parse_args()
    for domain in clay.domains():
        for img_resolution in settings.resolutions:
            for num_threads in settings.threads:
                speed = images_per_second(
                    domain,
                    img_resolution=img_resolution,
                    num_threads=num_threads,
                    num_images=settings.num_images,
                )
                print(
                    f"{domain:8s} {img_resolution:4d} px, {num_threads} threads: "
                    f"{speed:6.1f} images a second"
                )


if __name__ == "__main__":
    main()
