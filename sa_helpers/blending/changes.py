"""Arithmetic with changes: a parent plus what fine-tuning changed in some of its children.

Source: Wu et al. 2022 (StyleAlign), Section 3, on the components; Pinkney and Adler 2020, Section
2, on the resolutions; Ilharco et al. 2023 (task arithmetic), Section 2, on sums of changes.
"""

from collections.abc import Callable, Mapping, Sequence

import torch

from sa_helpers.blending.components import (
    COMPONENTS,
    blend_weights,
    component_of,
    require_same_config,
    resolution_of,
)
from sa_helpers.networks import Generator


def add_changes(
    parent: Generator,
    children: Sequence[tuple[Generator, float]],
    *,
    share_of: Callable[[str], float] = lambda _name: 1.0,
) -> Generator:
    """Return parent + share * sum of amount * (child - parent).

    One child with amount a is `interpolate_weights`; several with amounts that add up to 1 or less
    are a weighted mean with the parent; several with amount 1 are added to each other.

    Args:
        parent: What the changes are relative to; need not be the models' true parent.
        children: Models with their amounts.
        share_of: From the name of a weight to the share of the changes that is kept there, such as
            `share_schedule` makes it.

    Raises:
        ValueError: Models of different sizes.
    """
    start = parent.state_dict()
    total = {name: torch.zeros_like(weight) for name, weight in start.items()}
    for child, amount in children:
        require_same_config(parent, child)
        for name, weight in child.state_dict().items():
            total[name] += amount * (weight.to(start[name]) - start[name])
    moved = blend_weights(parent, parent, lambda _name: 0.0)
    moved.load_state_dict({n: start[n] + share_of(n) * change for n, change in total.items()})
    return moved


def share_schedule(
    *, reset: Mapping[str, float] | None = None, amounts: Mapping[int, float] | None = None
) -> Callable[[str], float]:
    """Shares for `add_changes` that depend on the component and the resolution.

    Args:
        reset: How far a part goes back to the parent, 0 to 1. A part is one of `COMPONENTS`, a
            resolution in pixels such as "16", or both, such as "conv@16". What belongs to several
            parts keeps the product of what each keeps.
        amounts: Resolution of each block, in pixels, to the share that it has before; the mapping
            network has 0 then. None means 1 everywhere.

    Raises:
        ValueError: A part that is none.
    """
    parts = dict(reset or {})
    for part in parts:
        component, _, resolution = part.rpartition("@")
        is_component = not component and part in COMPONENTS
        if not is_component and not (
            resolution.isdecimal() and (not component or component in COMPONENTS)
        ):
            raise ValueError(
                f'"{part}" is no part of a generator; expected one of {", ".join(COMPONENTS)}, a '
                'resolution such as "16", or both, such as "conv@16".'
            )

    def share_of(name: str) -> float:
        component, resolution = component_of(name), resolution_of(name)
        share = 1.0 if amounts is None else 0.0 if resolution is None else amounts[resolution]
        for part in (component, str(resolution), f"{component}@{resolution}"):
            share *= 1.0 - parts.get(part, 0.0)
        return share

    return share_of
