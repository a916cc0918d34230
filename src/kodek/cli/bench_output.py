"""What every benchmark prints."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .errors import Code

if TYPE_CHECKING:
    from kodek.eval.bench import Progress


def say_of_files(result: dict[str, Any], report: Callable[[dict[str, Any]], str], json: bool) -> int:
    """`say`, and the files that were left out on stderr."""
    for sentence in result["left_out"]:
        print(f"kodek: {sentence}", file=sys.stderr)
    return say(result, report, json) or (Code.INPUT if result["left_out"] else Code.OK)


def say(result: dict[str, Any], report: Callable[[dict[str, Any]], str], json: bool) -> int:
    """Print the result; the exit code."""
    print(json_module.dumps(result) if json else report(result))
    return Code.OK if result.get("passed", True) else Code.DIFFERENCE


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)
