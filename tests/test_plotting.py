import io
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from sa_helpers import plotting
from sa_helpers.images import to_uint8
from sa_helpers.intervals import Estimate


def pixels(figure, tmp_path):
    path = tmp_path / "figure.png"
    figure.savefig(path)
    with Image.open(path) as image:
        return np.array(image)


@pytest.fixture
def images():
    return torch.rand(3, 3, 96, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def estimates():
    return [Estimate(mean, mean - 0.1, mean + 0.1, 8) for mean in (0.2, 0.4, 0.8)]


def test_image_table_shows_every_pixel_unchanged(images, tmp_path):
    rows = {"parent": images, "child": -images}
    figure = plotting.image_table(rows, column_labels=["0", "1", "2"])
    shown = pixels(figure, tmp_path)
    # The table's last image stands in the lower right corner.
    np.testing.assert_array_equal(shown[-96:, -96:, :3], to_uint8(-images)[2])
    np.testing.assert_array_equal(shown[-196:-100, -96:, :3], to_uint8(images)[2])


def test_image_table_without_labels_is_only_the_images(images, tmp_path):
    shown = pixels(plotting.image_table([images]), tmp_path)
    assert shown.shape[:2] == (96, 3 * 96 + 2 * 4)


def test_small_images_are_enlarged_by_a_whole_number(images, tmp_path):
    small = images[:, :, :40, :40]
    shown = pixels(plotting.image_table([small]), tmp_path)
    assert shown.shape[:2] == (120, 3 * 120 + 2 * 4)
    np.testing.assert_array_equal(shown[1:120:3, 1:120:3, :3], to_uint8(small)[0])
    assert pixels(plotting.image_table([small], min_px=40), tmp_path).shape[:2] == (40, 128)


def test_rows_may_be_tensors_arrays_or_lists(images, tmp_path):
    arrays = to_uint8(images)
    shown = [
        pixels(plotting.image_table([row]), tmp_path) for row in (images, arrays, list(arrays))
    ]
    np.testing.assert_array_equal(shown[0], shown[1])
    np.testing.assert_array_equal(shown[0], shown[2])


def test_figures_are_opaque_and_white_and_repeatable(images, estimates, tmp_path):
    figures = [
        plotting.image_table({"parent": images}),
        plotting.curves({"dog": ([0.0, 2.0, 8.0], estimates)}, x_label="kimg", y_label="d"),
        plotting.bars(["a", "b", "c"], {"dog": estimates}, y_label="distance"),
    ]
    for figure in figures:
        shown = pixels(figure, tmp_path)
        assert (shown[..., 3:] == 255).all()
        assert (shown[0, 0, :3] == 255).all()
        assert shown_form(figure) == shown_form(figure)


def shown_form(figure) -> tuple[str, bytes]:
    """The one form in which a notebook shows a figure."""
    png, jpeg = figure._repr_png_(), figure._repr_jpeg_()
    assert (png is None) != (jpeg is None)
    return ("jpeg", jpeg) if png is None else ("png", png)


def test_images_are_shown_as_jpeg_close_to_every_pixel_and_plots_as_png(estimates, tmp_path):
    smooth = torch.linspace(-1, 1, 96).expand(2, 3, 96, 96)
    table = plotting.image_table([smooth])
    form, content = shown_form(table)
    with Image.open(io.BytesIO(content)) as image:
        assert (form, image.format) == ("jpeg", "JPEG")
        difference = np.array(image).astype(int) - pixels(table, tmp_path)[..., :3]
    assert np.abs(difference).mean() < 1.5
    form, content = shown_form(plotting.bars(["a", "b", "c"], {"dog": estimates}, y_label="d"))
    assert form == "png"
    assert content.startswith(b"\x89PNG")


@pytest.mark.parametrize("label", ["mmmmWWWW", "iiii", "a label that is longer\nthan others"])
def test_labels_fill_their_margin_and_stay_inside(images, tmp_path, label):
    shown = pixels(plotting.image_table({label: images}), tmp_path)
    margin = shown[:, : -(3 * 96 + 2 * 4), :3]
    inked = np.flatnonzero((margin < 255).any(axis=(0, 2)))
    assert inked[0] >= 2, "the label touches the left edge"
    assert inked[0] <= 12, "the margin is wider than the label needs"
    assert inked[-1] < margin.shape[1] - 4, "the label touches the images"


def test_curves_draw_means_and_intervals(estimates):
    series = {"toon": ([0.0, 2.0, 8.0], estimates), "dog": ([0.0, 1.0, 3.0], estimates[::-1])}
    figure = plotting.curves(series, x_label="kimg", y_label="d")
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["toon", "dog"]
    np.testing.assert_allclose(axes.lines[1].get_xdata(), [0, 1, 3])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0.8, 0.4, 0.2])
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.1)
    assert band[:, 1].max() == pytest.approx(0.9)
    assert axes.get_xlabel() == "kimg"


def test_curves_begin_at_zero_unless_something_lies_below(estimates):
    for lows, bottom in (((0.1, 0.2), 0.0), ((-0.3, 0.2), None)):
        shown = [Estimate(low + 0.1, low, low + 0.2, 5) for low in lows]
        figure = plotting.curves({"r": ([0.0, 1.0], shown)}, x_label="kimg", y_label="d")
        (axes,) = figure.axes
        seen = axes.get_ylim()[0]
        assert seen == bottom if bottom is not None else seen < -0.3


def test_logarithmic_curves_keep_the_parent_at_zero(estimates):
    series = {"dog": ([0.0, 2.0, 8.0], estimates)}
    figure = plotting.curves(series, x_label="kimg", y_label="d", is_x_logarithmic=True)
    (axes,) = figure.axes
    places = axes.transData.transform([(x, 0.2) for x in (0, 2, 8)])[:, 0]
    assert places[0] < places[1] < places[2]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "2", "8"]


LONG_NAME = "a child that was trained on few images, with augmentation"


@pytest.mark.parametrize(
    ("names", "num_rows"),
    [
        (["toon", "dog"], 1),
        (["toon", "a child that saw few images", "dog", "a child that saw many images"], 2),
        ([LONG_NAME + " and a frozen discriminator", LONG_NAME, "dog"], 3),
        ([f"{LONG_NAME}, {LONG_NAME}"], 1),
    ],
)
def test_a_legend_is_wrapped_where_it_is_wider_than_the_figure(estimates, names, num_rows):
    series = {name: ([0.0, 2.0, 8.0], estimates) for name in names}
    figure = plotting.curves(series, x_label="kimg", y_label="d")
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= 800
    tops = sorted(text.get_window_extent().y1 for text in legend.get_texts())
    assert 1 + sum(b - a > 5 for a, b in pairwise(tops)) == num_rows


def test_a_heat_map_writes_what_is_large_and_leaves_zeros_and_gaps_blank():
    values = np.array([[0.9, 0.0], [-0.5, 0.1], [np.nan, 0.3]])
    figure = plotting.heat_map(
        values,
        row_labels=["yaw", "hair", "beard"],
        column_labels=["yaw", "ears"],
        y_label="of the parent",
        x_label="of the child",
        spec=".1f",
        least_written=0.1,
    )
    axes = figure.axes[0]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "0.9", (0, 1): "\N{MINUS SIGN}0.5", (1, 2): "0.3"}
    assert axes.images[0].get_clim() == (-0.9, 0.9)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["yaw", "hair", "beard"]


def test_a_heat_map_of_counts_begins_at_zero_and_one_of_nothing_is_drawn():
    labels = {"row_labels": ["ear"], "column_labels": ["ear"], "y_label": "", "x_label": ""}
    for count, high in ((12, 12), (0, 1)):
        figure = plotting.heat_map(np.array([[count]]), **labels)
        assert figure.axes[0].images[0].get_clim() == (0, high)
        assert [text.get_text() for text in figure.axes[0].texts] == ["12"] * (count > 0)


def test_a_heat_map_without_a_label_for_each_row_is_refused():
    with pytest.raises(ValueError, match="1 row labels"):
        plotting.heat_map(
            np.zeros((2, 1)), row_labels=["a"], column_labels=["b"], y_label="", x_label=""
        )


def test_bars_stand_side_by_side_with_their_means(estimates):
    series = {"toon": estimates, "dog": estimates[::-1]}
    figure = plotting.bars(["a", "b", "c"], series, y_label="d")
    (axes,) = figure.axes
    boxes = sorted((bar.get_x(), bar.get_width(), bar.get_height()) for bar in axes.patches)
    assert [height for _, _, height in boxes] == pytest.approx([0.2, 0.8, 0.4, 0.4, 0.8, 0.2])
    for (left, width, _), (next_left, *_) in pairwise(boxes):
        assert left + width <= next_left


@pytest.mark.parametrize(
    ("names", "angle"),
    [
        (["human", "toon", "dog"], 0),
        ([f"model {i}" for i in range(20)], 40),
        (["human_right", "human_flipped", "parent, other images", "human_unrelated"], 40),
    ],
)
def test_names_below_bars_are_slanted_where_they_would_touch(estimates, names, angle):
    series = {"toon": [estimates[0]] * len(names)}
    figure = plotting.bars(names, series, y_label="d")
    labels = figure.axes[0].get_xticklabels()
    assert {label.get_rotation() for label in labels} == {angle}


@pytest.mark.parametrize(
    ("limits", "ends"), [((0, 9), "neither"), ((0, 4), "max"), ((2, 9), "min"), ((2, 4), "both")]
)
def test_a_heat_map_says_that_values_lie_beyond_its_limits(limits, ends):
    names = {"row_labels": ["a"], "column_labels": ["b", "c"], "y_label": "d", "x_label": "e"}
    figure = plotting.heat_map(np.array([[1, 8]]), limits=limits, **names)
    assert figure.axes[0].images[0].colorbar.extend == ends


def test_rows_of_different_shapes_are_refused(images):
    with pytest.raises(ValueError, match="all alike"):
        plotting.image_table([images, images[:2]])
    with pytest.raises(ValueError, match="at least one"):
        plotting.image_table([])


def test_missing_column_labels_are_refused(images):
    with pytest.raises(ValueError, match="2 column labels for 3 columns"):
        plotting.image_table([images], column_labels=["a", "b"])


@pytest.mark.slow
def test_figures_are_made_without_pyplot():
    code = (
        "import sys; from sa_helpers.plotting import BookFigure;"
        "BookFigure(width_px=8, height_px=8)._repr_png_();"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
