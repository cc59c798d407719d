"""U-Net: down four times, up four times, and at each level what went down laid beside what comes up.

FCN adds scores read off finer planes to coarse scores. U-Net hands the finer planes themselves across, all channels
of them, and lets further convolutions decide what to make of both: the way up is as wide as the way down. That makes
backward a matter of cutting and adding. Where forward lays two planes behind each other, backward cuts the gradient
in two; the plane that went down and across was read twice, and its two gradients are added.

References
----------
Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
"""

from __future__ import annotations

from collections.abc import Iterator

from npseg import arguments, backend
from npseg.backend import Array, array_module
from npseg.layers import BatchNorm, Conv, ConvTranspose, Dropout, Layer, MaxPool, ReLU, Sequential, named
from npseg.networks.network import Model, Network
from npseg.ops.crop import crop_backward, crop_forward

#: Planes of different resolution: the image's, and four that are each half as large.
LEVELS = 5


class UNet(Network):
    """U-Net, padded, so that the scores lie over the image at any size.

    The published network pads nothing: of 572x572 pixels it labels the inner 388x388, and crops what goes across to
    the size of what comes up. Here each 3x3 convolution is padded by 1, so that all of the image is labelled, and
    with no crop on the way; weights and layers are the same. An odd plane is pooled in ceil mode, no pixel is lost,
    and what is convolved up from it, one row or column too large, is cropped at the end.

    The paper places dropout "at the end of the contracting path". Taken is: after the blocks of the two coarsest
    levels. Its first layers read one channel, grey; these three. Its loss weighs pixels by how near cells are to each
    other; here it is the mean cross entropy, with weights for the classes.

    Parameters
    ----------
    classes : int
        Classes to tell apart.
    width : int
        Channels at the image's resolution, doubled at each level; the paper's are 64 to 1024.
    batch_norm : bool
        Normalise after each 3x3 convolution; the paper's, of 2015, does not.
    dropout : float
        Probability of being dropped at the end of the two coarsest levels on the way down.
    seed : int
        Seed of the initial weights: of deviation ``sqrt(2 / N)``, N values coming in, as the paper says.
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
    >>> network = UNet(4, width=2)
    >>> network.evaluate()
    >>> network.forward(np.zeros((1, 3, 33, 47), "float32")).shape
    (1, 4, 33, 47)
    """

    def __init__(
        self,
        classes: int,
        *,
        width: int = 16,
        batch_norm: bool = True,
        dropout: float = 0.5,
        seed: int = 0,
        dtype: str = "float32",
        method: str = "auto",
    ) -> None:
        classes, width = arguments.integers("UNet", 1, classes=classes, width=width)
        arguments.probability("UNet", "dropout", dropout)
        arguments.flag("UNet", "batch_norm", batch_norm)
        rng = arguments.generator("UNet", seed)

        def convs(below: int, above: int) -> Iterator[tuple[str, Layer]]:
            for number, channels in ((1, below), (2, above)):
                yield (
                    f"conv{number}",
                    Conv(channels, above, 3, padding=1, bias=not batch_norm, rng=rng, dtype=dtype),
                )
                if batch_norm:
                    yield f"norm{number}", BatchNorm(above, dtype=dtype)
                yield f"relu{number}", ReLU(in_place=True)

        channels = [3, *(width * 2**level for level in range(LEVELS))]
        layers: dict[str, Layer] = {}
        for level in range(1, LEVELS + 1):
            dropped = [("drop", Dropout(dropout))] if level > LEVELS - 2 else []
            layers[f"down{level}"] = named([*convs(channels[level - 1], channels[level]), *dropped])
            if level < LEVELS:
                layers[f"pool{level}"] = MaxPool(2, ceil_mode=True)
        for level in range(LEVELS - 1, 0, -1):
            below, above = channels[level + 1], channels[level]
            layers[f"upconv{level}"] = ConvTranspose(below, above, 2, stride=2, rng=rng, dtype=dtype)
            layers[f"up{level}"] = named([*convs(2 * above, above)])
        layers["score"] = Conv(width, classes, 1, rng=rng, dtype=dtype)
        super().__init__(**layers)
        self.compute_by(method)
        self.train(backend.generator(seed))

    def sees(self, first: int, last: int) -> tuple[int, int]:
        """Return the pixels of the image that pixels of the scores see, on one axis.

        Followed is the way through the coarsest plane, whose units see all that those across do.
        """
        for layer in reversed(self.layers.values()):
            first, last = layer.sees(first, last)
        return first, last

    def until(self, name: str) -> Sequential:
        """Return the layers from the image to the one named, such as ``"down3.conv2"``: of the way down.

        Raises
        ------
        ValueError
            If the way down has no such layer. What comes after it is where the paths meet.
        """
        down = (key for key in self.layers if key.startswith(("down", "pool")))
        return Sequential(**{key: self.layers[key] for key in down}).until(name)

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
        layers, across, crops = self.layers, {}, {}
        for level in range(1, LEVELS):
            across[level] = layers[f"down{level}"].forward(x)
            x = layers[f"pool{level}"].forward(across[level])
        x = layers[f"down{LEVELS}"].forward(x)
        for level in range(LEVELS - 1, 0, -1):
            up = layers[f"upconv{level}"].forward(x)
            up, crops[level] = crop_forward(up, 0, across[level].shape[2:])
            both = array_module(up).concatenate([across.pop(level), up], axis=1)
            x = layers[f"up{level}"].forward(both)
        self._remember(crops)
        return layers["score"].forward(x)

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
        layers, crops, dacross = self.layers, self._recall(), {}
        d = layers["score"].backward(dout)
        for level in range(1, LEVELS):
            dboth = layers[f"up{level}"].backward(d)
            channels = dboth.shape[1] // 2
            dacross[level], dup = dboth[:, :channels], dboth[:, channels:]
            d = layers[f"upconv{level}"].backward(crop_backward(dup, crops[level]))
        d = layers[f"down{LEVELS}"].backward(d)
        for level in range(LEVELS - 1, 0, -1):
            # This plane was read twice: by the pooling, and across.
            d = layers[f"down{level}"].backward(layers[f"pool{level}"].backward(d) + dacross[level])
        return d


#: As published, but for the padding: without batch norm.
_PUBLISHED = {"width": 64, "batch_norm": False}

MODELS = {"unet": Model(UNet, published=_PUBLISHED, width=8)}
