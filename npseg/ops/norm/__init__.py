"""Normalisation: across the batch for each channel, or across neighbouring channels for each pixel.

Across neighbouring pixels it is :mod:`npseg.ops.local_norm`.
"""

from npseg.ops.norm.batch import BatchNormCache, batch_norm_backward, batch_norm_forward
from npseg.ops.norm.response import LRNCache, lrn_backward, lrn_forward

__all__ = [
    "BatchNormCache",
    "LRNCache",
    "batch_norm_backward",
    "batch_norm_forward",
    "lrn_backward",
    "lrn_forward",
]
