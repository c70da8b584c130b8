"""A survey of all style channels of a model: where each acts, and on which factor.

It takes minutes a model, so surveys are kept in files that say what they were made from. A chapter
makes a part of one again, to show that the file tells the truth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from sa_helpers.channels.localization import ChannelRegions, discover_channels
from sa_helpers.channels.overlaps import channel_agreement, own_ranks
from sa_helpers.checkpoints import ArrayKind, with_model_sha256
from sa_helpers.editing import channel_sigmas
from sa_helpers.images import resize
from sa_helpers.latents import images_from_w_plus, w_plus_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition import AttributeReader, RegionReader
from sa_helpers.runtime import share_out
from sa_helpers.seeds import SIGMAS


@dataclass(frozen=True)
class ChannelSurvey:
    """What the channels of a model do.

    Attributes:
        found: Where each channel acts.
        factors: Names of the outputs of the attribute network; empty without one.
        effects: Mean derivative of each output by each channel, per standard deviation of the
            channel; continuous factors in their own standard deviation, others as logits.
        record: What it was made from; JSON-ready.
    """

    found: ChannelRegions
    factors: tuple[str, ...]
    effects: Float[ndarray, "channels factors"]
    record: dict[str, Any]

    @property
    def layers(self) -> list[int]:
        """StyleSpace number of the layer of each channel."""
        return [int(name.partition("_")[0]) for name in self.found.names]

    def effect(self, channel: str, factor: str) -> float:
        """Derivative of one factor by one channel.

        Raises:
            ValueError: No such channel or factor.
        """
        return float(self.effects_on(factor)[self.found.names.index(channel)])

    def effects_on(self, factor: str) -> Float[ndarray, " channels"]:
        """Derivatives of one factor by all channels.

        Raises:
            ValueError: No such factor.
        """
        return self.effects[:, self.factors.index(factor)]

    def strongest(self, factor: str) -> str:
        """Name of the channel that changes a factor most, to whichever side.

        Raises:
            ValueError: No such factor.
        """
        return self.found.names[int(np.abs(self.effects_on(factor)).argmax())]

    def rank(self, channel: str, factor: str) -> int:
        """Place of a channel among all channels, by how much each changes a factor; 1 is the first.

        Raises:
            ValueError: No such channel or factor.
        """
        strengths = np.abs(self.effects_on(factor))
        return int((strengths > strengths[self.found.names.index(channel)]).sum()) + 1

    def of_channels(self, names: Sequence[str]) -> "ChannelSurvey":
        """The same of some channels, such as those that a smaller model has too.

        Raises:
            ValueError: A name is of no channel.
        """
        rows = [self.found.names.index(name) for name in names]
        found = replace(
            self.found,
            names=tuple(names),
            winners=self.found.winners[:, rows],
            profiles=self.found.profiles[rows],
        )
        return replace(self, found=found, effects=self.effects[rows])


def survey_channels(
    generator: Generator,
    seeds: Sequence[int],
    *,
    segmenter: RegionReader,
    attributes: AttributeReader | None,
    truncation_psi: float,
) -> ChannelSurvey:
    """Find where each channel acts and what it does, on the images of some seeds.

    Args:
        generator: A parent or a child.
        seeds: One image each.
        segmenter: Gives the regions of the generated images.
        attributes: Of the model's domain; None leaves the effects out.
        truncation_psi: Of the images, and of the channels' standard deviations.
    """
    w_plus = w_plus_from_seeds(generator, seeds, truncation_psi=truncation_psi)
    images = images_from_w_plus(generator, w_plus)
    masks = segmenter.segment(resize(images, img_resolution=segmenter.img_resolution))
    found = discover_channels(generator, w_plus, masks, regions=segmenter.regions)
    factors: tuple[str, ...] = ()
    effects = np.zeros((len(found.names), 0))
    if attributes is not None:
        factors = attributes.coding.output_names
        sigmas = channel_sigmas(generator, SIGMAS, truncation_psi=truncation_psi)
        effects = factor_gradients(generator, w_plus, attributes, sigmas=sigmas).mean(axis=0)
    record = {"seeds": list(seeds), "truncation_psi": truncation_psi}
    return ChannelSurvey(found, factors, effects, record)


def factor_gradients(
    generator: Generator,
    w_plus: Float[Tensor, "samples num_ws w_dim"],
    attributes: AttributeReader,
    *,
    sigmas: Float[Tensor, " total"],
) -> Float[ndarray, "samples channels outputs"]:
    """Derivative of every output of an attribute network by every feature channel.

    One backward pass an output serves all channels and all samples; processes share the samples.

    Args:
        generator: Makes the images.
        w_plus: Of the images.
        attributes: Reads them.
        sigmas: Of all style channels, from `channel_sigmas`; the derivatives are per sigma.
    """
    gradients = torch.cat(
        share_out(w_plus.split(8), lambda rows: _factor_gradients(generator, rows, attributes))
    )
    is_feature = generator.synthesis.style_space.is_feature
    scaled = gradients[:, :, is_feature] * sigmas.cpu()[is_feature]
    return scaled.transpose(1, 2).double().numpy()


def _factor_gradients(
    generator: Generator, w_plus: Tensor, attributes: AttributeReader
) -> Float[Tensor, "samples outputs total"]:
    with torch.no_grad():
        styles = generator.synthesis.w_plus_to_s(w_plus)
    joined = styles.cat().detach().requires_grad_(True)
    images = generator.synthesis.s_to_image(styles.space.split(joined))
    outputs = attributes(images.clamp(-1, 1))
    rows = [torch.autograd.grad(o.sum(), joined, retain_graph=True)[0] for o in outputs.unbind(1)]
    return torch.stack(rows, dim=1).cpu()


def place_agreement(first: ChannelSurvey, second: ChannelSurvey) -> Float[ndarray, " channels"]:
    """How far channels act in the same places in two models; see `channel_agreement`.

    Compared is the logarithm of a channel's strength in each region that occurs in both models,
    relative to the mean over these regions: where it acts, however strongly.

    Raises:
        ValueError: Fewer than two regions in common.
    """
    return channel_agreement(*_places(first, second), first.layers)


def effect_agreement(
    first: ChannelSurvey, second: ChannelSurvey, *, factors: Sequence[str] | None = None
) -> Float[ndarray, " channels"]:
    """How far channels change the same factors in two models; see `channel_agreement`.

    Args:
        first: Of one model.
        second: Of the other.
        factors: To compare, such as those that are read well; None means all. Factors that one
            of the models does not have are left out.

    Raises:
        ValueError: No factor in common.
    """
    return channel_agreement(*_effects(first, second, factors), first.layers)


def function_ranks(
    first: ChannelSurvey, second: ChannelSurvey, *, factors: Sequence[str] | None = None
) -> Float[ndarray, " channels"]:
    """Which share of the second model's channels do what a channel of the first does, at least.

    What a channel does is where it acts, as for `place_agreement`, and what it changes, as for
    `effect_agreement`, with equal weight; see `channels.own_ranks`.

    Args:
        first: Of one model.
        second: Of the other.
        factors: As for `effect_agreement`.

    Returns:
        0 where no other channel of the second model is as good a match as the one with the same
        number; evenly spread from 0 to 1 if the models have nothing to do with each other.

    Raises:
        ValueError: Fewer than two regions or no factor in common, or different channels.
    """
    pairs = [_places(first, second), _effects(first, second, factors)]
    return own_ranks(pairs, first.layers)


def places_of_strongest(
    first: ChannelSurvey, second: ChannelSurvey, factors: Sequence[str]
) -> dict[str, int]:
    """Place in the second model of the first one's strongest channel for each factor.

    Places are as `ChannelSurvey.rank` gives them; below zero where the channel changes the factor
    to the other side. If the models have nothing to do with each other, any place is as likely.

    Args:
        first: Of one model.
        second: Of the other.
        factors: Of the first; those that the second does not have are left out.

    Raises:
        ValueError: The first does not have a factor, or the second lacks a channel.
    """
    places = {}
    for factor in factors:
        channel = first.strongest(factor)
        if factor in second.factors:
            is_same = first.effect(channel, factor) * second.effect(channel, factor) > 0
            places[factor] = second.rank(channel, factor) * (1 if is_same else -1)
    return places


def shared_regions(first: ChannelSurvey, second: ChannelSurvey) -> list[str]:
    """Names of the regions that occur in both models; two or more make their places comparable."""
    shared = _is_shared(first, second)
    return [name for name, both in zip(first.found.regions, shared, strict=True) if both]


def _is_shared(first: ChannelSurvey, second: ChannelSurvey) -> Bool[ndarray, " regions"]:
    """Whether a region occurs in both, and not in a few images only, as for localized channels."""
    occurs = [
        np.isfinite(survey.found.profiles).all(axis=0) & survey.found.are_frequent()
        for survey in (first, second)
    ]
    return occurs[0] & occurs[1]


def _places(first: ChannelSurvey, second: ChannelSurvey) -> tuple[ndarray, ndarray]:
    """Where channels act in two models: log strengths in shared regions, relative to their mean."""
    profiles = [np.log(survey.found.profiles + 1e-12) for survey in (first, second)]
    is_shared = _is_shared(first, second)
    if is_shared.sum() < 2:
        raise ValueError(
            "The two models have fewer than two regions in common; nothing to compare."
        )
    shared = [profile[:, is_shared] for profile in profiles]
    first_places, second_places = (p - p.mean(axis=1, keepdims=True) for p in shared)
    return first_places, second_places


def _effects(
    first: ChannelSurvey, second: ChannelSurvey, factors: Sequence[str] | None
) -> tuple[ndarray, ndarray]:
    """Derivatives of the shared factors by the channels of two models."""
    both = [name for name in first.factors if name in second.factors]
    shared = [name for name in both if factors is None or name in factors]
    if not shared:
        raise ValueError("The models have no such factor in common: nothing to compare.")
    own, others = (
        s.effects[:, [s.factors.index(name) for name in shared]] for s in (first, second)
    )
    return own, others


def with_record(survey: ChannelSurvey, **entries: Any) -> ChannelSurvey:
    """The same survey, with more said about what it was made from."""
    return replace(survey, record={**survey.record, **entries})


def _take_apart(survey: ChannelSurvey) -> tuple[dict[str, ndarray], dict[str, Any]]:
    found = survey.found
    meaning = {
        "names": found.names,
        "regions": found.regions,
        "factors": survey.factors,
        "provenance": survey.record,
    }
    arrays = {
        "winners": found.winners.astype(np.uint8),
        "is_present": found.is_present,
        "profiles": found.profiles.astype(np.float16),
        "effects": survey.effects.astype(np.float16),
    }
    return arrays, meaning


def _put_together(arrays: Mapping[str, ndarray], meaning: dict[str, Any]) -> ChannelSurvey:
    found = ChannelRegions(
        tuple(meaning["names"]),
        tuple(meaning["regions"]),
        arrays["winners"].astype(np.int64),
        arrays["is_present"],
        arrays["profiles"].astype(np.float64),
    )
    effects = arrays["effects"].astype(np.float64)
    record = with_model_sha256(meaning["provenance"])
    return ChannelSurvey(found, tuple(meaning["factors"]), effects, record)


SURVEYS: ArrayKind[ChannelSurvey] = ArrayKind(
    name="survey of channels",
    take_apart=_take_apart,
    put_together=_put_together,
    remedy="Make it with `sa-helpers survey FAMILY {name}`.",
)
"""Surveys as files, with bytes and half precision for numbers."""

SECOND_SURVEYS = replace(SURVEYS, remedy="Make it with `sa-helpers survey FAMILY {name} --second`.")
"""The same, on other images."""
