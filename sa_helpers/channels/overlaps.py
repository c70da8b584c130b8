"""What two models have in common: localized channels that act on the same region in both.

Source: Wu et al. 2022 (StyleAlign), Section 3, Tables 1, 3 and 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer
from numpy import ndarray

from sa_helpers.channels.localization import NO_REGION, ChannelRegions
from sa_helpers.intervals import Estimate, bootstrap


def overlap_table(
    first: Integer[ndarray, " channels"], second: Integer[ndarray, " channels"], *, num_regions: int
) -> Integer[ndarray, "num_regions num_regions"]:
    """Channels that are localized in region i of one model and in region j of the other.

    Args:
        first: As `ChannelRegions.localized` of one model returns it; gives the rows.
        second: The same of the other, for the columns.

    Source: Wu et al. 2022 (StyleAlign), Table 1.
    """
    table = np.zeros((num_regions, num_regions), dtype=np.int64)
    is_both = (first != NO_REGION) & (second != NO_REGION)
    np.add.at(table, (first[is_both], second[is_both]), 1)
    return table


@dataclass(frozen=True)
class OverlapOfModels:
    """Localized channels of two models by their regions, for `plotting.heat_map`.

    Attributes:
        counts: One row a region of the child and one column a region of the parent.
        child_regions: The rows: region and how many channels are localized there in the child,
            whatever they do in the parent.
        parent_regions: The columns, likewise, with the number in a second line.
    """

    counts: Integer[ndarray, "rows columns"]
    child_regions: tuple[str, ...]
    parent_regions: tuple[str, ...]


def overlap_of_models(parent: ChannelRegions, child: ChannelRegions) -> OverlapOfModels:
    """Count the channels of each region of the parent by their regions in the child.

    Regions without a localized channel are left out.

    Source: Wu et al. 2022 (StyleAlign), Tables 1, 3 and 4.
    """
    names, own, others = parent.regions, *_localized(parent, child)
    counts = overlap_table(others, own, num_regions=len(names))
    totals = [[int((of == r).sum()) for r in range(len(names))] for of in (others, own)]
    rows, columns = (np.flatnonzero(of) for of in totals)
    of_child, of_parent = totals
    return OverlapOfModels(
        counts[np.ix_(rows, columns)],
        tuple(f"{names[r]}: {of_child[r]}" for r in rows),
        tuple(f"{names[r]}\n{of_parent[r]}" for r in columns),
    )


def kept_share(parent: ChannelRegions, child: ChannelRegions) -> Estimate:
    """Share of the parent's localized channels that are localized in the same region in the child.

    Returns:
        The share, with a 95 % interval over the channels; NaN with fewer than two of them.

    Raises:
        ValueError: The two do not have equally many channels.
    """
    own, others = _localized(parent, child)
    return _share(own == others, own != NO_REGION)


def regained_share(
    parent: ChannelRegions, child: ChannelRegions, grandchild: ChannelRegions
) -> Estimate:
    """Share of what the child lost that acts on the parent's region again in the grandchild.

    Lost are the parent's localized channels that are not localized in the same region in the child.

    Args:
        parent: Of some images.
        child: Of its own images.
        grandchild: Of its own; or a model that has nothing to do with it, as a control.

    Returns:
        The share, with a 95 % interval over the lost channels; NaN with fewer than two of them.

    Raises:
        ValueError: They do not have equally many channels.

    Source: Wu et al. 2022 (StyleAlign), Section 3, "Are latent semantics forgotten or hidden?".
    """
    own, in_child, again = _localized(parent, child, grandchild)
    return _share(own == again, (own != NO_REGION) & (own != in_child))


def _localized(*found: ChannelRegions) -> list[Integer[ndarray, " channels"]]:
    counts = [len(regions.names) for regions in found]
    if len(set(counts)) != 1:
        raise ValueError(f"There are {counts} channels; expected equal numbers.")
    return [regions.localized() for regions in found]


def _share(values: Bool[ndarray, " channels"], chosen: Bool[ndarray, " channels"]) -> Estimate:
    """Mean over the chosen channels with its interval over them.

    Resampling images instead would resample a threshold: what is reliable in twenty images is often
    not so in those that a draw repeats, and the interval would miss the share itself.
    """
    if chosen.sum() < 2:
        return Estimate(float("nan"), float("nan"), float("nan"), int(chosen.sum()))
    return bootstrap(values[chosen])


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
    _check_tables(first, second)
    products = _standardised(first, layers) * _standardised(second, layers)
    return products.mean(axis=1)


def own_ranks(
    pairs: Sequence[tuple[Float[ndarray, "channels _"], Float[ndarray, "channels _"]]],
    layers: Sequence[int],
) -> Float[ndarray, " channels"]:
    """Which share of the second model's channels resemble a channel of the first like its namesake.

    Tables are standardised as for `channel_agreement` and put side by side, each pair with the same
    weight; channels resemble each other by the cosine of their rows.

    Args:
        pairs: What each channel does in the first and in the second model: one column a region or
            factor, in one or more kinds of tables.
        layers: Number of the layer of each channel.

    Returns:
        0 where the namesake resembles the channel most. Models that have nothing to do with each
        other give numbers that are evenly spread from 0 to 1.

    Raises:
        ValueError: Tables of different shapes, or numbers that are not finite.
    """
    for pair in pairs:
        _check_tables(*pair)
    first, second = (_unit_rows(tables, layers) for tables in zip(*pairs, strict=True))
    cosines = first @ second.T
    is_alike = cosines >= np.diag(cosines)[:, None]
    return (is_alike.sum(axis=1) - 1) / (len(cosines) - 1)


def _check_tables(first: Float[ndarray, "_ _"], second: Float[ndarray, "_ _"]) -> None:
    if first.shape != second.shape or not (np.isfinite(first) & np.isfinite(second)).all():
        raise ValueError(
            f"Tables of shapes {first.shape} and {second.shape}; expected equal shapes and finite "
            "numbers. Take the rows and columns that both models have."
        )


def _unit_rows(
    tables: Sequence[Float[ndarray, "channels _"]], layers: Sequence[int]
) -> Float[ndarray, "channels columns"]:
    """Standardised tables side by side, each with equal weight, and rows of length 1."""
    scaled = [_standardised(table, layers) / np.sqrt(table.shape[1]) for table in tables]
    rows = np.concatenate(scaled, axis=1)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _standardised(
    values: Float[ndarray, "rows columns"], layers: Sequence[int]
) -> Float[ndarray, "rows columns"]:
    """Subtract the mean of each layer and column, and divide by the standard deviation."""
    standardised = np.empty_like(values, dtype=np.float64)
    for layer in sorted(set(layers)):
        rows = np.flatnonzero(np.asarray(layers) == layer)
        centred = values[rows] - values[rows].mean(axis=0)
        standardised[rows] = centred / np.maximum(centred.std(axis=0), 1e-12)
    return standardised
