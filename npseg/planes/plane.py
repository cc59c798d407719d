"""Planes without pixels, and numbers that take no memory.

What is added, multiplied and put together of such planes is again one, and knows its place in the image. A network
made of such numbers has every shape that it has, and no weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npseg import arguments, kinds
from npseg.geometry import Grid, Ints


class Plane(np.ndarray[Any, Any]):
    """A plane without pixels: an array that is 0 everywhere and takes no memory, but knows where its units lie.

    Attributes
    ----------
    grid : Grid
        Step, origin and field of its units in the image.

    Examples
    --------
    >>> image = Plane.of((1, 3, 4096, 4096), "float32")
    >>> image.nbytes, image.strides
    (201326592, (0, 0, 0, 0))
    >>> (image[:, :, ::2] + 1).shape
    (1, 3, 2048, 4096)
    """

    grid: Grid

    @classmethod
    def of(cls, shape: Ints, dtype: Any, grid: Grid | None = None) -> Plane:
        """Make a plane; without a grid, it is the image's.

        Raises
        ------
        ValueError, TypeError
            If there is no such shape or dtype, or the shape is larger than any array can be, or the grid is none.
        """
        try:
            plane = np.broadcast_to(np.zeros((), dtype), shape).view(cls)
        except (TypeError, ValueError) as error:
            kind = ValueError if isinstance(error, ValueError) else TypeError
            raise kind(
                f"Plane: a plane cannot have dtype={dtype!r} and shape={shape!r}, as its input would need: {error}"
            ) from None
        plane.grid = Grid() if grid is None else kinds.instance("Plane", "grid", grid, Grid, "a Grid")
        return plane

    def __array_finalize__(self, source: Any) -> None:
        """Leave a part of a plane on the plane's grid."""
        self.grid = getattr(source, "grid", Grid())

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Make of sums and products of planes a plane again, whose units see what the terms' do."""
        shapes = (getattr(one, "shape", ()) for one in inputs)
        return Plane.of(np.broadcast_shapes(*shapes), self.dtype, _widest(inputs))

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        """Make of planes put together, as by ``np.concatenate``, a plane whose units see what theirs do."""
        result = super().__array_function__(function, types, inputs, options)
        if not isinstance(result, np.ndarray):
            return result
        return Plane.of(result.shape, result.dtype, _widest(inputs))


def _widest(inputs: Any) -> Grid:
    """Return the grid of those planes, in nested lists of inputs, whose units see most."""

    def grids(inputs: Any) -> Iterator[Grid]:
        for one in inputs:
            if isinstance(one, Plane):
                yield one.grid
            elif isinstance(one, list | tuple):
                yield from grids(one)

    return max(grids(inputs), key=lambda grid: grid.field)


class Blank(np.random.Generator):
    """Draws numbers that are 0 and take no memory: a seed for networks of which only the shapes are wanted.

    Parameters
    ----------
    dtype : str
        Of what it draws.

    Examples
    --------
    >>> from npseg.networks import make
    >>> network = make("fcn8s", 21, width=64, seed=Blank("float32"))
    >>> network.params["to_score.fc6.w"].strides
    (0, 0, 0, 0)
    """

    def __init__(self, dtype: str) -> None:
        arguments.float_type("Blank", dtype)
        super().__init__(np.random.PCG64(0))
        self.dtype = dtype

    def standard_normal(self, size: Any) -> Any:  # type: ignore[override]
        """Return a plane."""
        return Plane.of(size, self.dtype)
