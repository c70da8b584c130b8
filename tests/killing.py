"""Kill a process at a chosen operation on files, as a power cut or an impatient person would.

Each task runs in a process of its own, forked from a server that has imported everything, so that
a kill costs no start of Python. Counted are the moments just before a file is opened to write, one
is flushed to the disk, renamed or removed, and a folder is made or removed.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "killing",
        "workshop.rebuild",
        "sa_helpers.commands.finetuning",
        "sa_helpers.family",
        "sa_helpers.checkpoints",
    ]
)
_EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.fsync")


class _Killer:
    """Counts the operations of this process and kills it before one of them."""

    def __init__(self, moment: int | None) -> None:
        self.moment, self.count = moment, 0

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        is_write = event == "open" and isinstance(arguments[2], int) and _writes(arguments[2])
        if not is_write and event not in _EVENTS:
            return
        self.count += 1
        if self.count == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


def _writes(flags: int) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _run(task: Callable[..., None], arguments: tuple[Any, ...], moment: Any, pipe: Any) -> None:
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    killer, fsync = _Killer(moment), os.fsync
    sys.addaudithook(killer.watch)
    os.fsync = lambda handle: [killer.watch("os.fsync", ()), fsync(handle)][1]
    task(*arguments)
    pipe.send(killer.count)


def run(task: Callable[..., None], *arguments: Any, moment: int | None = None) -> int | None:
    """Run a task to its end or to its death.

    Args:
        task: A function of a module.
        moment: Before which operation on files it is killed, from 1; None lets it live.

    Returns:
        How many operations there were; None if it was killed.
    """
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_run, args=(task, arguments, moment, sender))
    process.start()
    sender.close()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return receiver.recv() if process.exitcode == 0 else None


def moments(count: int, number: int) -> list[int]:
    """So many moments, evenly spread over all operations, the first and the last among them."""
    return sorted({1 + round(i * (count - 1) / max(1, number - 1)) for i in range(number)})
