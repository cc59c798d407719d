"""Windows and grids: what is refused, and in which words.

Each argument in turn is replaced by what nobody should give: the call goes well, or names the argument.
"""

from functools import partial

import numpy as np
import pytest
from refusals import assert_refused_by_name, assert_says
from test_docs import public

from npseg import geometry

WINDOW = geometry.Window.down((4,), (3,), stride=(2,), padding=((1, 1),))
GRID = geometry.Grid().down(kernel=3, stride=2, padding=1)
SIDES = {"kernel": (3,), "stride": (2,), "padding": ((1, 1),), "dilation": (1,)}
SLIDE = {"kernel": 3, "stride": 2, "padding": 1, "dilation": 1}
CALLS = {
    "times": (geometry.times, {"sizes": (3, 4)}),
    "smallest_size": (geometry.smallest_size, {"out": (2,)} | SIDES),
    "Window.down": (geometry.Window.down, {"size": (4,)} | SIDES | {"ceil_mode": False}),
    "Window.up": (geometry.Window.up, {"out": (2,)} | SIDES | {"output_padding": (1,)}),
    "Window.rows": (WINDOW.rows, {"rows": slice(0, 1)}),
    "Window.positions": (WINDOW.positions, {"axis": 0, "xp": np}),
    "Window.index": (WINDOW.index, {"xp": np}),
    "Window.first": (WINDOW.first, {"xp": np}),
    "Window.divisor": (WINDOW.divisor, {"include_padding": True, "override": None, "like": np.zeros(1)}),
    "Grid.down": (GRID.down, SLIDE),
    "Grid.up": (GRID.up, SLIDE),
    "Grid.crop": (GRID.crop, {"offset": 1}),
    "Grid.offset_of": (GRID.offset_of, {"other": GRID}),
    "bilinear_taps": (partial(geometry.bilinear_taps, out=4, align_corners=False), {"size": 2, "xp": np}),
}

#: Mistakes, and what is said to them.
MESSAGES = [
    (
        lambda: geometry.Window.down((4,), (3,), stride=(0,), padding=((1, 1),)),
        ValueError,
        "stride=(0,); a tuple is needed, of a whole number from 1 on for each of the 1 axes",
    ),
    (
        lambda: geometry.Window.down((4, 4), (3, 3), stride=(1, 1), padding=(1, 1)),
        ValueError,
        "padding=(1, 1); for each axis a pair (before, after) is needed",
    ),
    (
        lambda: geometry.Window.up((4,), (3, 3), stride=(1,), padding=((1, 1),)),
        ValueError,
        "kernel=(3, 3); a tuple is needed, of a whole number from 1 on for each of the 1 axes",
    ),
    (lambda: WINDOW.positions(1), ValueError, "axis=1; the windows have 1 spatial axes, counted from 0"),
    (lambda: WINDOW.index("numpy"), TypeError, "xp='numpy'; an array library is needed: numpy or cupy"),
    (lambda: GRID.down(kernel=0), ValueError, "kernel=0; a whole number from 1 to 2147483647 is needed"),
    (
        lambda: GRID.down(kernel=1, padding=0.5),
        ValueError,
        "padding=0.5; a whole number from -2147483648 to 2147483647 is needed",
    ),
    (lambda: GRID.offset_of(3), TypeError, "other is a int; a Grid is needed"),
    (
        lambda: geometry.Window.up((2,), (3,), stride=(2,), padding=((1, 1),), output_padding=(-1,)),
        ValueError,
        "output_padding=(-1,); a tuple is needed, of a whole number from 0 on for each of the 1 axes",
    ),
    (
        lambda: geometry.Window.down((-1,), (3,), stride=(2,), padding=((9, 9),)),
        ValueError,
        "size=(-1,); a tuple is needed, of a whole number from 0 on for each of the 1 axes",
    ),
    (
        lambda: geometry.Window.down((4,), (3,), stride=(2,), padding=((1, 1),), ceil_mode=1),
        TypeError,
        "ceil_mode=1; True or False is needed",
    ),
    (
        lambda: WINDOW.rows(slice(0, 2, 2)),
        TypeError,
        "rows=slice(0, 2, 2); a slice with its first row and its last",
    ),
    (
        lambda: WINDOW.divisor(include_padding=True, override=None, like=[1.0]),
        TypeError,
        "like is a list; a float array is needed",
    ),
    (
        lambda: GRID.up(kernel=2**31),
        ValueError,
        "kernel=2147483648; a whole number from 1 to 2147483647 is needed",
    ),
    (lambda: GRID.crop(0.5), TypeError, "offset=0.5 is not a whole number"),
    (lambda: geometry.times(3), TypeError, "times: sizes=3; a sequence of sizes is needed"),
]


@pytest.mark.parametrize("name", CALLS)
def test_each_argument_in_turn_is_refused_by_name(name):
    assert_refused_by_name(name, *CALLS[name])


@pytest.mark.parametrize(("call", "kind", "message"), MESSAGES)
def test_what_is_said(call, kind, message):
    assert_says(call, kind, message)


def test_numbers_may_be_of_numpy_and_sizes_empty():
    one = np.int64(1)
    assert geometry.Window.down((0,), (one,), stride=(one,), padding=((one, 0),)).out == (1,)
    assert geometry.Window.up((one,), (2,), stride=(2,), padding=((0, 0),), output_padding=(0,)).size == (2,)
    assert geometry.Grid().down(kernel=one).field == geometry.Grid().up(kernel=one, padding=0).field == 1


def test_every_public_name_is_in_the_table():
    """A Window and a Grid are records; their methods refuse what they are given."""
    assert set(public(geometry)) == {name.partition(".")[0] for name in CALLS}
