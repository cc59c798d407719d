"""Each pass of each operation, by its name, and what lays it out for drawing.

Laying out is to run the operation, which checks what it is given and says by its cache which windows it has used, and
to list the products behind what came out. Where cells are symbols the operation runs on zeros in their place: its
checks and windows do not depend on the values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from npseg.draw.stepper.convolutions import columns, convolution
from npseg.draw.stepper.poolings import (
    average_pooling,
    bed_of_nails,
    max_pooling,
    max_unpooling,
    nearest_unpooling,
    resizing,
)
from npseg.draw.stepper.products import Drawing

#: Each pass that can be drawn, and what lays it out.
PASSES: dict[str, Callable[..., Drawing]] = {
    "conv": convolution,
    "conv_transpose": convolution,
    "im2col": columns,
    "col2im": columns,
    "max_pool": max_pooling,
    "avg_pool": average_pooling,
    "max_unpool": max_unpooling,
    "nearest_unpool": nearest_unpooling,
    "bed_of_nails_unpool": bed_of_nails,
    "resize_bilinear": resizing,
    "conv_backward": convolution,
    "conv_transpose_backward": convolution,
    "max_pool_backward": max_pooling,
    "avg_pool_backward": average_pooling,
    "max_unpool_backward": max_unpooling,
    "nearest_unpool_backward": nearest_unpooling,
    "bed_of_nails_unpool_backward": bed_of_nails,
    "resize_bilinear_backward": resizing,
}


def lay_out(operation: str, x: Any, w: Any = None, **options: Any) -> Drawing:
    """Run a pass, and list its products; the arguments are those of :func:`npseg.draw.steps`."""
    name = operation.removesuffix("_forward") if isinstance(operation, str) else None
    if name not in PASSES:
        raise ValueError(f"steps: operation={operation!r}; choose one of {', '.join(PASSES)}")
    if w is not None:
        options["w"] = w
    return PASSES[name](name, x, **options)
