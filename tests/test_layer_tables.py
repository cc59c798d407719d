"""The published networks, layer by layer: the tables of papers and published files, beside what npseg builds.

A line is a layer's name, its kernel, stride and padding, its maps, and what follows it. Sums, such as parameters and
receptive fields, are tested elsewhere; two mistakes can hide in a sum, none in a table.
"""

from __future__ import annotations

import pytest

from npseg.layers import (
    BatchNorm,
    BilinearUpsampling,
    Conv,
    ConvTranspose,
    Dropout,
    LocalNorm,
    LocalResponseNorm,
    MaxPool,
    MaxUnpool,
    NearestUnpool,
    PyramidDown,
    PyramidUp,
    ReLU,
    Scale,
    ShiftedMaxPool,
    SparseConv,
    Tanh,
)
from npseg.layers.containers import leaves
from npseg.summary import blank, summarize


def window(layer, channels):
    """Say what a convolution is: kernel, stride and padding, maps, and a bias that is missing."""
    bias = "" if "b" in layer.params else " no-bias"
    return f"{layer.kernel_size},{layer.stride},{layer.padding} {channels}{bias}"


#: How a layer is written; what only follows another begins with a space.
WRITTEN = {
    Conv: lambda layer: f"conv {window(layer, len(layer._weights['w']))}",
    SparseConv: lambda layer: f"conv {window(layer, layer.maps[0])} of-{len(layer.params['w'])}-kernels",
    ConvTranspose: lambda layer: f"deconv {window(layer, layer.params['w'].shape[1])}",
    BilinearUpsampling: lambda layer: f"bilinear {window(layer, layer.buffers['w'].shape[1])}",
    MaxPool: lambda layer: f"max {layer.kernel_size},{layer.stride},0" + " ceil" * layer.ceil_mode,
    ShiftedMaxPool: lambda layer: f"max {layer.kernel_size},{layer.kernel_size},0",
    MaxUnpool: lambda layer: f"unpool {layer.kernel_size}",
    NearestUnpool: lambda layer: f"repeat {layer.scale}",
    Scale: lambda layer: f"times {layer.factor}",
    LocalResponseNorm: lambda layer: f"lrn {layer.size} {layer.alpha} {layer.beta} {layer.k}",
    LocalNorm: lambda layer: f"local-norm {layer.size}",
    PyramidDown: lambda layer: "halve",
    PyramidUp: lambda layer: "double",
    BatchNorm: lambda layer: " bn",
    ReLU: lambda layer: " relu",
    Tanh: lambda layer: " tanh",
    Dropout: lambda layer: f" dropout-{layer.p}",
}


def table(network):
    """Write a network's layers, one a line."""
    lines = []
    for name, layer in leaves(network):
        written = WRITTEN[type(layer)](layer)
        if written.startswith(" "):
            lines[-1] += written
        else:
            lines.append(f"{name.rpartition('.')[2]} {written}")
    return lines


def lines(text):
    return [" ".join(line.split()) for line in text.strip().splitlines()]


#: VGG-16's thirteen convolutions; what the first pads by and what follows each differ from system to system.
VGG = """
conv1_1 conv 3,1,{padding} 64 {then}
conv1_2 conv 3,1,1 64 {then}
pool1 max 2,2,0 ceil
conv2_1 conv 3,1,1 128 {then}
conv2_2 conv 3,1,1 128 {then}
pool2 max 2,2,0 ceil
conv3_1 conv 3,1,1 256 {then}
conv3_2 conv 3,1,1 256 {then}
conv3_3 conv 3,1,1 256 {then}
pool3 max 2,2,0 ceil
conv4_1 conv 3,1,1 512 {then}
conv4_2 conv 3,1,1 512 {then}
conv4_3 conv 3,1,1 512 {then}
pool4 max 2,2,0 ceil
conv5_1 conv 3,1,1 512 {then}
conv5_2 conv 3,1,1 512 {then}
conv5_3 conv 3,1,1 512 {then}
pool5 max 2,2,0 ceil
"""

FCN_TRUNK = (
    VGG.format(padding=100, then="relu")
    + """\
fc6 conv 7,1,0 4096 relu dropout-0.5
fc7 conv 1,1,0 4096 relu dropout-0.5
score_fr conv 1,1,0 21
"""
)

#: After fc7, by name; the sums and crops stand in test_networks.
FCN_HEADS = {
    "fcn32s": """
        upscore bilinear 64,32,0 21 no-bias
    """,
    "fcn16s": """
        upscore2 bilinear 4,2,0 21 no-bias
        score_pool4 conv 1,1,0 21
        upscore bilinear 32,16,0 21 no-bias
    """,
    "fcn8s": """
        upscore2 bilinear 4,2,0 21 no-bias
        score_pool4 conv 1,1,0 21
        upscore_pool4 bilinear 4,2,0 21 no-bias
        score_pool3 conv 1,1,0 21
        upscore bilinear 16,8,0 21 no-bias
    """,
    "fcn8s-at-once": """
        upscore2 bilinear 4,2,0 21 no-bias
        scale_pool4 times 0.01
        score_pool4 conv 1,1,0 21
        upscore_pool4 bilinear 4,2,0 21 no-bias
        scale_pool3 times 0.0001
        score_pool3 conv 1,1,0 21
        upscore bilinear 16,8,0 21 no-bias
    """,
}

DECONVNET = (
    VGG.format(padding=1, then="bn relu")
    + """\
fc6 conv 7,1,0 4096 bn relu
fc7 conv 1,1,0 4096 bn relu
fc6_deconv deconv 7,1,0 512 bn relu
unpool5 unpool 2
deconv5_1 deconv 3,1,1 512 bn relu
deconv5_2 deconv 3,1,1 512 bn relu
deconv5_3 deconv 3,1,1 512 bn relu
unpool4 unpool 2
deconv4_1 deconv 3,1,1 512 bn relu
deconv4_2 deconv 3,1,1 512 bn relu
deconv4_3 deconv 3,1,1 256 bn relu
unpool3 unpool 2
deconv3_1 deconv 3,1,1 256 bn relu
deconv3_2 deconv 3,1,1 256 bn relu
deconv3_3 deconv 3,1,1 128 bn relu
unpool2 unpool 2
deconv2_1 deconv 3,1,1 128 bn relu
deconv2_2 deconv 3,1,1 64 bn relu
unpool1 unpool 2
deconv1_1 deconv 3,1,1 64 bn relu
deconv1_2 deconv 3,1,1 64 bn relu
seg_score conv 1,1,0 21
"""
)

SEGNET = (
    VGG.format(padding=1, then="bn relu")
    + """\
unpool5 unpool 2
conv5_3_D conv 3,1,1 512 bn relu
conv5_2_D conv 3,1,1 512 bn relu
conv5_1_D conv 3,1,1 512 bn relu
unpool4 unpool 2
conv4_3_D conv 3,1,1 512 bn relu
conv4_2_D conv 3,1,1 512 bn relu
conv4_1_D conv 3,1,1 256 bn relu
unpool3 unpool 2
conv3_3_D conv 3,1,1 256 bn relu
conv3_2_D conv 3,1,1 256 bn relu
conv3_1_D conv 3,1,1 128 bn relu
unpool2 unpool 2
conv2_2_D conv 3,1,1 128 bn relu
conv2_1_D conv 3,1,1 64 bn relu
unpool1 unpool 2
conv1_2_D conv 3,1,1 64 bn relu
conv1_1_D conv 3,1,1 11
"""
)

SEGNET_BASIC = """
norm lrn 5 0.0001 0.75 1.0
conv1 conv 7,1,3 64 bn relu
pool1 max 2,2,0 ceil
conv2 conv 7,1,3 64 bn relu
pool2 max 2,2,0 ceil
conv3 conv 7,1,3 64 bn relu
pool3 max 2,2,0 ceil
conv4 conv 7,1,3 64 bn relu
pool4 max 2,2,0 ceil
unpool4 unpool 2
conv4_D conv 7,1,3 64 bn
unpool3 unpool 2
conv3_D conv 7,1,3 64 bn
unpool2 unpool 2
conv2_D conv 7,1,3 64 bn
unpool1 unpool 2
conv1_D conv 7,1,3 64 bn
score conv 1,1,0 11
"""

#: 22 kernels: 10 maps read Y, 6 both U and V; then 64 maps of 8, and 256 of 32.
FARABET = """
yuv conv 1,1,0 3 no-bias
down1 halve
up1 double
down2 halve
up2 double
normalise local-norm 15
conv1 conv 7,1,3 16 of-22-kernels tanh
pool1 max 2,2,0 ceil
conv2 conv 7,1,3 64 of-512-kernels tanh
pool2 max 2,2,0 ceil
conv3 conv 7,1,3 256 of-8192-kernels
repeat1 repeat 2
repeat2 repeat 4
hidden conv 1,1,0 1024 tanh
score conv 1,1,0 8
upscore bilinear 8,4,2 8 no-bias
"""

#: Of an instance.
PINHEIRO = {
    "cnn1": """
        conv1 conv 6,1,0 25
        pool1 max 8,8,0 tanh
        conv2 conv 3,1,0 50
        pool2 max 2,2,0 tanh
        conv3 conv 7,1,0 8
    """,
    "rcnn2": """
        conv1 conv 8,1,0 25
        pool1 max 2,2,0 tanh
        conv2 conv 8,1,0 50
        pool2 max 2,2,0 tanh
        conv3 conv 1,1,0 8
    """,
    "rcnn3": """
        conv1 conv 8,1,0 25
        pool1 max 2,2,0 tanh
        conv2 conv 8,1,0 50
        conv3 conv 1,1,0 8
    """,
}


@pytest.mark.parametrize("name", FCN_HEADS)
def test_fcn(name):
    assert table(blank(name, 21)) == lines(FCN_TRUNK + FCN_HEADS[name].strip())


@pytest.mark.parametrize(
    ("name", "classes", "published"),
    [
        ("deconvnet", 21, DECONVNET),
        ("segnet", 11, SEGNET),
        ("segnet-basic", 11, SEGNET_BASIC),
        ("farabet", 8, FARABET),
    ],
)
def test_a_sequence_of_layers(name, classes, published):
    assert table(blank(name, classes)) == lines(published)


@pytest.mark.parametrize(("name", "instances"), [("cnn1", 1), ("rcnn2", 2), ("rcnn3", 3)])
def test_pinheiros_instances(name, instances):
    network = blank(name, 8)
    assert network.instances == instances
    for number in range(1, instances + 1):
        assert table(network.instance(number)) == lines(PINHEIRO[name])


#: Of an image of so many pixels, the sides of the five pooled planes, of fc6, and of what is upsampled:
#: by FCN-32s at once, by FCN-16s in two steps, by FCN-8s in three.
FCN_SIDES = {
    500: ((349, 175, 88, 44, 22), 16, (544,), (34, 560), (34, 70, 568)),
    375: ((287, 144, 72, 36, 18), 12, (416,), (26, 432), (26, 54, 440)),
    224: ((211, 106, 53, 27, 14), 8, (288,), (18, 304), (18, 38, 312)),
    1: ((100, 50, 25, 13, 7), 1, (64,), (4, 80), (4, 10, 88)),
}


@pytest.mark.parametrize("side", FCN_SIDES)
def test_fcns_planes(side):
    pools, fc6, *heads = FCN_SIDES[side]
    for name, upsampled in zip(("fcn32s", "fcn16s", "fcn8s"), heads):
        rows = summarize(blank(name, 21), (side, side))
        sides = {row.name.rpartition(".")[2]: row.shape[2] for row in rows if row.shape[2] == row.shape[3]}
        assert [sides[f"pool{n}"] for n in range(1, 6)] == list(pools)
        assert sides["fc6"] == sides["fc7"] == sides["score_fr"] == fc6
        assert [sides[key] for key in sides if key.startswith("upscore")] == list(upsampled)


def test_no_crop_of_the_papers_leaves_the_plane():
    """Of images of 1 to 1499 pixels, with the first convolution padded by 100."""
    crops = {name: blank(name, 21).crops for name in ("fcn32s", "fcn16s", "fcn8s")}
    for side in range(1, 1500):
        pools = [side + 198]
        for _ in range(5):
            pools.append(-(-pools[-1] // 2))
        score = pools[5] - 6
        assert 32 * score + 32 >= crops["fcn32s"]["image"] + side
        at16 = min(2 * score + 2, pools[4] - crops["fcn16s"]["pool4"])
        assert 16 * at16 + 16 >= crops["fcn16s"]["image"] + side
        at8 = min(2 * at16 + 2, pools[3] - crops["fcn8s"]["pool3"])
        assert 8 * at8 + 8 >= crops["fcn8s"]["image"] + side


@pytest.mark.parametrize("bug", ["stride", "padding", "kernel_size"])
def test_the_tables_can_fail(bug):
    network = blank("fcn32s", 21)
    layer = network.layers["to_score"].layers["fc6"]
    setattr(layer, bug, getattr(layer, bug) + 1)
    assert table(network) != lines(FCN_TRUNK + FCN_HEADS["fcn32s"].strip())
