"""The confusion matrix against a loop over the pixels, the figures against the paper's definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from npseg.training.metrics import Metrics, confusion_matrix, metrics, report


def counted_by_hand(labels, prediction, classes):
    matrix = [[0] * classes for _ in range(classes)]
    for place in np.ndindex(labels.shape):
        if labels[place] != 255:
            matrix[labels[place]][prediction[place]] += 1
    return matrix


def figures_by_hand(matrix):
    n = len(matrix)
    truth = [sum(row) for row in matrix]
    given_ = [sum(matrix[i][j] for i in range(n)) for j in range(n)]
    union = [truth[k] + given_[k] - matrix[k][k] for k in range(n)]
    iou = [matrix[k][k] / union[k] if union[k] else math.nan for k in range(n)]
    occurring = [value for value in iou if not math.isnan(value)]
    present = [k for k in range(n) if truth[k]]
    return (
        sum(matrix[k][k] for k in range(n)) / sum(truth),
        sum(matrix[k][k] / truth[k] for k in present) / len(present),
        sum(occurring) / len(occurring),
        sum(truth[k] * iou[k] for k in present) / sum(truth),
        iou,
    )


@st.composite
def labellings(draw):
    classes = draw(st.integers(1, 5))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=5))
    truth = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([*range(classes), 255])))
    prediction = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, classes - 1)))
    return truth, prediction, classes


@given(labellings())
def test_every_pixel_is_counted_once_in_its_cell(labelling):
    truth, prediction, classes = labelling
    matrix = confusion_matrix(truth, prediction, classes)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == counted_by_hand(truth, prediction, classes)


@given(labellings())
def test_matrices_of_the_parts_add_up(labelling):
    truth, prediction, classes = labelling
    parts = sum(confusion_matrix(t, p, classes) for t, p in zip(truth[:, None], prediction[:, None]))
    assert np.array_equal(parts, confusion_matrix(truth, prediction, classes))


@given(labellings())
def test_figures_are_the_definitions(labelling):
    matrix = counted_by_hand(*labelling)
    if not np.any(matrix):
        return
    *expected, iou = figures_by_hand(matrix)
    found = metrics(matrix)
    assert found[:4] == pytest.approx(expected, abs=1e-12)
    assert found.iou == pytest.approx(iou, abs=1e-12, nan_ok=True)


def test_published_vector():
    found = metrics([[3, 1], [2, 4]])
    assert [round(value, 6) for value in found[:4]] == [0.7, 0.708333, 0.535714, 0.542857]
    assert found.iou.tolist() == [3 / 6, 4 / 7]


def test_rows_are_the_truth():
    assert confusion_matrix(np.array([0, 0]), np.array([1, 1]), 2).tolist() == [[0, 2], [0, 0]]


def test_a_class_that_occurs_nowhere_is_skipped():
    found = metrics([[4, 0, 0], [0, 2, 0], [0, 0, 0]])
    assert found[:4] == (1.0, 1.0, 1.0, 1.0)
    assert math.isnan(found.iou[2])


def test_a_class_that_is_only_predicted_counts_as_zero():
    found = metrics([[3, 1], [0, 0]])
    assert found.iou.tolist() == [0.75, 0.0]
    assert found.mean_iou == 0.375
    assert found.mean_accuracy == 0.75, "over the classes of the truth"
    assert found.frequency_weighted_iou == 0.75


def test_nothing_counted_gives_nan_without_a_warning():
    found = metrics(np.zeros((3, 3), np.int64))
    assert all(math.isnan(value) for value in found[:4])
    assert np.isnan(found.iou).all()


def test_no_images():
    empty = np.zeros((0, 4, 4), np.uint8)
    assert confusion_matrix(empty, empty, 3).tolist() == [[0] * 3] * 3


def test_void_of_the_truth_hides_whatever_is_predicted_there():
    truth = np.array([0, 255, 1], np.uint8)
    assert confusion_matrix(truth, truth, 2).tolist() == [[1, 0], [0, 1]]
    assert confusion_matrix(np.array([0, -1]), np.array([0, 0]), 1, ignore_index=-1).tolist() == [[1]]


def test_large_class_numbers_do_not_overflow():
    truth = np.full(3, 199, np.uint8)
    assert confusion_matrix(truth, truth, 200)[199, 199] == 3


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        ([[0, 1]], [[0, 2]], r"prediction holds 2 at \(0, 1\)"),
        ([[0, 1]], [[0, 255]], r"prediction holds 255 at \(0, 1\)"),
        ([[0, 1]], [[-1, 1]], r"prediction holds -1 at \(0, 0\)"),
        ([[0, 7]], [[0, 1]], r"labels holds 7 at \(0, 1\).* 0 \.\.\. 1, or 255"),
        ([[-1, 0]], [[0, 1]], r"labels holds -1 at \(0, 0\)"),
        ([[0, 1]], [[0], [1]], r"labels \(1, 2\) and prediction \(2, 1\)"),
    ],
)
def test_what_is_no_labelling_is_refused(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(truth), np.array(prediction), 2)


def test_scores_instead_of_classes_are_refused():
    with pytest.raises(TypeError, match="prediction must hold integers, not float64"):
        confusion_matrix(np.array([0]), np.array([0.5]), 2)


@pytest.mark.parametrize("matrix", [[1, 2], [[1, 2, 3], [4, 5, 6]], [[1, -1], [0, 2]]])
def test_what_is_no_matrix_of_counts_is_refused(matrix):
    with pytest.raises(ValueError, match="square matrix of counts"):
        metrics(matrix)


def test_report_aligns_its_columns():
    columns = {"network": metrics([[3, 1], [2, 4]]), "colour alone": metrics([[10, 0], [0, 0]])}
    lines = report(columns, ["sky", "road"]).splitlines()
    assert lines[0].split() == ["network", "colour", "alone"]
    assert lines[3].split() == ["mean", "IoU", "53.6", "100.0"]
    assert lines[-1].split() == ["IoU", "of", "road", "57.1", "–"]
    assert len({len(line) for line in lines if line}) == 1


def test_report_refuses_other_classes():
    with pytest.raises(ValueError, match="column 'a' has 2 classes, there are 3 names"):
        report({"a": metrics([[1, 0], [0, 1]])}, ["x", "y", "z"])


def test_metrics_are_a_named_tuple():
    assert Metrics._fields[:4] == (
        "pixel_accuracy",
        "mean_accuracy",
        "mean_iou",
        "frequency_weighted_iou",
    )
