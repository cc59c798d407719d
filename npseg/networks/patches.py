"""Classifiers of patches: how large the patch is that one takes, and where in it the pixel lies that it classifies.

A *patch classifier* is a Sequential of convolutions, poolings and nonlinearities, none of them padded, that takes a
patch of f x f pixels to a single unit: f is the field of that unit. Given a larger image it answers for every s-th
patch only, s being the product of its strides.
"""

from __future__ import annotations

from collections.abc import Iterator

from npseg import arguments, kinds
from npseg.geometry import Grid
from npseg.layers import Container, Conv, Layer, MaxPool, Sequential


def field_and_stride(net: Sequential) -> tuple[int, int]:
    """Return the size of a classifier's patches, and the pixels from one answer to the next on a larger image.

    Parameters
    ----------
    net : Sequential
        A patch classifier; blocks of layers inside are gone through.

    Raises
    ------
    ValueError
        If a layer is padded, or is neither a convolution nor a pooling nor pointwise.

    Examples
    --------
    Farabet et al.'s, but for the channels:

    >>> conv = {"rng": None}
    >>> field_and_stride(Sequential(a=Conv(3, 1, 7, **conv), p=MaxPool(2), b=Conv(1, 1, 7, **conv), q=MaxPool(2),
    ...                             c=Conv(1, 1, 7, **conv)))
    (46, 4)
    """
    kinds.instance("patch classifier", "net", net, Sequential, "a Sequential")
    for name, layer in _leaves(net):
        if isinstance(layer, Conv | MaxPool):
            if getattr(layer, "padding", 0) or getattr(layer, "ceil_mode", False):
                raise ValueError(
                    f"patch classifier: layer {name!r} is padded, or pools in ceil mode, so that what a patch "
                    "gives depends on where it is cut out; give padding=0 and ceil_mode=False (the image is "
                    "padded, once)"
                )
        elif isinstance(layer, Container) or layer.grid(Grid()) != Grid():
            raise ValueError(
                f"patch classifier: layer {name!r} is a {type(layer).__name__}; convolutions, max pooling and "
                "pointwise layers are known"
            )
    grid = net.grid(Grid())
    return int(grid.field), int(grid.step)


def margins(field: int) -> tuple[int, int]:
    """Return how many pixels of a patch lie before and after the pixel that it is the patch of.

    A patch of even size has no middle; it reaches one pixel further on below and to the right.

    Examples
    --------
    >>> margins(7), margins(46)
    ((3, 3), (22, 23))
    """
    field = arguments.integer("margins", "field", field, 1)
    return (field - 1) // 2, field // 2


def _leaves(net: Sequential, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Go through the layers of a net, and of the nets inside."""
    for name, layer in net.layers.items():
        if isinstance(layer, Sequential):
            yield from _leaves(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer
