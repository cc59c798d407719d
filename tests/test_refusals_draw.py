"""The pictures: what is refused and in which words, and that what is given stays as it is.

Each argument in turn is replaced by what nobody should give: the call goes well, or names the argument.
"""

import io
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from refusals import assert_refused_by_name, assert_says
from spoilt import spoilt, unnamed_refusal

from npseg import draw, explain, layers, room

RNG = np.random.default_rng(0)
IMAGE, LABELS = RNG.integers(0, 256, (4, 5, 3), np.uint8), RNG.integers(0, 2, (4, 5), np.uint8)
CLASSES, COLORS = ["sky", "cat"], np.array([[0, 90, 200], [220, 120, 0]], np.uint8)
NETWORK = layers.Conv(3, 2, 3, padding=1, rng=RNG)
PLANE, KERNEL = np.arange(16.0).reshape(4, 4), np.arange(4.0).reshape(2, 2)
INDICES = np.array([[0, 3], [8, 15]])
EPOCH = {"epoch": 1, "loss": 0.5, "pixel_accuracy": 0.9, "mean_iou": 0.4}
WALK = draw.steps("conv", PLANE, KERNEL)


def sheet(
    title="a page",
    name="a",
    most=None,
    alpha=0.5,
    columns=5,
    image=IMAGE,
    labels=LABELS,
    classes=CLASSES,
    colors=COLORS,
):
    page = draw.ContactSheet(title, classes, colors, most=most, alpha=alpha)
    page.add(name, image, labels)
    return page.page(columns=columns)


def a_point(epoch, loss, pixel_accuracy, mean_iou):
    return draw.curves(
        [EPOCH, {"epoch": epoch, "loss": loss, "pixel_accuracy": pixel_accuracy, "mean_iou": mean_iou}]
    )


#: A sound call of each, and the arguments that are replaced; after a comma, which part of an argument or which pass.
LOOKS = {"image": IMAGE, "labels": LABELS, "colors": COLORS}
MANY = {"images": [IMAGE], "truths": [LABELS], "predictions": [LABELS], "classes": CLASSES, "colors": COLORS}
FIELD = {"network": NETWORK, "size": 5, "unit": 2, "layer": None, "channels": 3, "draws": 1, "seed": 0}
STAMPS = {"size": (3, 3), "kernel_size": 3, "stride": 2, "padding": 0, "output_padding": 0, "dilation": 1}
SLIDE = {"x": PLANE, "w": KERNEL, "stride": 1, "padding": 0, "dilation": 1}
POOL = {"x": PLANE, "kernel_size": 2, "stride": 2, "padding": 0, "ceil_mode": False}
COLUMNS = {
    "cols": np.ones((4, 9)),
    "size": (4, 4),
    "kernel_size": 2,
    "stride": 1,
    "padding": 0,
    "dilation": 1,
}
PASSES = {
    "conv": SLIDE | {"b": None, "groups": 1},
    "conv_transpose": SLIDE | {"b": [1.0], "output_padding": 0, "output_size": 5},
    "im2col": {"x": PLANE, "kernel_size": 2, "stride": 1, "padding": 0, "dilation": 1},
    "max_pool": POOL | {"dilation": 1},
    "avg_pool": POOL | {"count_include_pad": True, "divisor_override": None},
    "max_unpool": {
        "x": KERNEL,
        "indices": INDICES,
        "kernel_size": 2,
        "stride": 2,
        "padding": 0,
        "output_size": 4,
    },
    "nearest_unpool": {"x": KERNEL, "scale": 2},
    "bed_of_nails_unpool": {"x": KERNEL, "scale": 2},
    "resize_bilinear": {"x": KERNEL, "size": 4, "align_corners": False},
    "conv_backward": SLIDE | {"dout": np.ones((3, 3)), "wrt": "w"},
    "max_pool_backward": POOL | {"dout": KERNEL},
}
EXPLAINED = {
    "input_size": (4, 4),
    "channels": 1,
    "filters": 1,
    "symbols": False,
    "view": None,
    "kernel": 2,
    "stride": 1,
}
CALLS = {
    "colorize": (draw.colorize, {"labels": LABELS, "colors": COLORS, "void_color": (1, 2, 3)}),
    "overlay": (draw.overlay, LOOKS | {"alpha": 0.5}),
    "overlay_with_legend": (draw.overlay_with_legend, LOOKS | {"classes": CLASSES, "alpha": 0.5}),
    "overlay_with_legend, a name": (
        lambda classes: draw.overlay_with_legend(IMAGE, LABELS, ["sky", classes], COLORS),
        {"classes": "cat"},
    ),
    "comparison": (draw.comparison, MANY | {"captions": ["one"]}),
    "comparison, of one": (
        lambda images, truths, predictions, classes, captions: draw.comparison(
            [images], [truths], [predictions], ["sky", classes], COLORS, captions=[captions]
        ),
        {"images": IMAGE, "truths": LABELS, "predictions": LABELS, "classes": "cat", "captions": "one"},
    ),
    "labels": (
        draw.labels,
        {"image": IMAGE, "prediction": LABELS, "truth": LABELS, "classes": CLASSES, "colors": COLORS},
    ),
    "labels, without the truth": (
        draw.labels,
        {"image": IMAGE, "prediction": LABELS, "classes": CLASSES, "colors": COLORS},
    ),
    "side_by_side": (
        draw.side_by_side,
        {"images": [IMAGE], "maps": {"truth": [LABELS]}, "classes": CLASSES, "colors": COLORS},
    ),
    "side_by_side, of one": (
        lambda images, maps, classes: draw.side_by_side(
            [images], {"truth": [maps]}, ["sky", classes], COLORS
        ),
        {"images": IMAGE, "maps": LABELS, "classes": "cat"},
    ),
    "side_by_side, a row": (
        lambda maps: draw.side_by_side([IMAGE], {"truth": maps}, CLASSES, COLORS),
        {"maps": [LABELS]},
    ),
    "confusion": (draw.confusion, {"matrix": np.array([[3, 1], [2, 4]]), "classes": CLASSES}),
    "confusion, of one": (
        lambda matrix, classes: draw.confusion([[matrix]], [classes]),
        {"matrix": 3, "classes": "cat"},
    ),
    "curves": (draw.curves, {"history": [EPOCH]}),
    "curves, of one": (lambda history: draw.curves([EPOCH, history]), {"history": EPOCH}),
    "curves, a point": (a_point, {"epoch": 2, "loss": 0.5, "pixel_accuracy": 0.5, "mean_iou": 0.5}),
    "ContactSheet": (
        sheet,
        LOOKS | {"title": "a page", "classes": CLASSES, "most": 2, "alpha": 0.5, "name": "a", "columns": 5},
    ),
    "field_of": (draw.field_of, FIELD),
    "receptive_field": (draw.receptive_field, {"network": NETWORK, "size": 5, "seed": 0}),
    "overlap": (partial(draw.overlap, stride=2), {"size": (3, 3), "kernel_size": 3}),
    "overlap_counts": (draw.overlap_counts, STAMPS),
    "steps": (draw.steps, {"operation": "conv", "x": PLANE, "w": KERNEL, "view": None}),
    "Steps": (lambda drawing, view: draw.Steps(drawing, view), {"drawing": WALK.drawing, "view": "gather"}),
    "Steps, view": (lambda view: WALK.view(view), {"view": "matrix"}),
    "Steps, still": (WALK.still, {"step": 0}),
    "Steps, filmstrip": (WALK.filmstrip, {"columns": 2}),
    "matrix": (draw.matrix, {"operation": "conv", "x": PLANE, "w": KERNEL}),
    "explain": (explain.explain, {"operation": "conv"} | EXPLAINED),
    "explain, a backward": (
        explain.explain,
        {
            "operation": "conv_backward",
            "input_size": (4,),
            "kernel": 2,
            "padding": 0,
            "wrt": "w",
            "symbols": True,
        },
    ),
    "explain, max_unpool": (
        explain.explain,
        {
            "operation": "max_unpool",
            "input_size": (2, 2),
            "channels": 1,
            "kernel": 2,
            "stride": 2,
            "output_size": 4,
        },
    ),
    "explain, col2im": (
        explain.explain,
        {"operation": "col2im", "input_size": (4, 4), "channels": 1, "kernel": 2, "dilation": 1},
    ),
    "explain, nearest_unpool": (
        explain.explain,
        {"operation": "nearest_unpool", "input_size": (2, 2), "scale": 2},
    ),
    "steps, col2im": (lambda cols, **given: draw.steps("col2im", cols, **given), COLUMNS),
    **{f"steps, {operation}": (partial(draw.steps, operation), given) for operation, given in PASSES.items()},
}

#: Public names that are in no table, and why.
ELSEWHERE = {"Field": "a record, which field_of fills in"}

#: Mistakes, and what is said to them.
MESSAGES = [
    (
        lambda: draw.colorize(LABELS, [(0, 0, 0)]),
        ValueError,
        "label 1 has no colour: there are 1 colours, and 255 is void",
    ),
    (lambda: draw.colorize(LABELS, COLORS / 2), ValueError, "whole numbers of shape (classes, 3) are needed"),
    (
        lambda: draw.colorize(LABELS, COLORS, void_color=(1, 2)),
        ValueError,
        "void_color are [(1, 2)]; whole numbers",
    ),
    (
        lambda: draw.colorize(LABELS, COLORS, void_color=(1, 2, 256)),
        ValueError,
        "whole numbers from 0 to 255 are needed",
    ),
    (
        lambda: draw.overlay(IMAGE, LABELS.T, COLORS),
        ValueError,
        "overlay: image (4, 5, 3) and labels (5, 4) do not fit: needed are (H, W, 3) and (H, W)",
    ),
    (
        lambda: draw.overlay(IMAGE.astype(int), LABELS, COLORS),
        TypeError,
        "overlay: image must hold uint8, 0 to 255, not int64; before normalising it does",
    ),
    (
        lambda: draw.overlay(IMAGE[:0], LABELS[:0], COLORS),
        ValueError,
        "overlay: image (0, 5, 3) has no pixels; one at least is needed",
    ),
    (
        lambda: draw.overlay_with_legend(IMAGE, LABELS, "sc", COLORS),
        TypeError,
        "legend: classes is 'sc', a str; a list of strings is needed",
    ),
    (
        lambda: draw.comparison(IMAGE, [LABELS], [LABELS], CLASSES, COLORS),
        ValueError,
        "got 4 images, 1 truths, 1 predictions",
    ),
    (
        lambda: draw.comparison([IMAGE], [LABELS], [LABELS * 1.0], CLASSES, COLORS),
        TypeError,
        "comparison: predictions[0] is float64; an array of whole numbers is needed: predictions[0].astype('uint8')",
    ),
    (
        lambda: draw.comparison([IMAGE], [LABELS], [LABELS], CLASSES, COLORS, captions=["one", "two"]),
        ValueError,
        "comparison: 2 captions for 1 images; one each is needed",
    ),
    (
        lambda: draw.side_by_side([IMAGE, IMAGE[:3]], {"truth": [LABELS, LABELS[:3]]}, CLASSES, COLORS),
        ValueError,
        "side_by_side: images[1] is (3, 5, 3) and images[0] (4, 5, 3); one size is needed",
    ),
    (
        lambda: draw.side_by_side([IMAGE], [LABELS], CLASSES, COLORS),
        TypeError,
        "a list; a dict of names and lists of label maps is needed",
    ),
    (
        lambda: draw.side_by_side([IMAGE], {}, CLASSES, COLORS),
        ValueError,
        "side_by_side: maps is empty; the truth",
    ),
    (
        lambda: draw.confusion([[3, 1], [2, -4]], CLASSES),
        ValueError,
        "confusion: matrix=[[3, 1], [2, -4]]; an array of counts, 0 or more, is needed",
    ),
    (
        lambda: draw.confusion(np.eye(3), CLASSES),
        ValueError,
        "confusion: the matrix is (3, 3), and there are 2 names of classes",
    ),
    (
        lambda: draw.curves([EPOCH | {"mean_iou": 43}]),
        ValueError,
        "curves: history[0]['mean_iou']=43 must lie between 0 and 1",
    ),
    (lambda: draw.curves([{"loss": 1.0}]), TypeError, "curves: history[0]['epoch']=None is not a number"),
    (
        lambda: sheet(labels=LABELS.astype(int) + 256),
        ValueError,
        "has no colour: there are 2 colours, and 255 is void",
    ),
    (lambda: sheet(columns=0), ValueError, "contact sheet: columns=0 must be at least 1"),
    (lambda: sheet(most=0), ValueError, "contact sheet: most=0 must be at least 1"),
    (
        lambda: draw.field_of(NETWORK, 5, draws=10**6),
        ValueError,
        "receptive_field: draws=1000000 must be at most 10000",
    ),
    (
        lambda: draw.field_of(NETWORK, 10**6),
        ValueError,
        "receptive_field: an image of size=1000000 with channels=3, 1x3x1000000x1000000, would take 22,351.7 GiB",
    ),
    (
        lambda: draw.overlap_counts((10**6, 10**6), 3, stride=2),
        ValueError,
        "overlap: the counts of size=(1000000, 1000000) by stride=2, 2000001x2000001, would take",
    ),
    (
        lambda: draw.overlap_counts(10, 10**6, stride=2),
        ValueError,
        "overlap: the places of all stamps of kernel_size=1000000, 1000000x2000001, would take",
    ),
    (
        lambda: draw.overlap(1000, 3, stride=2),
        ValueError,
        "overlap: the output of size=1000, 2001, is too large to draw (at most 1000 pixels on an axis)",
    ),
    (
        lambda: draw.steps("conv", PLANE, KERNEL, view="rows"),
        ValueError,
        "conv: view='rows'; choose one of 'gather', ",
    ),
    (
        lambda: draw.steps("max_unpool", KERNEL, indices=[[0, 3], [8, 1.5]], kernel_size=2),
        ValueError,
        "steps: indices=[[0, 3], [8, 1.5]]; whole numbers, places in the output plane, are needed",
    ),
    (
        lambda: draw.steps("conv", np.broadcast_to(np.float32(1), (1, 1, 10**9)), KERNEL),
        ValueError,
        "steps: 1000000000 cells of x are too many to step through (at most 4000000)",
    ),
    (
        lambda: draw.steps("resize_bilinear", KERNEL, size=(1100, 1100)),
        ValueError,
        "steps: 4840000 products are too many to step through",
    ),
    (
        lambda: draw.Steps("conv", "gather"),
        TypeError,
        "Steps: drawing is 'conv', a str; what npseg.draw.steps has made is needed",
    ),
    (lambda: WALK.still(1.5), TypeError, "still: step=1.5 is not a whole number"),
    (
        lambda: WALK.save(None),
        TypeError,
        "save: path is None, a NoneType; the path of a file or a folder is needed",
    ),
    (lambda: explain.explain("conv", (4, 4)), ValueError, "conv needs --kernel"),
    (
        lambda: explain.explain("max_unpool", (2, 2), kernel=2, output_size=9),
        ValueError,
        "explain: output_size=9x9 is pooled to 4x4 by this kernel and stride, and input_size is 2x2",
    ),
]


@pytest.fixture(autouse=True)
def _little_room(monkeypatch):
    monkeypatch.setattr(room, "memory", lambda: 2**24)
    yield
    plt.close("all")


@pytest.mark.parametrize("name", CALLS)
def test_each_argument_in_turn_is_refused_by_name(name):
    assert_refused_by_name(name, *CALLS[name])


@given(spoilt(CALLS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_other_arrays_go_well_or_are_refused_by_name(call):
    assert not unnamed_refusal(CALLS, *call)


@pytest.mark.parametrize(("call", "kind", "message"), MESSAGES)
def test_what_is_said(call, kind, message):
    assert_says(call, kind, message)


def test_every_picture_is_in_the_table():
    assert set(draw.__all__) == {name.partition(",")[0] for name in CALLS} - {"explain"} | ELSEWHERE.keys()


@pytest.mark.parametrize("name", CALLS)
def test_arrays_may_be_of_any_layout_and_are_left_as_they_are(name):
    function, sound = CALLS[name]
    given = {argument: strided(value) for argument, value in sound.items()}
    function(**given)
    for argument, value in given.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, sound[argument])


def strided(value):
    """Make arrays read-only, with gaps between their columns and from bottom to top."""
    if isinstance(value, list):
        return [strided(one) for one in value]
    if not isinstance(value, np.ndarray):
        return value
    spread = np.repeat(value[::-1], 2, axis=1)[::-1, ::2]
    spread.flags.writeable = False
    return spread


@pytest.mark.parametrize("name", [r"$\frac$", "a$b$c", "line\nfeed", "nothing\x00", "no text \udcff"])
def test_names_are_written_as_they_are_whatever_is_in_them(name):
    classes = ["sky", name]
    page = draw.ContactSheet(name, classes, COLORS)
    page.add(name, IMAGE, LABELS)
    assert page.page().width >= draw.overlay_with_legend(IMAGE, LABELS, classes, COLORS).width
    for figure in (
        draw.confusion(np.eye(2), classes),
        draw.comparison([IMAGE], [LABELS], [LABELS], classes, COLORS, captions=[name]),
        draw.side_by_side([IMAGE], {name: [LABELS]}, classes, COLORS),
    ):
        file = io.BytesIO()
        figure.savefig(file)
        assert file.getvalue()


def test_symbols_are_printable():
    with pytest.raises(TypeError, match="steps: x holds 'a\\\\nb'; numbers or symbols"):
        draw.steps("conv", ["a\nb", "c"], ["x"])
    draw.steps("conv", [r"$\frac$", "c"], ["x"]).still().savefig(io.BytesIO())
