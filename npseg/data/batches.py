"""Epochs of training batches: shuffled, rescaled, cropped, flipped, normalised, and the same again whenever asked.

Nothing here has a state. The order of an epoch follows from (seed, epoch), and the scales, crops and flips of a batch
from (seed, epoch, step), so training that was interrupted goes on at any step as if nothing had happened, bit
for bit. One thread prepares the next batch while the current one is in use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npseg import arguments, kinds, room
from npseg.data.dataset import VOID, Bytes, Dataset, check_not_empty
from npseg.data.normalization import Normalization
from npseg.data.rescaling import random_scale, rescaled

#: Normalised images, floating (N, 3, H, W), and their labels, uint8 (N, H, W).
Batch: TypeAlias = tuple[NDArray[np.floating], Bytes]


def steps_per_epoch(dataset: Dataset, batch_size: int) -> int:
    """Return how many batches an epoch has.

    The rest that does not fill a batch is left out, another one in each epoch, unless it is all there is.

    Parameters
    ----------
    dataset : Dataset
        The training images.
    batch_size : int
        Images a batch.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        If the dataset is empty, or `batch_size` below 1.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> steps_per_epoch(Scenes(10), 4), steps_per_epoch(Scenes(3), 4)
    (2, 1)
    """
    check_not_empty(dataset)
    batch_size = arguments.integer("batches", "batch_size", batch_size, 1)
    return max(len(dataset) // batch_size, 1)


def batches(
    dataset: Dataset,
    batch_size: int,
    normalization: Normalization,
    *,
    seed: int,
    epoch: int,
    crop: tuple[int, int] | None = None,
    flip: bool = True,
    jitter: tuple[float, float] | None = None,
    start: int = 0,
    dtype: DTypeLike = "float32",
) -> Iterator[Batch]:
    """Iterate over the batches of one epoch of training.

    Parameters
    ----------
    dataset : Dataset
        The training images; no two batches share one.
    batch_size : int
        Images a batch; see `steps_per_epoch` for the rest.
    normalization : Normalization
        What the images are normalised by.
    seed, epoch : int
        From 0 on. With the number of the step they settle everything that is random.
    crop : (int, int), optional
        Height and width of a random piece cut from each image. What an image lacks is padded on the right and
        at the bottom, with zeros after normalisation, and void. Without it, a batch needs images of one size.
    flip : bool
        Whether to mirror half of the images left to right.
    jitter : (float, float), optional
        Enlarge each image and its labels by a random factor in this range, before the piece is cut; without ``crop``
        the piece has the image's own size.
    start : int
        The step to begin at: the batches are those of a whole epoch from this step on.
    dtype : dtype
        Of the images: float32 or float64.

    Yields
    ------
    x : array of `dtype`, shape (N, 3, H, W)
        The normalised images.
    labels : array of uint8, shape (N, H, W)
        Their labels; 255 is void.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If the dataset is empty, `dtype` is neither float32 nor float64, or a number is out of its range; while
        iterating, if sizes differ without `crop`.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> scenes = Scenes(5, size=(32, 48))
    >>> half = Normalization(np.full(3, 0.5), np.full(3, 0.5))
    >>> for x, labels in batches(scenes, 2, half, seed=0, epoch=0, crop=(32, 32)):
    ...     print(x.shape, x.dtype, labels.shape)
    (2, 3, 32, 32) float32 (2, 32, 32)
    (2, 3, 32, 32) float32 (2, 32, 32)
    """
    check_not_empty(dataset, "names")
    steps = steps_per_epoch(dataset, batch_size)
    kinds.instance("batches", "normalization", normalization, Normalization, "a Normalization")
    seed = arguments.integer("batches", "seed", seed, 0, math.inf)
    epoch = arguments.integer("batches", "epoch", epoch)
    if arguments.integer("batches", "start", start) > steps:
        raise ValueError(f"batches: start={start}; this epoch has the steps 0 to {steps - 1}")
    if crop is not None:
        height, width = arguments.axes("batches", "crop", crop, 2)
        crop = height, width
        room.check("batches", "a batch of crop", (min(batch_size, len(dataset)), 3, *crop), np.empty(0))
    if jitter is not None:
        jitter = _factors(jitter)
    flip = arguments.flag("batches", "flip", flip)
    arguments.float_type("batches", dtype)
    order = np.random.default_rng([seed, epoch]).permutation(len(dataset))

    def make(step: int) -> Batch:
        # NumPy pads a seed with zeros, so [seed, epoch, 0] would repeat the stream of the order.
        rng = np.random.default_rng([seed, epoch, step + 1])
        chosen = order[step * batch_size : (step + 1) * batch_size].tolist()
        return _batch(dataset, chosen, normalization, rng, crop, flip, jitter, dtype)

    return _ahead([partial(make, step) for step in range(start, steps)])


def _factors(jitter: object) -> tuple[float, float]:
    """Return two positive factors, the smaller first."""
    given = kinds.listed("batches", "jitter", jitter, "a pair of factors")
    factors = [arguments.real("batches", "jitter", factor) for factor in given]
    if len(factors) != 2 or not 0 < factors[0] <= factors[1]:
        raise ValueError(f"batches: jitter={jitter!r}; two positive factors, the smaller first, are needed")
    return factors[0], factors[1]


def _ahead(makers: list[partial[Batch]]) -> Iterator[Batch]:
    """Make one batch after the other, always one ahead of the caller; the thread ends with the iterator."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="npseg-batches") as thread:
        upcoming: Future[Batch] | None = None
        for make in makers:
            current, upcoming = upcoming, thread.submit(make)
            if current is not None:
                yield current.result()
        if upcoming is not None:
            yield upcoming.result()


def _batch(
    dataset: Dataset,
    chosen: list[int],
    normalization: Normalization,
    rng: np.random.Generator,
    crop: tuple[int, int] | None,
    flip: bool,
    jitter: tuple[float, float] | None,
    dtype: DTypeLike,
) -> Batch:
    pairs = [dataset[i] for i in chosen]
    size = crop or _common_size(pairs, [dataset.names[i] for i in chosen])
    x = np.zeros((len(pairs), 3, *size), dtype)
    labels = np.full((len(pairs), *size), VOID, np.uint8)
    for k, (image, ids) in enumerate(pairs):
        if jitter is not None:
            image, ids = rescaled(image, ids, random_scale(rng, *jitter))
        piece = _random_piece(rng, ids.shape, size, flip)
        h, w = ids[piece].shape
        x[k, :, :h, :w] = normalization.apply(image[piece])
        labels[k, :h, :w] = ids[piece]
    return x, labels


def _random_piece(
    rng: np.random.Generator, shape: tuple[int, ...], size: tuple[int, int], flip: bool
) -> tuple[slice, slice]:
    """Return the index of a random piece, no larger than the image, mirrored half of the time."""
    top, left = (int(rng.integers(max(have - want, 0) + 1)) for have, want in zip(shape, size))
    rows, columns = slice(top, top + size[0]), slice(left, left + size[1])
    if flip and rng.random() < 0.5:
        last = min(columns.stop, shape[1]) - 1
        columns = slice(last, left - 1 if left else None, -1)
    return rows, columns


def _common_size(pairs: list[tuple[Bytes, Bytes]], names: list[str]) -> tuple[int, int]:
    shapes = [labels.shape for _, labels in pairs]
    check_one_size(names, shapes)
    height, width = shapes[0]
    return height, width


def check_one_size(names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> None:
    """Refuse images of several sizes, which no batch can hold without crops.

    Parameters
    ----------
    names : sequence of str
        The images' names.
    shapes : sequence of (height, width)
        Their sizes.

    Raises
    ------
    ValueError
        Naming the first and one of another size.
    """
    for name, (height, width) in zip(names, shapes):
        if (height, width) != shapes[0]:
            raise ValueError(
                f"{names[0]} is {shapes[0][1]}x{shapes[0][0]} and {name} is {width}x{height}; "
                "a batch needs one size: give crop=(height, width), at the command line --crop H W"
            )
