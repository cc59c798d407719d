"""The names of the methods.

Exact where the numbers are: ``loops`` (the definition), ``matrix`` (the explicit matrices), ``im2col`` (the default of
the operations), ``subpixel`` (transposed convolution by gathering) and ``winograd`` (F(2x2, 3x3)); less so
``winograd4`` (F(4x4, 3x3)). The layers' default is ``auto``, which chooses among the fast ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npseg.backend import Array, array_module
from npseg.geometry import Ints
from npseg.methods import auto, im2col, loops, matrix, subpixel
from npseg.methods.winograd import Winograd

#: Every method that an operation can be asked for; the tests run on each of them.
METHODS: dict[str, Any] = {
    "loops": loops,
    "matrix": matrix,
    "im2col": im2col,
    "subpixel": subpixel,
    "winograd": Winograd(2),
    "winograd4": Winograd(4),
    "auto": auto,
}

#: Those that compute every geometry, whole numbers to the last bit; the others refuse what they are not for.
GENERAL = ("loops", "matrix", "im2col", "auto")

#: Those that take each number by itself, as Python does: over a device's arrays they would never end.
HOST = ("loops",)


def method(op: str, name: str, like: Array = None) -> Any:
    """Return the module of the method that an operation was asked for.

    Parameters
    ----------
    op, name : str
        The operation, for the message, and the method.
    like : array, optional
        One of those that it is to compute with.

    Raises
    ------
    ValueError
        If there is none of that name.
    TypeError
        If it is for the host, and the array lies on a device.
    """
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"{op}: method={name!r}; choose one of {', '.join(map(repr, METHODS))}")
    if name in HOST and array_module(like) is not np:
        raise TypeError(
            f"{op}: method={name!r} computes on the host, number by number, and was given an array on a device; "
            "choose another method, or move the arrays with npseg.backend.to_numpy"
        )
    return METHODS[name]


def where_it_serves(name: str, kernel: Ints, stride: Ints, dilation: Ints) -> str:
    """Return the method that a layer computes by, in a network that was told one for all of its layers.

    Examples
    --------
    >>> where_it_serves("winograd", (3, 3), (1, 1), (1, 1)), where_it_serves("winograd", (7, 7), (1, 1), (1, 1))
    ('winograd', 'im2col')
    """
    serves = name in GENERAL or METHODS[name].serves(kernel, stride, dilation)
    return name if serves else "im2col"
