"""Which images of a batch one process computes at once.

The discriminator compares the images of a group with each other, so a group is never divided; then
the mean of the gradients of all portions is the gradient of the batch.
"""

import torch
from jaxtyping import Int64
from torch import Tensor

Rows = Int64[Tensor, " rows"]


def portions(
    batch_size: int, *, group_size: int, num_processes: int, process: int, num_rounds: int
) -> list[Rows]:
    """Positions in the batch of the images of each round of one process.

    Args:
        batch_size: Images of all processes together.
        group_size: Of `append_minibatch_std`: image n is in group n modulo the number of groups.
        num_processes: Among which the batch is divided.
        process: Which of them, from 0.
        num_rounds: Portions that each of them computes one after the other.

    Raises:
        ValueError: The groups cannot be divided equally.
    """
    num_portions = num_processes * num_rounds
    if num_portions == 1:
        return [torch.arange(batch_size)]
    size = min(group_size, batch_size)
    num_groups, left = divmod(batch_size, size)
    if left or num_groups % num_portions:
        raise ValueError(
            f"A batch of {batch_size} images cannot be divided among {num_processes} processes in "
            f"{num_rounds} rounds each, because the discriminator compares groups of {size}. "
            f"Choose a batch_size that {group_size * num_portions} divides."
        )
    groups = torch.arange(num_groups).chunk(num_portions)
    own = groups[process * num_rounds : (process + 1) * num_rounds]
    members = torch.arange(size)[:, None] * num_groups
    return [(members + chosen).flatten() for chosen in own]
