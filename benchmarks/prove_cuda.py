"""Prove on a GPU, in five minutes, what is claimed of it: parity, speed, memory.

Every speed is compared with eager float32 in the same run, and with the fastest product of two
large matrices that the same device does, which stands for its peak. Whatever there is no time or
memory left for is said to be so. The report is a JSON and a Markdown table.

    python benchmarks/prove_cuda.py --out runs/proof          # the best device there is
    python benchmarks/prove_cuda.py --out runs/proof --toy    # tiny networks, also on a CPU
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning import Trainer, TrainingSettings, new_networks
from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.networks import CompiledSynthesis, Discriminator, Generator
from sa_helpers.runtime import (
    arithmetic,
    default_device,
    forget_peak,
    named_device,
    peak_bytes,
    versions,
    wait_for,
)

CONFIG_F = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
CLAY = {4: 128, 8: 128, 16: 96, 32: 64, 64: 32, 128: 16}
TOY = {4: 8, 8: 8, 16: 8}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MAX_RELATIVE = 1e-4  # of float32 on two devices, of the largest value
MAX_DISTANCE = 0.01  # of images in 16 bits, root mean square, where [-1, 1] is the range


@dataclass(frozen=True)
class Size:
    """A network and how it is used.

    Attributes:
        img_resolution: In pixels.
        channels: Resolution to number of feature maps.
        latent_dim: Of z and w.
        num_drawn: Images at once in inference.
        num_trained: Images at once in training.
    """

    img_resolution: int
    channels: dict[int, int]
    latent_dim: int
    num_drawn: int
    num_trained: int

    def networks(self) -> tuple[Generator, Discriminator]:
        """Random ones, on the CPU."""
        return new_networks(
            img_resolution=self.img_resolution,
            seed=0,
            channels={r: n for r, n in self.channels.items() if r <= self.img_resolution},
            latent_dim=self.latent_dim,
            num_mapping_layers=4 if self.latent_dim < 512 else 8,
        )


SIZES = (
    Size(128, CLAY, 128, 64, 32),
    Size(256, CONFIG_F, 512, 32, 16),
    Size(1024, CONFIG_F, 512, 8, 4),
)
TOY_SIZES = (Size(16, TOY, 8, 2, 4),)


@dataclass
class Row:
    """One measurement; `note` says why there is none."""

    task: str
    img_resolution: int
    way: str
    images_per_sec: float | None = None
    speed_up: float | None = None
    share_of_peak: float | None = None
    peak_bytes: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Where:
    """Where and for how long is measured.

    Attributes:
        device: That is proven.
        backend: Of torch.compile.
        end: When the time is over, by the monotonic clock.
        min_sec: That a row of inference is timed for at least.
        num_steps: Of training, for each row; one in 16 holds R1.
    """

    device: torch.device
    backend: str
    end: float
    min_sec: float
    num_steps: int

    def seconds_of(self, run: Callable[[], object]) -> float:
        """Mean seconds of a run, after one that warms up."""
        run()
        wait_for(self.device)
        start, count = time.perf_counter(), 0
        while count == 0 or time.perf_counter() - start < self.min_sec:
            run()
            wait_for(self.device)
            count += 1
        return (time.perf_counter() - start) / count


class FlopCounter(TorchDispatchMode):
    """Counts operations, two for each product that convolutions and matrix products add up.

    Torch's own counter also tells modules apart, which penalties on gradients do not let it do.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: D105
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def flops_of(run: Callable[[], object]) -> int:
    """Floating-point operations of a run."""
    with FlopCounter() as counter:
        run()
    return counter.total


def peak_flops(where: Where, *, side: int) -> dict[str, float]:
    """Operations a second of a product of square matrices, for each way to compute it."""
    found = {}
    for way, dtype, is_exact in ways():
        with arithmetic(is_exact=is_exact):
            factor = torch.randn(side, side, device=where.device).to(dtype)
            seconds = where.seconds_of(lambda f=factor: f @ f)
        found[way] = 2 * side**3 / seconds
    return found


def ways() -> Iterator[tuple[str, torch.dtype, bool]]:
    """Name, dtype of the features, and whether float32 is exact."""
    yield "float32", torch.float32, True
    yield "TF32", torch.float32, False
    yield "bfloat16", torch.bfloat16, False
    yield "float16", torch.float16, False


def parity(size: Size, where: Where) -> dict[str, Any]:
    """How far the device is from the CPU in float32, and 16 bits from 32, with verdicts."""
    generator, _ = size.networks()
    w_plus = w_plus_from_seeds(generator, range(2), truncation_psi=0.7)
    with torch.inference_mode(), arithmetic(is_exact=True):
        reference = generator.synthesis(w_plus)
        scale = float(reference.abs().max())
        generator, w_plus = generator.to(where.device), w_plus.to(where.device)
        exact, again = generator.synthesis(w_plus), generator.synthesis(w_plus)
        compiled = CompiledSynthesis(generator, batch_size=2, backend=where.backend)(w_plus)
        halves = {
            name: generator.synthesis(w_plus, dtype=dtype)
            for name, dtype in DTYPES.items()
            if dtype != torch.float32
        }
    found: dict[str, Any] = {
        "is_equal_again": torch.equal(exact, again),
        "float32": float((exact.cpu() - reference).abs().max()) / scale,
        "compiled": float((compiled - exact).abs().max()) / scale,
    }
    found |= {n: float((i - exact).square().mean().sqrt()) / scale for n, i in halves.items()}
    found["holds"] = (
        found["is_equal_again"]
        and max(found["float32"], found["compiled"]) < MAX_RELATIVE
        and max(found[name] for name in halves) < MAX_DISTANCE
    )
    return found


def step_parity(size: Size, device: torch.device) -> dict[str, Any]:
    """How far two steps of training in float32 are on the device from those on the CPU."""
    weights = []
    with arithmetic(is_exact=True):
        for place in (torch.device("cpu"), device, device):
            trainer = make_trainer(size, place, torch.float32)
            for _ in range(2):
                trainer.step()
            named = trainer.generator.state_dict().items()
            weights.append({name: value.double().cpu() for name, value in named})
    reference, found, again = weights
    differences = [(found[name] - reference[name]).abs().max() for name in reference]
    largest = float(torch.stack(differences).max())
    is_equal = all(torch.equal(found[name], again[name]) for name in found)
    return {
        "weights": largest,
        "is_equal_again": is_equal,
        "holds": largest < MAX_RELATIVE and is_equal,
    }


def make_trainer(size: Size, device: torch.device, dtype: torch.dtype) -> Trainer:
    """A fresh training on noise."""
    generator, discriminator = size.networks()
    shape = (64, size.img_resolution, size.img_resolution, 3)
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return Trainer(
        generator=generator,
        discriminator=discriminator,
        data=TrainingImages(array, {"kind": "noise"}),
        settings=TrainingSettings(total_kimg=1000, batch_size=size.num_trained),
        device=device,
        dtype=dtype,
    )


def filled(row: Row, run: Callable[[], float], where: Where) -> Row:
    """A row with the images a second that a run returns, or with the reason why there are none."""
    if time.monotonic() > where.end:
        row.note = "no time left"
        return row
    forget_peak(where.device)
    try:
        row.images_per_sec = run()
        row.peak_bytes = peak_bytes(where.device)
    except torch.OutOfMemoryError:
        row.note = "out of memory"
    except RuntimeError as error:  # a device that lacks a dtype, or a machine without a compiler
        row.note = str(error).splitlines()[0][:200]
    return row


def inference_rows(size: Size, where: Where) -> Iterator[Row]:
    """Eager in four ways, then compiled, which takes a while to begin."""
    generator = size.networks()[0].to(where.device)
    w_plus = w_plus_from_seeds(generator, range(size.num_drawn), truncation_psi=0.7)
    draws: dict[str, tuple[Callable[[], object], bool]] = {}
    for way, dtype, is_exact in ways():
        draws[way] = (lambda d=dtype: generator.synthesis(w_plus, dtype=d)), is_exact
    for way in ("float32", "bfloat16"):
        fast = CompiledSynthesis(
            generator, batch_size=size.num_drawn, dtype=DTYPES[way], backend=where.backend
        )
        draws[f"{way}, compiled"] = (lambda fast=fast: fast(w_plus)), way == "float32"
    for way, (draw, is_exact) in draws.items():
        row = Row("inference", size.img_resolution, way)
        with torch.inference_mode(), arithmetic(is_exact=is_exact):
            yield filled(row, lambda d=draw: size.num_drawn / where.seconds_of(d), where)


def training_rows(size: Size, where: Where) -> Iterator[Row]:
    """Whole steps of both networks, regularisation in its usual share."""
    for way, dtype, is_exact in ways():
        if way == "float16":  # it would need the scaling of losses, which bfloat16 does not
            continue
        row = Row("training", size.img_resolution, way)
        with arithmetic(is_exact=is_exact):
            yield filled(row, lambda d=dtype: trained_per_sec(size, where, d), where)


def trained_per_sec(size: Size, where: Where, dtype: torch.dtype) -> float:
    """Images a second of some steps, after one that warms up."""
    trainer = make_trainer(size, where.device, dtype)
    trainer.step()
    wait_for(where.device)
    start = time.perf_counter()
    for _ in range(where.num_steps):
        trainer.step()
    wait_for(where.device)
    return where.num_steps * size.num_trained / (time.perf_counter() - start)


def flops_per_image(size: Size, where: Where) -> dict[str, float]:
    """Operations an image of each task."""
    generator = size.networks()[0].to(where.device)
    w_plus = w_plus_from_seeds(generator, [0], truncation_psi=0.7)
    with torch.inference_mode():
        drawn = flops_of(lambda: generator.synthesis(w_plus))
    trainer = make_trainer(size, where.device, torch.float32)
    trained = flops_of(lambda: [trainer.step() for _ in range(where.num_steps)])
    return {"inference": drawn, "training": trained / where.num_steps / size.num_trained}


def compare(rows: Sequence[Row], flops: Mapping[str, float], peak: Mapping[str, float]) -> None:
    """Put rows of one size beside eager float32, and beside the peak of their arithmetic."""
    eager = {row.task: row.images_per_sec for row in rows if row.way == "float32"}
    for row in rows:
        base = eager.get(row.task)
        if row.images_per_sec and base:
            row.speed_up = row.images_per_sec / base
        if row.images_per_sec and row.task in flops:
            best = peak[row.way.removesuffix(", compiled")]
            row.share_of_peak = row.images_per_sec * flops[row.task] / best


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    heading = ("task", "px", "way", "images/s", "of float32", "of the peak", "GB", "")
    lines = [heading, tuple("---" for _ in heading)]
    for row in rows:
        numbers = (
            (row.images_per_sec, "{:.2f}"),
            (row.speed_up, "{:.2f} x"),
            (row.share_of_peak, "{:.0%}"),
            (None if row.peak_bytes is None else row.peak_bytes / 1e9, "{:.2f}"),
        )
        cells = ["" if value is None else form.format(value) for value, form in numbers]
        lines.append((row.task, str(row.img_resolution), row.way, *cells, row.note))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def prove(where: Where, sizes: Sequence[Size]) -> dict[str, Any]:
    """Measure everything, what takes longest to begin last; JSON-ready."""
    device, is_gpu = where.device, where.device.type == "cuda"
    report: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if is_gpu else str(device),
        "versions": {**versions(), "cuda": torch.version.cuda or ""},
        "parity": parity(sizes[0], where),
        "step_parity": step_parity(sizes[0], device),
        "peak_flops": peak_flops(where, side=8192 if is_gpu else 128),
    }
    rows = {size.img_resolution: list(training_rows(size, where)) for size in sizes}
    for size in sizes:
        of_size = rows[size.img_resolution]
        of_size += inference_rows(size, where)
        has_time = time.monotonic() < where.end
        flops = flops_per_image(size, where) if has_time else {}
        compare(of_size, flops, report["peak_flops"])
    return report | {"rows": [asdict(row) for of_size in rows.values() for row in of_size]}


def write_report(report: Mapping[str, Any], folder: Path) -> bool:
    """Write it as JSON and Markdown, print it, and tell whether parity holds."""
    verdicts = {name: report[name]["holds"] for name in ("parity", "step_parity")}
    said = [
        f"- {name}: {'holds' if holds else 'DOES NOT HOLD'}" for name, holds in verdicts.items()
    ]
    rows = [Row(**row) for row in report["rows"]]
    text = "\n".join([f"# {report['device']}", "", *said, "", table(rows), ""])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "proof.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "proof.md").write_text(text)
    print(text)
    return all(verdicts.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove, write the report, and return 0 if parity holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--device", help="(default: the best there is)")
    parser.add_argument("--toy", action="store_true", help="tiny networks, to try the script")
    parser.add_argument("--minutes", type=float, default=5.0, help="(default %(default)s)")
    parser.add_argument("--backend", default="inductor", help="of torch.compile")
    options = parser.parse_args(arguments)
    where = Where(
        device=named_device(options.device) if options.device else default_device(),
        backend=options.backend,
        # Whatever has begun is brought to its end.
        end=time.monotonic() + 60 * options.minutes * 0.8,
        min_sec=0.0 if options.toy else 2.0,
        num_steps=1 if options.toy else 16,
    )
    report = prove(where, TOY_SIZES if options.toy else SIZES)
    return 0 if write_report(report, options.out) else 1


if __name__ == "__main__":
    raise SystemExit(main())
