"""The pictures, by their pixels: what is drawn is what was given, and drawing touches nothing else."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from npseg.draw import colorize, comparison, labels, overlay, overlay_with_legend
from npseg.draw.training_curves import curves

COLORS = np.array([(10, 20, 30), (200, 100, 50), (0, 255, 0)], np.uint8)
CLASSES = ("sky", "road", "cat")
CREAM, RED = [224, 224, 192], [220, 20, 60]


def drawn(seed=0, size=(6, 8)):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    return image, rng.choice([0, 1, 2, 255], size).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_colorize_looks_up_every_pixel(dtype):
    labels = drawn()[1].astype(dtype)
    picture = colorize(labels, COLORS)
    assert (picture.dtype, picture.shape) == (np.uint8, (6, 8, 3))
    for place in np.ndindex(labels.shape):
        label = labels[place]
        assert picture[place].tolist() == (CREAM if label == 255 else COLORS[label].tolist())


def test_colorize_takes_another_colour_of_void():
    assert colorize(np.array([[255]]), COLORS, void_color=(1, 2, 3)).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("label", [3, 254, -1])
def test_a_label_without_a_colour_is_refused(label):
    with pytest.raises(ValueError, match=f"label {label} has no colour: there are 3 colours"):
        colorize(np.array([[0, label]]), COLORS)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_overlay_mixes_and_leaves_void_alone(alpha):
    image, labels = drawn()
    before = image.copy()
    picture = overlay(image, labels, COLORS, alpha=alpha)
    assert picture.dtype == np.uint8
    for place in np.ndindex(labels.shape):
        color = image[place] if labels[place] == 255 else COLORS[labels[place]]
        expected = (1 - alpha) * image[place].astype(float) + alpha * color.astype(float)
        assert np.abs(picture[place] - expected).max() <= 0.5 + 1e-9
    assert np.array_equal(image, before)


def test_image_and_labels_have_to_fit():
    image, labels = drawn()
    with pytest.raises(ValueError, match=r"image \(6, 8, 3\) and labels \(8, 6\) do not fit"):
        overlay(image, labels.T, COLORS)
    with pytest.raises(TypeError, match="image is float64; an array of whole numbers is needed"):
        overlay(image / 255, labels, COLORS)


def test_overlay_with_legend_keeps_every_pixel_and_shows_only_what_occurs():
    image, labels = drawn(size=(40, 300))
    labels[labels == 1] = 0
    page = np.asarray(overlay_with_legend(image, labels, CLASSES, COLORS))
    assert np.array_equal(page[:40], overlay(image, labels, COLORS))
    strip = {tuple(color) for color in page[40:].reshape(-1, 3).tolist()}
    assert tuple(COLORS[0]) in strip
    assert tuple(COLORS[2]) in strip
    assert tuple(COLORS[1]) not in strip


def test_the_legend_has_the_largest_class_first():
    labels = np.array([[0, 2, 2]], np.uint8).repeat(100, axis=1)
    page = np.asarray(overlay_with_legend(np.zeros((1, 300, 3), np.uint8), labels, CLASSES, COLORS))
    first = {k: np.argwhere((page[1:] == COLORS[k]).all(axis=2))[:, 1].min() for k in (0, 2)}
    assert first[2] < first[0]


def test_the_legend_breaks_its_lines_and_widens_a_narrow_page():
    image, labels = drawn(size=(30, 30))
    narrow = overlay_with_legend(image, labels, CLASSES, COLORS)
    wide = overlay_with_legend(np.zeros((30, 900, 3), np.uint8), np.tile(labels, 30), CLASSES, COLORS)
    assert wide.width == 900
    assert narrow.width > 30
    assert narrow.height > wide.height
    assert (np.asarray(narrow)[:, -1] == 255).all(), "no text runs off the page"


def shown(figure):
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


def test_comparison_shows_each_row_and_marks_the_errors():
    rows = [drawn(seed, size) for seed, size in enumerate([(6, 8), (9, 5)])]
    images, truths = zip(*rows)
    predictions = [np.where(t == 1, 0, np.where(t == 255, 2, t)) for t in truths]
    figure = comparison(images, truths, predictions, CLASSES, COLORS)
    panels = shown(figure)
    assert len(panels) == 8
    for row, (image, truth, prediction) in enumerate(zip(images, truths, predictions)):
        first, second, third, fourth = panels[4 * row : 4 * row + 4]
        assert np.array_equal(first, image)
        assert np.array_equal(second, colorize(truth, COLORS))
        assert np.array_equal(third, colorize(prediction, COLORS))
        assert (fourth[truth == 255] == CREAM).all()
        assert (fourth[truth == 1] == RED).all()
        right = fourth[(truth != 255) & (truth == prediction)]
        assert np.ptp(right, axis=1).max() == 0, "grey"
        assert right.min() >= 160, "pale"


def test_comparison_names_the_classes_that_occur_in_their_colours():
    image, _ = drawn()
    truth, prediction = np.zeros((6, 8), np.uint8), np.full((6, 8), 2)
    truth[0] = 255
    figure = comparison([image], [truth], [prediction], CLASSES, COLORS)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["sky", "cat", "void", "wrong"]
    patches = [np.rint(np.multiply(p.get_facecolor()[:3], 255)).tolist() for p in legend.get_patches()]
    assert patches == [[10, 20, 30], [0, 255, 0], CREAM, RED]


@pytest.mark.parametrize("classes", [3, 60])
def test_nothing_of_a_comparison_lies_outside_the_page_or_on_top_of_another(classes):
    image, _ = drawn(size=(30, 20))
    labels = (np.arange(600) % classes).reshape(30, 20)
    names, colors = [f"class number {k}" for k in range(classes)], np.zeros((classes, 3), np.uint8)
    figure = comparison([image] * 2, [labels] * 2, [labels] * 2, names, colors)
    figure.canvas.draw()
    (legend,) = figure.legends
    box, page = legend.get_window_extent(), figure.bbox
    assert page.x0 <= box.x0 < box.x1 <= page.x1
    assert page.y0 <= box.y0
    assert box.y1 <= min(axes.get_window_extent().y0 for axes in figure.axes) + 1
    for axes in figure.axes:
        panel = axes.get_window_extent()
        assert panel.height / panel.width == pytest.approx(30 / 20), "pixels are square"


def test_comparison_refuses_what_does_not_go_together():
    image, labels = drawn()
    with pytest.raises(ValueError, match="got 2 images, 1 truths, 1 predictions"):
        comparison([image, image], [labels], [labels], CLASSES, COLORS)
    with pytest.raises(ValueError, match="at least one image"):
        comparison([], [], [], CLASSES, COLORS)
    with pytest.raises(ValueError, match="2 names of classes and 3 colours"):
        comparison([image], [labels], [labels], CLASSES[:2], COLORS)


def test_labels_of_one_image_are_a_row_with_the_share_that_is_right():
    image, truth = drawn(size=(10, 10))
    truth[:] = 0
    truth[0] = 255
    prediction = truth.copy()
    prediction[:2, :9] = 2  # nine pixels of void, which do not count, and nine of ninety that do
    figure = labels(image, prediction, truth, classes=CLASSES, colors=COLORS)
    assert [axes.get_title() for axes in figure.axes] == [
        "image",
        "truth",
        "prediction: 90.0 % right",
        "errors: 10.0 % wrong",
    ]
    row = shown(comparison([image], [truth], [prediction], CLASSES, COLORS))
    assert all(np.array_equal(one, other) for one, other in zip(shown(figure), row, strict=True))


def test_labels_without_a_truth_lie_beside_the_image_and_over_it():
    image, prediction = drawn()
    figure = labels(image, prediction, classes=CLASSES, colors=COLORS)
    assert [axes.get_title() for axes in figure.axes] == ["image", "labels", "overlay"]
    for panel, picture in zip(
        shown(figure), (image, colorize(prediction, COLORS), overlay(image, prediction, COLORS)), strict=True
    ):
        assert np.array_equal(panel, picture)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*CLASSES, "void"]


def test_where_all_is_void_nothing_is_right_or_wrong():
    image, prediction = drawn()
    figure = labels(image, prediction, np.full((6, 8), 255), classes=CLASSES, colors=COLORS)
    assert [axes.get_title() for axes in figure.axes] == ["image", "truth", "prediction", "errors"]


def test_labels_refuse_what_does_not_go_together():
    image, prediction = drawn()
    with pytest.raises(ValueError, match=r"prediction \(8, 6\) do not fit"):
        labels(image, prediction.T, classes=CLASSES, colors=COLORS)
    with pytest.raises(ValueError, match="2 names of classes and 3 colours"):
        labels(image, prediction, classes=CLASSES[:2], colors=COLORS)
    with pytest.raises(ValueError, match=r"truth \(8, 6\) do not fit"):
        labels(image, prediction, prediction.T, classes=CLASSES, colors=COLORS)


HISTORY = [
    {"epoch": 1, "loss": 1.5, "pixel_accuracy": 0.5, "mean_iou": 0.2},
    {"epoch": 2, "loss": 1.0},
    {"epoch": 3, "loss": 0.7, "pixel_accuracy": 0.8, "mean_iou": 0.6},
    {"epoch": 4, "loss": float("nan"), "pixel_accuracy": 0.75, "mean_iou": 0.5},
]


def points(line):
    return np.stack(line.get_data(), axis=1).tolist()


def test_curves_go_through_what_is_known():
    left, right = curves(HISTORY).axes
    assert points(left.lines[0]) == [[1, 1.5], [2, 1.0], [3, 0.7]]
    assert points(right.lines[0]) == [[1, 50], [3, 80], [4, 75]]
    assert points(right.lines[2]) == [[1, 20], [3, 60], [4, 50]]


def test_curves_are_named_at_their_ends_in_their_colours():
    _, right = curves(HISTORY).axes
    assert [text.get_text() for text in right.texts] == ["pixel accuracy 75.0", "mean IoU 50.0"]
    assert [text.xy for text in right.texts] == [(4, 75), (4, 50)]
    assert to_rgb(right.texts[1].get_color()) == to_rgb(right.lines[2].get_color())


def test_a_ring_marks_the_best_mean_iou():
    _, right = curves(HISTORY).axes
    (ring,) = [line for line in right.lines if line.get_markerfacecolor() == "none"]
    assert points(ring) == [[3, 60]]


def test_the_ring_marks_what_best_npz_was_chosen_by():
    history = [HISTORY[0] | {"mean_iou_of_present": 0.7}, HISTORY[2] | {"mean_iou_of_present": 0.6}]
    _, right = curves(history).axes
    (ring,) = [line for line in right.lines if line.get_markerfacecolor() == "none"]
    assert points(ring) == [[1, 20]]


@pytest.mark.parametrize("history", [HISTORY[:1], HISTORY[1:2], [{"epoch": 0, "loss": None}]])
def test_short_histories_can_be_drawn(history):
    canvas = curves(history).canvas
    canvas.draw()
    assert len(np.unique(np.asarray(canvas.buffer_rgba()))) > 2


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match="history is empty"):
        curves([])


def test_drawing_needs_no_pyplot_and_training_no_drawing():
    code = (
        "import sys, npseg.draw.comparisons, npseg.draw.training_curves; assert 'matplotlib.pyplot' not in sys.modules",
        "import sys, npseg.training.checkpoints, npseg.training.metrics, npseg.training.optimizers;"
        "assert 'matplotlib' not in sys.modules and 'npseg.draw' not in sys.modules",
    )
    for line in code:
        subprocess.run([sys.executable, "-c", line], check=True)
