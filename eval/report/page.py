"""The text of the page: what is said in words and tables, and the data for its scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..comparison import Comparison
from ..results import Results
from .folder import MARKER
from .tables import Found, default_anchor, main_codec, main_measure, overview, speed_table, value_tables
from .words import conventions, difference, measured, plural, signed, span, versions

SCRIPTS = ("plotly.min.js", "page.js", "charts.js", "bd.js", "viewer.js", "compare.js", "listen.js")
_NEEDS = {"bd.js": "bd", "viewer.js": "pictures", "compare.js": "pictures", "listen.js": "sounds"}
_SECTIONS = {  # what each shows -> its anchor and its name
    "curves": ("curves", "Curves"),
    "bd": ("bd-rate", "BD-rate"),
    "tasks": ("tasks", "Tasks"),
    "speed": ("speed", "Speed"),
    "pictures": ("pictures", "Pictures"),
    "sounds": ("sounds", "Sounds"),
}

Runs = Sequence[Mapping[str, Any]]


def render(
    results: Results, found: Found, data: dict[str, Any], problems: list[str], kept: list[str], command: str
) -> str:
    """The page in HTML. data: for its scripts; kept: names of the files of data beside it; command: that made it."""
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
        "overview": overview(results),
        **value_tables(results, _judges(meters)),
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
        "scripts": [name for name in SCRIPTS if name not in _NEEDS or data.get(_NEEDS[name])],
    }
    facts["sections"] = [place for key, place in _SECTIONS.items() if facts[key]] + [("reproduce", "Reproduce")]
    return Environment(autoescape=True, trim_blocks=True).from_string(template).render(facts)


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


def _eyebrow(runs: Runs) -> str:
    names = dict.fromkeys(Path(run["data"]).name for run in runs if run.get("data"))
    days = sorted({run["started"][:10] for run in runs if run.get("started")})
    return " · ".join(filter(None, ("Evaluation", ", ".join(names), ", ".join(days))))


def _codecs(results: Results, runs: Runs) -> list[dict[str, str]]:
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


def _environment(runs: Runs) -> list[tuple[str, str]]:
    lines: dict[str, str] = {}
    for run in runs:
        for key, value in run.get("environment", {}).items():
            lines[key] = versions(value) if isinstance(value, dict) else str(value)
    return list(lines.items())
