"""What a run shows: a progress bar on a terminal, plain lines elsewhere, and TensorBoard scalars."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, track
from torch.utils.tensorboard import SummaryWriter


def console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def tracked(things: Iterable[Any], count: int, what: str = "Decoding the data") -> Iterable[Any]:
    """A loop over `count` things with a bar on a terminal, after a line elsewhere."""
    terminal = sys.stderr.isatty()
    if not terminal:
        console().print(f"{what}: {count}")
    return track(things, what, count, console=console(), disable=not terminal)


class Report:
    """A context manager. `quiet` shows and writes nothing, for all processes but the first."""

    def __init__(self, folder: Path, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = console()
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1.0)
        self._scalars = None if quiet else SummaryWriter(str(folder))
        self._began: tuple[float, float] | None = None  # time and fraction of the first report

    def __enter__(self) -> Report:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        if self._scalars is not None:
            self._scalars.close()

    def say(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, markup=False)

    def numbers(self, step: int, fraction: float, values: Mapping[str, float]) -> None:
        """Show the means of the last steps."""
        if self._quiet:
            return
        self.scalars(step, values)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        text = f"step {step}  {shown}  ETA {self._remaining(fraction)}"
        if self._bar.disable:
            self.say(f"{text}  ({fraction:.1%})")
        self._bar.update(self._task, completed=fraction, description=text)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        if self._scalars is not None:
            for name, value in values.items():
                self._scalars.add_scalar(name, value, step)

    def _remaining(self, fraction: float) -> str:
        now = time.monotonic()
        self._began = self._began or (now, fraction)
        began, at = self._began
        if fraction <= at:
            return "-"
        seconds = round((now - began) * (1 - fraction) / (fraction - at))
        hours, minutes = divmod(seconds // 60, 60)
        return f"{hours}:{minutes:02}:{seconds % 60:02}"
