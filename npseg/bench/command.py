"""What ``npseg bench`` does: measure, show the tables, and write the JSON and the picture."""

from __future__ import annotations

import json
from pathlib import Path

from tqdm import tqdm

from npseg.bench import report
from npseg.bench.session import Session
from npseg.files import replacing


def bench(session: Session, *, json_path: Path | None = None, plot_path: Path | None = None) -> None:
    """Measure, print the tables, and write the files.

    What has been measured is shown and written even if measuring is broken off, by Ctrl-C or by an error.

    Parameters
    ----------
    session : Session
        What to measure.
    json_path, plot_path : Path, optional
        Where to write the record, and the picture.

    Raises
    ------
    ValueError
        If a folder to write to is not there: before anything is measured. Or if no method serves.
    """
    for path in (json_path, plot_path):
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"there is no folder {path.parent} for {path.name}")
    try:
        with tqdm(total=len(session.jobs), unit="row", leave=False, disable=None) as bar:
            for number, job in enumerate(session.measure()):
                if not number:
                    bar.write(report.heading(session.record) + "\n")
                bar.set_description(job.name)
                bar.update(number - bar.n)
        if not session.record["rows"]:
            raise ValueError(
                f"{', '.join(session.record['settings']['methods'])}: serves nothing of what was chosen"
            )
    finally:
        if session.record["rows"]:
            print(report.text(session.record))
            _write(session, json_path, plot_path)


def _write(session: Session, json_path: Path | None, plot_path: Path | None) -> None:
    if json_path is not None:
        with replacing(json_path) as file:
            file.write(json.dumps(session.record, indent=1, ensure_ascii=False).encode())
        print(f"\nevery row in {json_path}")
    if plot_path is not None:
        from npseg.bench.plot import picture  # matplotlib takes a while to load

        with replacing(plot_path) as file:
            picture(session.record).savefig(file, format="png")
        print(f"picture in {plot_path}")
