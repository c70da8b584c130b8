"""Localized channels of StyleSpace: which single style acts on which region of the picture.

For each image the derivative of every pixel by every channel tells where a channel acts. A channel
belongs to the region that it overlaps best in most images. The discovery runs once a model; two
models are compared by the channels that they have in common.

Source: Wu et al. 2021 (StyleSpace), Section 4; Wu et al. 2022 (StyleAlign), Section 3.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from numpy import ndarray
from torch import Tensor
from torch.autograd import forward_ad

from sa_helpers.networks import Generator, Styles

GRID = 32
"""Side of the maps in which channels and regions are compared, in pixels."""

NO_REGION = -1


def feature_channels(styles: Styles) -> list[str]:
    """Names of all channels of feature convolutions, such as `6_501`; tRGB layers are left out."""
    return [
        f"{index}_{channel}"
        for index, layer in enumerate(styles.layers)
        if not layer.is_torgb
        for channel in range(layer.num_channels)
    ]


@torch.no_grad()
def channel_maps(
    generator: Generator,
    w_plus: Float[Tensor, "1 num_ws w_dim"],
    *,
    batch_size: int = 64,
) -> Float[Tensor, "channels 32 32"]:
    """Where each channel acts in one image: |d colours / d style|, averaged over the colours.

    The image is averaged down to `GRID` first. Tangents of `batch_size` channels are carried
    forward together, so the cost grows with the number of channels and not of pixels.

    Args:
        generator: On any device; its constant noise is used.
        w_plus: Of one image.
        batch_size: Channels at once; changes the memory and nothing else.

    Returns:
        One map a channel, in the order of `feature_channels`, on the CPU.
    """
    styles = generator.synthesis.w_plus_to_s(w_plus)
    joined, columns = styles.cat(), _feature_columns(styles)
    maps = []
    for chunk in columns.split(batch_size):
        tangents = F.one_hot(chunk, joined.shape[1]).to(joined)
        with _forward_mode():
            dual = forward_ad.make_dual(joined.expand(len(chunk), -1).contiguous(), tangents)
            images = generator.synthesis.s_to_image(styles.split(dual), noise="const")
            small = F.adaptive_avg_pool2d(images, GRID)
            tangent = forward_ad.unpack_dual(small).tangent
        maps.append(tangent.abs().mean(dim=1).cpu())
    return torch.cat(maps)


@contextmanager
def _forward_mode() -> Iterator[None]:
    """Carry tangents, without a warning that torch gives about itself at the first use."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
        yield


def _feature_columns(styles: Styles) -> Integer[Tensor, " channels"]:
    """Places of the feature channels in joined styles."""
    is_feature = [torch.full((layer.num_channels,), not layer.is_torgb) for layer in styles.layers]
    return torch.cat(is_feature).nonzero()[:, 0]


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

    With M a region and G the |M| pixels in which the channel acts most, the score is
    |G and M| / |M|^2: the share of the region that is hit, relative to what chance would hit.
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


@dataclass(frozen=True)
class ChannelRegions:
    """For every image and channel, the region in which the channel acts.

    Attributes:
        names: Of the channels, such as `6_501`.
        regions: Names of the regions.
        winners: Index of the region with the best score.
        is_present: Whether the image contains the region.
    """

    names: tuple[str, ...]
    regions: tuple[str, ...]
    winners: Integer[ndarray, "images channels"]
    is_present: Bool[ndarray, "images regions"]

    @property
    def rates(self) -> Float[ndarray, "channels regions"]:
        """Share of the images with a region in which the channel acts there; NaN without any."""
        counts = self.is_present.sum(axis=0)
        wins = np.stack([(self.winners == r).sum(axis=0) for r in range(len(self.regions))], axis=1)
        return np.divide(wins, counts, out=np.full(wins.shape, np.nan), where=counts > 0)

    def localized(
        self, *, min_rate: float = 0.75, min_gap: float = 0.0
    ) -> Integer[ndarray, " channels"]:
        """Region of each channel that acts there reliably, else `NO_REGION`.

        Args:
            min_rate: Share of images that has to be exceeded.
            min_gap: How far the second-best region has to stay behind.
        """
        rates = np.nan_to_num(self.rates)
        ranked = np.sort(rates, axis=1)
        is_reliable = (ranked[:, -1] > min_rate) & (ranked[:, -1] - ranked[:, -2] >= min_gap)
        return np.where(is_reliable, rates.argmax(axis=1), NO_REGION)

    def channels_of(self, region: str, *, min_rate: float = 0.75) -> list[str]:
        """Names of the channels localized in a region.

        Raises:
            ValueError: No such region.
        """
        if region not in self.regions:
            raise ValueError(f'There is no region "{region}"; expected one of {self.regions}.')
        found = self.localized(min_rate=min_rate) == self.regions.index(region)
        return [name for name, is_there in zip(self.names, found, strict=True) if is_there]

    def resample(self, indices: Integer[ndarray, " images"]) -> "ChannelRegions":
        """The same for chosen images, repeated or not, as a bootstrap over images needs it."""
        return replace(self, winners=self.winners[indices], is_present=self.is_present[indices])


def discover_channels(
    generator: Generator,
    w_plus: Float[Tensor, "images num_ws w_dim"],
    masks: Integer[ndarray, "masks height width"],
    *,
    regions: Sequence[str],
) -> ChannelRegions:
    """Find the region in which every channel acts, image by image.

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
    winners = list(_winners(generator, w_plus, labels, len(regions)))
    is_present = np.stack(
        [(labels == region).any(axis=(1, 2)) for region in range(len(regions))], axis=1
    )
    names = feature_channels(generator.synthesis.w_plus_to_s(w_plus[:1]))
    return ChannelRegions(tuple(names), tuple(regions), np.stack(winners), is_present)


def _winners(
    generator: Generator, w_plus: Tensor, labels: ndarray, num_regions: int
) -> Iterator[Integer[ndarray, " channels"]]:
    for latent, label in zip(w_plus, labels, strict=True):
        maps = channel_maps(generator, latent[None])
        yield overlap_scores(maps, label, num_regions=num_regions).argmax(axis=1)


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
