"""Farabet, Couprie, Najman & LeCun: one convolutional network at three scales of a Laplacian pyramid.

What a pixel shows is often said by what surrounds it, further away than a small network sees. So the image is taken
apart into a pyramid, each level half the size of the one before, and the *same* network looks at each: 46 pixels at
the finest level are 92 and 184 pixels of the image at the next two. Its features, 256 maps at each scale, are laid
over each other, and a classifier reads 768 numbers at each place.

The weights are used three times, and so their gradients are sums of three (:class:`npseg.layers.Shared`). Backward
goes the other way: it takes apart what was joined, adds up what was repeated, and puts the pyramid together again.

References
----------
Farabet, Couprie, Najman & LeCun, "Learning hierarchical features for scene labeling", TPAMI 2013.
Burt & Adelson, "The Laplacian pyramid as a compact image code", 1983.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from npseg import arguments, backend, room
from npseg.backend import Array
from npseg.layers import (
    BilinearUpsampling,
    Conv,
    LaplacianPyramid,
    Layer,
    LocalNorm,
    MaxPool,
    NearestUnpool,
    Sequential,
    Shared,
    SparseConv,
    Tanh,
    random_table,
)
from npseg.networks.network import Model, Network
from npseg.ops.crop import crop_backward, crop_forward

#: Luma and the two differences of colour, from red, green and blue: ITU-R BT.601, as OpenCV and most others have it.
YUV = ((0.299, 0.587, 0.114), (-0.147, -0.289, 0.436), (0.615, -0.515, -0.100))

#: Pixels of the neighbourhoods in which levels are normalised, and taps of all kernels.
NEIGHBOURHOOD, KERNEL = 15, 7

#: Pixels from one feature to the next: two poolings of 2x2.
STRIDE = 4

CLASSIFIERS = ("linear", "two-layer")


class Farabet(Network):
    """The multiscale convolutional network of Farabet et al.

    Parameters
    ----------
    classes : int
        Classes to tell apart.
    classifier : {"two-layer", "linear"}
        What reads the features: a hidden layer with tanh and then the scores; or the scores at once, the classifier
        with which the paper learns the features and then throws it away.
    width : int
        Maps of the first stage, from which the others follow: 4 and 16 times as many. The paper's is 16.
    fc : int, optional
        Units of the two-layer classifier's hidden layer; ``64 * width`` unless given, as the paper's 1024.
    scales : int
        Levels of the pyramid. With 1, it is the paper's network of a single scale.
    freeze : bool
        Leave the features as they are, and train the classifier alone.
    seed : int
        Seed of the connection tables and of the initial weights.
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
    The network normalises by itself, and takes intensities from 0 to 1. As in the paper: the connection tables (of
    the first stage's 16 maps, 10 read Y and 6 both U and V; of the second's 64 each reads 8, of the third's 256 each
    reads 32 of those below, drawn from the seed), kernels of 7x7, tanh and then max pooling of 2x2 twice, no
    nonlinearity after the third. Where the paper is silent:

    * The pyramid is Burt & Adelson's with 1 4 6 4 1, and its last level is what remains, not a band.
    * Local normalisation subtracts the mean of 15x15 pixels, then divides by the deviation of what is left
      (:func:`npseg.local_norm_forward`), with a floor of about one grey level.
    * Convolutions are padded by 3, so that planes stay their size; pooling and the pyramid round up, so that images
      of any size have scores.
    * The features of coarser levels are repeated, and cropped to the finest.
    * Initial weights have deviation ``1 / sqrt(fan_in)``, biases are 0, and so are the scores.
    * The third stage has biases, which the paper's formula leaves out: 427,910 weights in all.
    * Scores, one for each 4x4 pixels, are enlarged bilinearly, and the loss is that of all pixels.

    To train as the paper did, features first and then the two-layer classifier on them, see the page of the system.

    Examples
    --------
    >>> network = Farabet(4, width=2)
    >>> network.evaluate()
    >>> network.forward(np.zeros((1, 3, 33, 47), "float32")).shape
    (1, 4, 33, 47)
    >>> [p.shape for name, p in network.params.items() if name.startswith("stages") and name.endswith("w")]
    [(3, 7, 7), (8, 7, 7), (128, 7, 7)]
    """

    def __init__(
        self,
        classes: int,
        *,
        classifier: str = "two-layer",
        width: int = 16,
        fc: int | None = None,
        scales: int = 3,
        freeze: bool = False,
        seed: int = 0,
        dtype: str = "float32",
        method: str = "auto",
    ) -> None:
        arguments.choice("Farabet", "classifier", classifier, CLASSIFIERS)
        arguments.float_type("Farabet", dtype)
        classes, width = arguments.integers("Farabet", 1, classes=classes, width=width)
        fc = arguments.integer("Farabet", "fc", 64 * width if fc is None else fc, 1)
        scales = arguments.integer("Farabet", "scales", scales, 1, 32)
        self.scales = scales
        rng = arguments.generator("Farabet", seed)
        stages = _stages(width, rng, dtype)
        if arguments.flag("Farabet", "freeze", freeze):
            stages.freeze()
        layers: dict[str, Layer] = {
            "yuv": _yuv(dtype),
            "pyramid": LaplacianPyramid(scales),
            "stages": stages,
            **{f"repeat{n}": NearestUnpool(2**n) for n in range(1, scales)},
            "classifier": _classifier(classifier, scales * 16 * width, fc, classes, rng, dtype),
            "upscore": BilinearUpsampling(classes, STRIDE, padding=STRIDE // 2, learned=False, dtype=dtype),
        }
        super().__init__(**layers)
        self.compute_by(method)
        self.train(backend.generator(seed))

    def sees(self, first: int, last: int) -> tuple[int, int]:
        """Return the pixels of the image that pixels of the scores see, on one axis.

        Followed is the path through the coarsest level, whose units see all that those of the others do.
        """
        last_level = range(1, self.scales)
        path = [
            *(self.layers["pyramid"].layers[f"down{n}"] for n in last_level),  # type: ignore[attr-defined]
            self.layers["stages"],
            *(self.layers[f"repeat{n}"] for n in last_level[-1:]),
            self.layers["upscore"],
        ]
        for layer in reversed(path):
            first, last = layer.sees(first, last)
        return first, last

    def forward(self, x: Array) -> Array:
        """Return the scores of the classes at each pixel.

        Parameters
        ----------
        x : (N, 3, H, W) array
            Images of any size, red, green and blue from 0 to 1.

        Returns
        -------
        (N, classes, H, W) array
            Scores (logits).
        """
        layers = self.layers
        levels = layers["pyramid"].forward(layers["yuv"].forward(x))
        finest, *coarser = layers["stages"].forward(levels)
        joined, crops = [finest], []
        for n, maps in enumerate(coarser, start=1):
            maps, crop = crop_forward(layers[f"repeat{n}"].forward(maps), 0, finest.shape[2:])
            joined.append(maps)
            crops.append(crop)
        scores = layers["classifier"].forward(backend.array_module(x).concatenate(joined, axis=1))
        scores, image = crop_forward(layers["upscore"].forward(scores), 0, x.shape[2:])
        self._remember((crops, image))
        return scores

    def backward(self, dout: Array) -> Array:
        """Carry the gradient of the scores back to the image, and leave those of all parameters.

        Parameters
        ----------
        dout : (N, classes, H, W) array
            Gradient with respect to the scores.

        Returns
        -------
        (N, 3, H, W) array
            Gradient with respect to the image.
        """
        layers = self.layers
        crops, image = self._recall()
        djoined = layers["classifier"].backward(layers["upscore"].backward(crop_backward(dout, image)))
        dfinest, *dcoarser = backend.array_module(djoined).split(djoined, self.scales, axis=1)
        dmaps = [dfinest]
        for n, (dcoarse, crop) in enumerate(zip(dcoarser, crops), start=1):
            dmaps.append(layers[f"repeat{n}"].backward(crop_backward(dcoarse, crop)))
        return layers["yuv"].backward(layers["pyramid"].backward(layers["stages"].backward(dmaps)))


def _yuv(dtype: str) -> Conv:
    """Return the change of colours: a convolution whose single tap is fixed."""
    layer = Conv(3, 3, 1, bias=False, rng=None, dtype=dtype)
    layer.params["w"] += backend.current().asarray(YUV, dtype)[:, :, None, None]
    layer.freeze()
    return layer


def _stages(width: int, rng: np.random.Generator, dtype: str) -> Shared:
    """Return what looks at each level: normalisation, and three stages with their connection tables."""
    first, second, third = width, 4 * width, 16 * width
    room.check("Farabet", "the connections of width", (third, second), np.empty(0))

    def conv(below: int, above: int, table: object) -> SparseConv:
        return SparseConv(below, above, KERNEL, table=table, padding=KERNEL // 2, rng=rng, dtype=dtype)

    return Shared(
        normalise=LocalNorm(NEIGHBOURHOOD),
        conv1=conv(3, first, _colors(first)),
        tanh1=Tanh(),
        pool1=MaxPool(2, ceil_mode=True),
        conv2=conv(first, second, random_table(first, second, max(1, first // 2), rng)),
        tanh2=Tanh(),
        pool2=MaxPool(2, ceil_mode=True),
        conv3=conv(second, third, random_table(second, third, second // 2, rng)),
    )


def _colors(maps: int) -> list[tuple[int, int]]:
    """Return the table of the first stage: of 16 maps 10 read Y, and 6 read both U and V."""
    luma = max(1, 10 * maps // 16)
    return [(0, m) for m in range(luma)] + [(c, m) for m in range(luma, maps) for c in (1, 2)]


def _classifier(
    kind: str, features: int, hidden: int, classes: int, rng: np.random.Generator, dtype: str
) -> Sequential:
    """Return what reads the features of each place."""
    if kind == "linear":
        return Sequential(linear=Conv(features, classes, 1, rng=None, dtype=dtype))
    return Sequential(
        hidden=Conv(features, hidden, 1, rng=rng, deviation=1 / sqrt(features), dtype=dtype),
        tanh=Tanh(),
        score=Conv(hidden, classes, 1, rng=None, dtype=dtype),
    )


#: Of the first stage. The paper steps after each patch, drawn such that all classes come equally often; here it is an
#: image, with the mean over its pixels, weighed by class. Of momentum and a falling rate the paper says nothing.
_PAPER = {
    "batch_size": 1,
    "optimizer": "sgd",
    "lr": 1e-3,
    "momentum": 0.0,
    "weight_decay": 1e-5,
    "schedule": "constant",
    "balance": 1.0,
}

MODELS = {
    "farabet": Model(
        Farabet,
        published={"width": 16},
        width=8,
        small=lambda width: {"fc": 16 * width},
        mean_and_std=((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        classes=8,
        recipes={"paper": _PAPER},
    )
}
