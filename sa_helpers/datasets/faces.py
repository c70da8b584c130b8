"""Faces cut out of photographs as those of FFHQ were: level, of one size, by eyes and mouth.

The landmarks are found by dlib, which is optional. Its network of 68 points was trained on a data
set (iBUG 300-W) whose makers allow research only.

Source: Karras et al. 2018 (progressive growing), Appendix C, which FFHQ follows.
"""

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from numpy import ndarray

from sa_helpers.images import from_uint8, to_uint8

Points = Float[ndarray, "68 2"]
_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)
_MOUTH_CORNERS = [48, 54]
_EYES_SHARE, _MOUTH_SHARE = 2.0, 1.8  # half the side, as multiples of two distances in the face
_UPWARDS = 0.1  # of the distance from eyes to mouth, by which the middle lies above the mouth's
_MAX_SAMPLES = 4  # a side, for each pixel of the face
_LINE_SAMPLES = 2000
_LANDMARKS = ("face_recognition_models", "models/shape_predictor_68_face_landmarks.dat")
_REMEDY = (
    "Faces are found with dlib, and with the points that the package face_recognition_models "
    "carries. Install both: pip install dlib-bin face-recognition-models"
)


@dataclass(frozen=True)
class Crop:
    """A square on a photograph that may be turned.

    Attributes:
        middle: In pixels, x and y.
        right: From the middle to the middle of the right side.
    """

    middle: Float[ndarray, " 2"]
    right: Float[ndarray, " 2"]

    @property
    def down(self) -> Float[ndarray, " 2"]:
        """From the middle to the middle of the lower side."""
        return np.array([-self.right[1], self.right[0]])

    @property
    def side_px(self) -> float:
        """Length of a side on the photograph."""
        return 2 * math.hypot(*self.right)


def crop_of(points: Points) -> Crop:
    """Where a face is cut out, by the middles of its eyes and the corners of its mouth.

    Args:
        points: The 68 of dlib, x and y in pixels.

    Source: Karras et al. 2018, Appendix C.
    """
    eyes = [points[part].mean(axis=0) for part in (_LEFT_EYE, _RIGHT_EYE)]
    between_eyes = (eyes[0] + eyes[1]) / 2
    across = eyes[1] - eyes[0]
    down = points[_MOUTH_CORNERS].mean(axis=0) - between_eyes
    direction = across + np.array([down[1], -down[0]])
    half_side = max(_EYES_SHARE * math.hypot(*across), _MOUTH_SHARE * math.hypot(*down))
    right = direction / math.hypot(*direction) * half_side
    return Crop(between_eyes + _UPWARDS * down, right)


def cut(
    photograph: UInt8[ndarray, "height width 3"], crop: Crop, *, img_resolution: int
) -> UInt8[ndarray, "img_resolution img_resolution 3"]:
    """Cut a square out and turn it upright; what lies beyond the edges is mirrored.

    Args:
        photograph: In which the face is.
        crop: Where it is.
        img_resolution: Side in pixels of what is returned.
    """
    height, width = photograph.shape[:2]
    # As many samples as the photograph has pixels there, so that nothing flickers.
    samples = min(_MAX_SAMPLES, max(1, math.ceil(crop.side_px / img_resolution)))
    shrunk = max(1.0, crop.side_px / (samples * img_resolution))
    source = from_uint8(photograph[None])
    if shrunk > 1:
        size = (max(1, round(height / shrunk)), max(1, round(width / shrunk)))
        source = F.interpolate(source, size=size, mode="bilinear", antialias=True)
    along = (torch.arange(samples * img_resolution) + 0.5) / (samples * img_resolution) * 2 - 1
    right, down, middle = (
        torch.tensor(v, dtype=torch.float32) for v in (crop.right, crop.down, crop.middle)
    )
    places = middle + along[None, :, None] * right + along[:, None, None] * down
    grid = 2 * places / torch.tensor([width, height]) - 1
    drawn = F.grid_sample(source, grid[None], padding_mode="reflection", align_corners=False)
    return to_uint8(F.avg_pool2d(drawn, samples))[0]


def with_outline(
    photograph: UInt8[ndarray, "height width 3"], crop: Crop
) -> UInt8[ndarray, "height width 3"]:
    """The photograph with the crop drawn on it, in red."""
    shown = photograph.copy()
    height, width = shown.shape[:2]
    t = np.linspace(-1, 1, _LINE_SAMPLES)[:, None]
    edges = [t * crop.right + sign * crop.down for sign in (-1, 1)]
    edges += [t * crop.down + sign * crop.right for sign in (-1, 1)]
    thickness = max(1, round(max(height, width) / 300))
    x, y = np.rint(np.concatenate(edges) + crop.middle).astype(int).T
    for dx in range(thickness):
        for dy in range(thickness):
            inside = (x + dx >= 0) & (x + dx < width) & (y + dy >= 0) & (y + dy < height)
            shown[y[inside] + dy, x[inside] + dx] = (255, 0, 0)
    return shown


def landmark_finder() -> Callable[[UInt8[ndarray, "height width 3"]], list[Points]]:
    """A function that finds the points of all faces on a photograph, by dlib.

    Raises:
        ModuleNotFoundError: dlib or its points are not installed; the message says how to get them.
    """
    package, file = _LANDMARKS
    found = importlib.util.find_spec(package)
    path = Path(found.origin).parent / file if found and found.origin else None
    if importlib.util.find_spec("dlib") is None or path is None or not path.is_file():
        raise ModuleNotFoundError(_REMEDY)
    import dlib

    detect, predict = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(path))

    def points_of(shape: Any) -> Points:
        return np.array([(p.x, p.y) for p in shape.parts()], dtype=np.float64)

    def find(photograph: UInt8[ndarray, "height width 3"]) -> list[Points]:
        return [points_of(predict(photograph, box)) for box in detect(photograph, 1)]

    return find
