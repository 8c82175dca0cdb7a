"""``python -m qbatch``."""

import sys

from qbatch.cli import main

if __name__ == "__main__":
    sys.exit(main())
