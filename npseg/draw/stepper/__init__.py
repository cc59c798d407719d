"""The stepper: an operation's arithmetic, spelled out step by step and drawn.

From the ground up: :mod:`notation` writes numbers and symbols, :mod:`formulas` the size formulas; :mod:`products` is
the table of what meets what, and :mod:`passes` fills it in for each operation; :mod:`walk` puts it in order. On these
stand three ways of showing it, :mod:`page` (HTML), :mod:`stills` and :mod:`matrices` (matplotlib, put together from
:mod:`boxes` and :mod:`grids` by :mod:`scene`), :mod:`saving` for files, and :mod:`steps`, which users call.
"""
