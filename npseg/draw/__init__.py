"""Pictures: label maps and training curves. Nothing else in npseg needs matplotlib."""

from npseg.draw.curves import curves
from npseg.draw.labels import colorize, comparison, overlay, overlay_with_legend

__all__ = ["colorize", "comparison", "curves", "overlay", "overlay_with_legend"]
