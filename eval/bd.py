"""Bjontegaard delta rate over an interval that is always named.

A curve is a list of (rate, value): bits per pixel and dB of PSNR, or the rate and any other measure of quality. Rates
are compared at equal value: log-rate as a function of the value, interpolated through the points, averaged over the
interval (Bjontegaard, VCEG-M33), by the `bjontegaard` library. Methods are "pchip", the piecewise cubic of the video
standards' test conditions, and "akima" (Herglotz et al., "The Bjontegaard Bible", 2024). The interval never adapts to
the curves in silence: a curve that does not cover it is refused, because a BD-rate over another interval is another
number. Where `higher` is false less is better, as for LPIPS or a word error rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from .errors import EvalError, Unavailable

Curve = Sequence[tuple[float, float]]
Interval = tuple[float, float]

INTERVAL: Interval = (28.0, 36.0)  # dB
METHODS = ("pchip", "akima")


@dataclass(frozen=True)
class PerFile:
    """The mean of the BD-rates of single files, in percent, over those that both curves cover.

    missing: the files that they don't.
    """

    mean: float
    rates: dict[str, float]
    missing: list[str]


def bd_rate(
    curve: Curve, anchor: Curve, interval: Interval = INTERVAL, method: str = "pchip", higher: bool = True
) -> float:
    """How many percent more bits than `anchor` the curve needs at equal value; negative: it needs fewer.

    Points that cost as much as a better one, or more, are left out: they say nothing about what a codec can do.

    Raises:
        EvalError: a curve does not cover the interval, or the `bjontegaard` library is not installed.
    """
    library = _library()
    (anchor_rates, anchor_values), (rates, values) = (_points(c, interval, higher) for c in (anchor, curve))
    # the library integrates over what the curves have in common: its interpolators are taken over the interval instead
    _, anchor_log_rate, log_rate = library.bd_rate(
        anchor_rates,
        anchor_values,
        rates,
        values,
        method=method,
        require_matching_points=False,
        interpolators=True,
        min_overlap=0,
    )
    low, high = _signed(interval, higher)
    difference = log_rate.integrate(low, high) - anchor_log_rate.integrate(low, high)
    return 100 * (10 ** (float(difference) / (high - low)) - 1)


def bd_quality(
    curve: Curve, anchor: Curve, method: str = "pchip", higher: bool = True
) -> tuple[float, tuple[float, float]]:
    """How much higher the curve's values are than the anchor's at equal rate, and the rates that this is a mean over.

    In the unit of the values, over log-rate, over all rates that both curves cover; of PSNR it is the BD-PSNR.

    Raises:
        EvalError: no rates in common, or the `bjontegaard` library is not installed.
    """
    library = _library()
    points = [np.array(frontier(c, higher)) for c in (anchor, curve)]
    if min(map(len, points)) < 2:
        raise EvalError("A curve of fewer than two points can't be compared.")
    low, high = max(p[0, 0] for p in points), min(p[-1, 0] for p in points)
    if not low < high:
        raise EvalError("The curves have no rate in common.")
    columns = (column for p in points for column in p.T)
    difference = library.bd_psnr(*columns, method=method, require_matching_points=False, min_overlap=0)
    return float(difference), (float(low), float(high))


def per_file(
    curves: Mapping[str, Curve],
    anchors: Mapping[str, Curve],
    interval: Interval = INTERVAL,
    part: float = 1.0,
    method: str = "pchip",
    higher: bool = True,
) -> PerFile:
    """BD-rate of each file by itself, and their mean (nan where no file can be compared).

    part: how much of the interval a file's curves must both cover; below 1, each file is compared over what they do.
    """
    rates, missing = {}, []
    for name in sorted(curves.keys() & anchors.keys()):
        covered = _covered(curves[name], anchors[name], interval, higher)
        if covered is not None and covered[1] - covered[0] >= part * (interval[1] - interval[0]):
            rates[name] = bd_rate(curves[name], anchors[name], covered, method, higher)
        else:
            missing.append(name)
    mean = float(np.mean(list(rates.values()))) if rates else math.nan
    return PerFile(mean, rates, missing)


def covers(curve: Curve, interval: Interval, higher: bool = True) -> bool:
    values = [value for _, value in frontier(curve, higher)]
    low, high = _signed(interval, higher)
    return len(values) > 1 and values[0] * _sign(higher) <= low and values[-1] * _sign(higher) >= high


def common_interval(*curves: Curve, higher: bool = True) -> Interval:
    """The values that all the curves cover, for `bd_rate`. Raises EvalError when there are none."""
    ends = [sorted((kept[0][1], kept[-1][1])) for kept in (frontier(curve, higher) for curve in curves) if kept]
    low, high = max((end[0] for end in ends), default=0), min((end[1] for end in ends), default=0)
    if len(ends) < len(curves) or not low < high:
        raise EvalError("The curves have no values in common.")
    return low, high


def frontier(curve: Curve, higher: bool = True) -> list[tuple[float, float]]:
    """The points that no other beats in rate and value, ever costlier and better."""
    kept: list[tuple[float, float]] = []
    sign = _sign(higher)
    for rate, value in sorted(curve, key=lambda point: (point[0], -sign * point[1])):
        if not kept or sign * value > sign * kept[-1][1]:
            kept.append((rate, value))
    return kept


def isotonic(curve: Curve, higher: bool = True) -> list[tuple[float, float]]:
    """A noisy curve, such as the accuracy of a network, made ever costlier and better.

    Isotonic regression of the value (least squares among all curves that never get worse with the rate): a run of
    points out of order becomes one point, at the means of their log-rates and of their values. Unlike the frontier, it
    does not believe the luckiest points. (Barlow et al., "Statistical inference under order restrictions", 1972.)
    """
    from scipy.optimize import isotonic_regression

    if not curve:
        return []
    rates, values = np.array(sorted(curve)).T
    fitted = isotonic_regression(values, increasing=higher).x
    levels, runs = np.unique(fitted, return_inverse=True)
    log_rates = np.bincount(runs, np.log(rates)) / np.bincount(runs)
    points = [(float(np.exp(log_rate)), float(level)) for log_rate, level in zip(log_rates, levels, strict=True)]
    return points if higher else points[::-1]


def rate_at(curve: Curve, psnr: float) -> float:
    """Bits per pixel at `psnr` dB, by the same interpolation. Raises EvalError outside the curve."""
    from scipy.interpolate import PchipInterpolator

    rates, psnrs = _points(curve, (psnr, psnr))
    return float(np.exp(PchipInterpolator(psnrs, np.log(rates))(psnr)))


def _library() -> ModuleType:
    try:
        import bjontegaard
    except ModuleNotFoundError as error:
        raise Unavailable("BD-rates need the library bjontegaard: pip install 'kodek[eval]'.") from error
    return bjontegaard


def _covered(curve: Curve, anchor: Curve, interval: Interval, higher: bool) -> Interval | None:
    """The part of the interval that both curves cover."""
    try:
        common = common_interval(curve, anchor, higher=higher)
    except EvalError:
        return None
    low, high = max(interval[0], common[0]), min(interval[1], common[1])
    return (low, high) if low < high else None


def _points(curve: Curve, interval: Interval, higher: bool = True) -> np.ndarray:
    """Rates and signed values, both rising, [2, N], of a curve that covers the interval."""
    kept = frontier(curve, higher)
    if not covers(curve, interval, higher):
        ends = sorted((kept[0][1], kept[-1][1])) if len(kept) > 1 else None
        span = f"{ends[0]:.4g} to {ends[1]:.4g}" if ends else "fewer than two points"
        raise EvalError(f"A curve of {span} does not cover the interval {interval[0]:.4g} to {interval[1]:.4g}.")
    return np.array([(rate, _sign(higher) * value) for rate, value in kept]).T


def _sign(higher: bool) -> int:
    return 1 if higher else -1


def _signed(interval: Interval, higher: bool) -> Interval:
    """The interval of values times the sign."""
    return interval if higher else (-interval[1], -interval[0])
