"""Regions of photographs, by a published segmentation network such as a face parser."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sa_helpers import runtime
from sa_helpers.images import resize
from sa_helpers.recognition.interfaces import RegionReader
from sa_helpers.recognition.published import ReaderUnavailableError, normalise, open_published
from sa_helpers.runtime import read_json, shown


class PublishedSegmenter(RegionReader):
    """Labels regions by a network that transformers opens for semantic segmentation.

    Args:
        folder: With config.json, preprocessor_config.json and model.safetensors.
        groups: Region to the labels of the network that make it up, such as
            `{"ear": ("l_ear", "r_ear")}`; other labels stay as they are.
        device: None means the best there is.

    Raises:
        ReaderUnavailableError: transformers is missing, or the folder is not as described.
        ValueError: A group names a label that the network does not have.

    Source: Xie et al. 2021 (SegFormer), for the network that face parsers are made of most often.
    """

    def __init__(
        self,
        folder: Path,
        *,
        groups: Mapping[str, Sequence[str]] | None = None,
        device: torch.device | None = None,
    ) -> None:
        """Open the network, and read how it was taught to see."""
        network = open_published(folder, kind="AutoModelForSemanticSegmentation")
        labels = [network.config.id2label[index] for index in range(network.config.num_labels)]
        named = _grouped(labels, groups or {})
        side, mean, std = _preprocessing(folder)
        super().__init__(tuple(dict.fromkeys(named)), img_resolution=side)
        self.network = network.to(device or runtime.default_device())
        self.mean, self.std = mean, std
        self.region_of_label = tuple(self.regions.index(name) for name in named)

    def forward(
        self, images: Float[Tensor, "batch 3 side side"]
    ) -> Float[Tensor, "batch regions side side"]:
        """Log-probabilities of each region, up to one number a pixel, at the size of the images."""
        device = next(self.network.parameters()).device
        seen = resize(images.float(), img_resolution=self.img_resolution).clamp(-1, 1)
        seen = normalise(seen.to(device), mean=self.mean, std=self.std)
        logits = F.interpolate(
            self.network(pixel_values=seen).logits,
            size=images.shape[2:],
            mode="bilinear",
            align_corners=False,
        )
        columns = torch.tensor(self.region_of_label, device=device)
        members = [(columns == index).nonzero()[:, 0] for index in range(len(self.regions))]
        return torch.stack([logits[:, of].logsumexp(dim=1) for of in members], dim=1)


def _grouped(labels: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """The region of each label."""
    unknown = sorted({label for of in groups.values() for label in of} - set(labels))
    if unknown:
        raise ValueError(
            f"There are no regions {shown(unknown)}; the network labels {shown(str(labels))}."
        )
    region_of = {label: region for region, of in groups.items() for label in of}
    return [region_of.get(label, label) for label in labels]


def _preprocessing(folder: Path) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Side in pixels, mean and standard deviation of each colour."""
    path = folder / "preprocessor_config.json"
    try:
        told = read_json(path)
        size = told["size"]
        side = int(size["height"] if isinstance(size, dict) else size)
        mean, std = (tuple(map(float, told[key])) for key in ("image_mean", "image_std"))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ReaderUnavailableError(
            f"'{shown(path)}' tells no size, image_mean and image_std ({error}), without which "
            "nobody knows how the network sees. Download the folder again."
        ) from error
    return side, mean, std
