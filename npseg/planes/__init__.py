"""A network followed through without any numbers: how large each layer's plane is, and what its units see.

The forward pass of a network is code, skips, crops and sums and all. So it is run, but on planes that have a shape, a
dtype and a place in the image, and no pixels; and in place of each layer stands its size formula. That takes the
memory and time of nothing, at any width, and it holds for every network that is made of layers, since it asks
nobody in which order they run.
"""

from npseg.planes.plane import Blank, Plane
from npseg.planes.shapes import shape_above
from npseg.planes.steps import Step, follow

__all__ = ["Blank", "Plane", "Step", "follow", "shape_above"]
