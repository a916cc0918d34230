"""Bars on stderr, where that is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .summary import Done, speeds

Steps = Callable[[float, float | None], None]  # steps done, and of all


@contextmanager
def steps_bar(shown: bool, speed: str = "") -> Iterator[Steps | None]:
    """Yields what the steps of slow work are reported to; speed: the unit of steps a second, if it is to be said."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, start = bar.add_task("", total=None), time.monotonic()

        def advance(done: float, total: float | None) -> None:
            rate = f"{done / max(time.monotonic() - start, 1e-9):.1f} {speed}" if speed else ""
            bar.update(task, completed=done, total=total, description=rate)

        yield advance


@contextmanager
def files_bar(count: int, many: bool) -> Iterator[Callable[[str, Done | None], None]]:
    """Yields `advance(line for stderr or "", what was done)`, which moves the bar of a folder."""
    if not (many and sys.stderr.isatty()):
        yield lambda line, row: print(line, file=sys.stderr) if line else None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=count)
        start, done = time.monotonic(), list[Done]()

        def advance(line: str, row: Done | None) -> None:
            done.extend([row] if row else [])
            bar.update(task, advance=1, description=", ".join(speeds(done, time.monotonic() - start)))
            if line:
                console.print(line, markup=False, soft_wrap=True)

        yield advance
