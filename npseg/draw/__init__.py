"""Pictures: of operations step by step, their matrices and receptive fields, of label maps and training curves.

Each is loaded when it is first asked for, and matplotlib with those that need it: the steps as a page do not, and
nothing else in npseg does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npseg.draw.comparisons import comparison, labels
    from npseg.draw.confusion_matrices import confusion
    from npseg.draw.contact_sheets import ContactSheet
    from npseg.draw.fields import Field, field_of
    from npseg.draw.label_maps import colorize, overlay, overlay_with_legend
    from npseg.draw.line_ups import side_by_side
    from npseg.draw.overlaps import overlap
    from npseg.draw.receptive_fields import receptive_field
    from npseg.draw.stamps import overlap_counts
    from npseg.draw.stepper.matrices import matrix
    from npseg.draw.stepper.steps import Steps, steps
    from npseg.draw.training_curves import curves

_MODULES = {
    "comparisons": ("comparison", "labels"),
    "confusion_matrices": ("confusion",),
    "contact_sheets": ("ContactSheet",),
    "fields": ("Field", "field_of"),
    "label_maps": ("colorize", "overlay", "overlay_with_legend"),
    "stepper.matrices": ("matrix",),
    "line_ups": ("side_by_side",),
    "overlaps": ("overlap",),
    "receptive_fields": ("receptive_field",),
    "stamps": ("overlap_counts",),
    "stepper.steps": ("Steps", "steps"),
    "training_curves": ("curves",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "ContactSheet",
    "Field",
    "Steps",
    "colorize",
    "comparison",
    "confusion",
    "curves",
    "field_of",
    "labels",
    "matrix",
    "overlap",
    "overlap_counts",
    "overlay",
    "overlay_with_legend",
    "receptive_field",
    "side_by_side",
    "steps",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'npseg.draw' has no attribute {name!r}")
    return getattr(importlib.import_module(f"npseg.draw.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
