"""A codec against an anchor at equal quality, from results: BD-rates, and rates at equal task quality."""

from __future__ import annotations

from dataclasses import dataclass

from .bd import METHODS, Curve, Interval, PerFile, bd_rate, common_interval, frontier, isotonic, per_file
from .bootstrap import Estimate, FileCurves, bd_rate_interval, mean_interval
from .errors import EvalError
from .results import Results, scale

PART = 0.5  # of the interval that a file's curves must cover for the mean over files


@dataclass(frozen=True)
class Comparison:
    """How many percent more bits a codec needs than the anchor at equal value of a measure; negative: fewer.

    interval: the values that this is over. percent: of the mean curves, by pchip; akima: by the other interpolation.
    estimate: percent with its bootstrap interval; None over a single file. files: of each file by itself, over the part
    of the interval that its curves cover; None for tasks, which are only curves over many files. files_estimate: their
    mean with its interval, None for fewer than two.
    """

    codec: str
    anchor: str
    measure: str
    interval: Interval
    percent: float
    akima: float
    estimate: Estimate | None
    files: PerFile | None
    files_estimate: Estimate | None


def compare(results: Results, codec: str, anchor: str, measure: str, psnr_interval: Interval) -> Comparison:
    """psnr_interval: in dB, for PSNR of any kind; other measures are compared over all that both mean curves cover.

    Task curves are made monotone first (see `bootstrap.bd_rate_interval`).

    Raises:
        EvalError: a curve does not cover the interval, the curves have no values in common, or a task has one file.
    """
    meaning = next((found for found in results.measures if found.name == measure), None)
    if meaning is None:
        raise EvalError(f"The results hold no {measure}.")
    higher, noisy = meaning.higher, meaning in results.tasks
    ours, theirs = (file_curves(results, name, measure) for name in (codec, anchor))
    clean = isotonic if noisy else frontier
    curve, reference = (clean(curves.mean(), higher) for curves in (ours, theirs))
    fixed = psnr_interval if measure.startswith("psnr") else None
    interval = fixed or common_interval(curve, reference, higher=higher)
    pchip, akima = (bd_rate(curve, reference, interval, method, higher) for method in METHODS)
    files = None
    if not noisy:
        single, reference_files = (curves_by_file(results, name, measure) for name in (codec, anchor))
        files = per_file(single, reference_files, interval, PART, higher=higher)
    several = noisy or len(results.files_of(measure)) > 1
    return Comparison(
        codec,
        anchor,
        measure,
        interval,
        pchip,
        akima,
        bd_rate_interval(ours, theirs, fixed, higher, noisy)[0] if several else None,
        files,
        mean_interval(list(files.rates.values())) if files and len(files.rates) > 1 else None,
    )


def file_curves(results: Results, codec: str, measure: str) -> FileCurves:
    """Rates and values by setting and file. Raises EvalError where the codec has no values."""
    settings = [point.setting for point in results.curve(codec, measure)]
    if not settings:
        raise EvalError(f"The results hold no {measure} of {codec}.")
    factor = scale(next(found for found in results.measures if found.name == measure))
    rates = [
        {point.setting: point.rate for point in points} for points in results.per_file(codec, measure).values()
    ]  # of each file
    values = [results.values(codec, setting, measure) for setting in settings]
    curves = FileCurves.of([[of_file[setting] for of_file in rates] for setting in settings], values)
    return FileCurves(curves.rates, curves.sums * factor, curves.weights)


def curves_by_file(results: Results, codec: str, measure: str) -> dict[str, Curve]:
    """For `bd.per_file`."""
    curves = results.per_file(codec, measure)
    return {file: [(point.rate, point.value) for point in points] for file, points in curves.items()}
