"""The usual mistakes: each a wrong answer that is computed on purpose, to be recognised in somebody's.

A mistake is a few words and a function from a case to what one gets by it. Where a mistake cannot be made, or what it
asks for cannot be computed, its function raises ValueError, or what NumPy raises.
"""

from __future__ import annotations

from npseg.check.oracle.mistakes import backward, conv, conv_transpose, pointwise, pool, unpool
from npseg.check.oracle.mistakes.mistake import Mistake

#: The usual mistakes of each operation, those first that are made most.
MISTAKES: dict[str, tuple[Mistake, ...]] = {
    "conv_forward": conv.MISTAKES,
    "conv_transpose_forward": conv_transpose.MISTAKES,
    "max_pool_forward": pool.MAX_MISTAKES,
    "avg_pool_forward": pool.AVG_MISTAKES,
    "max_unpool_forward": unpool.MISTAKES,
    "conv_backward": backward.CONV_MISTAKES,
    "conv_transpose_backward": backward.TRANSPOSE_MISTAKES,
    "max_pool_backward": pool.MAX_GRADIENT_MISTAKES,
    "avg_pool_backward": pool.AVG_GRADIENT_MISTAKES,
    "nearest_unpool_backward": unpool.NEAREST_GRADIENT_MISTAKES,
    "col2im": unpool.COLUMN_MISTAKES,
    "relu_backward": pointwise.RELU_MISTAKES,
    "tanh_backward": pointwise.TANH_MISTAKES,
}

__all__ = ["MISTAKES", "Mistake"]
