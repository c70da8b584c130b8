"""Blends in which the place between aligned models depends on the resolution.

All weights of a block are treated alike, tRGB and affine layers included. The mapping network
belongs to no resolution; it is the parent's.

Source: Pinkney and Adler 2020, Section 2, Appendices A to C.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from sa_helpers.blending.components import blend_weights, resolution_of
from sa_helpers.networks import Generator

ENDS = ("low", "high")


def swap_layers(
    parent: Generator, child: Generator, *, r_swap: int, child_gives: str = "low"
) -> Generator:
    """Return the model with the low resolutions of one model and the high ones of the other.

    The low resolutions decide the structure of an image, the high ones its rendering. The mapping
    network is the parent's.

    Args:
        parent: The base model of the paper.
        child: The transferred model of the paper.
        r_swap: Highest resolution, in pixels, of the low part; that of the image leaves no high
            part.
        child_gives: "low" or "high": which part is the child's.

    Raises:
        ValueError: `r_swap` is no resolution of the models, an unknown part, or models of different
            sizes.

    Example:
        >>> import sa_helpers as sa
        >>> models = sa.open_family("clay")
        >>> hybrid = sa.swap_layers(models.parent.generator, models["toon"].generator, r_swap=16)
        >>> sa.images_from_seeds(hybrid, [22], truncation_psi=0.7).shape
        torch.Size([1, 3, 128, 128])

    Source: Pinkney and Adler 2020, Equations 1 and 2, Appendix B.2.
    """
    resolutions = parent.synthesis.resolutions
    if r_swap not in resolutions or child_gives not in ENDS:
        raise ValueError(
            f'r_swap is {r_swap} and child_gives is "{child_gives}"; expected one of {resolutions} '
            f"and one of {ENDS}."
        )
    is_low_childs = child_gives == "low"
    amounts = {r: float((r <= r_swap) == is_low_childs) for r in resolutions}
    return blend_by_resolution(parent, child, amounts)


def swap_path(
    parent: Generator, child: Generator, *, child_gives: str = "low"
) -> Iterator[Generator]:
    """Yield every model that swapping can make on the way from the parent to the child.

    The parent itself, then hybrids in which the child has one block more each time, from the low
    resolutions or from the high ones, then the child with its own mapping network.

    Args:
        parent: First model.
        child: Last model.
        child_gives: As for `swap_layers`.

    Raises:
        ValueError: An unknown part, or models of different sizes.

    Source: Wu et al. 2022 (StyleAlign), Figures 31 to 33.
    """
    if child_gives not in ENDS:
        raise ValueError(f'child_gives is "{child_gives}"; expected one of {ENDS}.')
    between = parent.synthesis.resolutions[:-1]
    ordered = between if child_gives == "low" else between[::-1]
    yield parent
    yield from (swap_layers(parent, child, r_swap=r, child_gives=child_gives) for r in ordered)
    yield child


def blend_by_resolution(
    parent: Generator,
    child: Generator,
    amounts: Mapping[int, float],
    *,
    mapping_amount: float = 0.0,
) -> Generator:
    """Return the model in which every block has its own place between the parent's and the child's.

    Args:
        parent: Model at amount 0.
        child: Model at amount 1.
        amounts: Resolution of each block, in pixels, to where on the line its weights are; outside
            [0, 1] the line is continued.
        mapping_amount: The same for the mapping network.

    Raises:
        ValueError: Not one amount for each resolution, or models of different sizes.

    Source: Pinkney and Adler 2020, Equations 3 and 4, where the function of the resolution is free.
    """
    _require_every_resolution(parent, amounts)

    def amount_of(name: str) -> float:
        resolution = resolution_of(name)
        return mapping_amount if resolution is None else amounts[resolution]

    return blend_weights(parent, child, amount_of)


def smooth_amounts(
    resolutions: Sequence[int], *, r_swap: float, width: float, child_gives: str = "low"
) -> dict[int, float]:
    """Amounts for `blend_by_resolution` that pass gradually from one model to the other.

    A logistic function of the octave, log2(resolution). As the width goes to zero it becomes the
    step of `swap_layers`.

    Args:
        resolutions: Of the blocks, in pixels.
        r_swap: As for `swap_layers`, but any positive number: the middle of the transition is half
            an octave above it.
        width: In octaves; within four of them the amount goes from 0.88 to 0.12.
        child_gives: "low" or "high": where the amount is near 1.

    Raises:
        ValueError: `r_swap` or `width` not positive, or an unknown part.

    Source: Pinkney and Adler 2020, Appendix C ("schemes which vary smoothly according to
    resolution"), which leaves the function open.
    """
    if not (r_swap > 0 and width > 0 and child_gives in ENDS):
        raise ValueError(
            f'r_swap is {r_swap}, width is {width}, child_gives is "{child_gives}"; expected '
            f"positive numbers and one of {ENDS}. For a step, use swap_layers."
        )
    sign = 1.0 if child_gives == "low" else -1.0
    centre = math.log2(r_swap) + 0.5
    return {r: _logistic(sign * (centre - math.log2(r)) / width) for r in resolutions}


def mix_models(models: Sequence[Generator], shares: Mapping[int, Sequence[float]]) -> Generator:
    """Return the model whose blocks are weighted means of those of several aligned models.

    Args:
        models: Two or more; the mapping network is that of the first.
        shares: Resolution of each block, in pixels, to one share a model, which add up to 1.

    Raises:
        ValueError: Fewer than two models, not one share a model and resolution, shares that are
            negative or do not add up to 1, or models of different sizes.

    Source: Pinkney and Adler 2020, Appendix C ("more than two models").
    """
    if len(models) < 2:
        raise ValueError(f"There are {len(models)} models; expected two or more.")
    _require_every_resolution(models[0], shares)
    for resolution, row in shares.items():
        is_whole = math.isclose(sum(row), 1.0, abs_tol=1e-6)
        if len(row) != len(models) or min(row) < 0 or not is_whole:
            raise ValueError(
                f"The shares at {resolution} are {list(row)}; expected {len(models)}, one a model, "
                "none negative, with sum 1."
            )
    mixed = models[0]
    for index, model in enumerate(models[1:], start=1):
        amounts = {r: _share_of_last(row[: index + 1]) for r, row in shares.items()}
        mixed = blend_by_resolution(mixed, model, amounts)
    return mixed


def drop_top_resolution(model: Generator) -> Generator:
    """Return the model of half the resolution: the layers of the highest one are left out.

    Its images are what those layers would have added to: unfinished, until it is fine-tuned.

    Raises:
        ValueError: There is no resolution below that of the model.

    Source: Wu et al. 2022 (StyleAlign), Appendix A.4.
    """
    *lower, top = model.synthesis.resolutions
    channels = {r: c for r, c in model.config.channels.items() if r != top}
    config = replace(model.config, img_resolution=max(lower), channels=channels)
    with torch.random.fork_rng(devices=[]):
        smaller = Generator(config).to(model.w_avg.device)
    weights = model.state_dict()
    smaller.load_state_dict({name: weights[name] for name in smaller.state_dict()})
    return smaller.eval().requires_grad_(False)


def _require_every_resolution(model: Generator, given: Mapping[int, object]) -> None:
    resolutions = model.synthesis.resolutions
    if set(given) != set(resolutions):
        raise ValueError(
            f"There are values for the resolutions {sorted(given)}; expected one for each of "
            f"{list(resolutions)}."
        )


def _logistic(x: float) -> float:
    return 0.5 + 0.5 * math.tanh(x / 2)  # unlike 1 / (1 + exp(-x)), it cannot overflow


def _share_of_last(shares: Sequence[float]) -> float:
    """Share of the last of several in what they have together."""
    return shares[-1] / sum(shares) if shares[-1] else 0.0
