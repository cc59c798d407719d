"""The pictures: each argument in turn is replaced by what nobody should give."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
from refusals import unnamed_refusals

from npseg import draw, explain, layers, room

RNG = np.random.default_rng(0)
IMAGE, LABELS = RNG.integers(0, 256, (4, 5, 3), np.uint8), RNG.integers(0, 2, (4, 5), np.uint8)
CLASSES, COLORS = ["sky", "cat"], np.array([[0, 90, 200], [220, 120, 0]], np.uint8)
NETWORK = layers.Conv(3, 2, 3, padding=1, rng=RNG)
PLANE, KERNEL = np.arange(16.0).reshape(4, 4), np.arange(4.0).reshape(2, 2)
INDICES = np.array([[0, 3], [8, 15]])
EPOCH = {"epoch": 1, "loss": 0.5, "pixel_accuracy": 0.9, "mean_iou": 0.4}
WALK = draw.steps("conv", PLANE, KERNEL)


def sheet(title="a page", name="a", most=None, alpha=0.5, columns=5, image=IMAGE, labels=LABELS, classes=CLASSES, colors=COLORS):
    page = draw.ContactSheet(title, classes, colors, most=most, alpha=alpha)
    page.add(name, image, labels)
    return page.page(columns=columns)


def a_point(epoch, loss, pixel_accuracy, mean_iou):
    return draw.curves([EPOCH, {"epoch": epoch, "loss": loss, "pixel_accuracy": pixel_accuracy, "mean_iou": mean_iou}])


#: A sound call of each, and the arguments that are replaced; after a comma, which part of an argument or which pass.
LOOKS = {"image": IMAGE, "labels": LABELS, "colors": COLORS}
MANY = {"images": [IMAGE], "truths": [LABELS], "predictions": [LABELS], "classes": CLASSES, "colors": COLORS}
FIELD = {"network": NETWORK, "size": 5, "unit": 2, "layer": None, "channels": 3, "draws": 1, "seed": 0}
STAMPS = {"size": (3, 3), "kernel_size": 3, "stride": 2, "padding": 0, "output_padding": 0, "dilation": 1}
SLIDE = {"x": PLANE, "w": KERNEL, "stride": 1, "padding": 0, "dilation": 1}
POOL = {"x": PLANE, "kernel_size": 2, "stride": 2, "padding": 0, "ceil_mode": False}
COLUMNS = {"cols": np.ones((4, 9)), "size": (4, 4), "kernel_size": 2, "stride": 1, "padding": 0, "dilation": 1}
PASSES = {
    "conv": SLIDE | {"b": None, "groups": 1},
    "conv_transpose": SLIDE | {"b": [1.0], "output_padding": 0, "output_size": 5},
    "im2col": {"x": PLANE, "kernel_size": 2, "stride": 1, "padding": 0, "dilation": 1},
    "max_pool": POOL | {"dilation": 1},
    "avg_pool": POOL | {"count_include_pad": True, "divisor_override": None},
    "max_unpool": {"x": KERNEL, "indices": INDICES, "kernel_size": 2, "stride": 2, "padding": 0, "output_size": 4},
    "nearest_unpool": {"x": KERNEL, "scale": 2},
    "bed_of_nails_unpool": {"x": KERNEL, "scale": 2},
    "resize_bilinear": {"x": KERNEL, "size": 4, "align_corners": False},
    "conv_backward": SLIDE | {"dout": np.ones((3, 3)), "wrt": "w"},
    "max_pool_backward": POOL | {"dout": KERNEL},
}
EXPLAINED = {"input_size": (4, 4), "channels": 1, "filters": 1, "symbols": False, "view": None, "kernel": 2, "stride": 1}
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
        lambda images, maps, classes: draw.side_by_side([images], {"truth": [maps]}, ["sky", classes], COLORS),
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
    "receptive_field": (draw.receptive_field, FIELD),
    "overlap": (draw.overlap, STAMPS),
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
        {"operation": "conv_backward", "input_size": (4,), "kernel": 2, "padding": 0, "wrt": "w", "symbols": True},
    ),
    "explain, max_unpool": (
        explain.explain,
        {"operation": "max_unpool", "input_size": (2, 2), "channels": 1, "kernel": 2, "stride": 2, "output_size": 4},
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
    **{
        f"steps, {operation}": (partial(draw.steps, operation), given)
        for operation, given in PASSES.items()
    },
}
