"""Operations as somebody might write them, from scratch and in loops, with a bug at will: candidates for the oracle.

They share nothing with npseg. Each takes ``bug``, the name of one mistake that it then makes.
"""

import numpy as np


def per_axis(value, n):
    return (value,) * n if np.isscalar(value) else tuple(value)


def sides(padding, n):
    return tuple(p if isinstance(p, tuple) else (p, p) for p in per_axis(padding, n))


def conv(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1, bug=""):
    n = x.ndim - 2
    s, p, d, k = per_axis(stride, n), sides(padding, n), per_axis(dilation, n), w.shape[2:]
    if bug == "one axis' kernel for both":
        k = (k[0],) * n
    size = [
        (i + p0 + p1 - dd * (kk - 1) - 1) // ss + 1
        for i, (p0, p1), dd, kk, ss in zip(x.shape[2:], p, d, w.shape[2:], s)
    ]
    padded = np.zeros((*x.shape[:2], *(i + p0 + p1 for i, (p0, p1) in zip(x.shape[2:], p))), x.dtype)
    start = [0 if bug == "padding counted, not applied" else p0 for p0, _ in p]
    padded[(..., *(slice(a, a + i) for a, i in zip(start, x.shape[2:])))] = x
    if bug == "border 1":
        padded = np.pad(x, [(0, 0), (0, 0), *p], constant_values=1)
    if bug == "stride ignored":
        s = (1,) * n
    if bug == "dilation ignored":
        d = (1,) * n
    if bug == "flipped":
        w = np.flip(w, tuple(range(2, w.ndim)))
    if bug == "kernel axes swapped":
        w = w.swapaxes(-1, -2)
    y = np.zeros((len(x), len(w), *size), np.float64 if bug == "float64 scratch" else x.dtype)
    below, above = w.shape[1], len(w) // groups
    for o in np.ndindex(*size):
        for t in np.ndindex(*k):
            at = tuple(oo * ss + tt * dd for oo, ss, tt, dd in zip(o, s, t, d))
            for f in range(len(w)):
                g = f // above
                seen = padded[(slice(None), slice(g * below, (g + 1) * below), *at)]
                y[(slice(None), f, *o)] += seen @ w[(f, slice(None), *t)]
    if bug == "reshaped over the wrong axes":
        y = y.swapaxes(0, 1).reshape(y.shape).copy()
    if b is not None and bug != "no bias":
        y += b.reshape(-1, *[1] * n)
    return y


def conv_transpose(x, w, b=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1, bug=""):
    n = x.ndim - 2
    s, p, d = per_axis(stride, n), sides(padding, n), per_axis(dilation, n)
    extra = per_axis(output_padding, n)
    if bug == "flipped":
        w = np.flip(w, tuple(range(2, w.ndim)))
    if bug == "channels swapped":
        w = w.swapaxes(0, 1)
    full = [
        (i - 1) * ss + dd * (k - 1) + 1 + e for i, ss, dd, k, e in zip(x.shape[2:], s, d, w.shape[2:], extra)
    ]
    if bug == "padding crops before the stride":
        x = x[(..., *(slice(a, i - b) for (a, b), i in zip(p, x.shape[2:])))]
        full = [f - (a + b) * ss for f, (a, b), ss in zip(full, p, s)]
        p = ((0, 0),) * n
    below, above = w.shape[1], len(w) // groups
    y = np.zeros((len(x), groups * below, *full), x.dtype)
    for i in np.ndindex(*x.shape[2:]):
        for t in np.ndindex(*w.shape[2:]):
            late = extra if bug == "output padding before" else (0,) * n
            at = tuple(ii * ss + tt * dd + e for ii, ss, tt, dd, e in zip(i, s, t, d, late))
            for g in range(groups):
                part = slice(g * above, (g + 1) * above)
                stamp = x[(slice(None), part, *i)] @ w[(part, slice(None), *t)]
                to = (slice(None), slice(g * below, (g + 1) * below), *at)
                y[to] = stamp if bug == "stamps overwrite" else y[to] + stamp
    y = y[(..., *(slice(a, f - c) for (a, c), f in zip(p, full)))]
    if bug in ("output padding as zeros", "output padding before, as zeros"):
        y = y[(..., *(slice(0, f - e) for f, e in zip(y.shape[2:], extra)))]
        left = bug != "output padding as zeros"
        y = np.pad(y, [(0, 0), (0, 0), *((e, 0) if left else (0, e) for e in extra)])
    y = np.ascontiguousarray(y)
    return y if b is None else y + b.reshape(-1, *[1] * n)


def max_pool(x, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False, bug=""):
    """Return y and the indices."""
    n = x.ndim - 2
    k, p, d = per_axis(kernel_size, n), sides(padding, n), per_axis(dilation, n)
    s = k if stride is None else per_axis(stride, n)
    size = []
    for i, (p0, p1), dd, kk, ss in zip(x.shape[2:], p, d, k, s):
        room = i + p0 + p1 - dd * (kk - 1) - 1
        ceil = ceil_mode and bug != "ceil mode ignored"
        windows = -(-room // ss) + 1 if ceil else room // ss + 1
        if ceil and (windows - 1) * ss >= i + p0:  # it would begin in the padding at the end
            windows -= 1
        size.append(windows)
    y, indices = np.zeros((*x.shape[:2], *size), x.dtype), np.zeros((*x.shape[:2], *size), int)
    wide = tuple(i + p0 + p1 for i, (p0, p1) in zip(x.shape[2:], p))
    for o in np.ndindex(*y.shape):
        best = None
        for t in np.ndindex(*k):
            at = tuple(oo * ss + tt * dd - p0 for oo, ss, tt, dd, (p0, _) in zip(o[2:], s, t, d, p))
            inside = all(0 <= a < i for a, i in zip(at, x.shape[2:]))
            if not inside and bug == "border 0" and (best is None or best[0] < 0):
                best = (0, best[1] if best else (0,) * n)
            value = x[(*o[:2], *at)] if inside else None
            if inside and (best is None or value > best[0] or (bug == "last of ties" and value == best[0])):
                best = (value, at)
        y[o] = best[0]
        if bug == "index from the padded width":
            indices[o] = np.ravel_multi_index(tuple(a + p0 for a, (p0, _) in zip(best[1], p)), wide)
        else:
            indices[o] = np.ravel_multi_index(best[1], x.shape[2:])
    return y if bug == "border 0" else (y, indices)


def max_pool_backward(dout, x, kernel_size, *, bug="", **options):
    if bug == "reads the unpadded array":
        options["padding"] = 0
    _, indices = max_pool(x, kernel_size, bug=bug, **options)
    dx = np.zeros_like(x).reshape(*x.shape[:2], -1)
    for o in np.ndindex(*dout.shape):
        to = (*o[:2], indices[o])
        dx[to] = dout[o] if bug == "overlap assigned" else dx[to] + dout[o]
    return dx.reshape(x.shape)


def max_unpool(x, indices, kernel_size, *, stride=None, padding=0, output_size=None, bug=""):
    n = x.ndim - 2
    k, p = per_axis(kernel_size, n), sides(padding, n)
    s = k if stride is None else per_axis(stride, n)
    size = tuple((i - 1) * ss + kk - a - b for i, ss, kk, (a, b) in zip(x.shape[2:], s, k, p))
    size = size if output_size is None else per_axis(output_size, n)
    wide = tuple(i + a + b for i, (a, b) in zip(size, p))
    y = np.zeros((*x.shape[:2], *size), np.float64 if bug == "float64 scratch" else x.dtype)
    for o in np.ndindex(*x.shape):
        index = int(indices[o])
        if bug == "index from the padded width":
            at = tuple(i - a for i, (a, _) in zip(np.unravel_index(index, wide), p))
            if not all(0 <= i < length for i, length in zip(at, size)):
                continue
        else:
            at = np.unravel_index(index, size)
        to = (*o[:2], *at)
        y[to] = x[o] if bug == "repeated indices overwrite" else y[to] + x[o]
    return y


def nearest_backward(dout, x, scale, *, bug=""):
    s = per_axis(scale, x.ndim - 2)
    dx = np.zeros_like(x)
    for t in np.ndindex(*(s if bug != "literal 2" else [min(2, v) for v in s])):
        dx += dout[(slice(None), slice(None), *(slice(a, None, v) for a, v in zip(t, s)))]
    return dx


def col2im(cols, size, kernel_size, *, stride=1, padding=0, dilation=1, bug=""):
    n = len(size)
    k, s, p, d = (
        per_axis(kernel_size, n),
        per_axis(stride, n),
        sides(padding, n),
        per_axis(dilation, n),
    )
    wide = [i + a + b for i, (a, b) in zip(size, p)]
    out = [(i - dd * (kk - 1) - 1) // ss + 1 for i, dd, kk, ss in zip(wide, d, k, s)]
    planes = cols.reshape(len(cols), -1, *k, *out)
    image = np.zeros((*planes.shape[:2], *wide), cols.dtype)
    for t in np.ndindex(*k):
        taps = (..., *(slice(a * dd, a * dd + ss * (o - 1) + 1, ss) for a, dd, ss, o in zip(t, d, s, out)))
        image[taps] += planes[(slice(None), slice(None), *t)]
    if bug == "crops images and channels":
        (a, b), (c, e) = p[0], p[-1]
        return image[a : len(image) - b, c : image.shape[1] - e]
    if bug == "crops the end only":
        return image[(..., *(slice(0, i) for i in size))]
    return image[(..., *(slice(a, a + i) for (a, _), i in zip(p, size)))]


def tanh_backward(dout, cache, *, bug=""):
    return -dout * cache.y**2 if bug == "constant missing" else dout * (1 - cache.y**2)
