"""The yaw of a face, from where a published network finds its nose and its eyes."""

from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sa_helpers import runtime
from sa_helpers.images import resize
from sa_helpers.recognition.interfaces import NumberReader
from sa_helpers.recognition.published import normalise, open_published

NOSE_DEPTH = 0.43
"""How far a nose stands before the eyes, in distances between the pupils: about 27 of 63 mm. An
estimate for people; a snout is longer. What is wrong here stretches the angles."""

COCO_POINTS = (0, 1, 2)
"""Nose, left and right eye, as networks that were trained on COCO number them."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as ViTPose sees
_MIN_DISTANCE = 1e-3  # of the picture, between eyes in profile


class LandmarkReader(NumberReader):
    """Reads `yaw_deg`, positive to the right of the image, by a network that finds keypoints.

    Seen from far away, eyes at (-1/2, 0) and (1/2, 0) and a nose at (0, d) that turn by an angle
    t are at -cos(t)/2, cos(t)/2 and d sin(t). So the nose is off the middle of the eyes by
    d tan(t) of their distance.

    Args:
        folder: With config.json and model.safetensors of a ViTPose.
        nose_depth: The d above.
        points: Numbers of nose, left eye and right eye among the keypoints.
        device: None means the best there is.

    Raises:
        ReaderUnavailableError: transformers is missing, or the folder is not as described.
        ValueError: The network finds no such point.

    Source: Xu et al. 2022 (ViTPose), for the network.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nose_depth: float = NOSE_DEPTH,
        points: tuple[int, int, int] = COCO_POINTS,
        device: torch.device | None = None,
    ) -> None:
        """Open the network."""
        super().__init__(["yaw_deg"])
        network = open_published(folder, kind="VitPoseForPoseEstimation")
        if not all(0 <= point < network.config.num_labels for point in points):
            raise ValueError(
                f"The points are {list(points)}; the network finds {network.config.num_labels}."
            )
        self.network = network.to(device or runtime.default_device())
        self.nose_depth, self.points = nose_depth, points

    def measure(self, images: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch 1"]:
        """The yaw in degrees."""
        nose, left, right = self._find(images).unbind(dim=1)
        distance = (left - right).abs().clamp(min=_MIN_DISTANCE)
        offset = nose - (left + right) / 2
        return torch.atan2(offset, self.nose_depth * distance).rad2deg()[:, None]

    def _find(self, images: Tensor) -> Float[Tensor, "batch points"]:
        """Where the points are from left to right, as shares of the picture."""
        backbone = self.network.config.backbone_config
        height, width = backbone.image_size
        device = next(self.network.parameters()).device
        seen = resize(images.float(), img_resolution=width).clamp(-1, 1).to(device)
        above = (height - width) // 2  # the network sees people, who are higher than wide
        seen = F.pad(seen, (0, 0, above, height - width - above), value=-1.0)
        seen = normalise(seen, mean=_MEAN, std=_STD)
        expert = torch.zeros(len(seen), dtype=torch.long, device=device)
        told = {"dataset_index": expert} if backbone.num_experts > 1 else {}
        return _centres(self.network(pixel_values=seen, **told).heatmaps[:, list(self.points)])


def _centres(
    heatmaps: Float[Tensor, "batch points height width"],
) -> Float[Tensor, "batch points"]:
    """Column of the centre of mass of what rises above half of the peak, as a share of the width.

    It is differentiable, unlike the place of the peak.
    """
    peak, floor = heatmaps.amax(dim=(2, 3), keepdim=True), heatmaps.amin(dim=(2, 3), keepdim=True)
    mass = (heatmaps - (peak + floor) / 2).clamp(min=0).sum(dim=2)
    width = heatmaps.shape[3]
    columns = (torch.arange(width, device=heatmaps.device) + 0.5) / width
    return (mass * columns).sum(dim=2) / mass.sum(dim=2).clamp(min=torch.finfo(mass.dtype).tiny)
