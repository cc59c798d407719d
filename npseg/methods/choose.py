"""The names of the methods.

Exact where the numbers are: ``loops`` (the definition), ``matrix`` (the explicit matrices), ``im2col`` (the default of
the operations), ``subpixel`` (transposed convolution by gathering) and ``winograd`` (F(2x2, 3x3)); less so
``winograd4`` (F(4x4, 3x3)). The layers' default is ``auto``, which chooses among the fast ones.
"""

from __future__ import annotations

from typing import Any

from npseg.geometry import Ints
from npseg.methods import auto, im2col, loops, matrix, subpixel
from npseg.methods.winograd import Winograd, serves

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


def method(op: str, name: str) -> Any:
    """Return the module of the method that an operation was asked for.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"{op}: method={name!r}; choose one of {', '.join(map(repr, METHODS))}")
    return METHODS[name]


def where_it_serves(name: str, kernel: Ints, stride: Ints) -> str:
    """Return the method that a layer computes by, in a network that was told one for all of its layers.

    Examples
    --------
    >>> where_it_serves("winograd", (3, 3), (1, 1)), where_it_serves("winograd", (7, 7), (1, 1))
    ('winograd', 'im2col')
    """
    if isinstance(METHODS[name], Winograd) and not serves(kernel, stride, (1,) * len(kernel)):
        return "im2col"
    return name
