"""Several processes that work together, as `torchrun` starts them; one alone runs the same code.

torchrun --nproc-per-node 2 -m sa_helpers finetune ...

What is shared out is cut the same way for any number of processes, and comes back in order, so
that no result depends on their number.
"""

import contextlib
import datetime
import hashlib
import logging
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

T = TypeVar("T")
R = TypeVar("R")

# One process may prepare images for hours while the others wait; torchrun notices the dead.
_LONGEST_WAIT = datetime.timedelta(hours=12)
_store: Any = None  # torch gives it no public type
_num_alone = 0


class ProcessLostError(ConnectionError):
    """Another process has ended, so this one cannot go on."""


def num_launched() -> int:
    """How many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if dist.is_torchelastic_launched() else 1


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Work together with the other processes that torchrun started; nothing without it.

    The first process speaks for all. SIGTERM, by which torchrun ends the others when one has
    failed, becomes a KeyboardInterrupt.

    Raises:
        ProcessLostError: Another process has ended.
    """
    global _store
    if num_launched() == 1 or dist.is_initialized():
        yield
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    _store, index, count = next(rendezvous("env://"))
    signal.signal(signal.SIGTERM, _interrupt)
    with _talking():
        dist.init_process_group(
            backend, store=_store, rank=index, world_size=count, timeout=_LONGEST_WAIT
        )
    if index:
        logging.disable(logging.WARNING)
    yield
    # Not after an error: who waits for the dead waits long.
    dist.destroy_process_group()


def num_processes() -> int:
    """How many processes share the work; 1 inside a piece of work that was shared out."""
    return dist.get_world_size() if dist.is_initialized() and not _num_alone else 1


def process_index() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if num_processes() > 1 else 0


def is_first() -> bool:
    """Whether this process writes and speaks for all."""
    return process_index() == 0


def average_(tensors: Sequence[Tensor]) -> None:
    """Replace tensors of one type by their means over all processes, in one exchange.

    Every process gets the same bits.
    """
    if num_processes() == 1 or not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    with _talking():
        dist.all_reduce(flat)
    flat /= num_processes()
    pieces = flat.split([tensor.numel() for tensor in tensors])
    for tensor, mean in zip(tensors, pieces, strict=True):
        tensor.copy_(mean.view(tensor.shape))


def share_out(items: Iterable[T], work: Callable[[T], R]) -> list[R]:
    """Do something with each item, each in one process; all of them get all results, in order.

    Args:
        items: The same in every process.
        work: Its result can be pickled. Inside, a process counts as alone.

    Raises:
        ProcessLostError: Another process has failed with one of its items.
    """
    chosen = list(items)
    count, index = num_processes(), process_index()
    with _alone():
        own = [work(item) for item in chosen[index::count]]
    if count == 1:
        return own
    found: list[list[R]] = [[] for _ in range(count)]
    with _talking():
        dist.all_gather_object(found, own)
    return [found[i % count][i // count] for i in range(len(chosen))]


def from_first(make: Callable[[], R]) -> R:
    """What the first process makes, in every process."""
    if num_processes() == 1:
        return make()
    box: list[Any] = [None]
    if is_first():
        with _alone():
            box = [make()]
    with _talking():
        dist.broadcast_object_list(box, src=0)
    made: R = box[0]
    return made


def after_one_a_machine(make: Callable[[], R]) -> R:
    """Let one process of each machine make what the others then find there, such as a cache."""
    if num_processes() == 1:
        return make()
    made: list[R] = []
    with _alone():
        if os.environ["LOCAL_RANK"] == "0":
            made = [make()]
    wait_for_all()
    with _alone():
        return made[0] if made else make()


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if num_processes() > 1:
        with _talking():
            dist.all_reduce(torch.zeros(1))


def require_agreement(**said: str) -> None:
    """Check that every process says the same of each thing.

    Args:
        said: Name of a thing, in words with underscores, to what this process says of it.

    Raises:
        ValueError: They differ; in every process.
    """
    if num_processes() == 1:
        return
    everybody: list[dict[str, str]] = [{} for _ in range(num_processes())]
    with _talking():
        dist.all_gather_object(everybody, said)
    for index, other in enumerate(everybody):
        for name, value in other.items():
            if value != everybody[0][name]:
                raise ValueError(
                    f"The processes differ in {name.replace('_', ' ')}: {everybody[0][name]} in "
                    f"process 0, {value} in process {index}. Give all of them the same command, "
                    "files and versions."
                )


def is_first_to_say(text: str) -> bool:
    """Whether no other process has asked this of the same text, so that it is printed once."""
    if _store is None:  # not joined yet, so all have the same to say
        return os.environ.get("RANK", "0") == "0"
    try:
        return bool(_store.add(f"said/{hashlib.sha256(text.encode()).hexdigest()}", 1) == 1)
    except RuntimeError:  # who kept count is gone
        return True


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    global _num_alone
    _num_alone += 1
    try:
        yield
    finally:
        _num_alone -= 1


@contextlib.contextmanager
def _talking() -> Iterator[None]:
    """Say in plain words that another process is gone; torch reports a closed connection."""
    try:
        yield
    except RuntimeError as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # this process ends by itself, with a word
        raise ProcessLostError("another process has ended, so all stop") from error


def _interrupt(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
