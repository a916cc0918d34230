"""From results to the folder: assets, data, pictures, sounds, and the page that shows them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..bd import INTERVAL, Interval
from ..comparison import Comparison
from ..errors import Unavailable
from ..plot import figures
from ..results import ROWS, RUN, TIMINGS, Results
from ..sample import Media
from .choose import Shelf
from .folder import MARKER, PAGE, whole
from .pictures import pictures
from .sounds import sounds
from .spectrogram import SIZE
from .tables import (
    Found,
    bd_tables,
    comparisons,
    default_anchor,
    main_codec,
    main_measure,
    speed_table,
    task_tables,
)
from .words import conventions, difference, measured, plural, signed, span, versions

FILES = 4
STYLES = ("report.css", "theme.js")  # loaded before the page is painted
SCRIPTS = ("plotly.min.js", "page.js", "charts.js", "bd.js", "viewer.js", "compare.js", "listen.js")


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
    with whole(out, force) as folder:
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
        text = _page(results, found, data, problems, kept, command)
        (folder / PAGE).write_text(text, "utf-8")
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


def _page(
    results: Results, found: Found, data: dict[str, Any], problems: list[str], kept: list[str], command: str
) -> str:
    from jinja2 import Environment
    from markupsafe import Markup

    template = (resources.files(__package__) / "assets" / "page.html").read_text("utf-8")
    groups = {entry["group"] for entry in data["figures"]}
    runs = [folder.run for folder in results.folders if folder.run]
    meters = {name: meter for run in runs for name, meter in run.get("meters", {}).items()}
    headline, note = _headline(results, found)
    facts: dict[str, Any] = {
        "marker": MARKER,
        "title": f"{headline} - kodek report",
        "eyebrow": _eyebrow(runs),
        "headline": headline,
        "note": note,
        "measured": measured(results),
        "problems": problems,
        "curves": "curves" in groups,
        "bd": any(entry["group"] == "curves" for entry in data["bd"]),
        "tasks": task_tables(results, _judges(meters)),
        "task_bd": any(entry["group"] == "tasks" for entry in data["bd"]),
        "speed": speed_table(results),
        "pictures": data.get("pictures"),
        "sounds": data.get("sounds"),
        "rate_unit": results.rate_unit,
        "commands": [text for run in runs for text in run.get("commands", [])] + ([command] if command else []),
        "data_files": kept,
        "codecs": _codecs(results, runs),
        "meters": [_meter(name, meter) for name, meter in meters.items()],
        "conventions": conventions(results),
        "environment": _environment(runs),
        "footer": f"Written by kodek {version('kodek')}. Charts by plotly.js (MIT licence).",
        # in a script no character but "<" could end the data early
        "data": Markup(json.dumps(data, allow_nan=False).replace("<", "\\u003c")),
        "scripts": [name for name in SCRIPTS if _needed(name, data)],
    }
    names = {
        "curves": "Curves",
        "bd": "BD-rate",
        "tasks": "Tasks",
        "speed": "Speed",
        "pictures": "Pictures",
        "sounds": "Sounds",
    }
    ids = {"bd": "bd-rate"}
    facts["sections"] = [(ids.get(key, key), label) for key, label in names.items() if facts[key]]
    facts["sections"].append(("reproduce", "Reproduce"))
    return Environment(autoescape=True, trim_blocks=True).from_string(template).render(facts)


def _needed(script: str, data: dict[str, Any]) -> bool:
    needs = {"viewer.js": "pictures", "compare.js": "pictures", "listen.js": "sounds", "bd.js": "bd"}
    return script not in needs or bool(data.get(needs[script]))


def _headline(results: Results, found: Found) -> tuple[str, str]:
    """The main result in a sentence, and what it is of in another."""
    measure, anchor = main_measure(results), default_anchor(results)
    codec = main_codec(results, anchor)
    if measure is None or codec is None:
        return f"{', '.join(results.codecs)}: {plural(len(results.files), 'file')} measured", ""
    of_others = {other: found[measure.name, codec, other] for other in results.codecs if other != codec}
    result = of_others[anchor]
    if isinstance(result, str):
        return f"{codec} beside {anchor}: no BD-rate at equal {measure.title}", f"The reason: {result}"
    headline = f"{codec} needs {difference(result.percent)} {anchor} at equal {measure.title}"
    note = f"Mean curves over {span(result, measure)}"
    if result.estimate is not None:
        low, high = result.estimate.low, result.estimate.high
        if low < 0 < high:  # of files like these, others might say the opposite
            headline = f"No clear difference between {codec} and {anchor} at equal {measure.title}"
            note += f": {signed(result.percent)} % bits"
        note += f"; {signed(low)} to {signed(high)} % in 95 % of bootstrap resamples of the files"
    others = [
        f"{signed(comparison.percent)} % against {other}"
        for other, comparison in of_others.items()
        if other != anchor and isinstance(comparison, Comparison)
    ]
    tail = f"In the same way: {', '.join(others)}." if others else ""
    return headline, f"{note}. {tail}".strip()


def _eyebrow(runs: list[dict[str, Any]]) -> str:
    names = dict.fromkeys(Path(run["data"]).name for run in runs if run.get("data"))
    days = sorted({run["started"][:10] for run in runs if run.get("started")})
    return " · ".join(filter(None, ("Evaluation", ", ".join(names), ", ".join(days))))


def _codecs(results: Results, runs: list[dict[str, Any]]) -> list[dict[str, str]]:
    known = {name: codec for run in runs for name, codec in run.get("codecs", {}).items()}
    of_rows = {row["codec"]: row["versions"] for row in results.rows}
    return [
        {
            "name": name,
            "about": known.get(name, {}).get("about", ""),
            "versions": versions(of_rows[name]),
            "settings": ", ".join(f"{setting:g}" for setting in known.get(name, {}).get("settings", ())),
        }
        for name in results.codecs
    ]


def _judges(meters: dict[str, Any]) -> dict[str, str]:
    """Measure -> the network whose verdict it is, as the run noted it."""
    from ..measures import meters as known

    of_meter = {name: [measure.name for measure in meter.measures] for name, meter in known().items()}
    return {measure: meter.get("judge", "") for name, meter in meters.items() for measure in of_meter.get(name, [])}


def _meter(name: str, meter: dict[str, Any]) -> dict[str, str]:
    judge, source = meter.get("judge", ""), meter.get("source", "")
    text = ". ".join(filter(None, (f"Judge: {judge}" if judge else "", source)))
    return {"name": name, "text": text, "versions": versions(meter.get("versions", {}))}


def _environment(runs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    lines: dict[str, str] = {}
    for run in runs:
        for key, value in run.get("environment", {}).items():
            lines[key] = versions(value) if isinstance(value, dict) else str(value)
    return list(lines.items())
