"""What every reader does, of whatever kind its network is: read factors, or label regions."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from sa_helpers.recognition.coding import FactorCoding

_NUM_READ = 64  # at once, to bound the memory
_NUM_SEGMENTED = 32


class AttributeReader(nn.Module, ABC):
    """Reads the factors of images; differentiable, so that channels can be measured by it.

    Args:
        coding: What the outputs mean.
    """

    def __init__(self, coding: FactorCoding) -> None:
        """Keep the meaning of the outputs."""
        super().__init__()
        self.coding = coding

    @abstractmethod
    def forward(self, images: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch outputs"]:
        """Outputs as `coding` splits them, from images in [-1, 1]."""

    @torch.inference_mode()
    def read(self, images: Float[Tensor, "batch 3 side side"]) -> dict[str, np.ndarray]:
        """Factors of images in [-1, 1].

        Returns:
            Name to values in the factor's unit [n], probabilities of a binary factor [n], or
            probabilities of each category [n, categories].
        """
        device = next(self.parameters()).device
        outputs = [self(chunk.to(device).clamp(-1, 1)) for chunk in images.split(_NUM_READ)]
        return self.coding.decode(torch.cat(outputs))


class NumberReader(AttributeReader):
    """Reads numbers of which nobody has told how much they vary, until it is `scaled_by` images.

    Args:
        names: Of the numbers.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Take the numbers as they are."""
        super().__init__(FactorCoding.of_numbers(dict.fromkeys(names, np.array([-1.0, 1.0]))))

    @abstractmethod
    def measure(self, images: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch numbers"]:
        """The numbers, each in its own unit; differentiable by the images."""

    def forward(self, images: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch numbers"]:
        """The numbers in the standard deviations that they have in some domain."""
        return self.coding.standardise(self.measure(images))

    def scaled_by(self, images: Float[Tensor, "batch 3 side side"]) -> "NumberReader":
        """The same reader, which knows how much its numbers vary among some images."""
        reader = copy.copy(self)  # shares the weights
        reader.coding = FactorCoding.of_numbers(self.read(images))
        return reader


class JoinedReader(NumberReader):
    """Reads what several readers read.

    Args:
        readers: Of different numbers.
    """

    def __init__(self, readers: Sequence[NumberReader]) -> None:
        """Put the numbers one behind the other."""
        super().__init__([name for reader in readers for name in reader.coding.names])
        self.readers = nn.ModuleList(readers)

    def measure(self, images: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch numbers"]:
        """What each of them measures."""
        return torch.cat([cast(NumberReader, r).measure(images) for r in self.readers], dim=1)


class RegionReader(nn.Module, ABC):
    """Labels every pixel with a region.

    Args:
        regions: Names of the labels, in their order.
        img_resolution: Side in pixels of the images that the network was trained on.
    """

    def __init__(self, regions: Sequence[str], *, img_resolution: int) -> None:
        """Keep the meaning of the labels."""
        super().__init__()
        self.regions = tuple(regions)
        self.img_resolution = img_resolution

    @abstractmethod
    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch regions height width"]:
        """Logits for each region, from images in [-1, 1]."""

    @torch.inference_mode()
    def segment(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> UInt8[np.ndarray, "batch height width"]:
        """Most likely region of each pixel, as an index into `regions`."""
        device = next(self.parameters()).device
        labels = [
            self(chunk.to(device).clamp(-1, 1)).argmax(dim=1)
            for chunk in images.split(_NUM_SEGMENTED)
        ]
        return torch.cat(labels).to(torch.uint8).cpu().numpy()
