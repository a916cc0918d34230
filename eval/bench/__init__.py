"""Benchmarks, behind `kodek bench`: modules with `run`, whose result is a JSON document, and `report`."""

from collections.abc import Callable
from importlib.util import find_spec

from ..errors import Unavailable

Progress = Callable[[int, int, str], None]  # steps done, of how many, what comes next


def no_progress(done: int, total: int, what: str) -> None:
    """For runs that nobody watches."""


def need(*libraries: str) -> None:
    """Raise Unavailable, which says how to get them, unless these libraries are installed."""
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        raise Unavailable(f"This benchmark needs {' and '.join(missing)}: pip install 'kodek[eval]'.")
