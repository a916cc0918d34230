"""The numbers of the page's tables, each computed from the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..bd import INTERVAL, Interval
from ..bootstrap import pooled_interval
from ..comparison import Comparison, compare
from ..errors import EvalError
from ..measures import Measure
from ..results import WORST, Results, scale
from .words import number, plural, span

ANCHORS = ("jpeg", "x264", "opus", "mp3")  # whom the field compares with first
MEASURES = ("psnr", "visqol", "pesq_wb", "mel")  # whose result is the headline, the first that there is
Found = dict[tuple[str, str, str], Comparison | str]  # by measure, codec and anchor; or why there is none


def default_anchor(results: Results) -> str:
    """The anchor to show first: one of the usual, or the last that was asked for."""
    names = results.codecs
    usual = (name for wanted in ANCHORS for name in names if name.split("-")[0] == wanted)
    return next(usual, names[-1])


def main_codec(results: Results, anchor: str) -> str | None:
    """Whom the headline is about: kodek's own first."""
    others = [name for name in results.codecs if name != anchor]
    own = {row["codec"] for row in results.rows if "generation" in row["versions"]}
    return next((name for name in others if name in own), others[0] if others else None)


def main_measure(results: Results) -> Measure | None:
    metrics = {measure.name: measure for measure in results.measures if measure not in results.tasks}
    return next((metrics[name] for name in (*MEASURES, *metrics) if name in metrics), None)


def comparisons(results: Results, interval: Interval = INTERVAL, tell: Callable[[str], None] = lambda _: None) -> Found:
    """Every codec against every other at equal value of every measure."""
    found: Found = {}
    for measure in results.measures:
        tell(f"BD-rates, {measure.title}")
        for codec in results.codecs:
            for anchor in results.codecs:
                if codec != anchor:
                    try:
                        result: Comparison | str = compare(results, codec, anchor, measure.name, interval)
                    except EvalError as reason:
                        result = str(reason)
                    found[measure.name, codec, anchor] = result
    return found


def bd_tables(results: Results, found: Found) -> list[dict[str, Any]]:
    """A table for each measure and anchor, for the page's script."""
    if len(results.codecs) < 2:
        return []
    return [
        {
            "group": "tasks" if measure in results.tasks else "curves",
            "title": measure.title,
            "anchor": default_anchor(results),
            "tables": {anchor: _bd_table(results, measure, anchor, found) for anchor in results.codecs},
        }
        for measure in results.measures
    ]


def _bd_table(results: Results, measure: Measure, anchor: str, found: Found) -> dict[str, Any]:
    rows = []
    for codec in results.codecs:
        if codec == anchor:
            rows.append({"codec": codec, "anchor": True, "mean": None})
            continue
        result = found[measure.name, codec, anchor]
        if isinstance(result, str):
            rows.append({"codec": codec, "mean": None, "reason": result})
        else:
            rows.append({"codec": codec, "over": span(result, measure), **_numbers(result)})
    spans = {row["over"] for row in rows if "over" in row}
    where = f"over {spans.pop()}" if len(spans) == 1 else "each over the values that it shares with the anchor"
    files = plural(len(results.files_of(measure.name)), "file")
    caption = f"BD-rate against {anchor} at equal {measure.title}, {where}; {files}."
    return {"rows": rows, "caption": caption, "same": not spans, "files": measure not in results.tasks}


def _numbers(result: Comparison) -> dict[str, Any]:
    estimate, files = result.estimate, result.files
    return {
        "mean": _finite(result.percent),
        "low": _finite(estimate.low) if estimate else None,
        "high": _finite(estimate.high) if estimate else None,
        "file_mean": _finite(files.mean) if files else None,
        "files": len(files.rates) if files else 0,
        "of": len(files.rates) + len(files.missing) if files else 0,
    }


def overview(results: Results) -> dict[str, Any]:
    """Codec by rate -> all measures."""
    levels = {measure.name: results.level(measure.name) for measure in results.measures}
    groups = []
    if any(level is not None for level in levels.values()):
        cells = [_cell(levels[measure.name], measure) for measure in results.measures]
        groups.append({"codec": "original", "rows": [{"setting": "-", "rate": "-", "cells": cells}]})
    for codec in results.codecs:
        curves = {measure: results.curve(codec, measure.name) for measure in results.measures}
        rates = {point.setting: point.rate for curve in curves.values() for point in curve}
        rows = []
        for setting, rate in sorted(rates.items(), key=lambda item: item[1]):
            points = ([p.value for p in curve if p.setting == setting] for curve in curves.values())
            cells = [_cell(value[0] if value else None, m) for m, value in zip(curves, points, strict=True)]
            rows.append({"setting": f"{setting:g}", "rate": _rate(rate, results), "cells": cells})
        groups.append({"codec": codec, "rows": rows})
    return {"measures": [_heading(measure) for measure in results.measures], "groups": groups}


def value_tables(results: Results, judges: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Of "metrics" and "tasks", a table each: codec by rate -> value, its interval, and that of the worst files."""
    tables: dict[str, list[dict[str, Any]]] = {"metrics": [], "tasks": []}
    for measure in results.measures:
        kind = "tasks" if measure in results.tasks else "metrics"
        tables[kind].append(_value_table(results, measure, judges.get(measure.name, "")))
    return tables


def _value_table(results: Results, measure: Measure, judge: str) -> dict[str, Any]:
    level = results.level(measure.name)
    groups = []
    for codec in results.codecs:
        rows = [
            {
                "setting": f"{point.setting:g}",
                "rate": _rate(point.rate, results),
                "value": number(point.value, measure),
                "interval": _interval(results.values(codec, point.setting, measure.name), measure),
                "worst": number(results.worst(codec, point.setting, measure.name), measure),
            }
            for point in results.curve(codec, measure.name)
        ]
        if rows:
            groups.append({"codec": codec, "rows": rows})
    best = "more is better" if measure.higher else "less is better"
    count = len(results.files_of(measure.name))
    original = f" The uncompressed originals reach {number(level, measure)}." if level is not None else ""
    return {
        "title": measure.title,
        "judge": judge,
        "groups": groups,
        "worst": f"Worst {-(-count // WORST)} of {count}",
        "caption": f"{plural(count, 'file')}; {best}.{original}",
    }


def _heading(measure: Measure) -> str:
    return f"{measure.title} {'↑' if measure.higher else '↓'}"


def _cell(value: float | None, measure: Measure) -> str:
    return "-" if value is None else number(value, measure)


def _rate(rate: float, results: Results) -> str:
    return f"{rate:.3f}" if results.rate_unit == "bpp" else f"{rate:.2f}"


def _interval(values: Sequence[Any], measure: Measure) -> str:
    pairs = [(value[0], value[1]) if isinstance(value, list | tuple) else (value, 1.0) for value in values]
    try:
        estimate = pooled_interval(pairs)
    except EvalError:  # a single file
        return "-"
    low, high = (
        number(scale(measure) * end, measure).removesuffix(measure.unit).strip()
        for end in (estimate.low, estimate.high)
    )
    return f"{low} to {high}"


def speed_table(results: Results) -> list[dict[str, Any]]:
    """A row a codec: its range of mean seconds a file, and its peaks of memory; [] without timings."""
    rows = []
    for codec in results.codecs:
        group = [row for row in results.timings if row["codec"] == codec]
        if group:
            seconds = [results.seconds(codec, setting) for setting in {row["setting"] for row in group}]
            ways = list(zip(*(pair for pair in seconds if pair), strict=True))
            peaks = [[row[key] for row in group if row[key]] for key in ("encode_peak", "decode_peak")]
            rows.append((codec, [_range(way) for way in ways] + [_megabytes(peak) for peak in peaks]))
    columns = [[cells[column][0] for _, cells in rows] for column in range(4)] if rows else []
    return [
        {
            "codec": codec,
            "cells": [
                {"text": text, "best": value == min(column) < max(column)}
                for (value, text), column in zip(cells, columns, strict=True)
            ],
        }
        for codec, cells in rows
    ]


def _range(seconds: Sequence[float]) -> tuple[float, str]:
    low, high = (f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in (min(seconds), max(seconds)))
    return float(np.mean(seconds)), low if low == high else f"{low} to {high}"


def _megabytes(peaks: Sequence[int]) -> tuple[float, str]:
    return (max(peaks), f"{max(peaks) / 1e6:.0f}") if peaks else (math.inf, "-")


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
