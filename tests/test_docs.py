"""The site says what the package has: every public name in the reference, with an example; pages whose code runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from argparse import _SubParsersAction
from pathlib import Path

import pytest

from npseg.cli import program

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if not {"_build", "generated"} & set(p.relative_to(DOCS).parts))
MODULES = (
    "npseg",
    "npseg.aggregate",
    "npseg.backend",
    "npseg.check",
    "npseg.compare",
    "npseg.data",
    "npseg.draw",
    "npseg.geometry",
    "npseg.layers",
    "npseg.memory",
    "npseg.networks",
    "npseg.networks.dense",
    "npseg.networks.names",
    "npseg.networks.vgg",
    "npseg.networks.weights",
    "npseg.planes",
    "npseg.predict",
    "npseg.summary",
    "npseg.superpixels",
    "npseg.tiles",
    "npseg.training",
)


def public(module):
    """The names that a module offers: its ``__all__``, or what it defines itself."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]
    own = {n: o for n, o in vars(module).items() if getattr(o, "__module__", None) == module.__name__}
    return [name for name in own if not name.startswith("_")]


NAMES = [(name, attribute) for name in MODULES for attribute in public(importlib.import_module(name))]


def referenced():
    """The names that the pages of the reference list, in full: ``module.name``."""
    found = set()
    for page in (DOCS / "api").glob("*.md"):
        module = "npseg"
        for line in page.read_text().splitlines():
            if match := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = match[1]
            elif match := re.match(r"\.\. data:: (\S+)|   ([A-Za-z_][\w.]*)$", line):
                found.add(f"{module}.{match[1] or match[2]}")
    return found


def documented(thing):
    """Say whether a thing has a docstring of its own; a constant's is that of its type."""
    return inspect.isfunction(thing) or isinstance(thing, type)


def shown_on_a_page(name):
    """Say whether an example on a page of the reference uses a name."""
    pages = (page.read_text() for page in (DOCS / "api").glob("*.md"))
    return any(re.search(rf"^ *>>> .*\b{name}\b", text, re.M) for text in pages)


def test_the_reference_has_every_public_name():
    missing = {f"{module}.{name}" for module, name in NAMES} - referenced()
    assert not missing, f"add to docs/api: {sorted(missing)}"


def test_the_reference_has_nothing_that_is_not_there():
    for name in referenced():
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_public_name_has_an_example(module, name):
    thing = getattr(importlib.import_module(module), name)
    told = documented(thing) and re.search(r"^Examples\n-+\n(.|\n)*>>> ", inspect.getdoc(thing) or "", re.M)
    assert told or shown_on_a_page(name), f"{module}.{name}"


def test_the_reference_has_every_command():
    actions = program.make_parser()._actions
    commands = next(a for a in actions if isinstance(a, _SubParsersAction)).choices
    page = (DOCS / "api/commands.md").read_text()
    assert set(re.findall(r"^\| `npseg (\w+)` \|", page, re.M)) == set(commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_examples_on_the_pages_run(page):
    assert doctest.testfile(str(page), module_relative=False).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_every_page_can_be_reached(page):
    if page.name in ("index.md", "README.md") and page.parent == DOCS:
        return
    name = str(page.relative_to(DOCS).with_suffix(""))
    parent = page.parent if page.stem != "index" else page.parent.parent
    listed = re.findall(r"^```\{toctree\}\n(.*?)^```", (parent / "index.md").read_text(), re.M | re.S)
    entry = str(page.relative_to(parent).with_suffix(""))
    entries = re.findall(r"[\w/]+", " ".join(listed))
    assert entry in entries, f"{name} is in no table of contents"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text()):
        if not target.startswith("notebooks/"):
            assert (page.parent / target).exists(), target


def test_nothing_is_fetched():
    """Pages may link to the world, but bring along all that they are made of."""
    config = (DOCS / "conf.py").read_text()
    assert "http" not in config
    assert (DOCS / "_static" / "mathjax" / "tex-svg.js").stat().st_size > 1_000_000
    for sheet in (DOCS / "_static").glob("*.css"):
        assert "http" not in sheet.read_text()
