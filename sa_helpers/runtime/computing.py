"""Where and how to compute: device, dtype, seeds and progress bars."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from sa_helpers.runtime.processes import num_launched

T = TypeVar("T")


def default_device() -> torch.device:
    """Pick CUDA, Apple's GPU or the CPU, in this order.

    The environment variable SA_DEVICE, such as `cpu` or `cuda:1`, goes first.

    Raises:
        ValueError: SA_DEVICE names no device that torch knows.
    """
    wish = os.environ.get("SA_DEVICE")
    if wish:
        return named_device(wish)
    if torch.cuda.is_available():
        return named_device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def named_device(name: str) -> torch.device:
    """The device of a name, such as "cpu" or "cuda:1".

    Of several processes that torchrun started, each gets a GPU of its own for "cuda".

    Raises:
        ValueError: No such device, or none in this machine.
    """
    if name == "cuda" and num_launched() > 1:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f'The device "{name}" is not there; expected "cpu", "cuda", "cuda:1" or "mps", as far '
            "as this machine has them."
        ) from error
    return device


def compute_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the device computes it natively, else float32.

    The environment variable SA_COMPUTE_DTYPE, `float32`, `bfloat16` or `float16`, goes first.

    Raises:
        ValueError: SA_COMPUTE_DTYPE is something else.
    """
    wish = os.environ.get("SA_COMPUTE_DTYPE")
    if wish:
        return _named_dtype(wish)
    if device.type == "cuda":
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        is_native = bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    else:
        is_native = False
    return torch.bfloat16 if is_native else torch.float32


def _named_dtype(name: str) -> torch.dtype:
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name not in known:
        raise ValueError(f'SA_COMPUTE_DTYPE is "{name}"; expected one of: {", ".join(known)}.')
    return known[name]


def randn_per_seed(
    seeds: Sequence[int], shape: tuple[int, ...], *, device: torch.device | None = None
) -> Float[Tensor, "seeds ..."]:
    """Draw one normally distributed tensor for each seed.

    Every seed has its own generator on the CPU, so that no result depends on the batch size or on
    the device.

    Args:
        seeds: Any integers.
        shape: Of one sample.
        device: Where to put the result; None means the CPU.
    """
    samples = [
        torch.randn(shape, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds
    ]
    stacked = torch.stack(samples) if samples else torch.empty((0, *shape))
    return stacked.to(device or torch.device("cpu"))


def in_batches(
    function: Callable[..., Tensor], *tensors: Tensor, batch_size: int = 16
) -> Float[Tensor, "..."]:
    """Apply a function to a few rows at a time, to bound the memory, and join what it gives.

    Args:
        function: Takes some rows of each tensor, and gives as many rows.
        tensors: With equally many rows, one or more.
        batch_size: Rows at once; changes the memory and nothing else.
    """
    batches = zip(*(tensor.split(batch_size) for tensor in tensors), strict=True)
    return torch.cat([function(*batch) for batch in batches])


def progress(iterable: Iterable[T], *, desc: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar, in notebooks and terminals.

    The environment variable TQDM_DISABLE leaves the bar out, as in notebooks that are stored; of
    several processes the first shows its own.
    """
    is_disabled = bool(os.environ.get("TQDM_DISABLE")) or os.environ.get("RANK", "0") != "0"
    return iter(tqdm(iterable, desc=desc, total=total, leave=False, disable=is_disabled))
