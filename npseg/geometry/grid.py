"""Where the units of a plane deep in a network lie in the image, and how far they see.

Each layer takes the units' step, the first one's place and their receptive field to those of the next plane, by the
formula of :class:`npseg.geometry.Window` on one axis. What comes of all layers together says by how much one plane
must be cropped to lie over another.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from npseg.geometry.sizes import refuse_steps, whole


class Grid(NamedTuple):
    """Where the units of a plane deep in a network lie in the image.

    Attributes
    ----------
    step : Fraction
        Pixels from one unit to the next: the total stride.
    origin : Fraction
        Coordinate of the centre of unit 0.
    field : Fraction
        Receptive field: the pixels that one unit sees, on one axis.

    References
    ----------
    Long, Shelhamer & Darrell 2015, section 3; Caffe's ``coord_map.py`` composes the same maps.

    Examples
    --------
    >>> Grid().down(kernel=3, padding=1).down(kernel=2, stride=2)
    Grid(step=Fraction(2, 1), origin=Fraction(1, 2), field=Fraction(4, 1))
    """

    step: Fraction = Fraction(1)
    origin: Fraction = Fraction(0)
    field: Fraction = Fraction(1)

    def down(self, *, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Grid:
        """Go through a convolution or pooling layer.

        Parameters
        ----------
        kernel, stride, padding, dilation : int
            The layer's, on one axis; padding as much after as before, below 0 for a crop.

        Returns
        -------
        Grid
            That of the plane above the layer.

        Raises
        ------
        ValueError
            If one is no whole number, or below 1 but for the padding.
        """
        refuse_steps(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        reach = Fraction(dilation * (kernel - 1))
        return Grid(
            self.step * stride,
            self.origin + (reach / 2 - padding) * self.step,
            self.field + reach * self.step,
        )

    def up(self, *, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Grid:
        """Go through a transposed convolution: the inverse of :meth:`down`, but for the field, which grows.

        Parameters, what is returned and raised are those of :meth:`down`.
        """
        refuse_steps(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        step = self.step / stride
        reach = Fraction(dilation * (kernel - 1))
        # A unit above sees the units below whose kernels reach it: ceil(span / stride) of them.
        seen = -(-(reach + 1) // stride)
        return Grid(step, self.origin - (reach / 2 - padding) * step, self.field + (seen - 1) * self.step)

    def crop(self, offset: int) -> Grid:
        """Cut off the first ``offset`` units.

        Raises
        ------
        TypeError
            If that is no whole number.
        """
        if not whole((offset,), 1):
            raise TypeError(f"offset={offset!r} is not a whole number")
        return self._replace(origin=self.origin + offset * self.step)

    def offset_of(self, other: Grid) -> int:
        """Return how many units of this plane lie before unit 0 of another: the offset to crop it by.

        Raises
        ------
        ValueError
            If the planes differ in step, or no whole, non-negative offset aligns them.
        TypeError
            If the other is no grid.

        Examples
        --------
        >>> Grid().offset_of(Grid(origin=Fraction(19)))
        19
        """
        if not isinstance(other, Grid):
            raise TypeError(f"other is a {type(other).__name__}; a Grid is needed")
        offset = (other.origin - self.origin) / self.step
        if other.step != self.step or offset.denominator != 1 or offset < 0:
            raise ValueError(
                f"no crop aligns a plane of step {self.step} that starts at {self.origin} "
                f"with one of step {other.step} that starts at {other.origin}"
            )
        return int(offset)
