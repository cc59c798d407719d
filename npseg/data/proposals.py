"""What DeconvNet learns from: the contents of boxes around objects, all resized to one size.

DeconvNet learns in two stages. In the first, each example is one object in the middle, slightly enlarged, and
all else is background: as easy as can be. In the second, examples are boxes that lie somewhat off an object, as
proposals do, with all that is in them labelled.

References
----------
Noh, Hong & Han, "Learning deconvolution network for semantic segmentation", ICCV 2015, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from npseg import arguments, kinds, room
from npseg.data.boxes import LEAST, Box, jittered, objects
from npseg.data.dataset import VOID, Bytes, Dataset, check_not_empty
from npseg.ops.resize import resize_bilinear_forward

#: By how much a box is enlarged around its object.
CONTEXT = 1.2


def crop_and_resize(image: Bytes, box: Box, size: int) -> Bytes:
    """Cut a box out of an image and resize it, bilinearly, to ``size`` x ``size`` pixels.

    Examples
    --------
    >>> image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    >>> crop_and_resize(image, Box(0, 0, 2, 4), 2)[..., 0]
    array([[ 2,  8],
           [14, 20]], dtype=uint8)
    """
    x = image[box.part].transpose(2, 0, 1)[None].astype(np.float32)
    resized: Bytes = resize_bilinear_forward(x, size)[0][0].transpose(1, 2, 0).round().astype(np.uint8)
    return resized


def crop_and_pick(labels: Bytes, box: Box, size: int) -> Bytes:
    """Cut a box out of a label map and resize it to ``size`` x ``size``: each pixel takes the nearest one's label.

    Examples
    --------
    >>> crop_and_pick(np.array([[1, 2], [3, 4]], np.uint8), Box(0, 0, 2, 2), 4)[0]
    array([1, 1, 2, 2], dtype=uint8)
    """
    part = labels[box.part]
    rows, columns = (((np.arange(size) + 0.5) * n / size).astype(int) for n in part.shape)
    return part[np.ix_(rows, columns)]


class _Crops:
    """What both stages have in common: a dataset whose ``boxes`` each have the number of their image."""

    def __init__(self, dataset: Dataset, size: int, background: int, least: int) -> None:
        op = type(self).__name__
        check_not_empty(dataset, "classes", "colors", "names")
        self.classes, self.colors = dataset.classes, dataset.colors
        self.size = arguments.integer(op, "size", size, 1)
        room.check(op, f"a crop of size={size}", (size, size, 3), np.empty(0, np.float32))
        self.background = arguments.integer(op, "background", background, 0, VOID)
        self.least = arguments.integer(op, "least", least)
        self.boxes: list[tuple[int, Box]] = []
        self._dataset = dataset

    @property
    def names(self) -> Sequence[str]:
        """The images' names, with the number of the crop."""
        return [f"{self._dataset.names[image]}, box {i}" for i, (image, _) in enumerate(self.boxes)]

    def __len__(self) -> int:
        return len(self.boxes)

    def _objects(self, labels: Bytes) -> Iterator[tuple[Box, NDArray[np.bool_]]]:
        """Go through the objects of a label map."""
        return objects(labels, background=self.background, least=self.least)


class ObjectCrops(_Crops):
    """The first stage's examples: an object in the middle of a crop, its class labelled and nothing else.

    Parameters
    ----------
    dataset : Dataset
        Images with their labels.
    size : int
        Height and width of the crops in pixels.
    background : int
        The class of all that is not the object; it has no objects itself.
    least : int
        Pixels of an object at the least.

    Attributes
    ----------
    boxes : list of (int, Box)
        The crop's place: the number of the image, and the box in it.

    Notes
    -----
    As in the paper the box is enlarged 1.2 times and made a square. Where it reaches beyond the image, it is cut off
    there, and what is left is resized to the crop; on that the paper is silent. Void stays void.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> crops = ObjectCrops(Scenes(3), 64)
    >>> image, labels = crops[0]
    >>> image.shape, labels.shape, len(set(labels.ravel().tolist()) - {0, 255})
    ((64, 64, 3), (64, 64), 1)
    """

    def __init__(self, dataset: Dataset, size: int, *, background: int = 0, least: int = LEAST) -> None:
        super().__init__(dataset, size, background, least)
        self._numbers: list[int] = []
        for image in range(len(dataset)):
            for number, (box, mask) in enumerate(self._objects(dataset[image][1])):
                self.boxes.append((image, box.squared(CONTEXT).within(mask.shape)))
                self._numbers.append(number)

    def __getitem__(self, index: int, /) -> tuple[Bytes, Bytes]:
        number, box = self.boxes[index]
        image, labels = self._dataset[number]
        masks = [mask for _, mask in self._objects(labels)]
        others = ~masks[self._numbers[index]] & (labels != VOID)
        alone = np.where(others, self.background, labels).astype(np.uint8)
        return crop_and_resize(image, box, self.size), crop_and_pick(alone, box, self.size)


class ProposalCrops(_Crops):
    """The second stage's examples: boxes that overlap an object by half, with all that is in them labelled.

    Parameters
    ----------
    dataset : Dataset
        Images with their labels.
    size : int
        Height and width of the crops in pixels.
    boxes : sequence of sequences of Box, optional
        Proposals for each image; three near each object, drawn by ``seed``, unless given. Used are those whose
        intersection over union with an object's box is 0.5 or more.
    background : int
        The class that has no objects.
    least : int
        Pixels of an object at the least.
    seed : int
        Of the boxes that are drawn.

    Attributes
    ----------
    boxes : list of (int, Box)
        The crop's place: the number of the image, and the box in it.

    Raises
    ------
    ValueError
        If there is not one list of boxes for each image.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> crops = ProposalCrops(Scenes(3), 64)
    >>> image, labels = crops[0]
    >>> image.shape, labels.shape
    ((64, 64, 3), (64, 64))
    """

    def __init__(
        self,
        dataset: Dataset,
        size: int,
        boxes: Sequence[Sequence[Box]] | None = None,
        *,
        background: int = 0,
        least: int = LEAST,
        seed: int = 0,
    ) -> None:
        super().__init__(dataset, size, background, least)
        seed = arguments.integer("ProposalCrops", "seed", seed, 0, math.inf)
        if boxes is not None:
            needed = "a list of Boxes for each image"
            boxes = kinds.listed("ProposalCrops", "boxes", boxes, needed)
            if len(boxes) != len(dataset):
                raise ValueError(f"ProposalCrops: boxes for {len(boxes)} images; there are {len(dataset)}")
            boxes = [kinds.members("ProposalCrops", "boxes", of_one, Box, needed) for of_one in boxes]
        for image in range(len(dataset)):
            labels = dataset[image][1]
            true = [box for box, _ in self._objects(labels)]
            near = jittered(true, 3, np.random.default_rng([seed, image])) if boxes is None else boxes[image]
            inside = [box.within(labels.shape) for box in near]
            self.boxes += [(image, box) for box in inside if any(box.overlap(one) >= 0.5 for one in true)]

    def __getitem__(self, index: int, /) -> tuple[Bytes, Bytes]:
        number, box = self.boxes[index]
        image, labels = self._dataset[number]
        return crop_and_resize(image, box, self.size), crop_and_pick(labels, box, self.size)
