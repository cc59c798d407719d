"""Encoders whose poolings tell the decoder where their winners stood: what DeconvNet and SegNet have in common.

A max pooling forgets where in its window the largest value was, and with that where an outline runs. These networks
keep it: the *switches* of each pooling go to the unpooling of the same size, and every value returns to where its
winner stood. The last pooling's are used first, so they travel on a stack.

Nothing else crosses over, and no gradient does: switches are whole numbers, so that backward is that of the decoder
and then that of the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from npseg.backend import Array
from npseg.layers import BatchNorm, Layer, MaxPool, MaxUnpool, ReLU, Sequential, Switches, named
from npseg.networks.network import Network
from npseg.networks.vgg import BLOCKS

#: Layers with their names.
Layers = Iterable[tuple[str, Layer]]

#: Makes one step: from its name, and its channels before and after, to its layers.
Step = Callable[[str, int, int], Layers]


class EncoderDecoder(Network):
    """A network of an encoder with max poolings, and a decoder with as many max unpoolings.

    Parameters
    ----------
    encoder, decoder : iterable of (str, Layer)
        Their layers, in the order in which they run.
    method : str
        The method of all layers.

    Examples
    --------
    >>> import numpy as np
    >>> network = EncoderDecoder([("pool", MaxPool(2))], [("unpool", MaxUnpool(2))], method="auto")
    >>> network.forward(np.array([[[[1.0, 7.0, 3.0, 2.0], [5.0, 4.0, 0.0, 8.0]]]]))
    array([[[[0., 7., 0., 0.],
             [0., 0., 0., 8.]]]])
    """

    def __init__(self, encoder: Layers, decoder: Layers, *, method: str) -> None:
        super().__init__(encoder=named([*encoder]), decoder=named([*decoder]))
        self.compute_by(method)

    def forward(self, x: Array) -> Array:
        """Return the scores of the classes at each pixel.

        Parameters
        ----------
        x : (N, 3, H, W) array
            Images of any size.

        Returns
        -------
        (N, classes, H, W) array
            Scores (logits).
        """
        codes, switches = self.encode(x)
        return self.decode(codes, switches)

    def encode(self, x: Array) -> tuple[Array, list[Switches]]:
        """Go down; return the coarsest plane, and the switches of each pooling, the last one's at the end."""
        switches = []
        for layer in self._part("encoder"):
            if isinstance(layer, MaxPool):
                x, winners = layer.forward_with_switches(x)
                switches.append(winners)
            else:
                x = layer.forward(x)
        return x, switches

    def decode(self, x: Array, switches: list[Switches]) -> Array:
        """Go up, and use the switches up: those that were kept last come first."""
        for layer in self._part("decoder"):
            if isinstance(layer, MaxUnpool):
                x = layer.forward(x, switches.pop())
            else:
                x = layer.forward(x)
        return x

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
        return self._part("encoder").backward(self._part("decoder").backward(dout))

    def sees(self, first: int, last: int) -> tuple[int, int]:
        """Return the pixels of the image that pixels of the scores see, on one axis.

        Followed is the path through all layers. What decides on a switch, the window of its pooling, is part of
        what the pooled unit sees, and so lies on that path.
        """
        return self._part("encoder").sees(*self._part("decoder").sees(first, last))

    def until(self, name: str) -> Sequential:
        """Return the layers from the image to the one named, such as ``"encoder.conv1_2"``: of the encoder.

        Raises
        ------
        ValueError
            If the encoder has no such layer. Those of the decoder need switches, and are no mere sequence.
        """
        return Sequential(encoder=self._part("encoder")).until(name)

    def _part(self, name: str) -> Sequential:
        part = self.layers[name]
        assert isinstance(part, Sequential)
        return part


def normalised(name: str, layer: Layer, channels: int, *, relu: bool = True, dtype: str) -> Layers:
    """Follow a convolution, or a transposed one, by batch norm and ReLU: the step that both systems are made of.

    The batch norm's initial shift is the published 0.001.
    """
    yield name, layer
    yield f"{name}_norm", BatchNorm(channels, shift=0.001, dtype=dtype)
    if relu:
        yield f"{name}_relu", ReLU(in_place=True)


def down(width: int, step: Step) -> Layers:
    """Make VGG-16's convolutions, conv1_1 to conv5_3, and its poolings."""
    before = 3
    for number, (depth, multiple) in enumerate(BLOCKS, start=1):
        for i in range(1, depth + 1):
            yield from step(f"conv{number}_{i}", before, width * multiple)
            before = width * multiple
        yield f"pool{number}", MaxPool(2, ceil_mode=True)


def up(width: int, step: Step, name: Callable[[int, int], str]) -> Layers:
    """Make the mirror of :func:`down`: unpool5, and convolutions that end with the channels of pool4, and so on.

    ``name(block, i)`` is that of a block's i-th convolution in the encoder.
    """
    for number in range(len(BLOCKS), 0, -1):
        depth, multiple = BLOCKS[number - 1]
        yield f"unpool{number}", MaxUnpool(2)
        for i in range(depth, 0, -1):
            above = multiple if i > 1 else BLOCKS[max(0, number - 2)][1]
            yield from step(name(number, i), width * multiple, width * above)
