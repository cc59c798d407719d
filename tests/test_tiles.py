"""Tiles: each pixel's scores are those of the whole image, with ==, wherever the image is cut."""

from __future__ import annotations

import tracemalloc
from math import prod

import numpy as np
import pytest
from checks import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in import stand_in_for_cupy

from npseg import backend, memory, tiles
from npseg.data import Normalization
from npseg.layers import BilinearUpsampling, Container, Conv, MaxPool, ReLU, Sequential
from npseg.networks import FCN
from npseg.predict import Labeller
from npseg.tiles import Rim, cut

#: Pixels stay the whole numbers that they are.
AS_IT_IS = Normalization(np.zeros(3), np.full(3, 1 / 255))

#: Pixels that a score of FCN-8s sees: 404 below the coarsest scores, and what the three upsamplings look around.
FIELD = 404 + 32 + 16 + 8


def whole_numbers(network, seed=0):
    """Give each kernel of a network a tap at two opposite sides and in the middle: it sees far, its sums are exact."""
    rng = np.random.default_rng(seed)
    for name, p in network.params.items():
        if name.endswith(".b"):
            p[...] = rng.integers(-3, 4, p.shape)
        elif "up" not in name:
            p[...] = 0
            for kernel in p:
                channels = rng.integers(len(kernel), size=3)
                sides = [0, p.shape[2] // 2, -1], [p.shape[2] // 2] * 3
                rows, columns = sides if rng.integers(2) else sides[::-1]
                kernel[channels, rows, columns] = 1, rng.choice([-1, 1]), 1
    return network


def labeller(network, classes=3):
    return Labeller(network, AS_IT_IS, tuple("abc"[:classes]), np.zeros((classes, 3), np.uint8))


def photograph(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


class Up(Container):
    """Half the size and back, with kernels that reach beyond the pooling; odd sizes lose their last half pixel."""

    def __init__(self, stride=2):
        up = BilinearUpsampling(2, stride, padding=stride // 2, dtype="float64")
        down = Sequential(
            a=Conv(3, 4, 3, padding=1, rng=None, dtype="float64"),
            relu=ReLU(),
            pool=MaxPool(stride, ceil_mode=True),
            b=Conv(4, 2, 3, padding=1, rng=None, dtype="float64"),
        )
        super().__init__(down=down, up=up)

    def forward(self, x):
        y = self.layers["up"].forward(self.layers["down"].forward(x))
        return y[:, :, : x.shape[2], : x.shape[3]]

    def sees(self, first, last):
        return self.layers["down"].sees(*self.layers["up"].sees(first, last))


@pytest.fixture(scope="module")
def fcns():
    """FCNs whose arithmetic is exact: float64, sums of a few whole numbers, upsampling by binary fractions."""
    return {
        (head, padded): whole_numbers(
            FCN(3, head=head, width=1, fc=4, batch_norm=False, paper_padding=padded, dtype="float64")
        )
        for head in ("8s", "16s", "32s")
        for padded in (False, True)
    }


@pytest.mark.parametrize("head", ["8s", "16s", "32s"])
@pytest.mark.parametrize("padded", [False, True])
@settings(max_examples=4)
@given(data=st.data())
def test_fcn_in_tiles_is_fcn(fcns, head, padded, data):
    """Long images, up or across, of sizes that 32 does not divide, in tiles smaller than what a pixel sees."""
    size = data.draw(st.tuples(st.integers(1, 40), st.integers(1000, 1200)))
    if data.draw(st.booleans()):
        size = size[::-1]
    tile = data.draw(st.sampled_from([1, 32, 33, 150, 300, 450]))
    network, image = fcns[head, padded], photograph(size, seed=tile)
    one = labeller(network)
    assert len(cut(network, size, tile)) > 1
    assert_same(one.scores(image, tile=tile, progress=False), one.scores(image, tile=None))


def test_fcn_in_tiles_on_both_axes_is_fcn(fcns):
    network, size = fcns["8s", False], (551, 577)
    assert len(cut(network, size, 32)) == 3 * 4
    one, image = labeller(network), photograph(size)
    assert_same(one.scores(image, tile=32, progress=False), one.scores(image, tile=None))


@settings(max_examples=30)
@given(
    size=st.tuples(st.integers(1, 45), st.integers(1, 45)),
    tile=st.integers(3, 24),
    stride=st.sampled_from([2, 4]),
    seed=st.integers(0, 5),
)
def test_a_small_network_in_tiles_is_the_network(size, tile, stride, seed):
    one = labeller(whole_numbers(Up(stride), seed), 2)
    image = photograph(size, seed)
    whole = one.scores(image, tile=None)
    for method in (one.scores, one.probabilities, one.labels):
        assert_same(method(image, tile=tile, progress=False), method(image, tile=None))
    assert_same(one.labels(image, tile=tile, progress=False), whole.argmax(axis=0).astype(np.uint8))


@settings(max_examples=25)
@given(
    size=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    tile=st.integers(1, 300),
    padded=st.booleans(),
)
def test_tiles_have_one_size_start_at_the_stride_and_cover_the_image_once(fcns, size, tile, padded):
    pieces = cut(fcns["8s", padded], size, tile)
    assert len({tuple(axis.stop - axis.start for axis in piece.read) for piece in pieces}) == 1
    covered = np.zeros(size, np.uint8)
    step = -(-tile // 32) * 32
    for read, keep, put in pieces:
        for axis in range(2):
            assert 0 <= read[axis].start <= read[axis].stop <= size[axis]
            assert read[axis].start % 32 == 0
            assert read[axis].start + keep[axis].start == put[axis].start
            assert read[axis].start + keep[axis].stop == put[axis].stop
            alone = read[axis].stop - read[axis].start == size[axis]
            assert alone or read[axis].stop - read[axis].start <= step + FIELD + 2 * 31
        covered[put] += 1
    assert (covered == 1).all()


def test_what_is_kept_sees_no_inner_edge_and_no_pixel_more_would_do(fcns):
    network, size = fcns["8s", False], 1000
    rim = Rim.of(network, 32, size)
    assert network.sees(rim.before, rim.before)[0] >= 0 > network.sees(rim.before - 1, rim.before - 1)[0]
    for read, keep, _ in rim.cut(size, 96):
        first, last = network.sees(read.start + keep.start, read.start + keep.stop - 1)
        assert read.start == 0 or first >= read.start
        assert read.stop == size or last < read.stop
    assert rim.width <= FIELD + 2 * 31


@pytest.mark.parametrize("less", [{"before": -96, "width": -96}, {"width": -96}], ids=["before", "after"])
def test_fcn_needs_the_overlap(fcns, monkeypatch, less):
    one, image, of = labeller(fcns["8s", False]), photograph((30, 1100)), Rim.of
    whole = one.scores(image, tile=None)

    def narrow(*network_stride_size):
        rim = of(*network_stride_size)
        return rim._replace(**{name: getattr(rim, name) + change for name, change in less.items()})

    monkeypatch.setattr(Rim, "of", narrow)
    assert not np.array_equal(one.scores(image, tile=32, progress=False), whole)


@pytest.mark.parametrize("end", [0, 1])
def test_a_network_that_sees_more_than_it_says_gives_other_scores(monkeypatch, end):
    """The overlap is needed: with less of it, at either end, the scores are not those of the whole image."""
    network, sees = whole_numbers(Up()), Up.sees

    def short_sighted(self, first, last):
        seen = sees(self, first, last)
        return (seen[0] + 4, seen[1]) if end == 0 else (seen[0], seen[1] - 4)

    one, image = labeller(network, 2), photograph((50, 50))
    whole = one.scores(image, tile=None)
    assert_same(one.scores(image, tile=4, progress=False), whole)
    monkeypatch.setattr(Up, "sees", short_sighted)
    assert not np.array_equal(one.scores(image, tile=4, progress=False), whole)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_tiles_a_network_is_itself_within_rounding(dtype):
    network = FCN(3, width=2, fc=4, dtype=dtype)
    rng = np.random.default_rng(0)
    for name, p in network.params.items():
        if "score_" in name and "upscore" not in name:
            p[...] = rng.standard_normal(p.shape)
    one, image = labeller(network), photograph((40, 700))
    assert len(cut(network, (40, 700), 96)) == 3
    whole, tiled = one.scores(image, tile=None), one.scores(image, tile=96, progress=False)
    assert tiled.dtype == dtype
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e2 * np.finfo(dtype).eps * np.abs(whole).max())


def test_auto_cuts_by_the_largest_plane(monkeypatch):
    network = FCN(3, width=4, fc=4)
    assert len(cut(network, (3000, 3000))) == 1
    monkeypatch.setattr(tiles, "LARGEST_PLANE", 16 * 1000 * 1000)
    for size in ((3000, 3000), (100, 30_000), (30_000, 100)):
        pieces = cut(network, size)
        read = [axis.stop - axis.start for axis in pieces[0].read]
        assert 1 < len(pieces) < 50
        assert 0.5 * 1000**2 < prod(read) <= 1000**2
    assert len(cut(network, (1000, 1000))) == len(cut(network, (100, 10_000))) == 1
    assert len(cut(network, (3000, 3000), None)) == 1
    assert len(cut(FCN(3, width=4, fc=4, dtype="float64"), (1000, 1000), dtype="float64")) > 1


def test_tiles_of_a_network_on_a_device_stay_there():
    host = whole_numbers(Up())
    with stand_in_for_cupy() as cupy:
        device = Up()
        layers = zip(host.layers["down"].layers.values(), device.layers["down"].layers.values())
        for here, there in (*layers, (host.layers["up"], device.layers["up"])):
            there.params = {name: cupy.asarray(p) for name, p in here.params.items()}
        image = photograph((30, 41))
        scores = labeller(device, 2).scores(image, tile=8, progress=False)
        assert backend.array_module(scores) is cupy
        assert_same(backend.to_numpy(scores), labeller(host, 2).scores(image, tile=None))
        labels = labeller(device, 2).labels(image, tile=8, progress=False)
        assert_same(labels, labeller(host, 2).labels(image, tile=None))


def peak(one, size, tile):
    one.labels(photograph((64, 64)), tile=None)
    image = photograph(size)
    memory.release()
    tracemalloc.start()
    one.labels(image, tile=tile, progress=False)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return highest - prod(size)  # the labels


def test_memory_grows_with_the_tile_and_not_with_the_image():
    one = labeller(Up(), 2)
    small, large, larger = (peak(one, (n, n), 100) for n in (400, 800, 1200))
    # Nine times the pixels; an array may be lent the memory of a larger one.
    assert large < 1.2 * small
    assert larger < 1.2 * small
    assert peak(one, (1200, 1200), 300) > 2 * larger


class Silent(Up):
    """A network that does not say what its units see."""

    sees = Container.sees


class Half(Up):
    """A network whose scores do not lie over the image."""

    def forward(self, x):
        return self.layers["down"].forward(x)


class Inconsistent(Up):
    """A network that sees something else from everywhere."""

    def sees(self, first, last):
        return 0, last


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Silent(), r"tile=8, but images cannot be cut for a Silent: .*sees.*; give tile=None"),
        (Half(), r"tile=8, .* for a Half: its scores are 25x25 for an image of 50x50; give tile=None"),
        (Inconsistent(), r"Inconsistent: pixel 0 sees 0 to 0, but pixel 2 .*; give tile=None"),
    ],
)
def test_networks_that_cannot_be_cut_are_refused(network, message):
    with pytest.raises(ValueError, match=message):
        cut(network, (50, 50), 8)


def test_auto_leaves_whole_what_cannot_be_cut(monkeypatch):
    monkeypatch.setattr(tiles, "LARGEST_PLANE", 100_000)
    monkeypatch.setattr(tiles, "SMALL", 100)
    assert len(cut(Up(), (50, 500))) > 1
    assert len(cut(Silent(), (50, 500))) == len(cut(Half(), (50, 500))) == 1


@pytest.mark.parametrize(
    ("tile", "error", "message"),
    [
        (0, ValueError, "tile=0 must be at least 1"),
        (-32, ValueError, "tile=-32 must be at least 1"),
        (2.5, TypeError, "tile=2.5 is not a whole number"),
        ("large", TypeError, "tile='large' is not a whole number"),
        (True, TypeError, "tile=True is not a whole number"),
    ],
)
def test_tiles_that_are_none_are_refused(tile, error, message):
    with pytest.raises(error, match=message):
        labeller(Up(), 2).labels(photograph((5, 5)), tile=tile)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((4, 4, 3)), TypeError, "image is float64; an array of uint8"),
        ([[[0, 0, 0]]], TypeError, "image is list; an array of uint8"),
        (np.zeros((4, 4), np.uint8), ValueError, r"image has shape \(4, 4\); \(H, W, 3\)"),
        (np.zeros((3, 4, 4), np.uint8), ValueError, r"image has shape \(3, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"image has shape \(0, 4, 3\)"),
    ],
)
def test_images_that_are_none_are_refused(image, error, message):
    with pytest.raises(error, match=message):
        labeller(Up(), 2).scores(image)
