"""Memory that was freed and that glibc's allocator keeps, to be given back to the system."""

import ctypes
import sys
from contextlib import suppress


def trim() -> None:
    """Give it back. Other systems than Linux with glibc are left alone."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
