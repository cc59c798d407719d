"""``python -m npseg``: the command line."""

import sys

from npseg.cli import main

if __name__ == "__main__":
    sys.exit(main())
