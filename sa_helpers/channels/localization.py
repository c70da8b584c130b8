"""Localized channels of StyleSpace: which single style acts on which region of the picture.

For each image the derivative of every pixel by every channel tells where a channel acts. A channel
belongs to the region that it overlaps best in most images. The discovery runs once a model.

Source: Wu et al. 2021 (StyleSpace), Section 4; Wu et al. 2022 (StyleAlign), Section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from numpy import ndarray
from torch import Tensor

from sa_helpers.channels.maps import GRID, channel_maps
from sa_helpers.networks import Generator
from sa_helpers.runtime import share_out

MIN_SHARE = 0.25
"""Of the images: a region that fewer show is left out, since too little is known of it."""

NO_REGION = -1


def grid_labels(
    masks: Integer[ndarray, "images height width"], *, num_regions: int
) -> Integer[ndarray, "images 32 32"]:
    """Reduce masks to the grid by majority; of equally frequent labels the lowest wins.

    Raises:
        ValueError: The sides of the masks are not multiples of the grid's.
    """
    num_images, height, width = masks.shape
    if height % GRID or width % GRID:
        raise ValueError(
            f"The masks have {height}x{width} pixels; expected multiples of {GRID}. Segment images "
            "of another resolution, or resize them first."
        )
    cells = masks.reshape(num_images, GRID, height // GRID, GRID, width // GRID)
    counts = np.stack([(cells == r).sum(axis=(2, 4)) for r in range(num_regions)])
    return counts.argmax(axis=0)


def overlap_scores(
    maps: Float[Tensor, "channels side side"],
    labels: Integer[ndarray, "side side"],
    *,
    num_regions: int,
) -> Float[ndarray, "channels num_regions"]:
    """How well each channel's strongest pixels coincide with each region; 0 for absent regions.

    With M a region and G the ``|M|`` pixels in which the channel acts most, the score is
    ``|G and M| / |M|^2``: the share of the region that is hit, relative to what chance would hit.
    """
    flat = torch.from_numpy(labels.reshape(-1))
    by_strength = flat[maps.flatten(1).argsort(dim=1, descending=True)]
    scores = np.zeros((len(maps), num_regions))
    for region in range(num_regions):
        size = int((flat == region).sum())
        if size:
            hits = (by_strength[:, :size] == region).sum(dim=1)
            scores[:, region] = hits.numpy() / size**2
    return scores


def strongest_cells(
    maps: Float[Tensor, "maps side side"], counts: Integer[Tensor, " maps"]
) -> Bool[Tensor, "maps side side"]:
    """As many cells of each map as are counted for it, those with the largest values.

    Args:
        maps: Where channels act, of one image or several.
        counts: For each map, such as the size of a region.
    """
    ranks = maps.flatten(1).argsort(dim=1, descending=True).argsort(dim=1)
    return (ranks < counts[:, None]).view(maps.shape)


def region_strengths(
    maps: Float[Tensor, "channels side side"],
    labels: Integer[ndarray, "side side"],
    *,
    num_regions: int,
) -> Float[ndarray, "channels num_regions"]:
    """Mean of each map inside each region; NaN for absent regions."""
    flat = torch.from_numpy(labels.reshape(-1)).long()
    is_inside = torch.nn.functional.one_hot(flat, num_regions).to(maps)
    return (maps.flatten(1) @ is_inside / is_inside.sum(dim=0)).numpy()


@dataclass(frozen=True)
class ChannelRegions:
    """For every image and channel, the region in which the channel acts.

    Attributes:
        names: Of the channels, such as `6_501`.
        regions: Names of the regions.
        winners: Index of the region with the best score.
        is_present: Whether the image contains the region.
        profiles: Mean ``|derivative|`` of each channel inside each region, over the images that
            contain it; NaN where none does.
    """

    names: tuple[str, ...]
    regions: tuple[str, ...]
    winners: Integer[ndarray, "images channels"]
    is_present: Bool[ndarray, "images regions"]
    profiles: Float[ndarray, "channels regions"]

    @property
    def rates(self) -> Float[ndarray, "channels regions"]:
        """Share of the images with a region in which the channel acts there; NaN without any."""
        counts = self.is_present.sum(axis=0)
        wins = np.stack([(self.winners == r).sum(axis=0) for r in range(len(self.regions))], axis=1)
        return np.divide(wins, counts, out=np.full(wins.shape, np.nan), where=counts > 0)

    def are_frequent(self, min_share: float = MIN_SHARE) -> Bool[ndarray, " regions"]:
        """Whether so large a share of the images contains the region."""
        return self.is_present.mean(axis=0) >= min_share

    def localized(
        self, *, min_rate: float = 0.75, min_gap: float = 0.0, min_share: float = MIN_SHARE
    ) -> Integer[ndarray, " channels"]:
        """Region of each channel that acts there reliably, else `NO_REGION`.

        Args:
            min_rate: Share of images that has to be exceeded.
            min_gap: How far the second-best region has to stay behind.
            min_share: Share of all images that has to contain a region; the rate in a rarer one
                rests on too few.
        """
        rates = np.where(self.are_frequent(min_share), np.nan_to_num(self.rates), 0.0)
        ranked = np.sort(rates, axis=1)
        is_reliable = (ranked[:, -1] > min_rate) & (ranked[:, -1] - ranked[:, -2] >= min_gap)
        return np.where(is_reliable, rates.argmax(axis=1), NO_REGION)


def discover_channels(
    generator: Generator,
    w_plus: Float[Tensor, "images num_ws w_dim"],
    masks: Integer[ndarray, "masks height width"],
    *,
    regions: Sequence[str],
) -> ChannelRegions:
    """Find the region in which every channel acts, image by image; processes share the images.

    Args:
        generator: A parent or a child.
        w_plus: Of the images.
        masks: Their regions, such as a segmenter gives them, as indices into `regions`.
        regions: Names.

    Raises:
        ValueError: Not one mask for each image.
    """
    if len(w_plus) != len(masks):
        raise ValueError(f"There are {len(masks)} masks for {len(w_plus)} images.")
    labels = grid_labels(masks, num_regions=len(regions))
    num_regions = len(regions)

    def of_image(index: int) -> tuple[ndarray, ndarray]:
        maps, label = channel_maps(generator, w_plus[index : index + 1]), labels[index]
        scores = overlap_scores(maps, label, num_regions=num_regions)
        return scores.argmax(axis=1), region_strengths(maps, label, num_regions=num_regions)

    winners, strengths = zip(*share_out(range(len(labels)), of_image), strict=True)
    names = generator.synthesis.style_space.feature_names
    is_present = np.isfinite(np.stack(strengths)[:, 0])
    profiles = _mean_where_present(np.stack(strengths))
    return ChannelRegions(tuple(names), tuple(regions), np.stack(winners), is_present, profiles)


def _mean_where_present(
    strengths: Float[ndarray, "images channels regions"],
) -> Float[ndarray, "channels regions"]:
    """Mean over the images that have a number; NaN where none has."""
    counts = np.isfinite(strengths).sum(axis=0)
    total = np.nansum(strengths, axis=0)
    return np.divide(total, counts, out=np.full(total.shape, np.nan), where=counts > 0)
