"""SegNet and SegNet-Basic: a decoder that learns to fill what unpooling leaves empty.

The encoder is VGG-16 without its fully connected layers, which are most of its weights. Each pooling's switches go to
the decoder, whose unpooling makes a plane that is sparse, and whose convolutions make it dense. SegNet-Basic is the
small one to experiment with: four steps down and four up, all of 64 channels, with 7x7 kernels that see as far as
106 pixels.

References
----------
Badrinarayanan, Kendall & Cipolla, "SegNet: a deep convolutional encoder-decoder architecture for image segmentation",
2017; and their published networks for Caffe (``segnet_train.prototxt``, ``segnet_basic_train.prototxt``).
"""

from __future__ import annotations

from npseg import arguments
from npseg.layers import Conv, LocalResponseNorm, MaxPool, MaxUnpool
from npseg.networks.encoder_decoder import EncoderDecoder, Layers, down, normalised, up
from npseg.networks.network import Model

#: Steps of SegNet-Basic, down and up again.
STEPS = 4


class SegNet(EncoderDecoder):
    """SegNet: VGG-16's thirteen convolutions, and their mirror.

    Each convolution is followed by batch norm and ReLU, but for the last one, which makes the scores. Poolings round
    sizes up and unpoolings return to what they were, so that images may have any size: the published 360x480 goes
    down to 12x15, and back up over 23x30 and 45x60.

    Parameters
    ----------
    classes : int
        Classes to tell apart.
    width : int
        Channels of the first block, from which all others follow; the published network's is 64.
    bias : bool
        Whether convolutions before a batch norm have a bias, too. Those published do; it is of no use, since the
        norm takes it off again.
    seed : int
        Seed of the initial weights, He's.
    dtype : str
        "float32" or "float64".
    method : str
        The method of all layers; "auto" takes the fastest.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The published loss divides the weighted sum by the number of pixels, npseg's by the sum of their weights.

    Examples
    --------
    >>> import numpy as np
    >>> network = SegNet(4, width=2)
    >>> network.forward(np.zeros((1, 3, 45, 60), "float32")).shape
    (1, 4, 45, 60)
    """

    def __init__(
        self,
        classes: int,
        *,
        width: int = 16,
        bias: bool = False,
        seed: int = 0,
        dtype: str = "float32",
        method: str = "auto",
    ) -> None:
        classes, width = arguments.integers("SegNet", 1, classes=classes, width=width)
        rng = arguments.generator("SegNet", seed)

        def step(name: str, before: int, after: int) -> Layers:
            if name == "conv1_1_D":
                yield name, Conv(before, classes, 3, padding=1, rng=rng, dtype=dtype)
            else:
                conv = Conv(before, after, 3, padding=1, bias=bias, rng=rng, dtype=dtype)
                yield from normalised(name, conv, after, dtype=dtype)

        decoder = up(width, step, lambda block, i: f"conv{block}_{i}_D")
        super().__init__(down(width, step), decoder, method=method)


class SegNetBasic(EncoderDecoder):
    """SegNet-Basic: four 7x7 convolutions with pooling, four with unpooling.

    The image is first divided by the energy of its channels (:func:`npseg.lrn_forward`), whose constants are made for
    intensities up to 255. There is no ReLU in the decoder. A unit of the coarsest plane sees 106 pixels.

    Parameters
    ----------
    classes : int
        Classes to tell apart.
    width : int
        Channels of all layers; the published network's are 64.
    bias : bool
        Whether convolutions before a batch norm have a bias, too. The published network's do, although the paper
        says that they do not; it is of no use.
    seed : int
        Seed of the initial weights, He's.
    dtype : str
        "float32" or "float64".
    method : str
        The method of all layers; "auto" takes the fastest.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> network = SegNetBasic(4, width=2)
    >>> network.forward(np.zeros((1, 3, 45, 60), "float32")).shape
    (1, 4, 45, 60)
    """

    def __init__(
        self,
        classes: int,
        *,
        width: int = 16,
        bias: bool = False,
        seed: int = 0,
        dtype: str = "float32",
        method: str = "auto",
    ) -> None:
        classes, width = arguments.integers("SegNetBasic", 1, classes=classes, width=width)
        rng = arguments.generator("SegNetBasic", seed)

        def step(name: str, before: int, *, relu: bool) -> Layers:
            conv = Conv(before, width, 7, padding=3, bias=bias, rng=rng, dtype=dtype)
            return normalised(name, conv, width, relu=relu, dtype=dtype)

        def encoder() -> Layers:
            yield "norm", LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1)
            for number in range(1, STEPS + 1):
                yield from step(f"conv{number}", 3 if number == 1 else width, relu=True)
                yield f"pool{number}", MaxPool(2, ceil_mode=True)

        def decoder() -> Layers:
            for number in range(STEPS, 0, -1):
                yield f"unpool{number}", MaxUnpool(2)
                yield from step(f"conv{number}_D", width, relu=False)
            yield "score", Conv(width, classes, 1, rng=rng, dtype=dtype)

        super().__init__(encoder(), decoder(), method=method)


#: Nothing is taken off the images of the published networks: intensities from 0 to 255.
_RAW = ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))

_PUBLISHED = {"width": 64, "bias": True}

#: That of the authors' published files; the paper's batches are of 12.
_REPOSITORY = {"batch_size": 4, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "constant", "balance": 1.0}

MODELS = {
    "segnet": Model(
        SegNet,
        published=_PUBLISHED,
        width=16,
        mean_and_std=_RAW,
        classes=11,
        recipes={"repository": _REPOSITORY | {"lr": 0.001}},
    ),
    "segnet-basic": Model(
        SegNetBasic,
        published=_PUBLISHED,
        width=16,
        mean_and_std=_RAW,
        classes=11,
        recipes={
            "paper": _REPOSITORY | {"lr": 0.1, "batch_size": 12},
            "repository": _REPOSITORY | {"lr": 0.1},
        },
    ),
}
