"""Where and how to compute: device, dtype, seeds, progress bars and files that are never half."""

import os
import pickle
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

T = TypeVar("T")

FILE_FAULTS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,  # RecursionError included
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the readers of archives, pickles and JSON raise on a damaged or hostile file."""


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
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def named_device(name: str) -> torch.device:
    """The device of a name, such as "cpu" or "cuda:1".

    Raises:
        ValueError: No such device, or none in this machine.
    """
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

    The environment variable SA_COMPUTE_DTYPE, `float32` or `bfloat16`, goes first.

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
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16}
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


def progress(iterable: Iterable[T], *, desc: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar, in notebooks and terminals.

    The environment variable TQDM_DISABLE leaves the bar out, as in notebooks that are stored.
    """
    is_disabled = bool(os.environ.get("TQDM_DISABLE"))
    return iter(tqdm(iterable, desc=desc, total=total, leave=False, disable=is_disabled))


def cache_dir() -> Path:
    """Folder for everything that can be made again; SA_CACHE_DIR overrides the user's cache."""
    wish = os.environ.get("SA_CACHE_DIR")
    if wish:
        return Path(wish)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sa_helpers"


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to write that takes the place of `path` when the block ends well.

    A reader sees the old file or the new one, never half of one, and nothing is left behind when
    the block raises. The content is on the disk before the name is.

    Args:
        path: Where the file goes; its folder is made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(partial, 0o644)  # mkstemp makes files that only their owner may read
        os.replace(partial, path)
    finally:
        Path(partial).unlink(missing_ok=True)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state of a training, or of networks, by `torch.save`, whole or not at all.

    Raises:
        OSError: The file cannot be written, as where the disk is full.
    """
    try:
        with replacing(path) as stream:
            torch.save(state, stream)
    except RuntimeError as error:  # so torch reports what the system said
        raise OSError(f"{path} could not be written; is the disk full? ({error})") from error


def load_state(path: Path, *, keys: Collection[str]) -> dict[str, Any]:
    """Read the state of a training that was interrupted, as `save_state` wrote it, to the CPU.

    Args:
        path: Of the file.
        keys: What the state must hold.

    Raises:
        ValueError: The file is damaged, or holds something else.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except MemoryError:
        raise  # says nothing of the file
    except (*FILE_FAULTS, AssertionError) as error:
        # torch's own message advises to read the file in the unsafe way, so it is not passed on.
        raise ValueError(f"{path} is damaged. Delete it to start the training anew.") from error
    if not isinstance(state, dict) or not set(keys) <= set(state):
        raise ValueError(f"{path} holds no state of such a training. Delete it to start anew.")
    return state
