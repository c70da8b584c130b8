"""The real images of a training, round by round, decoded ahead by other processes if asked for."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning.portions import Rows
from sa_helpers.finetuning.settings import TrainingSettings


class RealImages:
    """The images that a process shows its discriminator.

    Args:
        data: Where they come from.
        settings: Batch size, seed and mirroring.
        portions: Positions in each batch, one entry a round.
        num_workers: Processes that prepare the next rounds, for archives, whose images have to be
            decoded; 0 prepares each when it is asked for. What is shown does not depend on it.
    """

    def __init__(
        self,
        data: TrainingImages,
        settings: TrainingSettings,
        portions: Sequence[Rows],
        *,
        num_workers: int,
    ) -> None:
        self._rounds = _Rounds(data, settings, portions)
        self._num_workers = num_workers
        self._ahead: Iterator[Tensor] | None = None
        self._next = -1

    def of(self, step: int, round_index: int) -> Float[Tensor, "rows 3 size size"]:
        """Images of one round of a step; quick if the rounds are asked for in order."""
        number = step * self._rounds.num_rounds + round_index
        if not self._num_workers:
            return self._rounds[number]
        if self._ahead is None or number != self._next:
            self._ahead = self._loaded_from(number)
        self._next = number + 1
        return next(self._ahead)

    def _loaded_from(self, number: int) -> Iterator[Tensor]:
        loader: DataLoader[Tensor] = DataLoader(
            self._rounds,
            sampler=range(number, number + 2**40),
            batch_size=None,
            num_workers=self._num_workers,
            multiprocessing_context="forkserver",  # a fork would copy what holds the GPU
            generator=torch.Generator(),  # the global random state stays as it is
        )
        return iter(loader)


class _Rounds(Dataset[Tensor]):
    """Rounds by their number, counted through all steps."""

    def __init__(
        self, data: TrainingImages, settings: TrainingSettings, portions: Sequence[Rows]
    ) -> None:
        self.data, self.settings = data, settings
        self.portions = [rows.tolist() for rows in portions]

    @property
    def num_rounds(self) -> int:
        return len(self.portions)

    def __getitem__(self, number: int) -> Tensor:
        step, round_index = divmod(number, self.num_rounds)
        settings = self.settings
        return self.data.batch(
            step,
            batch_size=settings.batch_size,
            seed=settings.seed,
            is_mirrored=settings.is_mirrored,
            rows=self.portions[round_index],
        )
