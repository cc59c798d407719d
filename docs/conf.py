"""How the site is built: ``sphinx-build -W --keep-going -b html docs docs/_build/html``.

Nothing is fetched, neither while building nor while reading: MathJax lies in ``_static``, and the theme brings its
fonts along. The notebooks are copied from ``notebooks/`` at the start of a build, so that there is one of each.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

import npseg

DOCS = Path(__file__).parent
ROOT = DOCS.parent

project = "npseg"
author = "The npseg authors"
copyright = author
version = release = npseg.__version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax"]
exclude_patterns = ["_build", "README.md"]
templates_path = ["_templates"]
nitpicky = True
# Base classes of Python's and of typing, which have no page here.
nitpick_ignore_regex = [
    ("py:class", r"(typing\.)?(NamedTuple|Protocol|Generic)|object|AssertionError|KeyboardInterrupt")
]

# Pages and notebooks ------------------------------------------------------------------------------------------
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

# The kernels of notebooks inherit these: one thread for each, and a warning is an error.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
nb_execution_mode = "cache"
nb_execution_timeout = 180
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_output_stderr = "warn"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, Any] = {}


def _fingerprint() -> str:
    """Name the state of the package's code: outputs that another state computed are not shown again."""
    digest = hashlib.sha256()
    for file in sorted(Path(npseg.__file__).parent.rglob("*.*")):
        if file.suffix in (".py", ".css", ".js"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


nb_execution_cache_path = str(DOCS / "_build" / "cells" / _fingerprint())

# The reference ------------------------------------------------------------------------------------------------
autosummary_generate = True
autosummary_imported_members = False
autodoc_typehints = "none"  # numpydoc's sections say shapes, too
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# The look -----------------------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "npseg"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_copy_source = False
mathjax_path = "mathjax/tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}  # its menu would fetch what lies in no single file
# Only the reference is large enough to need a list of its pages beside it.
html_sidebars = {"[!a]*": [], "[!a]*/*": []}
html_context = {"default_mode": "auto"}  # unsaid, the theme complains of it in the browser's console
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "show_nav_level": 1,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}


def _copy_notebooks() -> None:
    """Make docs/notebooks/ the same as notebooks/, touching only what differs."""
    target = DOCS / "notebooks"
    target.mkdir(exist_ok=True)
    sources = {file.name: file for file in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    for stale in target.iterdir():
        if stale.name not in sources:
            stale.unlink()
    for name, source in sources.items():
        copy = target / name
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            shutil.copyfile(source, copy)


def _mark_up(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Make reStructuredText of what docstrings write for people: (N, C, *spatial), and names of operations."""
    for number, line in enumerate(lines):
        line = re.sub(r"(?<=, )\*(?=\w)(?=[^`]*(?:``[^`]*``[^`]*)*$)", r"\\*", line)
        if name.startswith("npseg.ops."):
            line = re.sub(r":func:`(?=\w+`)", ":func:`~npseg.", line)
        lines[number] = line


def _skip_fields(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of a NamedTuple: its docstring's Attributes say more than "Alias for field number 0"."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app: Any) -> None:
    """Fetch the notebooks, and mend docstrings as they are read."""
    _copy_notebooks()
    app.connect("autodoc-process-docstring", _mark_up, priority=400)  # before numpydoc's
    app.connect("autodoc-skip-member", _skip_fields)
