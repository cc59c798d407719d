"""``npseg data``: what lies in a folder, all that is wrong with it, and a page of overlays to look at."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from npseg.commands.images import refuse_existing
from npseg.data import VOID, ColorTable, write_colors
from npseg.data.color_proposals import propose_colors
from npseg.data.dataset import Bytes
from npseg.data.formats import OnDisk
from npseg.data.survey import Split, Survey, survey
from npseg.draw import ContactSheet
from npseg.files import replacing

#: The contact sheet, unless another name is given.
SHEET = Path("npseg-data.png")

#: Pictures on the contact sheet, at most.
SHOWN = 30


def data(path: Path, *, options: dict[str, Any], sheet: Path | None = None, force: bool = False) -> None:
    """Print what a folder holds and write a contact sheet.

    Parameters
    ----------
    path : Path
        The folder.
    options : dict
        How it is opened: ``format``, found out unless given, and the rows of a table of ``colors``.
    sheet : Path or None
        The PNG to write; by default ``SHEET``, which is replaced if it is there.
    force : bool
        Replace also another one.

    Raises
    ------
    ValueError
        At the end, if something is wrong with the data.
    """
    if sheet is not None:
        if sheet.suffix.lower() not in ("", ".png"):
            raise ValueError(f"{sheet}: the page is a PNG; needs a name that ends in .png")
        refuse_existing([sheet], force)
    sheet = sheet or SHEET
    if "colors" in options:
        options = {**options, "colors": ColorTable(options["colors"])}
    pages: list[ContactSheet] = []

    def look(dataset: OnDisk, index: int, image: Bytes, labels: Bytes) -> None:
        if not pages:
            pages.append(ContactSheet(str(path), dataset.classes, dataset.colors, most=SHOWN))
        pages[0].add(dataset.names[index], image, labels)

    found = survey(path, look=look, **options)
    print(f"{path}: {found.title}\n\n{describe(found)}")
    for page in pages:
        page.title = f"{path}: {len(page)} of {page.added} images"
        with replacing(sheet) as file:
            page.page().save(file, format="PNG")
        print(f"\n{sheet}: {len(page)} of {page.added} images under their labels, to look at")
    for title, lines in (("Note:", found.notes), ("Wrong:", found.problems), ("To mend it:", found.mends)):
        if lines:
            print("\n" + "\n  ".join([title, *lines]))
    if found.problems:
        broken = sum(split.broken for split in found.splits.values())
        total = sum(len(split.dataset) for split in found.splits.values())
        what = f"{broken} of {total} pairs cannot be used" if broken else "cannot be trained on as it is"
        raise ValueError(f"{path}: {what}; see the list")
    print("\nNothing is wrong.")


def write_proposal(path: Path, *, format: str | None, colors: Path, force: bool) -> None:
    """Write a table of the colours that the masks of a folder are drawn in, for names to be put in.

    Raises
    ------
    ValueError
        If the table is there already, unless ``force``, or the masks have too many colours.
    """
    refuse_existing([colors], force)
    rows = propose_colors(path, format=format)
    write_colors(colors, rows)
    print(f"{colors}: the {len(rows)} colours that the masks hold, the commonest first")
    for name, *color in rows[:10]:
        print(f"  {','.join(map(str, color)):>11}  {name}")
    print(
        "Replace the names by those of your classes (void: counts nowhere; two colours may share a name). Then:"
    )
    print(f"  npseg data {shlex.quote(str(path))} --colors {shlex.quote(str(colors))}")


def describe(found: Survey) -> str:
    """Set out splits and sizes, and the classes with their share of the pixels.

    Examples
    --------
    >>> describe(survey("my-pictures"))  # doctest: +SKIP
    """
    lines = [f"{'':10}{'images':>7}   sizes (width x height)"]
    for name, split in found.splits.items():
        common = [
            f"{w}x{h}" + f" ({count})" * (len(split.sizes) > 1)
            for (h, w), count in split.sizes.most_common(4)
        ]
        more = f", {len(split.sizes) - 4} more" * (len(split.sizes) > 4)
        lines.append(f"{name:10}{len(split.dataset):7}   {', '.join(common)}{more}")
    margin = max(len(name) for name in (*found.classes, "void")) + 6
    lines += ["", f"{'class':{margin}}" + "".join(f"{name:>9}" for name in found.splits) + "   in images"]
    for label, name in [*enumerate(found.classes), (VOID, "void")]:
        shares = "".join(f"{_percent(split, label):>9}" for split in found.splits.values())
        images = sum(int(split.images[label]) for split in found.splits.values())
        lines.append(f"{label:>3} {name:{margin - 4}}{shares}{images:>12}")
    return "\n".join(lines)


def _percent(split: Split, label: int) -> str:
    """Write a label's share: of the pixels that have a class, or, void's, of all."""
    pixels = int(split.pixels[label])
    whole = int(split.pixels.sum() if label == VOID else split.pixels[:VOID].sum())
    if not pixels:
        return "–"
    share = 100 * pixels / whole
    return f"{share:.1f} %" if share >= 0.05 else "< 0.1 %"
