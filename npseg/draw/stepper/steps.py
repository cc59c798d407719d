"""Step through an operation: what meets what, and what it adds up to.

:func:`steps` runs an operation and returns its :class:`Steps`, in the order that tells it best. In Jupyter they are
a page with buttons; elsewhere they are written out, saved as a page, or drawn as stills, a filmstrip or an animation.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npseg import arguments, kinds
from npseg.backend import Array
from npseg.draw.stepper.passes import lay_out
from npseg.draw.stepper.products import Drawing
from npseg.draw.stepper.walk import Step, keys, result, views, walk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Of a longer walk, the steps that are shown.
MOST_STEPS = 200

#: Passes whose story is where each value goes; the others tell what each cell of the result adds up.
_SCATTERED = (
    "conv_transpose",
    "col2im",
    "max_unpool",
    "nearest_unpool",
    "bed_of_nails_unpool",
    "conv_backward, dx",
    "max_pool_backward",
    "avg_pool_backward",
    "resize_bilinear_backward",
)


def steps(operation: str, x: Any, w: Any = None, *, view: str | None = None, **options: Any) -> Steps:
    """Step through an operation, or through the backward of one.

    Parameters
    ----------
    operation : str
        The name of a pass: "conv", "conv_transpose", "im2col", "col2im", "max_pool", "avg_pool", "max_unpool",
        "nearest_unpool", "bed_of_nails_unpool" or "resize_bilinear", or, but for the two columns, the same with
        "_backward". A "_forward" at the end changes nothing.
    x : array, or nested lists
        What the operation takes: (N, C, *spatial), or a single plane with one or two axes. Cells may be symbols,
        that is strings, such as the lecture's a, b, c, d.
    w : array, or nested lists, optional
        The kernels of a convolution, or a single kernel with one or two axes; symbols too.
    view : {"gather", "scatter", "matrix"}, optional
        A step for each cell of the result, for each cell that is read, or for each row of the matrix; unless
        given, gather on the way down and scatter on the way up.
    **options
        The operation's own: stride, padding, kernel_size, indices, scale, ... For a backward pass those of the
        forward, ``dout``, the gradient flowing in, and, where there are several gradients, ``wrt``: "x", "w" or
        "b".

    Returns
    -------
    Steps
        In Jupyter a page to step through; ``print`` writes all steps out.

    Raises
    ------
    ValueError
        If there is no such pass or view, or the operation refuses its input.
    TypeError
        If a cell is neither a number nor a symbol, or an option is not the operation's.

    See Also
    --------
    matrix : the operation's matrix alone.

    References
    ----------
    Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", whose pictures these make exact.

    Examples
    --------
    The lecture's transposed convolution, kernel (x, y, z), input (a, b), stride 2:

    >>> print(steps("conv_transpose", ["a", "b"], ["x", "y", "z"], stride=2))
    out = stride·(size − 1) + dilation·(kernel − 1) + 1 − padding + output_padding
    length: 2·(2 − 1) + 1·(3 − 1) + 1 − (0 + 0) + 0 = 5
    x[0] = a: y[0] = a·x = ax; y[1] = a·y = ay; y[2] = a·z = az
    x[1] = b: y[2] = az + b·x = az+bx; y[3] = b·y = by; y[4] = b·z = bz
    """
    drawing = lay_out(operation, x, w, **options)
    best = "scatter" if drawing.operation in _SCATTERED else "gather"
    return Steps(drawing, best if view is None else view)


class Steps:
    """A walk through one pass of an operation; made by :func:`steps`.

    Parameters
    ----------
    drawing : Drawing
        The pass: its planes, and the table of products.
    order : {"gather", "scatter", "matrix"}
        The view.

    Raises
    ------
    ValueError
        If the pass has no such view.
    TypeError
        If the drawing is none.

    Examples
    --------
    >>> walk = steps("conv", [7, 11, 13, 17], [2, 3, 5], stride=2, padding=1)
    >>> len(walk), walk[0].text
    (2, 'y[0] = 0·2 + 7·3 + 11·5 = 76')
    """

    def __init__(self, drawing: Drawing, order: str) -> None:
        kinds.instance("Steps", "drawing", drawing, Drawing, "what npseg.draw.steps has made")
        self.views = views(drawing)
        arguments.choice(drawing.operation, "view", order, self.views)
        self.drawing = drawing
        self.order = order

    def view(self, order: str) -> Steps:
        """Tell the same pass in another view: "gather", "scatter" or "matrix"."""
        return Steps(self.drawing, order)

    @property
    def output(self) -> Array:
        """The result after the last step, as the operation computes it; of symbols, an object array."""
        if self.drawing.output is not None:
            return self.drawing.output
        return self.drawing.target._replace(cells=result(self.drawing)).array

    @cached_property
    def total(self) -> int:
        """How many steps there are in all."""
        return len(keys(self.drawing, self.order))

    @cached_property
    def _steps(self) -> list[Step]:
        return walk(self.drawing, self.order, MOST_STEPS)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, i: int) -> Step:
        return self._steps[i]

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    @property
    def excerpt(self) -> str:
        """A note that these are not all steps, or nothing."""
        return f"the first {len(self)} of {self.total} steps" if len(self) < self.total else ""

    def __str__(self) -> str:
        note = [f"({self.excerpt})"] if self.excerpt else []
        return "\n".join([self.drawing.formula, *(step.text for step in self), *note])

    def __repr__(self) -> str:
        return f"<Steps of {self.drawing.operation}, {self.order}: {len(self)} steps>"

    def _repr_html_(self) -> str:
        from npseg.draw.stepper.page import fragment

        return fragment(self)

    def html(self) -> str:
        """Return a whole page, which opens in any browser and asks nothing of the network."""
        from npseg.draw.stepper.page import page

        return page(self)

    def still(self, step: int = -1) -> Figure:
        """Draw one step.

        Parameters
        ----------
        step : int
            Which; the last unless given.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            If there is no such step.
        TypeError
            If it is no whole number.
        """
        from npseg.draw.stepper.stills import still

        return still(self, step)

    def filmstrip(self, *, columns: int | None = None) -> Figure:
        """Draw all steps beside and below one another.

        Parameters
        ----------
        columns : int, optional
            Steps in a row; what looks best unless given.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError, TypeError
            If ``columns`` is no whole number from 1 on, or there are more cells than can be read.
        """
        from npseg.draw.stepper.stills import filmstrip

        return filmstrip(self, columns=columns)

    def save(self, path: str | Path, *, step: int | None = None) -> None:
        """Write a page, a picture or an animation, as the file's ending says.

        Parameters
        ----------
        path : str or Path
            ".html" writes the page, ".gif" an animation, ".png", ".svg" and ".pdf" the filmstrip.
        step : int, optional
            Draw only this step.

        Raises
        ------
        ValueError
            If the ending is another, a page or an animation is asked for one step, or there is no such step.
        FileNotFoundError
            If there is no such folder.
        TypeError
            If path is none.
        """
        from npseg.draw.stepper.saving import save

        save(self, kinds.path("save", "path", path), step=step)
