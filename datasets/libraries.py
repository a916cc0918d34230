"""Libraries that only some media need."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import MediaError

_TITLES = {"av": "PyAV", "soxr": "soxr"}


def library(name: str) -> Any:
    """The module of this name.

    Raises:
        MediaError: it can't be imported.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MediaError(f"Sound needs {_TITLES[name]}: pip install {name}.") from error
