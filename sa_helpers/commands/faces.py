"""Cut faces out of photographs."""

from pathlib import Path

import numpy as np
from tyro.conf import Positional

from sa_helpers.commands.options import Count
from sa_helpers.commands.running import say
from sa_helpers.datasets.faces import Crop, crop_of, cut, landmark_finder, with_outline
from sa_helpers.datasets.folders import look_into
from sa_helpers.images import read_image, scale_to_height, write_image
from sa_helpers.runtime import shown

_SHOWN_PX = 256


def align_faces(photographs: Positional[Path], *, to: Path, img_resolution: Count = 256) -> None:
    """Cut faces out of photographs as those of FFHQ were.

    Every face becomes an upright PNG; crops/ shows where on the photograph it was. Faces are found
    by dlib, which is optional: pip install dlib-bin face-recognition-models. For example:
      sa-helpers align-faces holidays --to faces --img-resolution 128

    Args:
        photographs: Folder of photographs.
        to: Folder to write.
        img_resolution: Side in pixels.
    """
    try:
        find = landmark_finder()
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from error
    content = look_into(photographs)
    num_faces, reasons = 0, dict(content.left_out)
    for path in content.images:
        name = content.name(path)
        try:
            photograph = read_image(path)
        except (OSError, ValueError) as error:
            reasons[name] = str(error)
            continue
        crops = [crop_of(points) for points in find(photograph)]
        if not crops:
            reasons[name] = "no face was found"
        for index, crop in enumerate(crops):
            face = cut(photograph, crop, img_resolution=img_resolution)
            file = f"{num_faces:05d}.png"
            write_image(to / file, face)
            write_image(to / "crops" / f"{num_faces:05d}.jpg", _beside(photograph, crop, face))
            say(f"{file}: {name}, face {index + 1} of {len(crops)}, {crop.side_px:.0f} px")
            num_faces += 1
    for name, reason in reasons.items():
        say(f"left out {name}: {shown(reason)}")
    say(f"{len(content.images)} images read, {num_faces} faces written to {to}")


def _beside(photograph: np.ndarray, crop: Crop, face: np.ndarray) -> np.ndarray:
    """The photograph with the crop drawn on it, and the face, at one height."""
    pair = (with_outline(photograph, crop), face)
    return np.concatenate([scale_to_height(array, _SHOWN_PX) for array in pair], axis=1)
