"""The command line: ``npseg demo | data | train | evaluate | compare | predict | summary | explain | ...``.

`program` has ``main``, the list of the commands, and what becomes of an error. Each group of commands has a room:
`training`, `images`, `operations`, `oracle`. There a command is two functions, one that declares its flags and one
that takes what was given and calls the package; what it needs of the package is imported when it runs, so that
``--help`` waits for nothing. `flags` are those that several commands have, and `values` are read from the words after
them.
"""

from npseg.cli.program import main

__all__ = ["main"]
