"""From results to the folder: assets, data, pictures, sounds, and the page that shows them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from ..bd import INTERVAL, Interval
from ..errors import Unavailable
from ..plot import figures
from ..results import ROWS, RUN, TIMINGS, Results
from ..sample import Media
from .choose import Shelf
from .folder import PAGE, whole
from .page import SCRIPTS, render
from .pictures import pictures
from .sounds import sounds
from .spectrogram import SIZE
from .tables import bd_tables, comparisons, default_anchor, main_codec

FILES = 4
STYLES = ("report.css", "theme.js")  # loaded before the page is painted


def build(
    results: Results,
    out: Path,
    *,
    files: int = FILES,
    interval: Interval = INTERVAL,
    command: str = "",
    force: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Write the report of `results` to the folder `out`, whole or not at all, and return the problems it names.

    files: how many are shown with their decoded pictures or sounds, for which the kept streams are decoded again.
    interval: of BD-rates at equal PSNR, in dB. command: that made the report. force: `out` may be a folder of other
    things. tell: called with what is being done.

    Raises:
        MediaWriteError: `out` can't be written, or is something else than an earlier report.
        Unavailable: a library of the extra `eval` is not installed.
    """
    sources = [source.path for source in results.folders]
    sources += [Path(source.run["data"]) for source in results.folders if isinstance(source.run.get("data"), str)]
    with whole(out, force, sources) as folder:
        tell("Curves")
        drawn = _figures(results)
        found = comparisons(results, interval, tell)
        shelf = Shelf(results)
        data: dict[str, Any] = {"figures": drawn, "bd": bd_tables(results, found)}
        if results.media is Media.IMAGE and files:
            data |= _picture_data(results, shelf, folder, files, tell)
        if results.media is Media.AUDIO and files:
            shown, rates = sounds(results, shelf, folder, files, tell)
            data |= {"sounds": shown, "kbps": rates, "soundTarget": len(rates) // 3, "spectrogram": SIZE}
        tell("Page")
        kept = _keep_data(results, folder)
        _copy_assets(folder)
        problems = results.problems() + shelf.problems
        text = render(results, found, data, problems, kept, command)
        (folder / PAGE).write_bytes(text.encode("utf-8", "replace"))  # names of files need not be text
    return problems


def _figures(results: Results) -> list[dict[str, Any]]:
    tasks = {measure.name for measure in results.tasks}
    groups = {"encoding": "speed", "decoding": "speed"} | dict.fromkeys(tasks, "tasks")
    return [
        {
            "group": groups.get(figure.key, "curves"),
            "title": figure.title.removesuffix(" against rate"),
            "alt": f"{figure.y_title} by {figure.x_title}",
            "note": figure.note,
            "log": figure.log_x,
            **figure.plotly(),
        }
        for figure in figures(results)
    ]


def _picture_data(
    results: Results, shelf: Shelf, folder: Path, files: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    shown = pictures(results, shelf, folder, files, tell)
    codecs = [name for name in results.codecs if any(name in picture["codecs"] for picture in shown)]
    if not shown:
        return {}
    anchor = default_anchor(results)
    left = anchor if anchor in codecs else codecs[0]
    main = main_codec(results, left)
    right = main if main in codecs else "original"
    return {"pictures": shown, "pictureCodecs": codecs, "pair": [left, right], "target": 1}


def _keep_data(results: Results, folder: Path) -> list[str]:
    """Copies of what the page is computed from."""
    place = folder / "data"
    place.mkdir()
    contents = {ROWS: [*results.rows, *results.errors]}
    if results.timings:
        contents[TIMINGS] = results.timings
    for name, rows in contents.items():
        (place / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    names = list(contents)
    for number, run in enumerate((source.run for source in results.folders if source.run), 1):
        names.append(RUN if number == 1 else f"run-{number}.json")
        (place / names[-1]).write_text(json.dumps(run, indent=1), "utf-8")
    return names


def _copy_assets(folder: Path) -> None:
    place = folder / "assets"
    place.mkdir()
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as error:
        raise Unavailable("Reports need plotly: pip install 'kodek[eval]'.") from error
    (place / "plotly.min.js").write_text(get_plotlyjs(), "utf-8")
    source = resources.files(__package__) / "assets"
    for name in (*STYLES, *SCRIPTS[1:]):
        with resources.as_file(source / name) as path:
            shutil.copyfile(path, place / name)
