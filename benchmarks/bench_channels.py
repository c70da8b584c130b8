"""Seconds an image of the search for localized channels, against one backward pass a pixel.

python benchmarks/bench_channels.py --num-threads 2
"""

import argparse
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sa_helpers.channels import GRID, channel_maps
from sa_helpers.family import open_family
from sa_helpers.latents import z_from_seeds, z_to_w_plus
from sa_helpers.networks import Generator


def maps_by_backward_passes(generator: Generator, w_plus: Tensor, *, num_pixels: int) -> Tensor:
    """The loop that the definition suggests, for the first pixels of the grid only."""
    styles = generator.synthesis.w_plus_to_s(w_plus)
    joined = styles.cat().detach().requires_grad_(True)
    images = generator.synthesis.s_to_image(styles.space.split(joined))
    small = F.adaptive_avg_pool2d(images, GRID)[0].flatten(1)
    rows = [
        torch.autograd.grad(small[c, pixel], joined, retain_graph=True)[0]
        for pixel in range(num_pixels)
        for c in range(3)
    ]
    return torch.stack(rows)


def seconds(work: Callable[[], object]) -> float:
    """Time of the second of two runs."""
    work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print one line a method and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--num-pixels", type=int, default=32, help="of 1024, for the slow loop")
    options = parser.parse_args()
    torch.set_num_threads(options.num_threads)
    generator = open_family("clay").parent.generator
    z = z_from_seeds([0], z_dim=generator.config.z_dim)
    w_plus = z_to_w_plus(generator, z, truncation_psi=0.7)
    forward = seconds(lambda: channel_maps(generator, w_plus))
    share = options.num_pixels / GRID**2
    loop = (
        seconds(lambda: maps_by_backward_passes(generator, w_plus, num_pixels=options.num_pixels))
        / share
    )
    print(f"backward, pixel by pixel  {loop:7.1f} s an image (from {share:.0%} of the pixels)")
    print(f"forward, all channels     {forward:7.1f} s an image  {loop / forward:5.1f} x faster")


if __name__ == "__main__":
    main()
