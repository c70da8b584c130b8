"""Train recipes in their order, for days if need be.

Unlike `rebuild`, which makes a family as it ships, this works on what is not shipped yet. Several
may work on one folder of runs: each takes the next recipe that nobody trains.
"""

import contextlib
import dataclasses
import fcntl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from tyro.conf import DisallowNone, OmitArgPrefixes, arg

from sa_helpers import checkpoints
from sa_helpers.commands.finetuning import train
from sa_helpers.commands.options import Device, NumThreads
from sa_helpers.commands.running import REFUSALS, if_interrupted, refuse, say, typed_command
from sa_helpers.finetuning import Training
from workshop.options import Kept, Names, Runs
from workshop.recipes import FOLDER, Recipe, in_order, read_recipes

RECIPES = FOLDER / "longer.toml"
_PATIENCE_SEC = 60.0


@dataclass(frozen=True, kw_only=True)
class Instead:
    """Settings that go before those of the recipes.

    Args:
        batch_size: Images per step.
        learning_rate: Adam's step size.
    """

    batch_size: Annotated[int | None, arg(help_behavior_hint="")] = None
    learning_rate: Annotated[float | None, arg(help_behavior_hint="")] = None

    def of(self, training: Training) -> Training:
        """The training with these settings."""
        given = {name: v for name, v in dataclasses.asdict(self).items() if v is not None}
        return dataclasses.replace(
            training, settings=dataclasses.replace(training.settings, **given)
        )


def queue(
    names: Names = (),
    *,
    recipes: Kept = RECIPES,
    runs: Runs = Path("runs"),
    pairs: Annotated[Path | None, DisallowNone, arg(help_behavior_hint="")] = None,
    instead: Annotated[OmitArgPrefixes[Instead], DisallowNone],
    device: Device = None,
    num_threads: NumThreads = None,
) -> None:
    """Train recipes in the order of their file, for days if need be.

    The order is that of their importance, each after the one that it starts from. What is finished
    is passed over, what was interrupted goes on, and what another worker is training is left to it.
    A run that fails is named at the end, and those that start from it wait. For example, at the
    lowest priority on one core, or on a GPU in larger batches:
      setsid nice -n 19 python -m workshop queue --num-threads 1 &
      python -m workshop queue --device cuda --batch-size 32 --learning-rate 0.004 --pairs pairs

    Args:
        recipes: File of recipes.
        pairs: Folder that gets finished pairs of networks in 16 bits.
        instead: Instead of what the recipes say.
    """
    known = read_recipes(recipes)
    chosen = in_order(known, names or list(known))
    how = {"command": typed_command(), "device": device, "num_threads": num_threads}
    work = _Work(chosen, runs=runs, pairs=pairs, instead=instead, how=how)
    with if_interrupted("the same command goes on after what is finished"):
        work.do()
    if work.failed:
        raise ValueError(f"not finished: {' '.join(work.failed)}")


def save_pair(run: Path, folder: Path) -> Path:
    """Keep a finished run's generator and discriminator in 16 bits, from which others can start.

    Args:
        run: Folder of the run.
        folder: Gets the pair, under the name of the run.

    Raises:
        CheckpointError: The run has no intact model.
    """
    model = checkpoints.load_model(run / "model")
    return checkpoints.save_model(
        folder / run.name,
        model.generator,
        model.discriminator,
        record=dict(model.record),
        dtype=torch.float16,
    )


class _Work:
    """One worker's way through the recipes, as often as others have kept it from some of them.

    Args:
        recipes: In their order.
        runs: Folder of the runs.
        pairs: Folder of finished pairs, if they are wanted.
        instead: Of what the recipes say.
        how: Further arguments of `train`.

    Attributes:
        failed: Names of the recipes that failed, and of those that start from them.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        *,
        runs: Path,
        pairs: Path | None,
        instead: Instead,
        how: dict[str, Any],
    ) -> None:
        self.recipes, self.runs, self.pairs = recipes, runs, pairs
        self.instead, self.how = instead, how
        self.failed: list[str] = []
        self._done: set[str] = set()
        self._busy: set[str] = set()
        self._has_trained = False

    def do(self) -> None:
        """Go through the recipes until nobody else is at any of them."""
        while True:
            for recipe in self.recipes:
                self._take(recipe)
            if not self._busy:
                return
            if not self._has_trained:
                time.sleep(_PATIENCE_SEC)
            self._busy.clear()
            self._has_trained = False

    def _take(self, recipe: Recipe) -> None:
        """Train a recipe unless it is done, or cannot be now."""
        if recipe.name in (*self._done, *self.failed) or not self._is_wanted(recipe):
            return
        if recipe.origin in self.failed:
            self.failed.append(recipe.name)
            return
        if recipe.origin in self._busy:
            self._busy.add(recipe.name)
            return
        with _alone(self.runs / recipe.name) as is_alone:
            if not is_alone:
                say(f"== {recipe.name}: another worker is at it")
                self._busy.add(recipe.name)
                return
            try:
                self._train(recipe)
            except REFUSALS as error:
                refuse(error)
                self.failed.append(recipe.name)
            else:
                self._done.add(recipe.name)

    def _is_wanted(self, recipe: Recipe) -> bool:
        """Whether it is made for itself, or for one that is wanted and not there yet."""
        children = [child for child in self.recipes if child.origin == recipe.name]
        return (
            recipe.is_shipped
            or not children
            or any(self._is_wanted(c) and not self._is_finished(c) for c in children)
        )

    def _is_finished(self, recipe: Recipe) -> bool:
        """Whether there is an intact model, as long trained as the recipe says."""
        try:
            record = checkpoints.load_model(self.runs / recipe.name / "model").record
        except checkpoints.CheckpointError:
            return False
        return float(record.get("kimg") or 0.0) >= recipe.training.settings.total_kimg

    def _train(self, recipe: Recipe) -> None:
        run, is_finished = self.runs / recipe.name, self._is_finished(recipe)
        say(f"== {recipe.name}{': finished before' if is_finished else ''}")
        if not is_finished:
            train(self.instead.of(recipe.training_in(self.runs)), run, **self.how)
            self._has_trained = True
        if self.pairs and not (self.pairs / f"{recipe.name}.safetensors").exists():
            say(f"pair: {save_pair(run, self.pairs)}")


@contextlib.contextmanager
def _alone(run: Path) -> Iterator[bool]:
    """Hold the run's lock, which goes with the process; gives whether it could be had."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
