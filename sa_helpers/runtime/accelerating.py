"""How to compute fast, or to the last bit: compilation, CUDA graphs, arithmetic and memory.

`computing` says on which device and in which dtype; what else distinguishes devices is here. What
concerns CUDA was written without a GPU at hand: `benchmarks/prove_cuda.py` measures it where there
is one, and until somebody has run it, it is unproven.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


@contextlib.contextmanager
def arithmetic(*, is_exact: bool) -> Iterator[None]:
    """Choose how a GPU computes in float32, and whether equal seeds give equal bits.

    A CPU computes exactly in either way.

    Args:
        is_exact: Products in full float32 by algorithms that always add up in the same order. Else
            in TF32, which keeps 10 bits of each factor, by whatever algorithm is fastest for the
            shapes at hand.
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    kept = cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark, matmul.allow_tf32
    try:
        cudnn.allow_tf32 = matmul.allow_tf32 = not is_exact
        cudnn.deterministic, cudnn.benchmark = is_exact, not is_exact
        yield
    finally:
        cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark, matmul.allow_tf32 = kept


def compiled(
    function: Callable[..., Tensor], *, device: torch.device, backend: str = "inductor"
) -> Callable[..., Tensor]:
    """Compile a function of tensors for inference; on CUDA it is replayed as one graph.

    The first call takes up to a minute. Each further shape of the input is compiled anew, so give
    it batches of one size.

    Args:
        function: Without side effects; its tensors lie on `device`.
        device: That computes.
        backend: Of torch.compile.
    """
    is_cuda = device.type == "cuda"
    options: dict[str, Any] = {"mode": "reduce-overhead"} if is_cuda else {}
    fast = torch.compile(function, fullgraph=True, dynamic=False, backend=backend, **options)

    def run(*arguments: Any) -> Tensor:
        if not is_cuda:
            return fast(*arguments)
        torch.compiler.cudagraph_mark_step_begin()
        return fast(*arguments).clone()  # the next replay writes into the same memory

    return run


def wait_for(device: torch.device) -> None:
    """Return when the device has done what it was asked to; a CPU has already."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def forget_peak(device: torch.device) -> None:
    """Begin to measure `peak_bytes` anew."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int | None:
    """Most memory that tensors took on the device since `forget_peak`; None where nobody counts."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
