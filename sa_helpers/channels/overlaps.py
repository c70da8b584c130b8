"""What two models have in common: localized channels that act on the same region in both.

Source: Wu et al. 2022 (StyleAlign), Section 3, Tables 1, 3 and 4.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer
from numpy import ndarray

from sa_helpers.channels.localization import NO_REGION, ChannelRegions
from sa_helpers.intervals import Estimate


def overlap_table(
    first: Integer[ndarray, " channels"], second: Integer[ndarray, " channels"], *, num_regions: int
) -> Integer[ndarray, "num_regions num_regions"]:
    """Channels that are localized in region i of one model and in region j of the other.

    Args:
        first: As `ChannelRegions.localized` of the parent returns it; gives the rows.
        second: The same of the child, for the columns.

    Source: Wu et al. 2022 (StyleAlign), Table 1.
    """
    table = np.zeros((num_regions, num_regions), dtype=np.int64)
    is_both = (first != NO_REGION) & (second != NO_REGION)
    np.add.at(table, (first[is_both], second[is_both]), 1)
    return table


def overlap_columns(parent: ChannelRegions, child: ChannelRegions) -> dict[str, list[object]]:
    """The overlap of two models as columns of a table, totals included.

    Columns are regions of the parent and rows regions of the child, as in the paper; regions
    without a localized channel are left out, and so are zeros. `all` counts the channels that are
    localized there in one model, whatever they do in the other.

    Source: Wu et al. 2022 (StyleAlign), Tables 1, 3 and 4.
    """
    names, own, others = parent.regions, parent.localized(), child.localized()
    counts = overlap_table(own, others, num_regions=len(names))
    columns = [r for r in range(len(names)) if (own == r).any()]
    rows = [r for r in range(len(names)) if (others == r).any()]
    shown: dict[str, list[object]] = {"child, parent": [*(names[r] for r in rows), "all"]}
    for column in columns:
        cells: list[object] = [int(counts[column, row]) or "" for row in rows]
        shown[names[column]] = [*cells, int((own == column).sum())]
    totals: list[object] = [int((others == row).sum()) for row in rows]
    return {**shown, "all": [*totals, ""]}


def kept_share(
    parent: ChannelRegions, child: ChannelRegions, *, num_resamples: int = 500, seed: int = 0
) -> Estimate:
    """Share of the parent's localized channels that act on the same region in the child.

    Args:
        parent: Of the images of some seeds.
        child: Of the same seeds.
        num_resamples: Of the images, with replacement, for a 95 % interval.
        seed: Of the resampling.

    Returns:
        The share over all images, with the interval; NaN without localized channels.

    Raises:
        ValueError: The two were not found on equally many images.
    """
    num_images = len(parent.winners)
    if len(child.winners) != num_images:
        raise ValueError(f"There are {num_images} and {len(child.winners)} images; expected equal.")
    rng = np.random.default_rng(seed)
    draws = [rng.integers(num_images, size=num_images) for _ in range(num_resamples)]
    shares = [_kept_share(parent.resample(draw), child.resample(draw)) for draw in draws]
    low, high = np.nanquantile(shares, [0.025, 0.975])
    return Estimate(_kept_share(parent, child), float(low), float(high), num_images)


def _kept_share(parent: ChannelRegions, child: ChannelRegions) -> float:
    own = parent.localized()
    is_localized = own != NO_REGION
    if not is_localized.any():
        return float("nan")
    return float((own == child.localized())[is_localized].mean())


def overlap_by_chance(
    first: Integer[ndarray, " channels"],
    second: Integer[ndarray, " channels"],
    layers: Sequence[int],
    *,
    num_permutations: int = 1000,
    seed: int = 0,
) -> Float[ndarray, " num_permutations"]:
    """How many channels would agree on a region if channels of a layer were interchangeable.

    Early layers act on large regions and late ones on small ones in any model, so the channels are
    shuffled within their layers only.

    Args:
        first: As for `overlap_table`.
        second: As for `overlap_table`.
        layers: Number of the layer of each channel.
        num_permutations: How often to shuffle.
        seed: Of the shuffling.
    """
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(np.asarray(layers) == layer) for layer in sorted(set(layers))]
    counts = np.empty(num_permutations)
    for index in range(num_permutations):
        shuffled = second.copy()
        for group in groups:
            shuffled[group] = rng.permutation(second[group])
        counts[index] = ((first == shuffled) & (first != NO_REGION)).sum()
    return counts


def channel_agreement(
    first: Float[ndarray, "channels columns"],
    second: Float[ndarray, "_ _"],
    layers: Sequence[int],
) -> Float[ndarray, " channels"]:
    """How far each channel does the same in two models, compared with others of its layer.

    Both tables are standardised within each layer and column, and multiplied. So the mean over
    channels is the correlation within layers, averaged over the columns: 1 for equal models, 0 for
    models whose channels have nothing to do with each other.

    Args:
        first: What each channel does in one model: one column a region or factor.
        second: The same of the other model.
        layers: Number of the layer of each channel.

    Returns:
        One number a channel, for `intervals.bootstrap`.

    Raises:
        ValueError: Tables of different shapes, or numbers that are not finite.
    """
    if first.shape != second.shape or not np.isfinite([first, second]).all():
        raise ValueError(
            f"Tables of shapes {first.shape} and {second.shape}; expected equal shapes and finite "
            "numbers. Take the columns that both models have."
        )
    products = np.empty_like(first, dtype=np.float64)
    for layer in sorted(set(layers)):
        rows = np.flatnonzero(np.asarray(layers) == layer)
        products[rows] = _standardised(first[rows]) * _standardised(second[rows])
    return products.mean(axis=1)


def _standardised(values: Float[ndarray, "rows columns"]) -> Float[ndarray, "rows columns"]:
    centred = values - values.mean(axis=0)
    return centred / np.maximum(centred.std(axis=0), 1e-12)
