"""Domains without windows: what acts on each pixel, on each channel or on whole planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from npseg.check.oracle.cases import Case
from npseg.check.oracle.draws import Draw


def pointwise(d: Draw) -> Case:
    """Draw an array."""
    return Case({"x": d.planes(*d.spatial())}, {})


def dropout(d: Draw) -> Case:
    """Draw values of which none is 0, so that it shows which were dropped, and a seed."""
    x = d.array(d.count("images"), d.count("channels"), *d.spatial(), least=1)
    options = {
        "rng": d.draw(st.integers(0, 9)),
        "training": d.option("training", st.booleans()),
    }
    return Case({"x": x, "p": d.option("p", st.sampled_from((0.0, 1.0, 0.5)))}, options)


def crop(d: Draw) -> Case:
    """Draw a part of a plane."""
    x = d.planes(*d.spatial(1, 4))
    offset = tuple(d.draw(st.integers(0, length - 1)) for length in x.shape[2:])
    size = tuple(d.draw(st.integers(1, length - o)) for length, o in zip(x.shape[2:], offset))
    return Case(
        {"x": x, "offset": d.option("offset", st.just(offset)), "size": d.option("size", st.just(size))}, {}
    )


def resize_bilinear(d: Draw) -> Case:
    """Draw a resizing, up or down."""
    aligned = {"align_corners": d.option("align_corners", st.booleans())}
    return Case(
        {"x": d.planes(*d.spatial(1, 4)), "size": d.option("size", st.just(d.spatial(1, 6)))}, aligned
    )


def batch_norm(d: Draw) -> Case:
    """Draw a normalisation, by the batch's statistics or by running ones.

    Whole numbers only: of a channel that is constant, thirds have a variance of rounding errors, which counts for
    much when it is divided by.
    """
    d.unit = 1
    x = d.planes(*d.spatial(2, 3))
    channels = x.shape[1]
    gamma, beta = (_vector(d, name, channels) for name in ("gamma", "beta"))
    stateless = "running_mean" in d.only or "running_var" in d.only
    training = stateless or d.option("training", st.booleans())
    running = not stateless and (not training or d.draw(st.booleans()))
    options = {
        "running_mean": d.array(channels) if running else None,
        "running_var": d.array(channels, least=1) if running else None,
        "training": training,
        "momentum": d.option("momentum", st.sampled_from((0.1, 0.5))),
        "eps": d.option("eps", st.sampled_from((1e-5, 0.25))),
    }
    return Case({"x": x, "gamma": gamma, "beta": beta}, options)


def lrn(d: Draw) -> Case:
    """Draw a normalisation across channels."""
    x = d.array(d.count("images"), d.count("channels", 5), *d.spatial(1, 2))
    options = {
        "alpha": d.option("alpha", st.sampled_from((1.0, 0.5))),
        "beta": d.option("beta", st.sampled_from((0.75, 0.5))),
        "k": d.option("k", st.sampled_from((1.0, 2.0))),
    }
    return Case({"x": x, "size": d.option("size", st.integers(1, 5))}, options)


def local_norm(d: Draw) -> Case:
    """Draw a normalisation by each pixel's neighbourhood; whole numbers only, as for batch norm."""
    d.unit = 1
    eps = {"eps": d.option("eps", st.sampled_from((0.25, 1e-5)))}
    return Case({"x": d.planes(*d.spatial(1, 4)), "size": d.option("size", st.sampled_from((1, 3, 5)))}, eps)


def cross_entropy(d: Draw) -> Case:
    """Draw scores and labels, some of them void."""
    classes, ignore = d.count("channels", 4), d.option("ignore_index", st.sampled_from((255, -100)))
    logits = d.array(d.count("images"), classes, *d.spatial())
    labels = d.whole((len(logits), *logits.shape[2:]), classes)
    options = {
        "weight": _vector(d, "weight", classes, least=1),
        "ignore_index": ignore,
        "reduction": d.option("reduction", st.sampled_from(("mean", "sum", "none"))),
        "label_smoothing": d.option("label_smoothing", st.sampled_from((0.0, 0.25))),
    }
    return Case({"logits": logits, "labels": np.where(labels == classes, ignore, labels)}, options)


def _vector(d: Draw, name: str, channels: int, least: int = -4) -> Any:
    """Draw one number for each channel, or None."""
    held = d.option(name, st.sampled_from((None, "drawn")))
    return d.array(channels, least=least) if isinstance(held, str) else held
