"""The steps as a file, whose ending says which kind: a page, a picture or an animation.

Matplotlib is loaded only for the latter two.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from npseg.files import replacing

if TYPE_CHECKING:
    from npseg.draw.stepper.steps import Steps


def save(steps: Steps, path: Path, *, step: int | None = None) -> None:
    """Write a page, a picture or an animation, as the file's ending says.

    Parameters
    ----------
    steps : Steps
        The walk.
    path : Path
        ".html" writes the page, ".gif" an animation, ".png", ".svg" and ".pdf" the filmstrip.
    step : int, optional
        Draw only this step.

    Raises
    ------
    ValueError
        If the ending is another, one step is asked for of a page or an animation, or there is no such step.
    FileNotFoundError
        If there is no such folder.
    """
    ending = path.suffix.lower()
    if ending not in (*_WHOLE, *_PICTURES):
        known = ", ".join((*_WHOLE, *_PICTURES))
        raise ValueError(f"save: {str(path)!r} ends in {ending!r}; choose one of {known}")
    if ending in _WHOLE and step is not None:
        raise ValueError(
            f"save: {ending} shows all steps; to draw only step={step} choose one of {', '.join(_PICTURES)}"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {str(path.parent)!r} for {path.name!r}")
    content = _WHOLE[ending](steps) if ending in _WHOLE else _picture(steps, ending, step)
    with replacing(path) as file:
        file.write(content)


def _page(steps: Steps) -> bytes:
    return steps.html().encode()


def _animation(steps: Steps) -> bytes:
    from npseg.draw.stepper.stills import animation

    return animation(steps)


def _picture(steps: Steps, ending: str, step: int | None) -> bytes:
    """Return the filmstrip, or one step, as the content of a file."""
    figure = steps.filmstrip() if step is None else steps.still(step)
    content = io.BytesIO()
    figure.savefig(content, format=ending[1:], dpi=150, metadata=_PICTURES[ending])
    return content.getvalue()


#: What writes all steps into a file, by its ending.
_WHOLE: dict[str, Callable[[Steps], bytes]] = {".html": _page, ".gif": _animation}

#: Endings of pictures, and what is left out of the file so that the same steps give the same file.
_PICTURES: dict[str, dict[str, None]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
