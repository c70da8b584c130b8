"""A small convolutional network from an image to the factors of its domain."""

import copy
from collections.abc import Callable
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.images import resize
from sa_helpers.recognition.coding import FactorCoding
from sa_helpers.recognition.interfaces import AttributeReader

IMG_RESOLUTION = 128
"""Side in pixels of the images that readers are trained on."""

_WIDTHS = (24, 48, 96, 128, 128)


def convolution(channels_in: int, channels_out: int, *, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class AttributeNetwork(AttributeReader):
    """Reads all factors of a domain from images of 128 px at once; others are resized first.

    Five strided convolutions, a plain one and two linear layers. The features are not pooled over
    the image: where things are tells the pose.

    Args:
        coding: What the outputs mean.
    """

    def __init__(self, coding: FactorCoding) -> None:
        """Draw weights from torch's default generator."""
        super().__init__(coding)
        self.prepare: Callable[[Tensor], Tensor] | None = None
        stages = [convolution(a, b, stride=2) for a, b in pairwise((3, *_WIDTHS))]
        self.features = nn.Sequential(*stages, convolution(_WIDTHS[-1], 48))
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(48 * 16, 192), nn.ReLU(), nn.Linear(192, coding.num_outputs)
        )

    def after(self, prepare: Callable[[Tensor], Tensor]) -> "AttributeNetwork":
        """The same network, which looks at images after a change, such as `views.undo_view`.

        Args:
            prepare: Takes and returns images; differentiable.
        """
        network = copy.copy(self)  # shares the weights
        network.prepare = prepare
        return network

    def forward(self, images: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch outputs"]:
        """Outputs as `coding` splits them, from images in [-1, 1]."""
        seen = images if self.prepare is None else self.prepare(images)
        return self.head(self.features(resize(seen, img_resolution=IMG_RESOLUTION)))
