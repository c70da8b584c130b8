"""The four components of a generator: reset one, move all of them, compare them.

A generator has four components, and every weight belongs to exactly one:

    mapping   `mapping.*`: the fully connected layers from z to w, and the mean latent `w_avg`
    affine    `*.affine.*`: from w to the style of each layer, those of the tRGB layers included
    conv      `conv0.*`, `conv1.*` and `const`: the feature convolutions with all that adds to
              their features, which is biases, noise strengths, noise maps, and the 4x4 input
    torgb     `torgb.weight`, `torgb.bias`: from features to colours

Source: Wu et al. 2022 (StyleAlign), Section 3 and Figure 1.
"""

import copy
import re
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sa_helpers.networks import Generator

COMPONENTS = ("mapping", "affine", "conv", "torgb")


class WeightChange(NamedTuple):
    """How far a child's weights are from its parent's.

    Attributes:
        relative: ||child - parent|| / ||parent||; 0 for equal weights, about 1.41 for
            independent ones of equal size.
        correlation: Pearson correlation; 1 for equal weights, about 0 for independent ones.
    """

    relative: float
    correlation: float


def component_of(weight_name: str) -> str:
    """Name the component that an entry of a generator's state dict belongs to.

    Raises:
        ValueError: No generator has an entry of this name.
    """
    if weight_name.startswith("mapping."):
        return "mapping"
    if not weight_name.startswith("synthesis.b"):
        raise ValueError(
            f'"{weight_name}" is no weight of a generator; expected a key of its state_dict(), '
            'such as "mapping.fc0.weight" or "synthesis.b8.conv0.affine.bias".'
        )
    if ".affine." in weight_name:
        return "affine"
    return "torgb" if ".torgb." in weight_name else "conv"


def resolution_of(weight_name: str) -> int | None:
    """Resolution, in pixels, of the block that a weight belongs to; None in the mapping network."""
    block = re.match(r"synthesis\.b(\d+)\.", weight_name)
    return int(block[1]) if block else None


def reset_component(
    child: Generator, parent: Generator, component: str, *, resolution: int | None = None
) -> Generator:
    """Return the child with one component as it was in the parent; both stay unchanged.

    Args:
        child: Model to take everything else from.
        parent: Model that the component is taken from.
        component: One of `COMPONENTS`. Several are reset by resetting one after the other.
        resolution: Reset the component in the block of this resolution, in pixels, only; None
            means in all blocks.

    Raises:
        ValueError: Unknown component, a resolution that has no such weights, or models of
            different sizes.

    Example:
        >>> import sa_helpers as sa
        >>> models = sa.open_family("clay")
        >>> dog, parent = models["dog"].generator, models.parent.generator
        >>> mapping = sa.reset_component(dog, parent, "mapping").mapping.state_dict()
        >>> bool((mapping["fc0.weight"] == parent.mapping.state_dict()["fc0.weight"]).all())
        True

    Source: Wu et al. 2022 (StyleAlign), Figures 1 and 8 (all blocks), Table 2 (one block).
    """
    names = set(_select(parent, component, resolution))
    return blend_weights(child, parent, lambda name: float(name in names))


def interpolate_weights(parent: Generator, child: Generator, *, amount: float) -> Generator:
    """Return the model whose weights lie on the line from the parent's to the child's.

    Args:
        parent: Model at amount 0.
        child: Model at amount 1.
        amount: Where on the line; outside [0, 1] the line is continued.

    Raises:
        ValueError: Models of different sizes.

    Example:
        >>> import sa_helpers as sa
        >>> models = sa.open_family("clay")
        >>> between = sa.interpolate_weights(
        ...     models.parent.generator, models["dog"].generator, amount=0.5
        ... )
        >>> sa.images_from_seeds(between, [22], truncation_psi=0.7).shape
        torch.Size([1, 3, 128, 128])

    Source: Wu et al. 2022 (StyleAlign), Section 4.2.
    """
    return blend_weights(parent, child, lambda _name: amount)


def blend_weights(
    start: Generator, end: Generator, amount_of: Callable[[str], float | Tensor]
) -> Generator:
    """Move every weight of a copy of `start` by its own amount towards `end`.

    Args:
        start: Model at amount 0.
        end: Model at amount 1.
        amount_of: From the name of a weight to where on the line it goes: one number, or one for
            each of its entries.

    Raises:
        ValueError: Models of different sizes.
    """
    require_same_config(start, end)
    blended = copy.deepcopy(start)
    end_state = end.state_dict()
    blended.load_state_dict(
        {
            name: torch.lerp(weight, end_state[name].to(weight), amount_of(name))
            for name, weight in start.state_dict().items()
        }
    )
    return blended


def weight_change(
    parent: Generator, child: Generator, component: str, *, resolution: int | None = None
) -> WeightChange:
    """Compare one component of two models by its matrices and convolution kernels.

    Biases and noise strengths are left out: they start at constants, so that even unrelated models
    would seem to agree in them. The mapping network's weights are compared as they are stored.

    Args:
        parent: Gives the norm that the change is relative to.
        child: Model of the same sizes.
        component: One of `COMPONENTS`.
        resolution: Compare the block of this resolution, in pixels, only; None means all.

    Raises:
        ValueError: As `reset_component`.
    """
    require_same_config(parent, child)
    names = [
        name
        for name in _select(parent, component, resolution)
        if name.endswith((".weight", ".const"))
    ]
    before, after = (_flatten(model, names) for model in (parent, child))
    relative = torch.linalg.vector_norm(after - before) / torch.linalg.vector_norm(before)
    correlation = torch.corrcoef(torch.stack([before, after]))[0, 1]
    return WeightChange(float(relative), float(correlation))


def input_changes(parent: Generator, child: Generator) -> Float[ndarray, " channels"]:
    """Compare the kernels that read each style channel: norm of their change by the parent's.

    Returns:
        One number for each feature channel, in the order of `StyleSpace.feature_names`.

    Raises:
        ValueError: Models of different sizes.
    """
    require_same_config(parent, child)
    changes = []
    for layer in parent.synthesis.style_space.layers:
        if not layer.is_torgb:
            before, after = (
                model.synthesis.get_parameter(f"{layer.name}.weight").detach()
                for model in (parent, child)
            )
            norms = [w.square().sum(dim=(0, 2, 3)).sqrt() for w in (after - before, before)]
            changes.append(norms[0] / norms[1])
    return torch.cat(changes).cpu().double().numpy()


def require_same_config(model: Generator, other: Generator) -> None:
    """Check that two generators have the same sizes, so that their weights correspond.

    Raises:
        ValueError: They differ; the message lists the sizes that do.
    """
    sizes, other_sizes = model.config.to_dict(), other.config.to_dict()
    differing = [
        f"{k}: {sizes[k]} and {other_sizes[k]}" for k in sizes if sizes[k] != other_sizes[k]
    ]
    if differing:
        raise ValueError(
            f"The two models have different sizes ({'; '.join(differing)}); expected a parent and "
            "a child that was fine-tuned from it at the same resolution. Check which files were "
            "opened."
        )


def _select(model: Generator, component: str, resolution: int | None) -> list[str]:
    if component not in COMPONENTS:
        raise ValueError(f'component is "{component}"; expected one of {", ".join(COMPONENTS)}.')
    names = [name for name in model.state_dict() if component_of(name) == component]
    chosen = [name for name in names if resolution in (None, resolution_of(name))]
    if not chosen:
        available = sorted({r for name in names if (r := resolution_of(name)) is not None})
        raise ValueError(
            f'resolution is {resolution}; expected one of the blocks with a "{component}": '
            f"{available or 'none, leave resolution out'}."
        )
    return chosen


def _flatten(model: Generator, names: list[str]) -> Tensor:
    state = model.state_dict()
    return torch.cat([state[name].flatten().cpu().double() for name in names])
