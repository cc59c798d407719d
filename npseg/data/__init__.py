"""Datasets, their colours, and the batches that training is fed with.

`Scenes` is there without a download; `open_dataset` finds out what a folder of pictures is; `survey` tells what it
holds, and `validate` looks at every pair before hours are spent on it; `batches` makes the epochs.
"""

from npseg.data.batches import batches, steps_per_epoch
from npseg.data.boxes import Box, jittered, objects
from npseg.data.camvid import CamVid, CamVid701
from npseg.data.color_proposals import propose_colors
from npseg.data.color_tables import ColorTable, read_colors, write_colors
from npseg.data.dataset import VOID, Dataset, InMemory
from npseg.data.folders import Folder, MMSegmentation
from npseg.data.formats import FORMATS, find_format, open_dataset
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
from npseg.data.proposals import ObjectCrops, ProposalCrops
from npseg.data.reading import read_image
from npseg.data.scenes import Scenes
from npseg.data.stanford import STANFORD_CLASSES, STANFORD_COLORS, StanfordBackground
from npseg.data.survey import Survey, survey
from npseg.data.validation import validate
from npseg.data.voc import SBD, VOC, VOC_CLASSES

__all__ = [
    "CAMVID_CLASSES",
    "CAMVID_COLORS",
    "FORMATS",
    "SBD",
    "SCENE_CLASSES",
    "SCENE_COLORS",
    "STANFORD_CLASSES",
    "STANFORD_COLORS",
    "VOC",
    "VOC_CLASSES",
    "VOID",
    "VOID_COLOR",
    "Box",
    "CamVid",
    "CamVid701",
    "ColorTable",
    "Dataset",
    "Folder",
    "InMemory",
    "MMSegmentation",
    "Normalization",
    "ObjectCrops",
    "ProposalCrops",
    "Scenes",
    "StanfordBackground",
    "Survey",
    "batches",
    "find_format",
    "jittered",
    "mean_and_std",
    "objects",
    "open_dataset",
    "propose_colors",
    "read_colors",
    "read_image",
    "steps_per_epoch",
    "survey",
    "validate",
    "voc_palette",
    "write_colors",
    "write_labels",
]
