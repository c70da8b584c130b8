"""Time the networks at 128 px: modulated convolution, dtype, and a training step.

Every comparison is a ratio of runs that alternate in one process, so a busy machine slows both.

    python benchmarks/bench_networks.py --num-threads 2 --batch-size 16
"""

import argparse
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from sa_helpers.networks.layers import demodulation
from sa_helpers.networks.synthesis import SynthesisLayer

CHANNELS = {4: 128, 8: 128, 16: 96, 32: 64, 64: 32, 128: 16}


def grouped(layer: SynthesisLayer, x: Tensor, style: Tensor) -> Tensor:
    """Modulate the weights of every sample, then convolve in as many groups as samples."""
    batch, _, height, width = x.shape
    weight = layer.weight[None] * style[:, None, :, None, None]
    weight = weight * demodulation(layer.weight, style)[:, :, None, None, None]
    weight = weight.flatten(0, 1).to(x.dtype)
    y = F.conv2d(x.reshape(1, -1, height, width), weight, padding=1, groups=batch)
    y = y.view(batch, -1, height, width) + layer.bias.to(x.dtype)[:, None, None]
    return F.leaky_relu(y, 0.2) * 2**0.5


def fastest(runs: dict[str, Callable[[], object]], *, num_rounds: int) -> dict[str, float]:
    """Return the seconds of the fastest of `num_rounds` alternating runs, after a warm-up."""
    for run in runs.values():
        run()
    seconds = dict.fromkeys(runs, float("inf"))
    for _ in range(num_rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def print_rows(title: str, seconds: dict[str, float], *, batch_size: int) -> None:
    """Print milliseconds, images a second, and how much faster a row is than the first."""
    slowest = next(iter(seconds.values()))
    print(f"\n{title:44s}      ms  images/s  speed-up")
    for name, value in seconds.items():
        print(f"  {name:42s}{value * 1e3:8.1f}{batch_size / value:10.1f}{slowest / value:10.2f}")


def layer_runs(batch_size: int, *, with_backward: bool) -> dict[str, Callable[[], object]]:
    """One 3x3 layer of 32 channels at 64 px, four ways."""
    layer = SynthesisLayer(32, 32, w_dim=128, resolution=64, is_upsampling=False, conv_clamp=None)
    style = torch.randn(batch_size, 32, requires_grad=True)
    runs: dict[str, Callable[[], object]] = {}
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(batch_size, 32, 64, 64).to(dtype)
        x = x.to(memory_format=torch.channels_last).requires_grad_(with_backward)
        ways = {
            "grouped": lambda x=x: grouped(layer, x, style),
            "scaled": lambda x=x: layer(x, style, None),
        }
        for name, way in ways.items():
            label = f"{name}, {str(dtype).removeprefix('torch.')}"
            runs[label] = lambda way=way: _run(way, with_backward=with_backward)
    return runs


def _run(forward: Callable[[], Tensor], *, with_backward: bool) -> None:
    with torch.set_grad_enabled(with_backward):
        output = forward()
        if with_backward:
            output.float().square().mean().backward()


def network_runs(batch_size: int, *, with_backward: bool) -> dict[str, Callable[[], object]]:
    """Generator and discriminator, one after the other."""
    sizes = {"img_resolution": 128, "channels": CHANNELS}
    generator = Generator(GeneratorConfig(**sizes, z_dim=128, w_dim=128, num_mapping_layers=4))
    discriminator = Discriminator(DiscriminatorConfig(**sizes))
    z = torch.randn(batch_size, 128)

    def step(dtype: torch.dtype) -> Tensor:
        images = generator(z, truncation_psi=1.0, dtype=dtype)
        return F.softplus(-discriminator(images, dtype=dtype))

    return {
        str(dtype).removeprefix("torch."): lambda dtype=dtype: _run(
            lambda: step(dtype), with_backward=with_backward
        )
        for dtype in (torch.float32, torch.bfloat16)
    }


def main() -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch-size", type=int, default=16, help="(default %(default)s)")
    parser.add_argument("--num-threads", type=int, default=2, help="(default %(default)s)")
    parser.add_argument("--num-rounds", type=int, default=10, help="(default %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(options.num_threads)
    torch.manual_seed(0)
    for title, runs in (
        ("layer 32 -> 32 at 64 px", layer_runs),
        ("generator and discriminator at 128 px", network_runs),
    ):
        for with_backward in (False, True):
            seconds = fastest(
                runs(options.batch_size, with_backward=with_backward),
                num_rounds=options.num_rounds,
            )
            suffix = "forward and backward" if with_backward else "forward"
            print_rows(f"{title}, {suffix}", seconds, batch_size=options.batch_size)


if __name__ == "__main__":
    main()
