"""Figures of the chapters.

The only room with matplotlib. Figures are made without pyplot, so no backend and no global setting
changes; a cell that ends in one shows it. They are drawn on white, which the pages keep in the
dark theme, in colours that colour-blind readers can tell apart, never by colour alone.
"""

import io
import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from numpy import ndarray
from torch import Tensor

from sa_helpers.images import make_grid, to_uint8
from sa_helpers.intervals import Estimate

ImageRow = Tensor | ndarray | Sequence[ndarray]  # NCHW in [-1, 1], uint8 NHWC, or uint8 HWC each

# Okabe and Ito's palette without its yellow, which is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "os^Dv<>"
_HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo", "---")
_INK = "#222222"
_DPI = 100
_GAP_PX = 4
_MAX_LEGEND_COLUMNS = 5  # more go into several rows
_LEGEND_SIZE = 13.0  # in points
_LEGEND_KEY_EMS = 4.8  # of a line or patch, and of the space around it, beside a label
_NAME_GAP_PX = 10.0  # between names side by side
_PX_PER_POINT = _DPI / 72
_JPEG_OPTIONS = {"quality": 90, "subsampling": 0, "optimize": True}  # sharp edges of text and clay


class BookFigure(Figure):
    """A matplotlib figure that shows itself in any notebook, without a backend.

    Lines and bars are shown as PNG; images as JPEG, which takes a quarter of the space.
    """

    def __init__(self, *, width_px: int, height_px: int, holds_images: bool = False) -> None:
        """Make an empty white figure."""
        super().__init__(figsize=(width_px / _DPI, height_px / _DPI), dpi=_DPI, facecolor="white")
        self._holds_images = holds_images
        FigureCanvasAgg(self)

    def write(self, x_px: float, y_px: float, label: str, **style: Any) -> None:
        """Write text at a point given in pixels from the top left corner."""
        width_px, height_px = self.get_size_inches() * _DPI
        self.text(x_px / width_px, 1 - y_px / height_px, label, color=_INK, **style)

    def _repr_png_(self) -> bytes | None:
        # Without metadata, equal figures are equal bytes under every version of matplotlib.
        return None if self._holds_images else self._encode("png", metadata={"Software": None})

    def _repr_jpeg_(self) -> bytes | None:
        return self._encode("jpeg", pil_kwargs=_JPEG_OPTIONS) if self._holds_images else None

    def _encode(self, form: str, **options: Any) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format=form, **options)
        return stream.getvalue()


def image_table(
    rows: Mapping[str, ImageRow] | Sequence[ImageRow],
    *,
    column_labels: Sequence[str] | None = None,
    font_size: float = 15.0,
    min_px: int = 96,
) -> BookFigure:
    """Show images in rows and columns, pixel by pixel, with labels.

    Images below `min_px` are enlarged by a whole number, so that they can be seen and labelled.

    Args:
        rows: Rows of equally many images of equal size: float tensors [n, 3, h, w] in [-1, 1],
            uint8 arrays [n, h, w, 3], or lists of uint8 [h, w, 3]. The keys of a mapping become
            labels to the left of the rows; line breaks are kept.
        column_labels: One a column, above.
        font_size: Of the labels, in points.
        min_px: Least width of an image on the page.

    Raises:
        ValueError: No rows, rows of different shapes, or not one label a column.

    Example:
        >>> import sa_helpers as sa
        >>> models = sa.open_family("clay")
        >>> rows = {
        ...     name: sa.images_from_seeds(models[name].generator, [22, 23], truncation_psi=0.7)
        ...     for name in ("human", "dog")
        ... }
        >>> figure = sa.image_table(rows, column_labels=["seed 22", "seed 23"])
    """
    row_labels = list(rows) if isinstance(rows, Mapping) else []
    arrays = [_to_arrays(row) for row in _unlabelled(rows)]
    _check_table(arrays, column_labels)
    cells = _enlarge(np.concatenate(arrays), min_px=min_px)
    _, height, width, _ = cells.shape
    grid = make_grid(cells, num_columns=len(arrays[0]), padding_px=_GAP_PX)
    left = _margin_left_px(row_labels, font_size)
    top = _margin_top_px(column_labels or [], font_size)
    figure = BookFigure(
        width_px=left + grid.shape[1], height_px=top + grid.shape[0], holds_images=True
    )
    figure.figimage(grid, xo=left, yo=0, origin="upper")  # one to one, free of resampling
    for index, label in enumerate(row_labels):
        y_px = top + index * (height + _GAP_PX) + height / 2
        figure.write(left - 10.0, y_px, label, fontsize=font_size, ha="right", va="center")
    for index, label in enumerate(column_labels or []):
        x_px = left + index * (width + _GAP_PX) + width / 2
        figure.write(x_px, top - 5.0, label, fontsize=font_size, ha="center", va="bottom")
    return figure


def curves(
    series: Mapping[str, tuple[Sequence[float] | ndarray, Sequence[Estimate]]],
    *,
    x_label: str,
    y_label: str,
    is_x_logarithmic: bool = False,
) -> BookFigure:
    """Draw means as lines and their intervals as bands, from zero where nothing lies below.

    Args:
        series: Label to the values of x and one estimate for each.
        x_label: What x is, with its unit.
        y_label: What the estimates are, with the network that measured them.
        is_x_logarithmic: Space x by its logarithm, except between 0 and its smallest value.
    """
    figure = BookFigure(width_px=800, height_px=430)
    axes = _add_axes(figure, x_label, y_label)
    for index, (label, (x, estimates)) in enumerate(series.items()):
        low, mean, high = _columns(estimates)
        colour = COLOURS[index % len(COLOURS)]
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        marker = _MARKERS[index % len(_MARKERS)]
        axes.plot(x, mean, color=colour, marker=marker, linewidth=2, label=label)
    if is_x_logarithmic:
        values = sorted({float(value) for x, _ in series.values() for value in x})
        smallest = min(value for value in values if value > 0)
        axes.set_xscale("symlog", linthresh=smallest, linscale=0.4)
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.minorticks_off()
    if all(estimate.low >= 0 for _, estimates in series.values() for estimate in estimates):
        axes.set_ylim(bottom=0)
    _add_legend(figure)
    return figure


def bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[Estimate]],
    *,
    y_label: str,
    x_label: str = "",
) -> BookFigure:
    """Draw groups of bars with their intervals.

    Args:
        groups: Names below the groups, slanted where they would run into each other.
        series: Label to one estimate a group; each series has its colour and hatching.
        y_label: What the estimates are, with the network that measured them.
        x_label: What the groups are.
    """
    figure = BookFigure(width_px=800, height_px=400)
    axes = _add_axes(figure, x_label, y_label)
    width = 0.8 / len(series)
    for index, (label, estimates) in enumerate(series.items()):
        low, mean, high = _columns(estimates)
        x = np.arange(len(groups)) + (index - (len(series) - 1) / 2) * width
        axes.bar(
            x,
            mean,
            width * 0.92,
            color=COLOURS[index % len(COLOURS)],
            hatch=_HATCHES[index % len(_HATCHES)],
            edgecolor="white",
            yerr=[mean - low, high - mean],
            error_kw={"ecolor": _INK, "capsize": 4, "elinewidth": 1.5},
            label=label,
        )
    _name_columns(figure, axes, groups)
    _add_legend(figure)
    return figure


def heat_map(
    values: Float[ndarray, "rows columns"] | Integer[ndarray, "rows columns"],
    *,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    y_label: str,
    x_label: str,
    limits: tuple[float, float] | None = None,
    spec: str = "g",
    least_written: float = 0.0,
) -> BookFigure:
    """Draw a table of numbers as colours, with the larger numbers written into their cells.

    The paler, the nearer to zero; where there are numbers below zero these are orange, the others
    purple. What is not a number stays empty.

    Args:
        values: A count, a share or a correlation each.
        row_labels: One a row, from the top.
        column_labels: One a column; slanted where they would run into each other.
        y_label: What the rows are.
        x_label: What the columns are.
        limits: Values of the darkest colours, and the bar of colours ends in an arrow where there
            are values beyond; None takes 0, or as far below zero as above, to the largest value.
        spec: Format of the written numbers.
        least_written: Numbers of this size or smaller are not written; so zeros are blank.

    Raises:
        ValueError: Not one label for each row and column.
    """
    if values.shape != (len(row_labels), len(column_labels)):
        raise ValueError(
            f"There are {len(row_labels)} row labels and {len(column_labels)} column labels for "
            f"values of shape {values.shape}; expected one for each row and column."
        )
    figure = BookFigure(width_px=800, height_px=170 + 32 * len(row_labels))
    axes = _add_axes(figure, x_label, y_label)
    low, high = limits or _limits_of(values)
    colours = "PuOr" if low < 0 else "Blues"
    image = axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    axes.grid(visible=False)
    axes.set_yticks(range(len(row_labels)), row_labels)
    _write_numbers(axes, values, strongest=max(-low, high), spec=spec, least=least_written)
    ends = {(True, True): "both", (True, False): "min", (False, True): "max"}
    outside = (np.nanmin(values, initial=low) < low, np.nanmax(values, initial=high) > high)
    bar = figure.colorbar(image, ax=axes, pad=0.02, extend=ends.get(outside, "neither"))
    bar.ax.tick_params(labelsize=13, colors=_INK)
    _name_columns(figure, axes, column_labels)
    return figure


def _limits_of(values: ndarray) -> tuple[float, float]:
    """From zero, or from as far below as above, to the largest value."""
    largest = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    return (-largest if np.nanmin(values, initial=0.0) < 0 else 0.0), largest


def _write_numbers(
    axes: Axes, values: ndarray, *, strongest: float, spec: str, least: float
) -> None:
    for (row, column), value in np.ndenumerate(values):
        if abs(value) > least:  # NaN is not
            colour = "white" if abs(value) > 0.6 * strongest else _INK
            text = format(value, spec).replace("-", "\N{MINUS SIGN}")
            axes.text(column, row, text, ha="center", va="center", fontsize=11, color=colour)


def _name_columns(figure: Figure, axes: Axes, names: Sequence[str]) -> None:
    """Write names below the axes: level, or slanted where they would run into each other."""
    axes.set_xticks(range(len(names)), names)
    figure.draw_without_rendering()
    labels = axes.get_xticklabels()
    places = [label.get_window_extent() for label in labels]
    if any(b.x0 - a.x1 < _NAME_GAP_PX for a, b in pairwise(places)):
        for label in labels:
            label.set(rotation=40, ha="right", rotation_mode="anchor")


def _enlarge(
    cells: UInt8[ndarray, "images height width 3"], *, min_px: int
) -> UInt8[ndarray, "images cell_height cell_width 3"]:
    factor = -(-min_px // cells.shape[2])
    return cells.repeat(factor, axis=1).repeat(factor, axis=2)


def _unlabelled(rows: Mapping[str, ImageRow] | Sequence[ImageRow]) -> list[ImageRow]:
    return list(rows.values()) if isinstance(rows, Mapping) else list(rows)


def _to_arrays(row: ImageRow) -> UInt8[ndarray, "images height width 3"]:
    if isinstance(row, Tensor):
        return to_uint8(row)
    return row if isinstance(row, ndarray) else np.stack(list(row))


def _check_table(arrays: Sequence[ndarray], column_labels: Sequence[str] | None) -> None:
    shapes = [array.shape for array in arrays]
    if not shapes or len(set(shapes)) != 1:
        raise ValueError(
            f"The rows have shapes {shapes}; expected at least one, and all alike: the same number "
            "of images of the same size. Resize with sa_helpers.images.resize."
        )
    if column_labels is not None and len(column_labels) != shapes[0][0]:
        raise ValueError(
            f"There are {len(column_labels)} column labels for {shapes[0][0]} columns; "
            "expected one a column."
        )


def _margin_left_px(labels: Sequence[str], font_size: float) -> int:
    """Room for the longest line."""
    widest = _width_px(labels, font_size)
    return round(widest + 16) if widest else 0


def _width_px(labels: Sequence[str], font_size: float) -> float:
    """Width of the longest line of some labels."""
    lines = [line for label in labels for line in label.split("\n") if line.strip()]
    paths = [TextPath((0, 0), line, size=font_size) for line in lines]
    return max((path.get_extents().x1 for path in paths), default=0.0) * _PX_PER_POINT


def _margin_top_px(labels: Sequence[str], font_size: float) -> int:
    """Room for the label with the most lines."""
    num_lines = max((1 + label.count("\n") for label in labels), default=0)
    return round(1.3 * font_size * _PX_PER_POINT * num_lines + 5) if num_lines else 0


def _add_axes(figure: BookFigure, x_label: str, y_label: str) -> Axes:
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("white")
    axes.set_xlabel(x_label, fontsize=14, color=_INK)
    axes.set_ylabel(y_label, fontsize=14, color=_INK)
    axes.tick_params(labelsize=13, colors=_INK)
    axes.grid(axis="y", color="#dddddd")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def _add_legend(figure: BookFigure) -> None:
    """Put the legend above the axes, where it can hide nothing, in as many rows as it needs."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    room = figure.get_figwidth() * _DPI - 2 * _LEGEND_SIZE
    shown = [
        _wrapped(label, room - _LEGEND_KEY_EMS * _LEGEND_SIZE * _PX_PER_POINT) for label in labels
    ]
    most = len(shown) if len(shown) <= _MAX_LEGEND_COLUMNS else 3
    fitting = (n for n in range(most, 1, -1) if _legend_width_px(shown, num_columns=n) <= room)
    figure.legend(
        handles,
        shown,
        loc="outside upper center",
        ncols=next(fitting, 1),
        frameon=False,
        fontsize=_LEGEND_SIZE,
    )


def _legend_width_px(labels: Sequence[str], *, num_columns: int) -> float:
    """Width of a legend; matplotlib fills it column by column."""
    columns = np.array_split(np.array(labels, dtype=object), num_columns)
    texts = sum(_width_px(column.tolist(), _LEGEND_SIZE) for column in columns)
    return texts + num_columns * _LEGEND_KEY_EMS * _LEGEND_SIZE * _PX_PER_POINT


def _wrapped(label: str, room_px: float) -> str:
    """A label in lines that are no longer than the room."""
    width = _width_px([label], _LEGEND_SIZE)
    if width <= room_px:
        return label
    return textwrap.fill(label, int(0.9 * len(label) * room_px / width))


def _columns(estimates: Sequence[Estimate]) -> tuple[ndarray, ndarray, ndarray]:
    low, mean, high = np.array([(e.low, e.mean, e.high) for e in estimates], dtype=float).T
    return low, mean, high
