"""A table of colours to begin with: all that the masks of a folder are drawn in, for names to be put in."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from npseg import arguments
from npseg.data.color_tables import ColorTable, colors_of
from npseg.data.dataset import VOID
from npseg.data.formats import find_format
from npseg.data.masks import read_colors_of


def propose_colors(
    path: str | os.PathLike[str], *, format: str | None = None, progress: bool = True
) -> list[tuple[str, int, int, int]]:
    """List the colours that the masks of a folder are drawn in, the commonest first, each with a name to be replaced.

    Parameters
    ----------
    path : path-like
        The folder.
    format : str, optional
        As for `open_dataset`.
    progress : bool
        Show a bar.

    Returns
    -------
    list of (name, r, g, b)
        Rows for `write_colors`; the names hold the colours as the web writes them, black is "background" and white
        "foreground".

    Raises
    ------
    ValueError
        If a mask cannot be read, or there are more colours than an 8-bit id has values, naming the worst mask.

    Examples
    --------
    >>> rows = propose_colors("my-pictures")  # doctest: +SKIP
    """
    kind = find_format(path, format)
    arguments.flag("propose_colors", "progress", progress)
    anything = ColorTable([("anything", 0, 0, 0)])
    splits = [name for name in kind.splits(Path(path)) if name in ("train", "val", "test")]
    masks = dict.fromkeys(file for name in splits for file in kind(path, name, colors=anything).masks)
    counts: Counter[tuple[int, int, int]] = Counter()
    most, worst = 0, Path()
    for file in tqdm(masks, desc="looking", unit="mask", leave=False, disable=None if progress else True):
        found = colors_of(read_colors_of(file))
        counts.update(found)
        if len(found) > most:
            most, worst = len(found), file
    if len(counts) > VOID:
        raise ValueError(
            f"{path}: the masks have {len(counts)} colours, {worst} alone has {most}; these are no classes "
            "but smoothed edges, JPEG, or photographs: draw or export the masks without smoothing, as PNG"
        )
    known = {(0, 0, 0): "background", (255, 255, 255): "foreground"}
    return [
        (known.get(color, "color-{:02x}{:02x}{:02x}".format(*color)), *color)
        for color, _ in counts.most_common()
    ]
