"""Semantic segmentation in pure NumPy: every operation, forward and backward, written by hand.

The operations come in pairs, ``<op>_forward`` and ``<op>_backward``; the explicit matrices behind them end in
``_matrix``. Layers, networks, data and training build on these. ``npseg.check`` and ``npseg.draw`` are loaded
when they are first asked for.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from npseg import backend
from npseg.methods.columns import col2im, im2col
from npseg.methods.matrices import (
    avg_pool_matrix,
    bed_of_nails_matrix,
    conv_matrix,
    im2col_matrix,
    max_pool_matrix,
    nearest_unpool_matrix,
    resize_bilinear_matrix,
)
from npseg.ops.activation import relu_backward, relu_forward, tanh_backward, tanh_forward
from npseg.ops.conv import conv_backward, conv_forward
from npseg.ops.conv_transpose import conv_transpose_backward, conv_transpose_forward
from npseg.ops.crop import crop_backward, crop_forward
from npseg.ops.dropout import dropout_backward, dropout_forward
from npseg.ops.local_norm import local_norm_backward, local_norm_forward
from npseg.ops.loss import cross_entropy_backward, cross_entropy_forward
from npseg.ops.norm import batch_norm_backward, batch_norm_forward, lrn_backward, lrn_forward
from npseg.ops.pool import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from npseg.ops.resize import bilinear_kernel, resize_bilinear_backward, resize_bilinear_forward
from npseg.ops.unpool import (
    bed_of_nails_unpool_backward,
    bed_of_nails_unpool_forward,
    max_unpool_backward,
    max_unpool_forward,
    nearest_unpool_backward,
    nearest_unpool_forward,
)

__version__ = "0.1.0"

__all__ = [
    "avg_pool_backward",
    "avg_pool_forward",
    "avg_pool_matrix",
    "backend",
    "batch_norm_backward",
    "batch_norm_forward",
    "bed_of_nails_matrix",
    "bed_of_nails_unpool_backward",
    "bed_of_nails_unpool_forward",
    "bilinear_kernel",
    "check",
    "col2im",
    "conv_backward",
    "conv_forward",
    "conv_matrix",
    "conv_transpose_backward",
    "conv_transpose_forward",
    "crop_backward",
    "crop_forward",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "draw",
    "dropout_backward",
    "dropout_forward",
    "im2col",
    "im2col_matrix",
    "local_norm_backward",
    "local_norm_forward",
    "lrn_backward",
    "lrn_forward",
    "max_pool_backward",
    "max_pool_forward",
    "max_pool_matrix",
    "max_unpool_backward",
    "max_unpool_forward",
    "nearest_unpool_backward",
    "nearest_unpool_forward",
    "nearest_unpool_matrix",
    "relu_backward",
    "relu_forward",
    "resize_bilinear_backward",
    "resize_bilinear_forward",
    "resize_bilinear_matrix",
    "tanh_backward",
    "tanh_forward",
]

_WHEN_ASKED_FOR = (
    "check",
    "draw",
    "data",
    "layers",
    "networks",
    "planes",
    "predict",
    "summary",
    "superpixels",
    "tiles",
    "training",
)


def __getattr__(name: str) -> ModuleType:
    if name in _WHEN_ASKED_FOR:
        return importlib.import_module(f"npseg.{name}")
    raise AttributeError(f"module 'npseg' has no attribute {name!r}")
