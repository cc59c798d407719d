"""DeconvNet: VGG-16 down to a single point, and its mirror image back up.

Where FCN enlarges coarse scores by a fixed rule and patches them up with skips, DeconvNet learns the whole way up. It
goes down to where the classifier ends, fc7, and then retraces its steps: for each pooling an unpooling with its
switches, for each convolution a transposed one. Unpooling puts values back to where they were found, which keeps the
outlines of *this* object; the transposed convolutions have learned what objects look like, and fill in the rest.

It is made for proposals, boxes around one object each, that are all resized to one size. How it is trained on them
and how an image is put together from them is in :mod:`npseg.training.two_stage` and :mod:`npseg.aggregate`.

References
----------
Noh, Hong & Han, "Learning deconvolution network for semantic segmentation", ICCV 2015; and their published network for
Caffe (``stage_1_train.prototxt``).
"""

from __future__ import annotations

from npseg import arguments
from npseg.backend import Array, array_module
from npseg.geometry import Ints
from npseg.layers import Conv, ConvTranspose
from npseg.networks.encoder_decoder import EncoderDecoder, Layers, down, normalised, up
from npseg.networks.network import Model
from npseg.networks.vgg import BLOCKS
from npseg.ops.crop import crop_backward, crop_forward

#: Pixels of the image from one unit of pool5 to the next, on each axis.
STRIDE = 2 ** len(BLOCKS)

#: Deviation of the initial weights of what VGG-16 does not have.
DEVIATION = 0.01


class DeconvNet(EncoderDecoder):
    """DeconvNet: VGG-16, mirrored, with max unpooling.

    Every convolution and transposed convolution is followed by batch norm and ReLU, but for the 1x1 that makes the
    scores. fc6 sees all of a proposal: its kernel is as large as the plane that is left of one, 7x7 of 224x224, and
    the transposed convolution that mirrors it makes a plane of that size again. Of larger images fc6 sees every
    such part, and what is made of these overlaps and adds up; smaller ones get zeros at the bottom and the right, up
    to the least size of which fc6 sees anything, and their scores are cropped.

    Parameters
    ----------
    classes : int
        Classes to tell apart.
    width : int
        Channels of the first block, from which all others follow; VGG's is 64.
    fc : int, optional
        Channels of fc6 and fc7; ``64 * width`` unless given, as VGG's 4096.
    input_size : int
        Height and width of the proposals in pixels, a multiple of 32; fc6's kernel is 1/32 of it.
    bias : bool
        Whether convolutions before a batch norm have a bias, too. Those published do; it is of no use, since the
        norm takes it off again.
    seed : int
        Seed of the initial weights: He's in the encoder, which the paper takes over from VGG-16, and of deviation
        0.01 in the decoder.
    dtype : str
        "float32" or "float64".
    method : str
        The method of all layers; "auto" takes the fastest.

    Attributes
    ----------
    input_size : int
        As given.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The paper's batch norm keeps no running statistics: after training they are computed over 500 batches and folded
    into scale and shift. Here they are kept while training, as by every batch norm of npseg, and eps is 1e-5 in
    place of 1e-9. Of a single proposal fc6 makes one value a channel, which has no variance: train on two at least.

    Examples
    --------
    >>> import numpy as np
    >>> network = DeconvNet(4, width=2, fc=8, input_size=64)
    >>> network.forward(np.zeros((2, 3, 64, 64), "float32")).shape
    (2, 4, 64, 64)
    >>> network.forward(np.zeros((1, 3, 33, 90), "float32")).shape
    (1, 4, 33, 90)
    """

    def __init__(
        self,
        classes: int,
        *,
        width: int = 16,
        fc: int | None = None,
        input_size: int = 224,
        bias: bool = False,
        seed: int = 0,
        dtype: str = "float32",
        method: str = "auto",
    ) -> None:
        classes, width = arguments.integers("DeconvNet", 1, classes=classes, width=width)
        fc = arguments.integer("DeconvNet", "fc", 64 * width if fc is None else fc, 1)
        if arguments.integer("DeconvNet", "input_size", input_size, STRIDE) % STRIDE:
            raise ValueError(f"DeconvNet: input_size={input_size}; a multiple of {STRIDE} is needed")
        self.input_size = input_size
        whole, last = input_size // STRIDE, width * BLOCKS[-1][1]
        rng = arguments.generator("DeconvNet", seed)

        def conv(name: str, before: int, after: int, kernel: int = 3, padding: int = 1) -> Layers:
            layer = Conv(before, after, kernel, padding=padding, bias=bias, rng=rng, dtype=dtype)
            return normalised(name, layer, after, dtype=dtype)

        def deconv(name: str, before: int, after: int, kernel: int = 3, padding: int = 1) -> Layers:
            layer = ConvTranspose(
                before, after, kernel, padding=padding, bias=bias, rng=rng, deviation=DEVIATION, dtype=dtype
            )
            return normalised(name, layer, after, dtype=dtype)

        def encoder() -> Layers:
            yield from down(width, conv)
            yield from conv("fc6", last, fc, whole, 0)
            yield from conv("fc7", fc, fc, 1, 0)

        def decoder() -> Layers:
            yield from deconv("fc6_deconv", fc, last, whole, 0)
            yield from up(width, deconv, lambda block, i: f"deconv{block}_{BLOCKS[block - 1][0] + 1 - i}")
            yield "seg_score", Conv(width, classes, 1, rng=rng, deviation=DEVIATION, dtype=dtype)

        super().__init__(encoder(), decoder(), method=method)

    def forward(self, x: Array) -> Array:
        """Return the scores of the classes at each pixel.

        Parameters
        ----------
        x : (N, 3, H, W) array
            Images of any size; proposals, of ``input_size``.

        Returns
        -------
        (N, classes, H, W) array
            Scores (logits).
        """
        scores = super().forward(_enlarged(x, self.input_size - STRIDE + 1))
        scores, crop = crop_forward(scores, 0, x.shape[2:])
        self._remember(crop)
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
        dx = super().backward(crop_backward(dout, self._recall()))
        return dx[:, :, : dout.shape[2], : dout.shape[3]]


def _enlarged(x: Array, least: int) -> Array:
    """Add zeros at the bottom and the right of images, up to the least size."""
    missing: Ints = tuple(max(0, least - size) for size in x.shape[2:])
    if not any(missing):
        return x
    return array_module(x).pad(x, ((0, 0), (0, 0), *((0, more) for more in missing)))


#: Of both stages, up to where the rate goes down to a tenth: after 9000 and after 10,000 steps.
_PAPER = {
    "batch_size": 64,
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "constant",
    "bias_rate": 2.0,
    "bias_decay": 0.0,
}

MODELS = {
    "deconvnet": Model(
        DeconvNet,
        published={"width": 64, "bias": True},
        width=16,
        small=lambda width: {"fc": 8 * width, "input_size": 96},
        recipes={"paper": _PAPER},
    )
}
