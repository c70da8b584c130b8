"""Run a function in several processes that work together, as torchrun would start them.

The processes are forked from a server that has imported everything, which saves their start.
"""

import multiprocessing
import os
import pickle
import socket
from collections.abc import Callable
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "together",
        "torch._dynamo",  # which the first optimiser imports, for seconds
        "killing",
        "sa_helpers.commands.finetuning",
        "sa_helpers.family",
        "workshop.rebuild",
    ]
)


def environment(index: int, count: int, port: int) -> dict[str, str]:
    """What torchrun tells the process of a number."""
    return {
        "RANK": str(index),
        "LOCAL_RANK": str(index),
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
    }


def _work(task: Callable[..., Any], arguments: Any, pipe: Any, variables: dict[str, str]) -> None:
    import torch

    from sa_helpers import runtime

    os.environ.update(variables)
    torch.set_num_threads(1)
    with runtime.joined():
        # Plain pickling: torch's own would share memory that ends with this process.
        pipe.send_bytes(pickle.dumps(task(*arguments)))


def run(task: Callable[..., Any], *arguments: Any, count: int) -> list[Any]:
    """What each of `count` processes returns.

    Args:
        task: A function of a module.
        arguments: That can be pickled.
        count: Of processes.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    pipes, processes = [], []
    for index in range(count):
        receiver, sender = _CONTEXT.Pipe(duplex=False)
        variables = environment(index, count, port)
        process = _CONTEXT.Process(target=_work, args=(task, arguments, sender, variables))
        process.start()
        sender.close()
        pipes.append(receiver)
        processes.append(process)
    results = [pickle.loads(pipe.recv_bytes()) for pipe in pipes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return results
