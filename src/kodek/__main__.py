"""``python -m kodek`` is the command ``kodek``."""

import sys

from kodek.cli import main

if __name__ == "__main__":
    sys.exit(main())
