"""``kodek eval``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .errors import Code, Failure

if TYPE_CHECKING:
    from kodek.eval.runner import Outcome, Progress


def evaluate(
    data: Annotated[str, typer.Option("--data", help="A folder, a file, or a text file that lists files.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the results; a run that stopped goes on in it.")],
    codecs: Annotated[
        str,
        typer.Option("--codecs", help="Comma-separated: models and anchors, each with settings as in jpeg@10:50:90."),
    ] = "image-hyperprior,jpeg,webp,avif",
    measures: Annotated[
        str | None, typer.Option("--measures", help="Comma-separated metrics and tasks; `kodek measures` lists them.")
    ] = None,
    media: Annotated[
        str | None, typer.Option("--media", help="image, audio or video, where DATA holds several.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many files.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes; one a core by default.")] = None,
    timed: Annotated[
        int | None, typer.Option("--timed", min=0, help="How many files the timing pass codes; all by default.")
    ] = None,
    interval: options.Interval = options.DEFAULT_INTERVAL,
    device: options.Device = "cpu",
) -> int:
    """Measure codecs over files: rates from file lengths, quality, machine perception, seconds, memory."""
    from kodek.eval.data import Data
    from kodek.eval.results import Results
    from kodek.eval.runner import DEFAULT_MEASURES, Run
    from kodek.eval.sample import Media
    from kodek.eval.summary import summary

    if media is not None and media not in list(Media):
        raise Failure(Code.USAGE, f"--media is one of {', '.join(Media)}, not {media}.")
    source = Data(data, Media(media) if media else None, limit)
    meters = options.names(measures) if measures is not None else DEFAULT_MEASURES[source.media]
    try:
        run = Run(source, out, options.names(codecs), meters, jobs, timed, device)
        with _progress() as progress:
            outcome = run(progress)
    except OSError as error:
        raise Failure(Code.OUTPUT, f"{out} can't be written: {error.strerror or error}.") from error
    except KeyboardInterrupt:
        print(f"kodek: stopped; the same command goes on in {out}.", file=sys.stderr)
        return Code.INTERRUPTED
    if not outcome.measured:
        for sentence in [*outcome.unreadable.values(), *(row["error"] for row in outcome.errors)]:
            print(f"kodek: {sentence}", file=sys.stderr)
        return _code(outcome)
    results = Results.load([out])
    print(summary(results, interval))
    for problem in results.problems():
        print(f"kodek: {problem}", file=sys.stderr)
    return _code(outcome)


def _code(outcome: Outcome) -> int:
    """What was asked for and is missing, the worst first."""
    if outcome.errors:
        return Code.STREAM
    if outcome.unreadable:
        return Code.INPUT
    return Code.NEEDS_OTHER if outcome.unavailable else Code.OK


@contextmanager
def _progress() -> Iterator[Progress]:
    """Yields the function that moves the bar, which is shown where stderr is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]} rows/s")
    columns = (TextColumn("{task.fields[stage]}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, TextColumn("{task.description}"), console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int, what: str) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task("", total=total, completed=done - 1, stage=stage, rate="-")
            task = bar.tasks[tasks[stage]]
            rate = "-" if task.speed is None else f"{task.speed:.1f}"
            bar.update(tasks[stage], completed=done, description=what, rate=rate)

        yield advance


def measures() -> None:
    """List the metrics and tasks that `kodek eval` measures."""
    from rich.console import Console
    from rich.table import Table

    from kodek.eval.measures import meters

    table = Table(box=None, pad_edge=False)
    for column in ("name", "measures", "of", "better", "judge or source"):
        table.add_column(column, overflow="fold")
    for meter in meters().values():
        titles = ", ".join(f"{measure.title} {measure.unit}".rstrip() for measure in meter.measures)
        better = "/".join(dict.fromkeys("up" if measure.higher else "down" for measure in meter.measures))
        table.add_row(meter.name, titles, ", ".join(sorted(meter.media)), better, meter.judge or meter.source)
    Console().print(table)
