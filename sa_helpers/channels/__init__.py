"""Localized channels of StyleSpace: which single style acts on which region of the picture."""

from sa_helpers.channels.localization import (
    NO_REGION,
    ChannelRegions,
    discover_channels,
    grid_labels,
    overlap_scores,
    region_strengths,
    strongest_cells,
)
from sa_helpers.channels.maps import GRID, channel_maps, distinct_places
from sa_helpers.channels.overlaps import (
    OverlapOfModels,
    channel_agreement,
    kept_share,
    overlap_by_chance,
    overlap_of_models,
    overlap_table,
    own_ranks,
    regained_share,
)

__all__ = [
    "GRID",
    "NO_REGION",
    "ChannelRegions",
    "OverlapOfModels",
    "channel_agreement",
    "channel_maps",
    "discover_channels",
    "distinct_places",
    "grid_labels",
    "kept_share",
    "overlap_by_chance",
    "overlap_of_models",
    "overlap_scores",
    "overlap_table",
    "own_ranks",
    "regained_share",
    "region_strengths",
    "strongest_cells",
]
