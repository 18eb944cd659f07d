"""``python -m clew``: the command line, also under torchrun (``torchrun -m clew fit ...``)."""

import sys

from clew.cli import main

if __name__ == "__main__":
    sys.exit(main())
