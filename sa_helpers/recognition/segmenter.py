"""A small U-Net from an image to the region that each pixel belongs to."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.recognition.attribute_network import IMG_RESOLUTION, convolution
from sa_helpers.recognition.interfaces import RegionReader

_WIDTHS = (16, 32, 64, 96)


class Segmenter(RegionReader):
    """Labels every pixel with one of the regions of the clay world.

    The logits are computed at half the resolution of the image and enlarged bilinearly.

    Args:
        regions: Names of the labels, in their order.

    Source: Ronneberger et al. 2015 (U-Net), Section 2.
    """

    def __init__(self, regions: Sequence[str]) -> None:
        """Draw weights from torch's default generator."""
        super().__init__(regions, img_resolution=IMG_RESOLUTION)
        self.down = nn.ModuleList(
            nn.Sequential(convolution(a, b, stride=2), convolution(b, b))
            for a, b in pairwise((3, *_WIDTHS))
        )
        self.up = nn.ModuleList(
            convolution(a + b, b) for a, b in zip(_WIDTHS[:0:-1], _WIDTHS[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(_WIDTHS[0], len(self.regions), 1)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch regions height width"]:
        """Logits for each region, from images in [-1, 1] with sides that 16 divides."""
        skips, x = [], images
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        for stage, skip in zip(self.up, skips[-2::-1], strict=True):
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0), skip], dim=1))
        return F.interpolate(self.head(x), scale_factor=2.0, mode="bilinear", align_corners=False)
