"""The generator of a dedicated translation method: an image in, an image out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.checkpoints import NetworkKind


@dataclass(frozen=True, kw_only=True)
class TranslatorConfig:
    """Sizes of a translator.

    Attributes:
        width: Channels at full resolution; they double with each of the two halvings.
        num_blocks: Residual blocks at a quarter of the resolution.
    """

    width: int = 12
    num_blocks: int = 6

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        if self.width < 1 or self.num_blocks < 1:
            raise ValueError(
                f"width is {self.width} and num_blocks {self.num_blocks}; expected 1 or more."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the config as data that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "TranslatorConfig":
        """Build from `to_dict`."""
        return cls(**data)


class Translator(nn.Module):
    """Turns images of one domain into images of another, of the same size.

    Two halvings, residual blocks, two doublings, with instance normalisation. There is no latent
    and nothing to sample: what comes out depends on the image alone.

    Source: Johnson et al. 2016 for the blocks; Park et al. 2020 (CUT), Appendix C.1, for reading
    features from the first half. Theirs has 64 channels and 9 blocks for 256 px.
    """

    def __init__(self, config: TranslatorConfig) -> None:
        """Draw weights from torch's default generator."""
        super().__init__()
        self.config = config
        width = config.width
        self.encoder = nn.ModuleList(
            [
                _convolution(3, width, size=7),
                _convolution(width, 2 * width, stride=2),
                _convolution(2 * width, 4 * width, stride=2),
                *(_Block(4 * width) for _ in range(config.num_blocks)),
            ]
        )
        self.decoder = nn.Sequential(
            nn.Upsample(scale_factor=2),
            _convolution(4 * width, 2 * width),
            nn.Upsample(scale_factor=2),
            _convolution(2 * width, width),
            nn.Conv2d(width, 3, 7, padding=3),
            nn.Tanh(),
        )

    @property
    def feature_widths(self) -> list[int]:
        """Channels of each tensor that `features` gives."""
        width = self.config.width
        return [3, width, 2 * width, 4 * width, 4 * width]

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Images of the other domain in [-1, 1].

        Raises:
            ValueError: A side is no multiple of four.
        """
        if images.shape[-1] % 4 or images.shape[-2] % 4:
            raise ValueError(f"Sides of {tuple(images.shape[-2:])}; expected multiples of four.")
        hidden = images
        for stage in self.encoder:
            hidden = stage(hidden)
        return self.decoder(hidden)

    def features(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> list[Float[Tensor, "batch _ ..."]]:
        """What the encoder sees: pixels, three scales, and the middle of the blocks."""
        hidden, kept = images, [images]
        last = 2 + (self.config.num_blocks + 1) // 2
        for index, stage in enumerate(self.encoder[: last + 1]):
            hidden = stage(hidden)
            if index < 3 or index == last:
                kept.append(hidden)
        return kept


TRANSLATORS: NetworkKind[Translator] = NetworkKind(
    name="translator",
    describe=lambda translator, _: {"config": translator.config.to_dict()},
    build=lambda meaning, _: Translator(TranslatorConfig.from_dict(meaning["config"])),
    remedy="Copy it again, or train it with "
    "`python -m workshop train-translator SOURCE TARGET {path}`.",
)
"""Translators as files; their record tells between which domains, and how they were trained."""


class PatchDiscriminator(nn.Sequential):
    """Judges patches of 70 px as real or not: one logit a patch.

    Source: Isola et al. 2017 (pix2pix), Appendix 6.1.2.
    """

    def __init__(self, width: int = 32) -> None:
        """Draw weights from torch's default generator."""
        super().__init__(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            *_patch_stage(width, 2 * width, stride=2),
            *_patch_stage(2 * width, 4 * width, stride=2),
            *_patch_stage(4 * width, 8 * width, stride=1),
            nn.Conv2d(8 * width, 1, 4, padding=1),
        )


class PatchProjections(nn.Module):
    """One small network a layer, from features of a place to a unit vector that is compared.

    Source: Park et al. 2020 (CUT), Section 3.2, the two-layer perceptron H.
    """

    def __init__(self, widths: list[int], *, dim: int = 128) -> None:
        """Draw weights from torch's default generator."""
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, dim), nn.ReLU(), nn.Linear(dim, dim)) for width in widths
        )

    def forward(
        self,
        features: list[Float[Tensor, "batch _ ..."]],
        places: list[Float[Tensor, " patches"]],
    ) -> list[Float[Tensor, "batch patches dim"]]:
        """Unit vectors of the same places in every image; `places` in [0, 1), one list a layer."""
        found = []
        for head, layer, where in zip(self.heads, features, places, strict=True):
            flat = layer.flatten(2)
            indices = (where * flat.shape[2]).long()
            patches = flat[:, :, indices].transpose(1, 2)
            found.append(F.normalize(head(patches).float(), dim=2))
        return found


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.InstanceNorm2d(width),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.second(self.first(hidden))


def _convolution(
    channels_in: int, channels_out: int, *, size: int = 3, stride: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, stride=stride, padding=size // 2, bias=False),
        nn.InstanceNorm2d(channels_out),
        nn.ReLU(),
    )


def _patch_stage(channels_in: int, channels_out: int, *, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels_out, 4, stride=stride, padding=1, bias=False),
        nn.InstanceNorm2d(channels_out),
        nn.LeakyReLU(0.2),
    ]
