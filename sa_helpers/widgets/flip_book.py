"""A flip-book: frames with a slider, in plain HTML that needs no kernel and no other file.

All frames are one JPEG, a strip of which one frame is seen at a time. The slider is an HTML range
input, so the arrow keys move it and screen readers read its label. Nothing moves until the reader
asks, and there is no play button for readers who prefer reduced motion. Where scripts and styles
are not allowed, as on a code host's preview, the strip is seen as a whole.
"""

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from torch import Tensor

from sa_helpers.images import encode_jpeg, make_grid, to_uint8

_GAP_PX = 4
_MAX_STRIP_PX = 65_000  # a JPEG has 65,535 rows at most
_MIN_ALT = 20

_STYLE = """
.flip-book { display: block; width: fit-content; max-width: 100%; color: #222; background: #fff;
  padding: 0.5rem; border-radius: 6px; box-sizing: border-box; }
.flip-book .frame { display: block; width: 100%; height: auto; margin: 0; padding: 0;
  object-fit: cover; object-position: 0 calc(100% * var(--frame) / var(--last)); }
.flip-book .heads { display: flex; font-size: 0.9em; }
.flip-book .heads span { flex: 1; text-align: center; }
.flip-book .bar { display: flex; gap: 0.6rem; align-items: center; margin-top: 0.5rem; }
.flip-book input { flex: 1; min-width: 4rem; accent-color: #0072b2; }
.flip-book output { min-width: 6em; font-variant-numeric: tabular-nums; font-size: 0.9em; }
.flip-book button { min-width: 4.5em; padding: 0.2em 0.6em; color: inherit; background: #eee;
  border: 1px solid #999; border-radius: 4px; }
@media (prefers-reduced-motion: reduce) { .flip-book button { display: none; } }
"""

_SHOW_FRAME = (
    "const book = this.closest('.flip-book');"
    "const label = JSON.parse(book.dataset.labels)[this.value];"
    "book.style.setProperty('--frame', this.value);"
    "book.querySelector('output').value = label;"
    "this.setAttribute('aria-valuetext', label);"
)

_PLAY_OR_PAUSE = (
    "const button = this, book = button.closest('.flip-book');"
    "const slider = book.querySelector('input');"
    "const stop = () => { clearInterval(book.timer); book.timer = 0;"
    " button.textContent = 'Play'; };"
    "if (book.timer) { stop(); return; }"
    "button.textContent = 'Pause';"
    "let way = slider.value === slider.max ? -1 : 1;"
    "book.timer = setInterval(() => {"
    " if (!book.isConnected) { stop(); return; }"
    " slider.value = +slider.value + way;"
    " slider.dispatchEvent(new Event('input'));"
    " if (slider.value === slider.max) { way = -1; }"
    " if (slider.value === slider.min) { way = 1; }"
    "}, +book.dataset.pause);"
)


@dataclass(frozen=True)
class FlipBook:
    """Frames that show themselves as HTML in a notebook and on a page.

    Attributes:
        jpeg: All frames, below one another.
        width_px: Of a frame.
        height_px: Of a frame.
        labels: One a frame.
        column_labels: Above the frames; may be empty.
        alt: What is to be seen, for readers who do not see it.
        zoom: Size on the screen relative to the pixels.
        frames_per_sec: While it plays.
        start: Frame that is open at first.
    """

    jpeg: bytes
    width_px: int
    height_px: int
    labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    alt: str
    zoom: float
    frames_per_sec: float
    start: int

    def __repr__(self) -> str:
        """Tell the number and size of the frames; equal for equal shapes."""
        return f"<FlipBook of {len(self.labels)} frames, {self.width_px}x{self.height_px} px>"

    def _repr_html_(self) -> str:
        frames = json.dumps(self.labels, ensure_ascii=False)
        heads = "".join(f"<span>{html.escape(label)}</span>" for label in self.column_labels)
        label = html.escape(self.labels[self.start])
        return (
            f"<style>{_STYLE}</style>"
            f'<div class="flip-book" data-labels="{html.escape(frames)}" '
            f'data-pause="{1000 / self.frames_per_sec:.0f}" '
            f'style="--frame: {self.start}; --last: {max(1, len(self.labels) - 1)}">'
            + (f'<div class="heads">{heads}</div>' if heads else "")
            + f'<img class="frame" alt="{html.escape(self.alt)}" '
            f'style="width: {self.width_px * self.zoom:.0f}px; max-width: 100%; '
            f'aspect-ratio: {self.width_px} / {self.height_px}" '
            f'src="data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}">'
            f'<div class="bar"><button type="button" onclick="{_PLAY_OR_PAUSE}">Play</button>'
            f'<input type="range" min="0" max="{len(self.labels) - 1}" value="{self.start}" '
            f'aria-label="Frame" aria-valuetext="{label}" oninput="{_SHOW_FRAME}">'
            f"<output>{label}</output></div></div>"
        )


def flip_book(
    frames: Tensor | Sequence[UInt8[ndarray, "height width 3"]],
    *,
    labels: Sequence[str],
    alt: str,
    column_labels: Sequence[str] = (),
    zoom: float = 1.0,
    frames_per_sec: float = 8.0,
    start: int = 0,
    quality: int = 85,
) -> FlipBook:
    """Bind frames into a flip-book.

    Args:
        frames: Tensor [frames, 3, height, width] in [-1, 1]; or [frames, images, 3, height, width],
            whose images stand side by side; or uint8 arrays of equal size.
        labels: One a frame, read beside the slider.
        alt: Says what is to be seen, in 20 letters or more.
        column_labels: Above equal parts of the width, such as one for each image side by side.
        zoom: Size on the screen relative to the pixels; pages narrower than that shrink it.
        frames_per_sec: While it plays, to and fro.
        start: Frame that is open at first.
        quality: Of the JPEG, see `images.encode_jpeg`.

    Raises:
        ValueError: No frames, not one label a frame, an alternative text that is too short, a
            `start` that is no frame, or more rows of pixels than one JPEG holds.
    """
    cells = _to_cells(frames)
    _check(cells, labels, alt, start)
    num_frames, height, width, _ = cells.shape
    strip = cells.reshape(num_frames * height, width, 3)
    return FlipBook(
        encode_jpeg(strip, quality=quality),
        width,
        height,
        tuple(labels),
        tuple(column_labels),
        alt,
        zoom,
        frames_per_sec,
        start,
    )


def _to_cells(
    frames: Tensor | Sequence[UInt8[ndarray, "height width 3"]],
) -> UInt8[ndarray, "frames height width 3"]:
    if not isinstance(frames, Tensor):
        return np.stack(list(frames)) if len(frames) else np.empty((0, 1, 1, 3), np.uint8)
    if frames.ndim == 4:
        return to_uint8(frames)
    rows = [
        make_grid(to_uint8(row), num_columns=frames.shape[1], padding_px=_GAP_PX) for row in frames
    ]
    return np.stack(rows)


def _check(cells: ndarray, labels: Sequence[str], alt: str, start: int) -> None:
    num_frames, height = cells.shape[:2]
    if num_frames == 0 or len(labels) != num_frames or not 0 <= start < num_frames:
        raise ValueError(
            f"flip_book was given {num_frames} frames, {len(labels)} labels and start={start}; "
            "expected at least one frame, one label a frame, and a start among them."
        )
    if len(alt) < _MIN_ALT:
        raise ValueError(
            f'The alternative text is "{alt}"; expected {_MIN_ALT} letters or more that say what '
            "is to be seen."
        )
    if num_frames * height > _MAX_STRIP_PX:
        raise ValueError(
            f"{num_frames} frames of {height} px make a strip of {num_frames * height} px; "
            f"expected {_MAX_STRIP_PX} at most. Show fewer or smaller frames."
        )
