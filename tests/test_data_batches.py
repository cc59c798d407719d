"""Epochs of batches: every image once, pieces cut alike from image and labels, and resumed bit for bit."""

import threading

import numpy as np
import pytest

from npseg.data import VOID, Normalization, Scenes, batches, mean_and_std, steps_per_epoch

LEVELS = Normalization(np.zeros(3), np.full(3, 1 / 255))  # keeps the levels as they are


class Coordinates:
    """Images that say of every pixel which it is: red the image, green the row, blue the column."""

    classes = ("even", "odd")
    colors = np.zeros((2, 3), np.uint8)

    def __init__(self, *shapes):
        self.shapes = shapes
        self.names = [f"image {i}" for i in range(len(shapes))]
        self.reads = []

    def __len__(self):
        return len(self.shapes)

    def __getitem__(self, index):
        self.reads.append(index)
        rows, columns = np.indices(self.shapes[index], np.uint8)
        image = np.stack([np.full_like(rows, index), rows + 1, columns + 1], axis=2)
        return image, label(index, rows + 1, columns + 1)


def label(index, row, column):
    """Return a label that no other shift and no mirror image has."""
    row, column = row.astype(int), column.astype(int)
    return ((7 * index + 5 * row + 3 * row * column + column**2) % 251).astype(np.uint8)


def epoch_of(dataset, size=2, **options):
    return list(batches(dataset, size, LEVELS, **{"seed": 0, "epoch": 0, **options}))


def test_every_image_once():
    for count, size, used in ((6, 2, 6), (7, 2, 6), (3, 8, 3), (1, 1, 1)):
        seen = [
            x[k, 0, 0, 0] for x, _ in epoch_of(Coordinates(*[(4, 5)] * count), size) for k in range(len(x))
        ]
        assert len(seen) == len(set(seen)) == used
        assert steps_per_epoch(range(count), size) == max(count // size, 1)


def test_another_epoch_or_seed_has_another_order():
    dataset = Coordinates(*[(2, 2)] * 30)

    def order(**options):
        return [int(x[0, 0, 0, 0]) for x, _ in epoch_of(dataset, 1, **options)]

    assert order() == order()
    assert order() != list(range(30))
    assert order() != order(epoch=1) != order(seed=1) != order()


def test_shapes_and_types():
    for dtype in ("float32", np.float64):
        for x, labels in epoch_of(Coordinates((4, 5), (4, 5)), dtype=dtype):
            assert x.shape == (2, 3, 4, 5)
            assert x.dtype == dtype
            assert labels.shape == (2, 4, 5)
            assert labels.dtype == np.uint8
            assert x.flags.c_contiguous


@pytest.mark.parametrize("crop", [None, (5, 4), (7, 9), (12, 6), (1, 1)])
def test_image_and_labels_move_together(crop):
    dataset = Coordinates(*[(7, 9)] * 12)
    mirrored = corners = 0
    for x, labels in epoch_of(dataset, 4, crop=crop):
        index, rows, columns = np.moveaxis(x, 1, 0).astype(int)
        there = rows > 0
        np.testing.assert_array_equal(labels[there], label(index, rows, columns)[there])
        assert (labels[~there] == VOID).all()
        assert (x.transpose(0, 2, 3, 1)[~there] == 0).all()
        shown = there.sum(axis=(1, 2)).tolist()
        assert shown == [min(crop[0], 7) * min(crop[1], 9) if crop else 63] * 4
        if columns.shape[2] > 1:
            mirrored += (columns[:, 0, 0] > columns[:, 0, 1]).sum()
            assert (np.abs(np.diff(columns, axis=2))[there[:, :, 1:]] == 1).all()
        corners += len(set(map(tuple, np.stack([rows[:, 0, 0], columns[:, 0].min(axis=1)], axis=1).tolist())))
    if crop != (1, 1):
        assert 0 < mirrored < 12
    if crop in ((5, 4), (1, 1)):
        assert corners > 6


def test_crops_reach_every_corner():
    dataset = Coordinates(*[(4, 5)] * 200)
    pieces = [x for x, _ in epoch_of(dataset, 20, crop=(3, 3))]
    tops = {int(row) for x in pieces for row in x[:, 1, 0, 0]}
    lefts = {int(column) for x in pieces for column in x[:, 2, 0].min(axis=1)}
    assert tops == {1, 2}
    assert lefts == {1, 2, 3}


def test_every_step_and_epoch_draws_its_own_crops():
    dataset = Coordinates(*[(9, 9)] * 20)

    def corners(epoch):
        return [
            tuple(x[0, 1:, 0, 0].astype(int).tolist())
            for x, _ in epoch_of(dataset, 1, epoch=epoch, crop=(3, 3))
        ]

    assert len(set(corners(0))) > 10
    assert corners(0) != corners(1)


def test_padding_is_zero_after_normalisation():
    gray = Normalization(np.full(3, 0.5), np.full(3, 0.25))
    ((x, labels),) = batches(Coordinates((2, 3)), 1, gray, seed=0, epoch=0, crop=(4, 4))
    assert (x[0, :, :2, :3] < 0).all()
    assert (x[0, :, 2:] == 0).all()
    assert (x[0, :, :, 3] == 0).all()
    assert (labels[0, 2:] == VOID).all()


def test_no_flip():
    for x, _ in epoch_of(Coordinates(*[(3, 4)] * 20), flip=False):
        assert (np.diff(x[:, 2], axis=2) == 1).all()


def test_resumes_bit_for_bit_at_any_step():
    scenes = Scenes(7, size=(32, 40))
    normalization = mean_and_std(scenes)
    options = {"seed": 5, "epoch": 3, "crop": (24, 24)}
    whole = list(batches(scenes, 2, normalization, **options))
    assert len(whole) == 3
    for start in range(4):
        rest = list(batches(scenes, 2, normalization, start=start, **options))
        assert len(rest) == 3 - start
        for (x, labels), (x_again, labels_again) in zip(whole[start:], rest):
            np.testing.assert_array_equal(x, x_again)
            np.testing.assert_array_equal(labels, labels_again)


def test_one_batch_is_prepared_ahead_and_no_more():
    dataset = Coordinates(*[(2, 2)] * 8)
    iterator = batches(dataset, 2, LEVELS, seed=0, epoch=0)
    assert dataset.reads == []
    next(iterator)
    iterator.close()
    assert len(dataset.reads) == 4


def test_abandoned_iterator_leaves_no_thread():
    def workers():
        return [thread for thread in threading.enumerate() if thread.name.startswith("npseg-batches")]

    iterator = batches(Coordinates(*[(2, 2)] * 8), 2, LEVELS, seed=0, epoch=0)
    next(iterator)
    assert len(workers()) == 1
    del iterator
    assert workers() == []


def test_failure_of_a_read_arrives():
    class Broken(Coordinates):
        def __getitem__(self, index):
            raise ValueError("image 0 is torn")

    with pytest.raises(ValueError, match="image 0 is torn"):
        epoch_of(Broken((2, 2)))


def test_two_sizes_need_a_crop():
    dataset = Coordinates((4, 6), (5, 7))
    with pytest.raises(
        ValueError, match=r"image \d is \dx\d and image \d is \dx\d; .* give crop="
    ) as refusal:
        epoch_of(dataset)
    assert "6x4" in str(refusal.value)
    assert "7x5" in str(refusal.value)
    assert epoch_of(dataset, crop=(4, 6))[0][0].shape == (2, 3, 4, 6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 0}, ValueError, "batch_size=0 must be at least 1"),
        ({"start": 3}, ValueError, "start=3; this epoch has the steps 0 to 1"),
        ({"start": -1}, ValueError, "start=-1 must be at least 0"),
        ({"crop": (0, 4)}, ValueError, "crop=0 must be at least 1"),
        ({"seed": -1}, ValueError, "seed=-1 must be at least 0"),
        ({"dtype": "int8"}, ValueError, "dtype='int8'; 'float32' or 'float64' is needed"),
    ],
)
def test_batches_refuses_at_the_door(options, error, message):
    size = options.pop("size", 2)
    with pytest.raises(error, match=message):
        batches(Coordinates(*[(4, 4)] * 4), size, LEVELS, **{"seed": 0, "epoch": 0, **options})


def test_empty_dataset_is_refused():
    for use in (mean_and_std, lambda d: steps_per_epoch(d, 1), epoch_of):
        with pytest.raises(ValueError, match="the dataset is empty"):
            use(Coordinates())


def test_mean_and_std_are_numpys():
    scenes = Scenes(3, size=(32, 40))
    pixels = np.concatenate([scenes[i][0].reshape(-1, 3) for i in range(3)]) / 255
    mean, std = mean_and_std(scenes)
    np.testing.assert_allclose(mean, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, pixels.std(axis=0), rtol=1e-12)
    assert mean.dtype == std.dtype == np.float64


def test_normalised_images_have_mean_0_and_deviation_1():
    scenes = Scenes(4, size=(32, 40))
    normalization = mean_and_std(scenes)
    x = np.stack([normalization.apply(scenes[i][0]) for i in range(4)])
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=(0, 2, 3)), 1, atol=1e-5)


def test_constant_channel_stays_finite():
    class Flat(Coordinates):
        def __getitem__(self, index):
            return np.full((2, 2, 3), 9, np.uint8), np.zeros((2, 2), np.uint8)

    normalization = mean_and_std(Flat((2, 2)))
    np.testing.assert_allclose(normalization.std, 1 / 255)
    np.testing.assert_allclose(normalization.apply(Flat((2, 2))[0][0]), 0, atol=1e-5)
