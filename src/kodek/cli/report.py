"""``kodek report``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from . import options
from .errors import Code, Failure


def report(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Folders of `kodek eval`, or files of their rows.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the report; index.html opens it.")],
    files: Annotated[
        int, typer.Option("--files", min=0, max=50, help="How many files to look at or listen to in the report.")
    ] = 4,
    interval: options.Interval = options.DEFAULT_INTERVAL,
    force: options.Force = False,
) -> None:
    """Write results as pages to read: curves, tables, a slider between codecs, players. Opens without a network."""
    from kodek.eval.report import build, check
    from kodek.eval.results import Results

    check(out, force, results)
    try:
        found = Results.load(results)
    except OSError as error:
        raise Failure(Code.INPUT, f"{error.filename} can't be read: {error.strerror or error}.") from error
    command = shlex.join(["kodek", *sys.argv[1:]])
    with _status() as tell:
        problems = build(found, out, files=files, interval=interval, command=command, force=force, tell=tell)
    for problem in problems:
        print(f"kodek: {problem}", file=sys.stderr)
    print(out / "index.html")


@contextmanager
def _status() -> Iterator[Callable[[str], None]]:
    """Yields the function that says what is being done, where stderr is a terminal."""
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(Text(text))  # not a str: names of files may hold rich's markup
