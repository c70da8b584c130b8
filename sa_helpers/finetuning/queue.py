"""Train recipes in their order, for days if need be: `python -m sa_helpers.finetuning.queue`.

Unlike `rebuild`, which makes a family as it ships, this works on what is not shipped yet. Several
may work on one folder of runs: each takes the next recipe that nobody trains.
"""

import argparse
import contextlib
import fcntl
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from sa_helpers import checkpoints
from sa_helpers.command_line import add_num_threads, refuse
from sa_helpers.finetuning.command_line import main as train
from sa_helpers.finetuning.rebuild import MODELS
from sa_helpers.finetuning.recipes import Recipe, in_order, read_recipes

RECIPES = MODELS / "clay" / "longer.toml"
_INTERRUPTED = 130
_PATIENCE_SEC = 60.0
_DESCRIPTION = """
Train the recipes of a file in its order, which is that of their importance, each after the one that
it starts from. What is finished is passed over, what was interrupted goes on, and what another
worker is training is left to it. A run that fails is named at the end, and those that start from it
wait.

  # at the lowest priority, on one core
  setsid nice -n 19 python -m sa_helpers.finetuning.queue --num-threads 1 &

  # on a GPU, in larger batches, and the finished pairs of networks in 16 bits
  python -m sa_helpers.finetuning.queue --device cuda --batch-size 32 --learning-rate 0.004 --pairs pairs
"""  # noqa: E501


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 some failed, 130 interrupted)."""
    options = _build_parser().parse_args(arguments)
    try:
        recipes = read_recipes(options.recipes)
        chosen = in_order(recipes, options.names or list(recipes))
    except ValueError as error:
        return refuse(error)
    work = _Work(options, chosen)
    while True:
        for recipe in chosen:
            if work.on(recipe) == _INTERRUPTED:
                return _INTERRUPTED
        if not work.is_shared:
            break
        work.wait()
    if work.failed:
        print(f"not finished: {' '.join(work.failed)}", file=sys.stderr)
    return int(bool(work.failed))


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


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sa_helpers.finetuning.queue",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help="recipes (default: all, in the file's order)")
    parser.add_argument(
        "--recipes", type=Path, default=RECIPES, help="file of recipes (default: longer.toml)"
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder of the runs (default %(default)s)"
    )
    parser.add_argument("--pairs", type=Path, help="folder that gets finished pairs in 16 bits")
    add_num_threads(parser)
    for name in ("--device", "--batch-size", "--learning-rate"):
        parser.add_argument(name, help="instead of what the recipes say")
    return parser


class _Work:
    """One worker's way through the recipes, as often as others have kept it from some of them.

    Attributes:
        failed: Names of the recipes that failed, and of those that start from them.
        is_shared: Whether another worker was met in this pass.
    """

    def __init__(self, options: argparse.Namespace, recipes: Sequence[Recipe]) -> None:
        self.options, self.recipes = options, recipes
        self.failed: list[str] = []
        self._done: set[str] = set()
        self._busy: set[str] = set()
        self._has_trained = False

    @property
    def is_shared(self) -> bool:
        return bool(self._busy)

    def wait(self) -> None:
        """Begin another pass, at once if this one found work, else after a while."""
        if not self._has_trained:
            time.sleep(_PATIENCE_SEC)
        self._busy.clear()
        self._has_trained = False

    def on(self, recipe: Recipe) -> int:
        """Train a recipe unless it is done, or cannot be now; returns the exit status."""
        run = self.options.runs / recipe.name
        if recipe.name in (*self._done, *self.failed) or not self._is_wanted(recipe):
            return 0
        if recipe.origin in self.failed:
            self.failed.append(recipe.name)
            return 0
        if recipe.origin in self._busy:
            self._busy.add(recipe.name)
            return 0
        with _alone(run) as is_alone:
            if not is_alone:
                print(f"== {recipe.name}: another worker is at it", flush=True)
                self._busy.add(recipe.name)
                return 0
            status = self._train(recipe, run)
        (self.failed.append if status else self._done.add)(recipe.name)
        return status

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
            record = checkpoints.load_model(self.options.runs / recipe.name / "model").record
        except checkpoints.CheckpointError:
            return False
        return float(record.get("kimg") or 0.0) >= recipe.options["total_kimg"]

    def _train(self, recipe: Recipe, run: Path) -> int:
        is_finished = self._is_finished(recipe)
        print(f"== {recipe.name}{': finished before' if is_finished else ''}", flush=True)
        status = 0
        if not is_finished:
            status = train([*recipe.arguments(self.options.runs), *_instead(self.options)])
            self._has_trained = True
        pairs: Path | None = self.options.pairs
        if pairs and not status and not (pairs / f"{recipe.name}.safetensors").exists():
            print(f"pair: {save_pair(run, pairs)}", flush=True)
        return status


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


def _instead(options: argparse.Namespace) -> list[str]:
    """Arguments of the trainer that go before those of a recipe."""
    given = {name: getattr(options, name) for name in
             ("num_threads", "device", "batch_size", "learning_rate")}  # fmt: skip
    return [
        part
        for name, value in given.items()
        if value is not None
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]


if __name__ == "__main__":
    sys.exit(main())
