"""``kodek plot``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .errors import Code, Failure

if TYPE_CHECKING:
    from kodek.eval.plot import Figure

FORMATS = ("png", "svg", "html")


def plot(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULTS...", help="Folders of `kodek eval`, files of their rows, or training runs."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="Folder, or the file of a single figure or of all in HTML [plots]."),
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="png, svg or html (interactive); by default that of --out, or png.")
    ] = None,
    measure: Annotated[
        str | None, typer.Option("--measure", help="Comma-separated, such as psnr,ms_ssim; all by default.")
    ] = None,
    codecs: Annotated[str | None, typer.Option("--codecs", help="Comma-separated; all by default.")] = None,
    anchor: Annotated[
        str | None, typer.Option("--anchor", metavar="CODEC", help="Also draw BD-rates against this codec.")
    ] = None,
    interval: options.Interval = options.DEFAULT_INTERVAL,
    log: Annotated[bool, typer.Option("--log", help="Rates on a logarithmic axis.")] = False,
) -> None:
    """Draw results: rate-distortion and task curves, BD-rates, speed; or the curves of training runs."""
    target, kind = _target(out, format)
    from kodek.eval.plot import figures, is_run, training_figures
    from kodek.eval.results import Results

    for path in results:
        if not path.exists():
            raise Failure(Code.INPUT, f"{path} is not there.")
    runs = [path for path in results if is_run(path)]
    evaluations = [path for path in results if path not in runs]
    drawn: list[Figure] = []
    if evaluations:
        try:
            found = Results.load(evaluations)
        except OSError as error:
            raise Failure(Code.INPUT, f"{error.filename} can't be read: {error.strerror or error}.") from error
        drawn += figures(found, _names(measure), _names(codecs), anchor, interval, log)
    if runs:
        drawn += training_figures(runs)
    if not drawn:
        raise Failure(Code.INPUT, f"{', '.join(map(str, results))}: there is nothing to draw.")
    for path in _write(drawn, target, kind, ", ".join(path.resolve().name for path in results)):
        print(path)


def _target(out: Path | None, format: str | None) -> tuple[Path, str]:
    """Where to, and in which format."""
    target = out or Path("plots")
    suffix = target.suffix[1:].lower() if not target.is_dir() else ""
    kind = format or (suffix if suffix in FORMATS else "png")
    if kind not in FORMATS:
        raise Failure(Code.USAGE, f"--format is one of {', '.join(FORMATS)}, not {kind}.")
    if suffix in FORMATS and suffix != kind:
        raise Failure(Code.USAGE, f"{target} can't be a file of {kind}.")
    return target, kind


def _write(figures: Sequence[Figure], target: Path, kind: str, title: str) -> list[Path]:
    """The files that were written: a figure each, or all in one page."""
    from kodek.datasets import atomic_write
    from kodek.eval.plot.drawing import picture
    from kodek.eval.plot.page import page

    single = target.suffix[1:].lower() == kind and not target.is_dir()
    if single and kind != "html" and len(figures) > 1:
        names = ", ".join(figure.key for figure in figures)
        raise Failure(Code.USAGE, f"{target} can't hold {len(figures)} figures ({names}): let --out name a folder.")
    if not single:
        _make(target)
    if kind == "html":
        path = target if single else target / "plots.html"
        contents = {path: page(figures, title).encode()}
    else:
        paths = [target if single else target / f"{figure.key}.{kind}" for figure in figures]
        contents = {path: picture(figure, kind) for path, figure in zip(paths, figures, strict=True)}
    for path, data in contents.items():
        with atomic_write(path, overwrite=True) as file:
            file.write(data)
    return list(contents)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(Code.OUTPUT, f"{folder} can't be a folder: {error.strerror or error}.") from error


def _names(text: str | None) -> list[str] | None:
    return None if text is None else options.names(text)
