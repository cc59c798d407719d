"""Subtle mutations of a correct convolution: one number, operator or comparison changed in its source.

Each mutant differs from the original in one node of its syntax tree. They are made by rule, so nobody has chosen those
that are easily found.
"""

import ast
import copy
import inspect
import textwrap

import numpy as np


def convolve(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    n = x.ndim - 2
    steps = [stride] * n if isinstance(stride, int) else list(stride)
    taps = [dilation] * n if isinstance(dilation, int) else list(dilation)
    pads = [padding] * n if isinstance(padding, int) else list(padding)
    pads = [(p, p) if isinstance(p, int) else p for p in pads]
    out = []
    for i in range(n):
        span = taps[i] * (w.shape[i + 2] - 1) + 1
        out.append((x.shape[i + 2] + pads[i][0] + pads[i][1] - span) // steps[i] + 1)
    y = np.zeros((x.shape[0], w.shape[0], *out), x.dtype)
    below = w.shape[1]
    above = w.shape[0] // groups
    for f in range(w.shape[0]):
        first = f // above * below
        for o in np.ndindex(*out):
            for k in np.ndindex(*w.shape[2:]):
                at = [o[i] * steps[i] + k[i] * taps[i] - pads[i][0] for i in range(n)]
                if all(0 <= at[i] < x.shape[i + 2] for i in range(n)):
                    for c in range(below):
                        y[(slice(None), f, *o)] += x[(slice(None), first + c, *at)] * w[(f, c, *k)]
        if b is not None:
            y[:, f] += b[f]
    return y


SOURCE = textwrap.dedent(inspect.getsource(convolve))

OPERATORS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult, ast.Mod),
    ast.LtE: (ast.Lt,),
    ast.Lt: (ast.LtE,),
}

ZEROS = "y = np.zeros((x.shape[0], w.shape[0], *out), {}.dtype)"

#: Mutants that compute the same, and why.
EQUIVALENT = {
    "n = x.ndim - 2  ->  n = w.ndim - 2": "images and weights have the same number of axes",
    f"{ZEROS.format('x')}  ->  {ZEROS.format('w')}": "images and weights have the same dtype",
}


def mutants():
    """Yield (what was changed, function) for each mutation."""
    tree = ast.parse(SOURCE)
    for number, node in enumerate(ast.walk(tree)):
        for change in changes(node):
            mutant = copy.deepcopy(tree)
            target = list(ast.walk(mutant))[number]
            change(target)
            before, after = (ast.unparse(t).splitlines() for t in (tree, mutant))
            lines = [(a.strip(), b.strip()) for a, b in zip(before, after) if a != b]
            names = {"np": np}
            exec(compile(ast.fix_missing_locations(mutant), "mutant", "exec"), names)
            yield f"{lines[0][0]}  ->  {lines[0][1]}", names["convolve"]


def changes(node):
    """Yield functions that change a node in place."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        for value in {node.value + 1, node.value - 1}:
            yield lambda target, value=value: setattr(target, "value", value)
    if isinstance(node, ast.BinOp | ast.AugAssign):
        for operator in OPERATORS.get(type(node.op), ()):
            yield lambda target, operator=operator: setattr(target, "op", operator())
    if isinstance(node, ast.AugAssign):
        yield lambda target: setattr(target, "op", ast.Mult())
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in OPERATORS.get(type(operator), ()):
                yield lambda target, place=place, other=other: target.ops.__setitem__(place, other())
    if isinstance(node, ast.Name) and node.id in SWAPS and isinstance(node.ctx, ast.Load):
        yield lambda target: setattr(target, "id", SWAPS[target.id])


#: Names that might be written for each other.
SWAPS = {
    "steps": "taps",
    "taps": "steps",
    "below": "above",
    "above": "below",
    "stride": "dilation",
    "dilation": "stride",
    "o": "k",
    "k": "o",
    "f": "c",
    "c": "f",
    "first": "f",
    "groups": "below",
    "x": "w",
    "w": "x",
}
