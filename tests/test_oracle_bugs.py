"""Every bug of a peer that is an operation's is caught, most with the right diagnosis; so are the usual mistakes."""

import functools
import inspect

import pytest
import textbook

from npseg.check import against
from npseg.check.oracle import diagnosis, trial

CORRECT = [
    (textbook.conv, "conv_forward", {}),
    (textbook.conv_transpose, "conv_transpose_forward", {}),
    (textbook.max_pool, "max_pool_forward", {}),
    (textbook.max_pool_backward, "max_pool_backward", {"signature": "arrays"}),
    (textbook.max_unpool, "max_unpool_forward", {}),
    (textbook.nearest_backward, "nearest_unpool_backward", {"signature": "arrays"}),
    (textbook.col2im, "col2im", {}),
    (textbook.tanh_backward, "tanh_backward", {}),
]
HOW = {function.__name__: (reference, options) for function, reference, options in CORRECT}

#: Function, bug, and words of the diagnosis; None where what is wrong is seen without one.
BUGS = [
    # Those of PEERS.md that are an operation's.
    ("col2im", "crops images and channels", None),
    (
        "conv",
        "padding counted, not applied",
        "the padding is counted in the size, but the image is not moved",
    ),
    ("max_pool_backward", "reads the unpadded array", "the padding is ignored"),
    ("max_pool", "border 0", "the border is 0"),
    ("max_pool_backward", "overlap assigned", "repeated indices overwrite"),
    ("nearest_backward", "literal 2", "a literal 2"),
    ("conv", "one axis' kernel for both", "the first axis' kernel size is used for all"),
    ("conv_transpose", "flipped", "the kernel is flipped"),
    ("conv_transpose", "output padding before", "output_padding is put on the left"),
    ("conv_transpose", "output padding before, as zeros", "output_padding is put on the left, as zeros"),
    ("conv_transpose", "output padding as zeros", "output_padding adds zeros"),
    ("conv", "stride ignored", "the stride counts for the size only"),
    ("max_pool", "index from the padded width", "indices are counted in the padded plane"),
    ("max_unpool", "index from the padded width", "indices are read in the padded plane"),
    ("conv", "reshaped over the wrong axes", "images for channels"),
    ("tanh_backward", "constant missing", "the 1 of 1 - y² is forgotten"),
    ("conv", "float64 scratch", None),
    ("max_unpool", "float64 scratch", None),
    # Other usual ones.
    ("conv", "flipped", "the kernel is flipped"),
    ("conv", "kernel axes swapped", "the kernel's axes are exchanged"),
    ("conv", "dilation ignored", "the dilation counts for the size only"),
    ("conv", "no bias", "the bias is forgotten"),
    ("conv_transpose", "channels swapped", "channel axes are exchanged"),
    ("conv_transpose", "padding crops before the stride", "padding crops before the stride"),
    ("conv_transpose", "stamps overwrite", "stamps overwrite each other"),
    ("max_pool", "last of ties", "ties go to the last"),
    ("max_pool", "ceil mode ignored", "ceil_mode is ignored"),
    ("max_unpool", "repeated indices overwrite", "repeated indices overwrite"),
    ("col2im", "crops the end only", "the first pixels of the padded plane are kept"),
]


def with_bug(name, bug):
    """Return a function of the textbook that has a bug, and does not say so in its signature."""
    function = getattr(textbook, name)
    buggy = functools.wraps(function)(functools.partial(function, bug=bug))
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "bug"]
    buggy.__signature__ = inspect.Signature(parameters)
    return buggy


@pytest.mark.parametrize("name", HOW)
def test_the_textbook_is_right(name):
    reference, options = HOW[name]
    verdict = against(with_bug(name, ""), reference, examples=50, seconds=600, **options)
    assert verdict.passed, verdict


@pytest.mark.slow
@pytest.mark.parametrize(("name", "bug", "words"), BUGS, ids=lambda value: str(value)[:40])
def test_a_bug_is_caught_and_named(monkeypatch, name, bug, words):
    monkeypatch.setattr(trial, "PATIENCE", 1.0)  # the case need not be the smallest
    monkeypatch.setattr(diagnosis, "PATIENCE", 600.0)  # however busy the machine is
    reference, options = HOW[name]
    dtype = "float32" if "float64" in bug else "float64"
    axes = 2 if "axes swapped" in bug or "one axis" in bug else None
    only = {"kernel_size": "square"} if "axes swapped" in bug else {}
    only |= {"channels": 2, "filters": 2, "groups": 1} if bug == "channels swapped" else {}
    how = {"dtype": dtype, "axes": axes, "only": only, "seconds": 600}
    verdict = against(with_bug(name, bug), reference, **how, **options)
    assert not verdict.passed
    if words:
        assert words in verdict.failure.diagnosis, verdict
    else:
        assert not verdict.failure.diagnosis, verdict
