"""The weights of rare classes, against frequencies counted by hand."""

import numpy as np
import pytest

from npseg.data import VOID, Scenes
from npseg.training import Settings, class_weights


class Given:
    """Labels as they are given, under images that nobody looks at."""

    colors = np.zeros((4, 3), np.uint8)
    classes = ("common", "rare", "absent", "elsewhere")

    def __init__(self, *labels):
        self.pairs = [(np.zeros((*np.shape(one), 3), np.uint8), np.array(one, np.uint8)) for one in labels]
        self.names = [str(number) for number in range(len(labels))]

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        return self.pairs[index]


#: common: 6 of 8 pixels; rare: 1 of the 4 of its image; elsewhere: 1 of the 4 of its own.
DATASET = Given([[0, 0, 0, 1]], [[0, 0, 0, 3, VOID, VOID]])


def test_weights_are_the_median_over_the_frequency_where_the_class_occurs():
    assert class_weights(DATASET).tolist() == [1 / 3, 1, 1, 1]


def test_a_root_lies_between_balanced_and_not():
    assert class_weights(DATASET, 0.5).tolist() == [(1 / 3) ** 0.5, 1, 1, 1]
    assert class_weights(DATASET, 0).tolist() == [1, 1, 1, 1]


def test_nothing_but_void_is_refused():
    with pytest.raises(ValueError, match="no pixel of the dataset has a class"):
        class_weights(Given([[VOID, VOID]]))


def test_every_scene_counts():
    first, both = Scenes(1, size=(32, 32)), Scenes(2, size=(32, 32))
    assert not np.array_equal(class_weights(first), class_weights(both))


@pytest.mark.parametrize(
    ("balance", "must"),
    [(-0.1, "lie between 0, no weights, and 1"), (1.1, "lie between"), (np.nan, "be finite")],
)
def test_a_power_beyond_balanced_is_refused(balance, must):
    with pytest.raises(ValueError, match=rf"balance={balance} must {must}"):
        Settings(balance=balance)
