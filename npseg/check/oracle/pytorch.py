"""How PyTorch's operators are called: names and order of ``torch.nn.functional``, whose functions pass as they are.

A backward pass is asked of the forward function, whose gradients autograd finds. What PyTorch cannot do is not asked:
uneven padding, pooling with more padding than half a window, unpooling twice to one place.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np

from npseg.check.oracle.arrays import Library
from npseg.check.oracle.cases import Case, base_of, is_backward, results_of
from npseg.check.oracle.signatures import Call, Signature

_Called = tuple[tuple[Any, ...], dict[str, Any]]

#: What npseg's arguments are called in PyTorch, where the names differ.
_NAMES = {
    "x": "input",
    "w": "weight",
    "b": "bias",
    "gamma": "weight",
    "logits": "input",
    "labels": "target",
    "scale": "scale_factor",
}


#: What goes by position, where that is not what npseg takes so.
_ORDERS = {
    "nearest_unpool": ("x",),
    "resize_bilinear": ("x",),
    "batch_norm": ("x", "running_mean", "running_var", "gamma", "beta"),
}

#: What npseg's operations have and PyTorch's have not.
_LACKING = {"conv_transpose": frozenset({"output_size"})}


class Torch(Signature):
    """As ``torch.nn.functional``."""

    name = "torch"
    array_library = "torch"
    brief = False
    fixed = ("mode",)
    only = MappingProxyType({"padding": "symmetric", "indices": "distinct", "p": [0.0, 1.0]})

    def check(self, op: str, reference: str, library: Library) -> None:
        """Refuse what PyTorch does not have, or arrays that are not its own."""
        if base_of(reference) not in _CALLS:
            raise ValueError(f"{op}: PyTorch has no operator like {reference}; adapt yours by a function")
        if library.name != "torch":
            raise ValueError(f"{op}: signature='torch' takes tensors; leave library={library.name!r} out")

    def called(self, name: str) -> str:
        """Return what one of npseg's arguments is called here."""
        return _NAMES.get(name, name)

    def lacks(self, reference: str) -> frozenset[str]:
        """Return what npseg's operation has and PyTorch's has not."""
        return _LACKING.get(base_of(reference), frozenset())

    def order(self, reference: str) -> tuple[str, ...]:
        """Return npseg's names of what the operator takes by position, in its order."""
        return _ORDERS.get(base_of(reference)) or super().order(reference)

    def suits(self, reference: str, case: Case) -> bool:
        """Say whether PyTorch can do it."""
        base, axes = base_of(reference), case.axes
        if base in ("im2col", "col2im"):
            return axes == 2
        if base in ("max_pool", "avg_pool"):
            kernel = np.broadcast_to(case.arguments["kernel_size"], axes)
            fits = bool((np.broadcast_to(_even(case.options["padding"]), axes) <= kernel // 2).all())
            return fits and not (axes == 1 and case.options.get("divisor_override"))
        if base == "cross_entropy":  # where nothing counts, PyTorch's mean is NaN
            counted = case.arguments["labels"] != case.options["ignore_index"]
            return bool(counted.any())
        return True

    def call(self, reference: str, case: Case) -> Call:
        """Return what the candidate is called with; for a backward pass, leaves of a graph and dout."""
        if is_backward(reference):
            for leaf in filter(_is_leaf, case.arguments.values()):
                leaf.requires_grad_()
        options = {name: value for name, value in case.options.items() if name != "rng"}
        if "padding" in options:
            options["padding"] = _even(options["padding"])
        arguments, keywords = _CALLS[base_of(reference)](case.arguments, options, case.axes)
        return Call(arguments, keywords, case)

    def result(self, reference: str, answer: Any, call: Call) -> Any:
        """Return y, or what autograd finds for each float tensor; for a bias that was None, None."""
        if not is_backward(reference):
            return answer
        y = answer[0] if isinstance(answer, tuple) else answer
        y.backward(call.case.dout)
        leaves = (leaf for leaf in call.case.arguments.values() if leaf is None or _is_leaf(leaf))
        gradients = [None if leaf is None else leaf.grad for leaf in leaves]
        wanted = len(results_of(reference))  # more, where a bias is not handed over
        return gradients[0] if wanted == 1 else (*gradients, *[None] * (wanted - len(gradients)))


def _is_leaf(value: Any) -> bool:
    return hasattr(value, "is_floating_point") and bool(value.is_floating_point())


def _even(padding: Any) -> Any:
    """Write a padding that is the same on both sides as PyTorch does: one number for each axis."""
    if isinstance(padding, tuple):
        return tuple(p[0] if isinstance(p, tuple) else p for p in padding)
    return padding


def _with_options(arguments: dict[str, Any], options: dict[str, Any], axes: int) -> _Called:
    """Call what has npseg's order, and names of its options."""
    return tuple(arguments.values()), options


def _conv_transpose(arguments: dict[str, Any], options: dict[str, Any], axes: int) -> _Called:
    return tuple(arguments.values()), {k: v for k, v in options.items() if k != "output_size"}


def _avg_pool(arguments: dict[str, Any], options: dict[str, Any], axes: int) -> _Called:
    if axes == 1:
        options = {k: v for k, v in options.items() if k != "divisor_override"}
    return tuple(arguments.values()), options


def _nearest(arguments: dict[str, Any], options: dict[str, Any], axes: int) -> _Called:
    scale = tuple(float(s) for s in np.broadcast_to(arguments["scale"], axes))
    return (arguments["x"],), {"scale_factor": scale, "mode": "nearest"}


def _resize(arguments: dict[str, Any], options: dict[str, Any], axes: int) -> _Called:
    mode = ("linear", "bilinear", "trilinear")[axes - 1]
    return (arguments["x"],), {"size": arguments["size"], "mode": mode, **options}


def _batch_norm(arguments: dict[str, Any], options: dict[str, Any], axes: int) -> _Called:
    """Give the running statistics where they are used only: PyTorch's are changed in place while training."""
    x, gamma, beta = arguments.values()
    held = dict(options)
    running = [held.pop(name) for name in ("running_mean", "running_var") if name in held]
    return (x, *([None] * len(running) if options.get("training", True) else running), gamma, beta), held


_CALLS: dict[str, Callable[[dict[str, Any], dict[str, Any], int], _Called]] = {
    "conv": _with_options,
    "conv_transpose": _conv_transpose,
    "max_pool": _with_options,
    "avg_pool": _avg_pool,
    "max_unpool": _with_options,
    "nearest_unpool": _nearest,
    "resize_bilinear": _resize,
    "im2col": _with_options,
    "col2im": _with_options,
    "relu": _with_options,
    "tanh": _with_options,
    "dropout": _with_options,
    "batch_norm": _batch_norm,
    "lrn": _with_options,
    "cross_entropy": _with_options,
}
