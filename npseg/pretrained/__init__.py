"""Trained networks that come with npseg, so that there is something to label with from the first minute on.

There is one: ``scenes``, a small U-Net that knows grass, cats, trees and sky, trained on the drawn scenes by the
command that the page of results names.
"""

from __future__ import annotations

from pathlib import Path

from npseg import kinds

FOLDER = Path(__file__).parent

#: The networks' names.
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.npz")))


def find(name: str) -> Path:
    """Return the file of a network: of one that comes with npseg, or the file of that name.

    A file that is there comes first, so that a name of ours stands in nobody's way.

    Examples
    --------
    >>> find("scenes").name, find("run/best.npz").name
    ('scenes.npz', 'best.npz')
    """
    path = kinds.path("pretrained", "name", name)
    return FOLDER / f"{name}.npz" if str(path) in NAMES and not path.exists() else path
