"""Videos: frames to an MP4 file that plays everywhere. The only room with PyAV.

PyAV brings its own FFmpeg, so nothing has to be installed beside it.
"""

import os
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from sa_helpers.images import to_uint8
from sa_helpers.runtime import replacing

_CODEC = "libx264"
_OPTIONS = {"crf": "18", "preset": "medium", "threads": "1"}
_MIN_PX = 16


def write_video(
    path: str | os.PathLike[str],
    frames: Float[Tensor, "frames 3 height width"] | UInt8[ndarray, "frames height width 3"],
    *,
    frames_per_sec: int = 24,
    there_and_back: bool = False,
) -> Path:
    """Write an H.264 video, whole or not at all, and return the path.

    Args:
        path: Ends in .mp4.
        frames: In [-1, 1], or bytes. An odd side gains a row or column, which the format demands.
        frames_per_sec: How fast it plays.
        there_and_back: Append the frames in reverse, so that it can be played in a loop.

    Raises:
        ValueError: Another ending, no frames, or frames smaller than 16 px.
        ModuleNotFoundError: PyAV is not installed; the message says how to get it.
    """
    path = Path(path)
    if path.suffix != ".mp4":
        raise ValueError(f"'{path}' ends in '{path.suffix}'; expected .mp4.")
    arrays = to_uint8(frames) if isinstance(frames, Tensor) else frames
    if len(arrays) == 0 or min(arrays.shape[1:3]) < _MIN_PX:
        raise ValueError(
            f"write_video was given frames of shape {arrays.shape}; expected at least one, of "
            f"{_MIN_PX} px or more a side."
        )
    av = _import_av()
    if there_and_back:
        arrays = np.concatenate([arrays, arrays[-2:0:-1]])
    with replacing(path) as file, av.open(file, "w", format="mp4") as container:
        _encode(container, _with_even_sides(arrays), frames_per_sec, av)
    return path


def _encode(container: Any, arrays: ndarray, frames_per_sec: int, av: ModuleType) -> None:
    stream = container.add_stream(_CODEC, rate=Fraction(frames_per_sec), options=_OPTIONS)
    stream.height, stream.width = arrays.shape[1:3]
    stream.pix_fmt = "yuv420p"  # the one that every player knows
    for array in arrays:
        frame = av.VideoFrame.from_ndarray(array, format="rgb24")
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _with_even_sides(arrays: ndarray) -> UInt8[ndarray, "frames even_height even_width 3"]:
    odd_height, odd_width = (side % 2 for side in arrays.shape[1:3])
    return np.pad(arrays, ((0, 0), (0, odd_height), (0, odd_width), (0, 0)), mode="edge")


def _import_av() -> ModuleType:
    try:
        import av
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Videos are written with PyAV, which is not installed. Install it with "
            "`python -m pip install av`, or look at single frames, which needs nothing."
        ) from error
    return av
