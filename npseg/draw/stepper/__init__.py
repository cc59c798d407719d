"""The stepper: an operation's arithmetic, spelled out step by step and drawn.

From the ground up: :mod:`notation` writes numbers and symbols, :mod:`formulas` the size formulas. :mod:`planes` are
arrays as they are drawn and :mod:`products` the table of what meets what; :mod:`convolutions` and :mod:`poolings` fill
it in from the :mod:`cells` that a user gives, :mod:`passes` knows each by its name, and :mod:`walk` puts the table in
order. On these stand three ways of showing it: :mod:`page` (HTML), and :mod:`stills` and :mod:`matrices` (matplotlib),
which :mod:`scene` puts together from :mod:`boxes` and :mod:`grids`. :mod:`saving` writes files, and :mod:`steps` is
what users call.
"""
