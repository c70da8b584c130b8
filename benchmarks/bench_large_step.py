"""Memory by block, and time and memory of a whole training step, of StyleGAN2 config-f at any size.

The memory by block needs no computing: shapes are followed on torch's `meta` device. A step is
measured in a process of its own, as the peak belongs to the process.

    python benchmarks/bench_large_step.py --img-resolution 1024 --steps float32 bfloat16:4
"""

import argparse
import collections
import contextlib
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning import Trainer, TrainingSettings
from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

_MB = 1e6


def config_f(img_resolution: int) -> tuple[Generator, Discriminator]:
    """Untrained networks of the sizes of Karras et al. 2020, Appendix B, configuration F."""
    sides = [2**i for i in range(2, img_resolution.bit_length())]
    sizes = {
        "img_resolution": img_resolution,
        "channels": {side: min(512, 32768 // side) for side in sides},
        "conv_clamp": 256.0,
    }
    generator = Generator(GeneratorConfig(**sizes, z_dim=512, w_dim=512, num_mapping_layers=8))
    return generator, Discriminator(DiscriminatorConfig(**sizes))


@contextlib.contextmanager
def counted_bytes(networks: dict[str, nn.Module]) -> Iterator[dict[str, int]]:
    """Count what the blocks of networks keep for the backward pass, each storage once."""
    counts: dict[str, int] = collections.defaultdict(int)
    running = ["rest"]
    seen: set[int] = {p.untyped_storage()._cdata for n in networks.values() for p in n.parameters()}
    kept: list[Tensor] = []  # so that no number of a storage is used again

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in seen:
            seen.add(storage._cdata)
            kept.append(tensor)
            counts[running[-1]] += storage.nbytes()
        return tensor

    for name, network in networks.items():
        for path, block in network.named_modules():
            if path.rpartition(".")[2].removeprefix("b").isdecimal():
                label = f"{name} {path.rpartition('.')[2].removeprefix('b'):>4}"
                block.register_forward_pre_hook(lambda *_, label=label: running.append(label))
                block.register_forward_hook(lambda *_: running.pop() and None)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield counts


def print_memory(img_resolution: int, dtype: torch.dtype, dtype_from_px: int) -> None:
    """Print what one image keeps in each block for the backward pass of the generator's step."""
    with torch.device("meta"):
        generator, discriminator = config_f(img_resolution)
        w_plus = torch.empty(1, generator.num_ws, 512)
        options = {"dtype": dtype, "dtype_from_px": dtype_from_px}
        with counted_bytes({"G": generator.synthesis, "D": discriminator}) as counts:
            images = generator.synthesis(w_plus, noise="const", **options)
            discriminator(images, **options)
    weights = sum(p.nbytes for n in (generator, discriminator) for p in n.parameters())
    print(f"\n{dtype} from {dtype_from_px} px: MB an image, kept for the backward pass")
    for name, count in counts.items():
        print(f"  {name}  {count / _MB:8.1f}")
    print(f"  all     {sum(counts.values()) / _MB:8.1f}   weights {weights / _MB:.0f} MB")


def print_operations(img_resolution: int) -> None:
    """Print the multiplications and additions of one image, and of its share of a step."""
    with torch.device("meta"):
        generator, discriminator = config_f(img_resolution)
        w_plus = torch.empty(1, generator.num_ws, 512)
        with torch.no_grad(), FlopCounterMode(display=False) as of_g:
            images = generator.synthesis(w_plus, noise="none")
        with torch.no_grad(), FlopCounterMode(display=False) as of_d:
            discriminator(images)
    g, d = (counter.get_total_flops() / 1e9 for counter in (of_g, of_d))
    # G: forward and backward; D: forward and back to its input, then twice forward and backward.
    step = 3 * g + 2 * d + 6 * d
    print(f"GFLOP an image at {img_resolution} px: G {g:.0f}, D {d:.0f}, a plain step {step:.0f}")


def measure_step(img_resolution: int, dtype: torch.dtype, num_low_blocks: int | None) -> None:
    """Print time and peak memory of a plain step, then of one with R1 and path lengths."""
    torch.set_num_threads(1)
    generator, discriminator = config_f(img_resolution)
    pixels = np.zeros((2, img_resolution, img_resolution, 3), np.uint8)
    pixels[1] = 255
    trainer = Trainer(
        generator=generator,
        discriminator=discriminator,
        data=TrainingImages(pixels, {"kind": "plain"}),
        settings=TrainingSettings(
            total_kimg=1, batch_size=1, path_length_weight=2.0, is_mirrored=False
        ),
        device=torch.device("cpu"),
        dtype=dtype,
        num_low_blocks=num_low_blocks,
    )
    for name, step in (("plain", 1), ("with R1 and path lengths", 0)):
        trainer.num_steps = step
        start, before = time.perf_counter(), time.process_time()
        trainer.step()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(
            f"  {name:26s} {time.perf_counter() - start:7.1f} s, of them computing "
            f"{time.process_time() - before:7.1f} s, peak so far {peak / 1e9:5.2f} GB",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--img-resolution", type=int, default=1024)
    parser.add_argument("--steps", nargs="*", default=[], metavar="DTYPE[:NUM_LOW_BLOCKS]")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = options.img_resolution
    if options.one:
        name, _, blocks = options.one.partition(":")
        measure_step(size, getattr(torch, name), int(blocks) if blocks else None)
        return
    print_operations(size)
    for dtype, from_px in ((torch.float32, 4), (torch.bfloat16, size // 8), (torch.bfloat16, 4)):
        print_memory(size, dtype, from_px)
    for step in options.steps:
        print(f"\nstep of one image at {size} px, {step}, one thread", flush=True)
        command = [sys.executable, __file__, "--img-resolution", str(size), "--one", step]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
