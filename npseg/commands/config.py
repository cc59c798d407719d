"""A run's orders in a file that people can read and change: ``run.toml``, which every run leaves in its folder.

It holds what ``npseg train`` was told and what it made of that, all settings included, so that the run can be
repeated from the file alone: the same images, weights and seed give the same network.
"""

from __future__ import annotations

import inspect
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

from npseg.data import ColorTable, find_format, open_dataset
from npseg.files import read_text, replacing
from npseg.networks import model
from npseg.training import Run, Settings

#: The file's name in a run's folder.
CONFIG = "run.toml"


class Orders(NamedTuple):
    """What a run is told.

    Attributes
    ----------
    network, settings : dict
        Name and settings of the network; fields of :class:`npseg.training.Settings`.
    data_path, weights : str or None
        Folder of the images, none for the drawn scenes; file of weights to start from.
    data : dict
        How the folder is opened.

    Examples
    --------
    >>> Orders({"name": "fcn8s"}, {"epochs": 3}, None, None, {}).settings
    {'epochs': 3}
    """

    network: dict[str, Any]
    settings: dict[str, Any]
    data_path: str | None
    weights: str | None
    data: dict[str, Any]


def write(path: Path, run: Run, weights: Path | None) -> None:
    """Write a run's orders; what was left open, such as a crop that there is none of, is left out.

    Paths are written in full, so that it does not matter from where the run is repeated.
    """
    data_path = None if run.data_path is None else str(Path(run.data_path).resolve())
    top = {"data_path": data_path, "weights": None if weights is None else str(weights.resolve())}
    lines = ["# Repeat this run with: npseg train --config FILE --output-dir ANOTHER", *_pairs(top)]
    tables = {"network": run.network_config, "settings": asdict(run.settings), "data": run.data_options}
    for name, table in tables.items():
        if table:
            lines += ["", f"[{name}]", *_pairs(table)]
    with replacing(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def read(path: Path) -> Orders:
    """Read orders from a file.

    Raises
    ------
    ValueError
        If the file is no TOML, or says something that no run can be told.
    OSError
        If it cannot be read.
    """
    text = read_text(path)
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not TOML: {error}") from None
    tables = {name: found.pop(name, {}) for name in ("network", "settings", "data")}
    paths = {name: found.pop(name, None) for name in ("data_path", "weights")}
    strange = [*found, *(name for name, table in tables.items() if not isinstance(table, dict))]
    strange += [name for name, value in paths.items() if not isinstance(value, str | None)]
    if strange:
        raise ValueError(
            f"{path}: {', '.join(strange)} is not as in a file that npseg train writes: data_path and weights are "
            "strings, and [network], [settings] and [data] are tables"
        )
    if not isinstance(tables["network"].get("name"), str):
        raise ValueError(f'{path}: [network] must have a name, such as name = "fcn8s"')
    _check(path, tables)
    return Orders(**tables, **paths)


def _check(path: Path, tables: Mapping[str, dict[str, Any]]) -> None:
    """Refuse settings that there are not, or that are out of range, before any image is read."""
    known = {
        "settings": {field.name for field in fields(Settings)},
        "data": set(inspect.signature(open_dataset).parameters) - {"path", "split"},
    }
    for name, keys in known.items():
        if strange := sorted(set(tables[name]) - keys):
            raise ValueError(
                f"{path}: [{name}] has no {', '.join(strange)}; it knows {', '.join(sorted(keys))}"
            )
    try:
        Settings(**tables["settings"])
        model(tables["network"]["name"])
        if "colors" in tables["data"]:
            ColorTable(tables["data"]["colors"])
        find_format(".", tables["data"].get("format", "folder"))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def _pairs(table: Mapping[str, Any]) -> list[str]:
    """Write a table's lines. JSON's strings, numbers, lists and booleans are TOML's, too."""
    return [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in table.items()
        if value is not None
    ]
