"""The entropy coder's typed errors, raised by the extension."""

from ._rans import StreamError, TableError

__all__ = ["StreamError", "TableError"]
