"""Images a second of a whole training step, by type, batch size and threads, in one run.

python benchmarks/bench_training.py --img-resolution 128 --num-threads 1 2
"""

import argparse
import itertools
import time

import numpy as np
import torch

from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning import Trainer, TrainingSettings, new_networks


def images_per_sec(
    *, img_resolution: int, batch_size: int, dtype: torch.dtype, num_threads: int, num_steps: int
) -> float:
    """Measure `num_steps` steps after a warm-up, R1 in its usual share."""
    torch.set_num_threads(num_threads)
    generator, discriminator = new_networks(img_resolution=img_resolution, seed=0)
    shape = (64, img_resolution, img_resolution, 3)
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    trainer = Trainer(
        generator=generator,
        discriminator=discriminator,
        data=TrainingImages(array, {"kind": "noise"}),
        settings=TrainingSettings(total_kimg=1000, batch_size=batch_size),
        device=torch.device("cpu"),
        dtype=dtype,
    )
    trainer.step()
    start = time.perf_counter()
    for _ in range(num_steps):
        trainer.step()
    return num_steps * batch_size / (time.perf_counter() - start)


def main() -> None:
    """Print one line a combination, with its ratio to the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--img-resolution", type=int, default=128)
    parser.add_argument("--batch-size", type=int, nargs="*", default=[16])
    parser.add_argument("--num-threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--num-steps", type=int, default=16, help="16 holds one R1 step")
    options = parser.parse_args()
    baseline = None
    for dtype, batch_size, num_threads in itertools.product(
        (torch.float32, torch.bfloat16), options.batch_size, options.num_threads
    ):
        speed = images_per_sec(
            img_resolution=options.img_resolution,
            batch_size=batch_size,
            dtype=dtype,
            num_threads=num_threads,
            num_steps=options.num_steps,
        )
        baseline = baseline or speed
        print(
            f"{str(dtype).removeprefix('torch.'):9} batch {batch_size:3} threads {num_threads}  "
            f"{speed:6.1f} images/s  {speed / baseline:5.2f} x",
            flush=True,
        )


if __name__ == "__main__":
    main()
