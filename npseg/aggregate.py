"""A whole image put together from proposals: boxes that may each hold an object.

DeconvNet looks at one box at a time, resized to the size that it was trained on. So it sees a small object as large as
a large one, which a network that looks at the whole image does not. The scores of each box go back to where it lies,
and of all boxes that cover a pixel the highest score of each class counts. The boxes come from the caller; the paper
takes the best 50 of about 2000 by Edge Boxes.

References
----------
Noh, Hong & Han, "Learning deconvolution network for semantic segmentation", ICCV 2015, sections 4.3 and 4.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from npseg import arguments, backend, kinds, room
from npseg.data.boxes import Box
from npseg.data.proposals import crop_and_resize
from npseg.ops.resize import resize_bilinear_forward
from npseg.predict import Labeller


def aggregate(
    labeller: Labeller,
    image: np.ndarray,
    boxes: Sequence[Box],
    *,
    size: int | None = None,
    least: int | None = None,
    progress: bool = True,
) -> np.ndarray:
    """Return the score of each class at each pixel, from the boxes that cover it.

    Parameters
    ----------
    labeller : Labeller
        A trained network with its normalisation.
    image : (H, W, 3) uint8 array
        A photograph in RGB.
    boxes : sequence of Box
        Proposals; what of them lies outside of the image is cut off.
    size : int, optional
        Height and width to which boxes are resized; the network's ``input_size`` unless given.
    least : int, optional
        Boxes with a shorter side than this are passed over; half of ``size`` unless given, the paper's 112 of 224.
    progress : bool
        Show a bar.

    Returns
    -------
    (n, H, W) array
        The highest score of each class over all boxes and, as in the paper, 0: where no box lies, all are 0, and
        the first class, the background, is the highest.

    Raises
    ------
    ValueError
        If no size is given and the network has none, or a number is out of range.
    TypeError
        If there is anything else in place of an argument.

    Examples
    --------
    >>> from npseg.data import Normalization
    >>> from npseg.networks import DeconvNet
    >>> half = Normalization(np.full(3, 0.5), np.full(3, 0.5))
    >>> network = DeconvNet(2, width=2, fc=8, input_size=32)
    >>> labeller = Labeller(network, half, ("nothing", "cat"), np.zeros((2, 3), np.uint8))
    >>> scores = aggregate(labeller, np.zeros((40, 60, 3), np.uint8), [Box(0, 0, 20, 30), Box(10, 20, 40, 60)])
    >>> scores.shape, float(scores.min())
    ((2, 40, 60), 0.0)
    """
    op = "aggregate"
    kinds.instance(op, "labeller", labeller, Labeller, "a npseg.predict.Labeller")
    kinds.image(op, "image", image)
    arguments.flag(op, "progress", progress)
    for i, box in enumerate(kinds.listed(op, "boxes", boxes, "a list of boxes")):
        kinds.instance(op, f"boxes[{i}]", box, Box, "a npseg.data.Box")
    size = getattr(labeller.network, "input_size", None) if size is None else size
    if size is None:
        raise ValueError(
            f"{op}: a {type(labeller.network).__name__} has no input_size; say to which size boxes are resized"
        )
    size = arguments.integer(op, "size", size, 1)
    room.check(op, f"a box resized to size={size}", (3, size, size), np.empty(0, np.float32))
    least = size // 2 if least is None else arguments.integer(op, "least", least)
    inside = [box.within(image.shape) for box in boxes]
    whole = np.zeros((len(labeller.classes), *image.shape[:2]), np.float32)
    for box in tqdm(inside, unit="box", leave=False, disable=None if progress else True):
        if min(box.height, box.width) >= max(1, least):
            scores = backend.to_numpy(labeller.scores(crop_and_resize(image, box, size), tile=None))
            there, _ = resize_bilinear_forward(scores[None], (box.height, box.width))
            part = whole[:, *box.part]
            np.maximum(part, there[0], out=part)
    return whole


def ensemble(*probabilities: np.ndarray) -> np.ndarray:
    """Return the mean of what several networks say: the paper's EDeconvNet is DeconvNet's and FCN's.

    Parameters
    ----------
    *probabilities : (n, H, W) arrays
        The probability of each class at each pixel, of each network. Scores of different networks have no common
        scale, so that their mean would be that of the louder one.

    Returns
    -------
    (n, H, W) array
        Their mean.

    Raises
    ------
    ValueError
        If there are none, or their shapes differ.
    TypeError
        If one is no float array.

    Examples
    --------
    >>> ensemble(np.array([[[0.25]], [[0.75]]]), np.array([[[0.75]], [[0.25]]])).ravel()
    array([0.5, 0.5])
    """
    for i, p in enumerate(probabilities):
        if not isinstance(p, np.ndarray) or p.dtype.kind != "f":
            given = getattr(p, "dtype", type(p).__name__)
            raise TypeError(f"ensemble: probabilities[{i}] is {given}; a float array is needed")
    shapes = {p.shape for p in probabilities}
    if len(shapes) != 1:
        raise ValueError(f"ensemble: shapes {sorted(shapes)}; needed are some of one shape")
    mean: np.ndarray = sum(probabilities[1:], probabilities[0]) / len(probabilities)
    return mean
