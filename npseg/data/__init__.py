"""Datasets, their colours, and the batches that training is fed with.

`Scenes` is there without a download; `open_dataset` finds out what a folder of pictures is; `validate` looks
at every pair before hours are spent on it; `batches` makes the epochs.
"""

from npseg.data.batches import batches, steps_per_epoch
from npseg.data.dataset import VOID, Dataset, InMemory
from npseg.data.folders import CamVid, Folder, open_dataset
from npseg.data.normalization import Normalization, mean_and_std
from npseg.data.palettes import (
    CAMVID_CLASSES,
    CAMVID_COLORS,
    SCENE_CLASSES,
    SCENE_COLORS,
    VOID_COLOR,
    voc_palette,
    write_labels,
)
from npseg.data.proposals import Box, ObjectCrops, ProposalCrops, jittered, objects
from npseg.data.reading import read_image
from npseg.data.scenes import Scenes
from npseg.data.validation import validate

__all__ = [
    "CAMVID_CLASSES",
    "CAMVID_COLORS",
    "SCENE_CLASSES",
    "SCENE_COLORS",
    "VOID",
    "VOID_COLOR",
    "Box",
    "CamVid",
    "Dataset",
    "Folder",
    "InMemory",
    "Normalization",
    "ObjectCrops",
    "ProposalCrops",
    "Scenes",
    "batches",
    "jittered",
    "mean_and_std",
    "objects",
    "open_dataset",
    "read_image",
    "steps_per_epoch",
    "validate",
    "voc_palette",
    "write_labels",
]
