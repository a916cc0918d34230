"""Results as a folder to read in a browser, from disk and without a network."""

from __future__ import annotations

from .build import build
from .folder import check

__all__ = ["build", "check"]
