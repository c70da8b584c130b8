"""Make one model of two: by swapping layers, or by interpolating weights."""

from pathlib import Path
from typing import Any, Literal

from sa_helpers import checkpoints, runtime
from sa_helpers.blending import interpolate_weights, swap_layers
from sa_helpers.checkpoints import LoadedModel
from sa_helpers.commands.options import Count, Model
from sa_helpers.commands.running import say, typed_command
from sa_helpers.networks import Generator


def swap(
    parent: Model,
    child: Model,
    *,
    to: Path,
    r_swap: Count = 16,
    child_gives: Literal["low", "high"] = "low",
) -> None:
    """Join low resolutions of one model and high ones of another.

    What is joined is written as a model. The low ones decide what is where, the high ones how it
    looks. For example:
      sa-helpers swap human runs/faces --to hybrid --r-swap 16

    Args:
        to: Model to write, without ending.
        r_swap: Highest resolution in pixels that counts as low.
        child_gives: Which part is the second model's.
    """
    models = _both(parent, child)
    generators = [model.generator for model in models]
    hybrid = swap_layers(*generators, r_swap=r_swap, child_gives=child_gives)
    _write(to, hybrid, models, [parent, child], r_swap=r_swap, child_gives=child_gives)


def blend(parent: Model, child: Model, *, to: Path, amount: float = 0.5) -> None:
    """Write a model between two models, weight by weight.

    For example:
      sa-helpers blend human runs/faces --to half --amount 0.5

    Args:
        to: Model to write, without ending.
        amount: 0 is the first model, 1 the second.
    """
    models = _both(parent, child)
    between = interpolate_weights(*(model.generator for model in models), amount=amount)
    _write(to, between, models, [parent, child], amount=amount)


def _both(*named: str) -> list[LoadedModel]:
    return [checkpoints.load_model(name, parts=()) for name in named]


def _write(
    to: Path, made: Generator, models: list[LoadedModel], named: list[str], **how: Any
) -> None:
    parents = [
        {"name": name, "sha256": model.sha256} for name, model in zip(named, models, strict=True)
    ]
    record = {"blend": {"of": parents, **how}, **runtime.provenance(typed_command())}
    say(f"wrote {checkpoints.save_model(to, made, record=record)}; look: sa-helpers sheet {to} ...")
