"""U-Net: the published layers, what its scores see, and that odd sizes lose no pixel."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same

from npseg.data import Normalization
from npseg.layers import Conv, ConvTranspose, Dropout, MaxPool
from npseg.networks import UNet, make
from npseg.planes import follow
from npseg.predict import Labeller
from npseg.summary import blank, summarize

#: The paper's figure 1: 3x3 convolutions (channels in, out) down, then up; between them, 2x2 up-convolutions.
DOWN = [
    (1, 64),
    (64, 64),
    (64, 128),
    (128, 128),
    (128, 256),
    (256, 256),
    (256, 512),
    (512, 512),
    (512, 1024),
    (1024,) * 2,
]
UP = [(1024, 512), (512, 512), (512, 256), (256, 256), (256, 128), (128, 128), (128, 64), (64, 64)]
UPCONVS = [(1024, 512), (512, 256), (256, 128), (128, 64)]


def published(channels, classes):
    """Count the weights and biases of the figure's table, for images of so many channels."""
    threes = [(channels, 64), *DOWN[1:], *UP]
    return (
        sum(9 * below * above + above for below, above in threes)
        + sum(4 * below * above + above for below, above in UPCONVS)
        + 64 * classes
        + classes
    )


def test_the_published_layers():
    network = blank("unet", 21)
    assert sum(p.size for p in network.params.values()) == published(3, 21) == 31_033_045
    rows = summarize(network, (572, 572))
    assert sum(row.kind == "Conv" for row in rows) + sum(row.kind == "ConvTranspose" for row in rows) == 23
    assert [row.shape[1] for row in rows if row.kind == "MaxPool"] == [64, 128, 256, 512]
    assert sum(row.parameters for row in rows) == 31_033_045


def test_a_number_that_is_often_quoted():
    """31,031,685: a port for grey images that ends in a 3x3 convolution to two maps and a 1x1 to one."""
    assert published(1, 2) == 31_030_658
    assert published(1, 2) - (2 * 64 + 2) + (2 * 64 * 9 + 2) + (2 + 1) == 31_031_685


def test_the_planes_of_each_level():
    rows = {row.name: row for row in summarize(blank("unet", 2), (572, 571))}
    sizes = {1: (572, 571), 2: (286, 286), 3: (143, 143), 4: (72, 72), 5: (36, 36)}
    for level, size in sizes.items():
        assert rows[f"down{level}.conv2"].shape == (1, 64 * 2 ** (level - 1), *size)
        if level < 5:
            assert rows[f"up{level}.conv1"].shape == (1, 64 * 2 ** (level - 1), *size)
            assert rows[f"upconv{level}"].shape[2:] == tuple(2 * n for n in sizes[level + 1])


def positive(network, seed=0):
    """Give a network weights such that whatever grows below makes all grow that see it."""
    rng = np.random.default_rng(seed)
    for p in network.params.values():
        p[...] = 0.5 + rng.random(p.shape)
    return network


def moved(network, size):
    """Return, for each pixel of a row (axis 0), the scores (axis 1) that move when it grows."""
    x = np.ones((size, 3, 1, size))
    still = network.forward(x[:1])
    x[range(size), :, 0, range(size)] = 100
    return (network.forward(x) / still > 1 + 1e-12).any(axis=1)[:, 0]  # beyond rounding


@pytest.mark.parametrize("size", [272, 299])
def test_the_pixels_that_move_a_score_are_those_that_it_sees(size):
    network = positive(UNet(2, width=1, batch_norm=False, dropout=0.0, dtype="float64"))
    network.evaluate()
    reached = moved(network, size)
    for score in range(size):
        first, last = network.sees(score, score)
        assert np.flatnonzero(reached[:, score]).tolist() == list(range(max(0, first), min(size, last + 1)))
    fields = [network.sees(p, p)[1] - network.sees(p, p)[0] + 1 for p in range(16)]
    assert sorted(set(fields)) == [188, 204]
    grid = follow(network, (1, 3, size, size))[0].grid
    assert grid.field == np.mean(fields) == 200


def test_the_skips_carry_the_finest_plane():
    """Without what comes up, each score is that of the plane across: it depends on the pixels near it alone."""
    network = positive(UNet(2, width=1, batch_norm=False, dropout=0.0, dtype="float64"))
    network.layers["upconv1"].params["w"][...] = 0
    network.evaluate()
    reached = moved(network, 64)
    assert np.flatnonzero(reached[:, 32]).tolist() == list(range(32 - 4, 32 + 4 + 1))


def test_in_tiles_it_is_itself():
    network = UNet(3, width=1, batch_norm=False, dtype="float64")
    half = Normalization(np.full(3, 0.5), np.full(3, 0.25))
    one = Labeller(network, half, ("a", "b", "c"), np.zeros((3, 3), np.uint8))
    image = np.random.default_rng(0).integers(0, 256, (21, 500, 3), np.uint8)
    whole = one.scores(image, tile=None)
    np.testing.assert_allclose(
        one.scores(image, tile=64, progress=False), whole, rtol=0, atol=1e-9 * abs(whole).max()
    )


def test_a_single_pixel_is_labelled():
    network = UNet(3, width=1)
    network.evaluate()
    assert network.forward(np.ones((2, 3, 1, 1), "float32")).shape == (2, 3, 1, 1)


def test_dropout_ends_the_way_down():
    network = UNet(3, width=1, dropout=0.3)
    drops = {
        f"{block}.{name}": layer.p
        for block, inner in network.layers.items()
        for name, layer in getattr(inner, "layers", {}).items()
        if isinstance(layer, Dropout)
    }
    assert drops == {"down4.drop": 0.3, "down5.drop": 0.3}
    assert [list(network.layers[f"down{n}"].layers)[-1] for n in (3, 4, 5)] == ["relu2", "drop", "drop"]


def test_initial_weights_have_the_papers_deviation():
    """sqrt(2 / N): for 3x3 on 64 channels N = 576, as the paper's example says; each pixel up sees one unit."""
    network = UNet(2, width=64, batch_norm=False)
    found = network.layers["down2"].layers["conv1"].params["w"].std()
    assert abs(found / np.sqrt(2 / 576) - 1) < 0.02
    found = network.layers["upconv4"].params["w"].std()
    assert abs(found / np.sqrt(2 / 1024) - 1) < 0.02
    assert not network.layers["score"].params["b"].any()


def test_the_way_down_can_be_cut():
    trunk = UNet(2, width=1).until("down2.conv1")
    assert [type(layer) for layer in trunk][1:] == [MaxPool, type(trunk)]
    with pytest.raises(ValueError, match="'up1'"):
        UNet(2, width=1).until("up1.conv1")
    assert isinstance(list(trunk.layers["down2"])[-1], Conv)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_batch_norm_takes_the_biases_of_the_convolutions(batch_norm):
    network = UNet(2, width=2, batch_norm=batch_norm)
    assert ("down1.conv1.b" in network.params) != batch_norm
    assert "upconv1.b" in network.params
    assert ("up1.norm2.gamma" in network.params) == batch_norm
    assert isinstance(network.layers["upconv1"], ConvTranspose)


@pytest.mark.parametrize(
    ("settings", "message"), [({"width": 0}, "UNet: width"), ({"dropout": 2}, "UNet: .*dropout")]
)
def test_what_is_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make("unet", 3, **settings)


def test_a_seed_may_be_a_generator():
    one = UNet(2, width=1, seed=np.random.default_rng(3)).params
    assert_same(tuple(one.values()), tuple(UNet(2, width=1, seed=3).params.values()))
