"""The methods: different ways of computing the same few maps.

A convolution is bilinear in the image and the kernel, so that a method of computing it is three maps, each the
adjoint of the others:

* ``correlate(x, w, size)``: from the plane below to the plane above;
* ``correlate_adjoint_x(y, w, size)``: back down, with the same weights;
* ``correlate_adjoint_w(x, y, size)``: the weights, from what lies below and above.

Forward and backward of convolution *and* of transposed convolution are these three with the roles exchanged.
``size`` is always the spatial size of what is made, since neither plane's size follows from the other's.

Pooling and unpooling are five more: ``argmax`` finds the winners, their values and their flat indices; ``take`` (P)
and ``put`` (its transpose) carry values along indices; ``mean`` (A) and ``spread`` (its transpose) average and share
out.

A method is a module with these eight functions and nothing else that the operations know of. Padding reaches it
as (before, after) pairs, and stride, dilation and kernel as one int for each axis. The three maps may leave in
``memo``, a dict that the operation keeps between forward and backward, what the adjoints can use again.
"""
