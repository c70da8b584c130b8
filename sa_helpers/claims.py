"""What a chapter claims: asserted on the book's own family, reported on any other.

A claim of the book that fails on the book's models is a fault and stops the run. On other models,
where nothing was promised, the same cell says whether it holds; and a cell that needs what a family
lacks says so and is passed over.
"""

import builtins
import re
from collections.abc import Callable, Mapping
from typing import Literal

from sa_helpers.checkpoints import CheckpointError
from sa_helpers.family import Family, Member, is_shipped
from sa_helpers.runtime import shown

Unit = Literal["seeds", "images", "channels", "trainings", "pictures"]
_NEEDS = re.compile(r"#\s*Needs:\s*(.+)")
_OUTCOMES = {True: "holds", False: "does not hold", None: "not decided"}


class Claims:
    """The claims of one chapter, on one family.

    Made in the parameters' cell, it lets cells of the notebook begin with a line such as
    `# Needs: readers, snapshots`: where the family lacks one of them, the cell prints what is
    missing and does nothing else. What may be needed are the keys of `NEEDS`, names of models, as
    in `# Needs: model human_flipped`, and factors that the readers read, as in
    `# Needs: factor yaw_deg`.

    Args:
        models: The family.

    Example:
        >>> import sa_helpers as sa
        >>> claims = sa.Claims(sa.open_family("clay"))
        >>> claims.check("two is less than three", 2 < 3, shown="3 - 2 = 1")
        holds: two is less than three: 3 - 2 = 1
    """

    def __init__(self, models: Family) -> None:
        self.models = models
        self.are_asserted = is_shipped(models)
        _before_cells(self._or_why_not)

    def check(
        self, claim: str, is_true: bool | None, *, shown: str = "", unit: Unit | None = None
    ) -> None:
        """Print whether a claim holds; stop the run where one of the book does not.

        Args:
            claim: One sentence, without a full stop.
            is_true: Whether it holds; None where the measurement does not decide.
            shown: What was measured, with its interval.
            unit: What the interval in `shown` is over.

        Raises:
            AssertionError: A claim of the book does not hold on the book's family.
        """
        outcome = None if is_true is None else bool(is_true)
        measured = f"{shown}, over {unit}" if shown and unit else shown
        if self.are_asserted and outcome is False:
            raise AssertionError(f"{claim}: {measured}" if measured else claim)
        print(": ".join(part for part in (_OUTCOMES[outcome], claim, measured) if part))

    def why_not(self, need: str) -> str | None:
        """Why a cell with such a need is passed over on this family; None if it is not.

        Raises:
            ValueError: A need that is unknown.
        """
        kind, _, name = need.partition(" ")
        if need not in NEEDS and not (kind in _NAMED and name):
            raise ValueError(
                f'A cell needs "{shown(need)}", which nobody knows; expected one of {list(NEEDS)}, '
                '"model <name>" or "factor <name>".'
            )
        if self.are_asserted:
            return None
        try:
            has = NEEDS[need](self.models) if need in NEEDS else _NAMED[kind](self.models, name)
        except (CheckpointError, ValueError) as error:
            return shown(str(error))
        return None if has else f'the family "{shown(self.models.name)}" has no {need}'

    def _or_why_not(self, lines: list[str]) -> list[str]:
        """The lines of a cell, or one that prints why it is passed over."""
        found = next((found for line in lines if (found := _NEEDS.match(line))), None)
        needs = re.split(r",\s*", found[1].strip()) if found else []
        reasons = [reason for need in needs if (reason := self.why_not(need)) is not None]
        if not reasons:
            return lines
        sentence = f"not measured: {'; '.join(reasons)}"
        return [f"print({sentence!r})\n"]


def _trio(models: Family) -> list[Member]:
    """The parent and the two children that chapters compare."""
    return [models.parent, *(models[name] for name in dict.fromkeys(models.near_and_distant))]


def _have_readers(models: Family) -> bool:
    return all(member.readers.attributes is not None for member in _trio(models))


def _have_segmenter(models: Family) -> bool:
    return all(member.readers.segmenter is not None for member in _trio(models))


def _have_ground_truth(models: Family) -> bool:
    return all(bool(member.domain) for member in _trio(models))


def _have_snapshots(models: Family) -> bool:
    return all(member.snapshot_paths for member in _trio(models)[1:])


def _have_surveys(models: Family) -> bool:
    return all(member.has_survey for member in _trio(models))


NEEDS: Mapping[str, Callable[[Family], bool]] = {
    "discriminator": lambda models: models.parent.discriminator is not None,
    "records of few images": is_shipped,
    "readers": _have_readers,
    "segmenter": _have_segmenter,
    "ground truth": _have_ground_truth,
    "snapshots": _have_snapshots,
    "surveys": _have_surveys,
    "second survey": lambda models: models.parent.has_second_survey,
    "encoder": lambda models: models.parent.has_encoder,
    "scales": lambda models: models.scales is not None,
    "found latents": lambda models: models.parent.found_latents() is not None,
}
"""What a cell may need of the parent and of the two children that chapters compare."""


_NAMED: Mapping[str, Callable[[Family, str], bool]] = {
    "model": lambda models, name: name in models,
    "factor": lambda models, name: all(name in m.readers.well_read() for m in _trio(models)),
}


def _before_cells(transform: Callable[[list[str]], list[str]]) -> None:
    """Let a function see the lines of each cell before it runs, in place of an earlier one."""
    get_ipython = getattr(builtins, "get_ipython", None)
    shell = get_ipython() if get_ipython is not None else None
    if shell is None:
        return
    kept = [t for t in shell.input_transformers_cleanup if not _is_ours(t)]
    shell.input_transformers_cleanup[:] = [*kept, transform]


def _is_ours(transform: object) -> bool:
    return isinstance(getattr(transform, "__self__", None), Claims)
