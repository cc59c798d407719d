"""DeconvNet's way with objects: boxes and crops to learn from, two stages, and an image put together again."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same

from npseg.aggregate import aggregate, ensemble
from npseg.data import (
    VOID,
    Box,
    InMemory,
    Normalization,
    ObjectCrops,
    ProposalCrops,
    Scenes,
    jittered,
    objects,
)
from npseg.data.proposals import crop_and_pick, crop_and_resize
from npseg.layers import Conv, Sequential
from npseg.predict import Labeller
from npseg.training import Settings, two_stage


class Pictures:
    """Images whose pixels say where they stand, and labels that are drawn by hand."""

    classes, colors = ("nothing", "a", "b"), np.zeros((3, 3), np.uint8)

    def __init__(self, *labels):
        self.labels = labels
        self.names = [f"picture {i}" for i in range(len(labels))]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        rows, columns = np.indices(self.labels[index].shape)
        return np.stack([rows, columns, 0 * rows], axis=2).astype(np.uint8), self.labels[index]


@pytest.fixture
def labels():
    """Two squares of class 1, which meet at a corner, in one of class 2; and something tiny; and void."""
    drawn = np.zeros((40, 60), np.uint8)
    drawn[8:24, 10:30] = 2
    drawn[10:14, 12:16] = drawn[14:18, 16:20] = 1
    drawn[30, 50] = 1
    drawn[35:39, 2:6] = VOID
    return drawn


def test_objects_are_what_hangs_together(labels):
    found = list(objects(labels, least=10))
    assert [box for box, _ in found] == [Box(10, 12, 14, 16), Box(14, 16, 18, 20), Box(8, 10, 24, 30)]
    assert [mask.sum() for _, mask in found] == [16, 16, 16 * 20 - 32]
    assert len(list(objects(labels, least=1))) == 4
    assert {labels[mask].max() for _, mask in objects(labels, background=2, least=1)} == {0, 1}


def test_overlap_is_intersection_over_union():
    box = Box(0, 0, 4, 6)
    assert box.overlap(box) == 1
    assert box.overlap(Box(0, 0, 4, 3)) == 0.5
    assert box.overlap(Box(2, 3, 6, 9)) == 6 / (24 + 24 - 6)
    assert box.overlap(Box(4, 0, 8, 6)) == 0
    assert box.overlap(Box(9, 9, 12, 12)) == 0


def test_a_square_around_a_box():
    assert Box(10, 10, 20, 30).squared(1) == Box(5, 10, 25, 30)
    assert Box(10, 10, 20, 30).squared(1.2) == Box(3, 8, 27, 32)
    assert Box(-3, 5, 50, 70).within((40, 60)) == Box(0, 5, 40, 60)


def test_labels_are_picked_and_images_interpolated(labels):
    assert_same(crop_and_pick(labels, Box(8, 10, 24, 26), 8), labels[9:24:2, 11:26:2])
    assert_same(crop_and_pick(labels, Box(8, 10, 24, 26), 16), labels[8:24, 10:26])
    image, _ = Pictures(labels)[0]
    assert_same(crop_and_resize(image, Box(8, 10, 24, 26), 16), image[8:24, 10:26])
    halved = crop_and_resize(image.astype(np.uint8) * 2, Box(8, 10, 24, 26), 8)
    assert halved[0, :, 1].tolist() == list(range(21, 53, 4)), "in the middle between two pixels"


def test_in_the_first_stage_only_the_object_in_the_middle_is_labelled(labels):
    crops = ObjectCrops(Pictures(0 * labels, labels), 24, least=10)
    assert len(crops) == 3
    assert crops.boxes[0] == (1, Box(9, 11, 15, 17)), "4 pixels, times 1.2, in whole ones"
    image, alone = crops[0]
    assert set(alone.ravel()) == {0, 1}, "of the square around it, and of its neighbour, nothing is left"
    assert (alone == 1).sum() == 16 * (24 / 6) ** 2
    assert image[..., 0].min() == 9
    assert image[..., 0].max() == 14
    assert crops.names[2] == "picture 1, box 2"
    assert set(crops[2][1].ravel()) == {0, 2}


def test_void_stays_void(labels):
    labels[8:10, 10:12] = VOID
    _, alone = ObjectCrops(Pictures(labels), 60, least=10)[2]
    assert set(alone.ravel()) == {0, 2, VOID}


def test_in_the_second_stage_boxes_that_overlap_by_half_are_labelled_all_over(labels):
    near, far = Box(8, 10, 24, 28), Box(20, 30, 40, 60)
    crops = ProposalCrops(Pictures(labels, labels), 18, [[near, far], [far, Box(-5, -5, 24, 30)]], least=10)
    assert crops.boxes == [(0, near)], "the last one, cut off at the border, overlaps by less than half"
    assert_same(np.unique(crops[0][1]), np.array([0, 1, 2], np.uint8)[1:])
    with pytest.raises(ValueError, match="boxes for 1 images; there are 2"):
        ProposalCrops(Pictures(labels, labels), 18, [[near]])


def test_boxes_drawn_near_objects(labels):
    true = [box for box, _ in objects(labels, least=10)]
    for seed in range(20):
        drawn = jittered(true, 2, np.random.default_rng(seed))
        for box, one in zip([box for box in true for _ in range(2)], drawn):
            moves = np.abs(np.subtract(one, box))
            assert (moves <= np.ceil([box.height / 4, box.width / 4] * 2)).all()
            assert one.height > 0 < one.width
    one, same, other = (ProposalCrops(Pictures(labels), 18, least=10, seed=seed).boxes for seed in (0, 0, 1))
    assert one == same != other


def colour_labeller():
    """Make a labeller whose scores are the pixel's red and its green less 20: row and column."""
    conv = Conv(3, 2, 1, rng=None, dtype="float64")
    conv.params["w"][0, 0] = conv.params["w"][1, 1] = 1
    conv.params["b"][1] = -20
    as_it_is = Normalization(np.zeros(3), np.full(3, 1 / 255))
    return Labeller(Sequential(conv=conv), as_it_is, ("a", "b"), np.zeros((2, 3), np.uint8))


def test_of_all_boxes_the_highest_score_counts_and_zero(labels):
    image, _ = Pictures(labels)[0]
    found = aggregate(
        colour_labeller(), image, [Box(0, 0, 16, 16), Box(8, 12, 24, 28)], size=16, progress=False
    )
    rows, columns = np.indices(labels.shape)
    covered = ((rows < 16) & (columns < 16)) | ((rows >= 8) & (rows < 24) & (columns >= 12) & (columns < 28))
    expected = np.stack([rows, np.maximum(columns - 20, 0)]) * covered
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_scores_are_resized_back_to_the_box(labels):
    image, _ = Pictures(labels)[0]
    found = aggregate(colour_labeller(), image, [Box(0, 0, 32, 60)], size=8, progress=False)
    assert not found[:, 32:].any()
    rows = np.arange(32.0)
    inside = slice(4, 28)  # beyond the outer pixels of the resized box there is nothing to interpolate
    np.testing.assert_allclose(found[0, inside, 30], rows[inside], atol=1)


def test_of_two_boxes_over_each_other_the_larger_wins():
    """A box that is seen enlarged, whose network adds one, against the plain one."""
    labeller = colour_labeller()
    image = np.full((16, 16, 3), 7, np.uint8)
    boxes = [Box(0, 0, 16, 16), Box(4, 4, 12, 12)]
    sizes = iter((0.0, 5.0))
    forward = labeller.network.forward
    labeller.network.forward = lambda x: forward(x) + next(sizes)
    found = aggregate(labeller, image, boxes, size=16, least=1, progress=False)
    assert (found[0, 5:11, 5:11] > 11.9).all()
    assert abs(found[0, 0, 0] - 7) < 1e-5


def test_small_boxes_are_passed_over_and_what_lies_outside_is_cut_off(labels):
    image, _ = Pictures(labels)[0]
    for boxes, options in (
        ([Box(0, 0, 7, 60)], {}),
        ([Box(0, 0, 20, 20)], {"least": 21}),
        ([Box(35, 0, 90, 60)], {}),
        ([Box(50, 70, 90, 90)], {"least": 0}),
        ([], {}),
    ):
        assert not aggregate(colour_labeller(), image, boxes, size=16, progress=False, **options).any()
    assert aggregate(colour_labeller(), image, [Box(0, 0, 8, 60)], size=16, progress=False).any()


def test_a_network_without_an_input_size_needs_one(labels):
    with pytest.raises(ValueError, match="Sequential has no input_size"):
        aggregate(colour_labeller(), Pictures(labels)[0][0], [])


def test_the_ensemble_is_the_mean():
    one, other = np.random.default_rng(0).random((2, 3, 4, 5))
    assert_same(ensemble(one, other), (one + other) / 2)
    assert_same(ensemble(one), one)
    for wrong in ((), (one, other[:, :2])):
        with pytest.raises(ValueError, match="ensemble: shapes"):
            ensemble(*wrong)


NETWORK = {"width": 4, "fc": 16, "input_size": 32}


def test_two_stages_learn(tmp_path):
    scenes = InMemory(Scenes(4, size=(48, 64)))
    settings = Settings(epochs=5, batch_size=8, optimizer="adam", lr=0.01)
    begun, ended = two_stage(
        NETWORK, (settings, settings), scenes, scenes, output_dir=tmp_path, progress=False
    )
    assert begun.settings.crop == (32, 32)
    assert begun.train[0][0].shape == (36, 36, 3), "250 for 224"
    assert ended.train[0][0].shape == (32, 32, 3)
    for run in (begun, ended):
        assert run.history[-1]["loss"] < run.history[0]["loss"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stage1", "stage2"]
    image, truth = scenes[0]
    boxes = jittered([box for box, _ in objects(truth)], 3, np.random.default_rng(0))
    scores = aggregate(ended.labeller, image, boxes, progress=False)
    assert scores.shape == (4, 48, 64)
    assert scores.any()


def test_the_second_stage_goes_on_from_the_weights_of_the_first():
    scenes = InMemory(Scenes(2, size=(48, 64)))
    first, still = Settings(epochs=1), Settings(epochs=1, lr=1e-30)
    begun, ended = two_stage(NETWORK, (first, still), scenes, scenes, progress=False)
    assert_same(tuple(ended.network.params.values()), tuple(begun.network.params.values()))
    assert_same(ended.normalization.mean, begun.normalization.mean)
