"""The figures of an evaluation: rate against every measure, BD-rates against an anchor, speed against rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..bd import INTERVAL, Interval
from ..bootstrap import RESAMPLES, Estimate, pooled_interval
from ..comparison import Comparison, compare, file_curves
from ..errors import EvalError
from ..measures import Measure
from ..results import Point, Results, rate
from ..rows import Row
from ..sample import Media
from .figure import Figure, Level, Series
from .palette import Style, styles

RATE_TITLES = {"bpp": "Rate (bits per pixel)", "kbit/s": "Rate (kbit/s)"}
SPEEDS = {Media.IMAGE: "megapixels/s", Media.AUDIO: "times real time", Media.VIDEO: "frames/s"}


def figures(
    results: Results,
    measures: Sequence[str] | None = None,
    codecs: Sequence[str] | None = None,
    anchor: str | None = None,
    interval: Interval = INTERVAL,
    log: bool = False,
) -> list[Figure]:
    """One figure a measure, "psnr"; with an anchor also the BD-rates against it, "psnr-bd"; "encoding", "decoding".

    measures, codecs: None for all; those who choose measures get no speeds. interval: of BD-rates at equal PSNR, dB.
    log: rates on a logarithmic axis, as they are for tasks in any case.

    Raises:
        EvalError: the results lack what was named.
    """
    known = {measure.name: measure for measure in results.measures}
    chosen = [known[_among(name, list(known), "measure")] for name in (known if measures is None else measures)]
    names = [_among(name, results.codecs, "codec") for name in (results.codecs if codecs is None else codecs)]
    if anchor is not None:
        _among(anchor, results.codecs, "codec")
    looks = looks_of(results)
    found = []
    for measure in chosen:
        curves = quality(results, measure, names, looks, log)
        bars = bd_rates(results, measure, names, anchor, interval) if anchor else None
        if bars is not None and not bars.series:  # say there why
            curves, bars = replace(curves, note=f"{curves.note} {bars.note}"), None
        found += [curves] if bars is None else [curves, bars]
    if measures is None:
        found += [speed(results, way, names, looks, log) for way in ("encode", "decode")]
    return [figure for figure in found if figure.series]


def looks_of(results: Results) -> dict[str, Style]:
    """The same for every figure of these results, whichever codecs it shows."""
    own = {row["codec"] for row in results.rows if "generation" in row["versions"]}
    return styles(results.codecs, own)


def quality(results: Results, measure: Measure, codecs: Sequence[str], looks: dict[str, Style], log: bool) -> Figure:
    """Mean curves of a measure; those of tasks have bootstrap intervals and the level of the uncompressed original."""
    task = measure in results.tasks
    count = len(results.files_of(measure.name))
    note = f"{'Means over the same' if count != 1 else 'Of'} {_files(count)}."
    if task and count > 1:
        note += f" Error bars: 95 % bootstrap intervals over files ({RESAMPLES} resamples)."
    level = results.level(measure.name)
    series = [_curve(results, codec, measure, looks[codec], task and count > 1) for codec in codecs]
    return Figure(
        key=measure.name,
        title=f"{measure.title} against rate",
        x_title=RATE_TITLES[results.rate_unit],
        y_title=_with_arrow(measure),
        series=[found for found in series if found.x],
        levels=[] if level is None else [Level("original", level)],
        log_x=log or task,
        note=note,
    )


def bd_rates(
    results: Results, measure: Measure, codecs: Sequence[str], anchor: str, interval: Interval = INTERVAL
) -> Figure:
    """Bars of `comparison.compare` with their bootstrap intervals; the note says for which codecs there is none."""
    looks = looks_of(results)
    found: list[Comparison] = []
    refused = []
    for codec in codecs:
        if codec != anchor:
            try:
                found.append(compare(results, codec, anchor, measure.name, interval))
            except EvalError as reason:
                refused.append(f"{codec} is not compared with {anchor}: {reason}")
    found.sort(key=lambda comparison: comparison.percent)
    notes = [_made_of(found, measure, len(results.files_of(measure.name))), *refused] if found else refused
    task = measure in results.tasks
    return Figure(
        key=f"{measure.name}-bd",
        title=f"{'Rate' if task else 'BD-rate'} against {anchor} at equal {measure.title}",
        x_title="",
        y_title="More bits (%), better ←",
        series=[_bar(comparison, looks[comparison.codec], measure) for comparison in found],
        bars=True,
        note=" ".join(notes),
    )


def speed(results: Results, way: str, codecs: Sequence[str], looks: dict[str, Style], log: bool) -> Figure:
    """way: "encode" or "decode". How much signal a second, over the files that were timed one at a time."""
    unit, verb = SPEEDS[results.media], f"{way[:-1].capitalize()}ing"
    points = {codec: _speeds(results, way, codec) for codec in codecs}
    files = max((point.n for found in points.values() for point in found), default=0)
    return Figure(
        key=verb.lower(),
        title=f"{verb} speed against rate",
        x_title=RATE_TITLES[results.rate_unit],
        y_title=f"{verb} speed ({unit}), better ↑",
        series=[_series(results, codec, found, unit, looks[codec]) for codec, found in points.items() if found],
        log_x=log,
        log_y=True,
        note=f"{_files(files)}, one at a time.",
    )


def _speeds(results: Results, way: str, codec: str) -> list[Point]:
    """Mean rates and speeds of a codec over the timed files, a point a setting, in the order of rates."""
    rows = {(row["setting"], row["file"]): row for row in results.rows if row["codec"] == codec}
    timed: dict[float, list[tuple[Row, float]]] = {}
    for timing in results.timings:
        row = rows.get((timing["setting"], timing["file"])) if timing["codec"] == codec else None
        if row is not None:
            timed.setdefault(row["setting"], []).append((row, timing[f"{way}_seconds"]))
    points = [
        Point(
            setting,
            float(np.mean([rate(row) for row, _ in found])),
            sum(_amount(row) for row, _ in found) / sum(seconds for _, seconds in found),
            len(found),
        )
        for setting, found in timed.items()
    ]
    return sorted(points, key=lambda point: point.rate)


def _curve(results: Results, codec: str, measure: Measure, style: Style, error_bars: bool) -> Series:
    points = [point for point in results.curve(codec, measure.name) if np.isfinite(point.value)]
    estimates = []
    if error_bars and points:
        curves = file_curves(results, codec, measure.name)  # its settings are those of the curve
        pairs = zip(curves.sums, curves.weights, strict=True)
        estimates = [pooled_interval(np.stack(pair, 1)) for pair in pairs if pair[1].any()]
    return _series(results, codec, points, measure.unit, style, estimates)


def _series(
    results: Results, codec: str, points: Sequence[Point], unit: str, style: Style, estimates: Sequence[Estimate] = ()
) -> Series:
    return Series(
        codec,
        [point.rate for point in points],
        [point.value for point in points],
        style,
        [estimate.low for estimate in estimates],
        [estimate.high for estimate in estimates],
        [_label(codec, point, results.rate_unit, unit) for point in points],
    )


def _bar(comparison: Comparison, style: Style, measure: Measure) -> Series:
    estimate, (low, high) = comparison.estimate, comparison.interval
    label = f"{comparison.percent:+.2f} %"
    if estimate is not None:
        label += f"<br>95 % interval {estimate.low:+.2f} to {estimate.high:+.2f} %, {estimate.resamples} resamples"
        if estimate.uncovered:
            label += f"<br>{100 * estimate.uncovered:.1f} % of all draws did not cover what is compared"
    return Series(
        comparison.codec,
        [comparison.codec],
        [comparison.percent],
        style,
        [] if estimate is None else [estimate.low],
        [] if estimate is None else [estimate.high],
        [f"{label}<br>over {low:.4g} to {high:.4g} {measure.unit}".rstrip()],
    )


def _made_of(found: Sequence[Comparison], measure: Measure, files: int) -> str:
    note = f"Over {_intervals(found, measure)}; {_files(files)}, pchip"
    if files > 1:
        note += f"; error bars: 95 % bootstrap intervals over files ({RESAMPLES} resamples)"
    uncovered = {comparison.codec: comparison.estimate.uncovered for comparison in found if comparison.estimate}
    missing = ", ".join(f"{100 * part:.1f} % for {codec}" for codec, part in uncovered.items() if part)
    return f"{note} without those in which a curve falls short ({missing})." if missing else f"{note}."


def _intervals(found: Sequence[Comparison], measure: Measure) -> str:
    """The values that the comparisons are over, in one phrase if they are the same."""
    ends = {comparison.codec: "{:.4g} to {:.4g}".format(*comparison.interval) for comparison in found}
    named = set(ends.values())
    text = named.pop() if len(named) == 1 else ", ".join(f"{codec} {span}" for codec, span in ends.items())
    return f"{text} {measure.unit}".rstrip()


def _label(codec: str, point: Point, rate_unit: str, unit: str) -> str:
    return f"{codec} at {point.setting:g}<br>{point.rate:.4g} {rate_unit}<br>{point.value:.4g} {unit}".rstrip()


def _with_arrow(measure: Measure) -> str:
    unit = f" ({measure.unit})" if measure.unit else ""
    return f"{measure.title}{unit}, better {'↑' if measure.higher else '↓'}"


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _amount(row: Row) -> float:
    """Of signal, in the unit of `SPEEDS`."""
    if row["media"] == Media.IMAGE:
        return row["width"] * row["height"] / 1e6
    return row["length"] / row["sample_rate"] if row["media"] == Media.AUDIO else row["frames"]


def _among(name: str, known: Sequence[str], what: str) -> str:
    if name not in known:
        raise EvalError(f"There is no {what} {name!r} in the results: they hold {', '.join(known)}.")
    return name
