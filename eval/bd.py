"""Bjontegaard delta rate over an interval that is always named.

A curve is a list of (bits per pixel, PSNR in dB). Rates are compared at equal PSNR: log-rate as a function of PSNR,
piecewise cubic (pchip) through the points, averaged over the interval (Bjontegaard, VCEG-M33; the interpolation is
that of the `bjontegaard` library). The interval never adapts to the curves in silence: a curve that does not
cover it is refused, because a BD-rate over another interval is another number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .errors import EvalError

Curve = Sequence[tuple[float, float]]
Interval = tuple[float, float]

INTERVAL: Interval = (28.0, 36.0)  # dB


@dataclass(frozen=True)
class PerFile:
    """The mean of the BD-rates of single files, in percent, over those that both curves cover.

    missing: the files that they don't.
    """

    mean: float
    rates: dict[str, float]
    missing: list[str]


def bd_rate(curve: Curve, anchor: Curve, interval: Interval = INTERVAL) -> float:
    """How many percent more bits than `anchor` the curve needs at equal PSNR; negative: it needs fewer.

    Points that cost as much as a better one, or more, are left out: they say nothing about what a codec can do.

    Raises:
        EvalError: a curve does not cover the interval, or the `bjontegaard` library is not installed.
    """
    try:
        from bjontegaard import bd_rate as library_bd_rate
    except ModuleNotFoundError as error:
        raise EvalError("BD-rates need the library bjontegaard: pip install 'kodek[eval]'.") from error
    (anchor_rates, anchor_psnrs), (rates, psnrs) = (_points(c, interval) for c in (anchor, curve))
    # the library integrates over what the curves have in common: its interpolators are taken over the interval instead
    _, anchor_log_rate, log_rate = library_bd_rate(
        anchor_rates,
        anchor_psnrs,
        rates,
        psnrs,
        method="pchip",
        require_matching_points=False,
        interpolators=True,
        min_overlap=0,
    )
    low, high = interval
    difference = log_rate.integrate(low, high) - anchor_log_rate.integrate(low, high)
    return 100 * (10 ** (float(difference) / (high - low)) - 1)


def per_file(
    curves: Mapping[str, Curve], anchors: Mapping[str, Curve], interval: Interval = INTERVAL, part: float = 1.0
) -> PerFile:
    """BD-rate of each file by itself, and their mean (nan where no file can be compared).

    part: how much of the interval a file's curves must both cover; below 1, each file is compared over what they do.
    """
    rates, missing = {}, []
    for name in sorted(curves.keys() & anchors.keys()):
        covered = _covered(curves[name], anchors[name], interval)
        if covered is not None and covered[1] - covered[0] >= part * (interval[1] - interval[0]):
            rates[name] = bd_rate(curves[name], anchors[name], covered)
        else:
            missing.append(name)
    mean = float(np.mean(list(rates.values()))) if rates else math.nan
    return PerFile(mean, rates, missing)


def covers(curve: Curve, interval: Interval) -> bool:
    psnrs = [psnr for _, psnr in curve]
    return len(psnrs) > 1 and min(psnrs) <= interval[0] and max(psnrs) >= interval[1]


def _covered(curve: Curve, anchor: Curve, interval: Interval) -> Interval | None:
    """The part of the interval that both curves cover."""
    if len(curve) < 2 or len(anchor) < 2:
        return None
    low = max(interval[0], *(min(psnr for _, psnr in c) for c in (curve, anchor)))
    high = min(interval[1], *(max(psnr for _, psnr in c) for c in (curve, anchor)))
    return (low, high) if low < high else None


def common_interval(*curves: Curve) -> Interval:
    """The PSNRs that all the curves cover. Raises EvalError when there are none."""
    low = max(min(psnr for _, psnr in curve) for curve in curves)
    high = min(max(psnr for _, psnr in curve) for curve in curves)
    if not low < high:
        raise EvalError("The curves have no PSNR in common.")
    return low, high


def frontier(curve: Curve) -> list[tuple[float, float]]:
    """The points that no other beats in rate and PSNR, both rising."""
    kept: list[tuple[float, float]] = []
    for rate, psnr in sorted(curve, key=lambda point: (point[0], -point[1])):
        if not kept or psnr > kept[-1][1]:
            kept.append((rate, psnr))
    return kept


def rate_at(curve: Curve, psnr: float) -> float:
    """Bits per pixel at `psnr` dB, by the same interpolation. Raises EvalError outside the curve."""
    from scipy.interpolate import PchipInterpolator

    rates, psnrs = _points(curve, (psnr, psnr))
    return float(np.exp(PchipInterpolator(psnrs, np.log(rates))(psnr)))


def _points(curve: Curve, interval: Interval) -> np.ndarray:
    """Rates and PSNRs, [2, N], of a curve that covers the interval."""
    if not covers(curve, interval):
        psnrs = [psnr for _, psnr in curve]
        span = f"{min(psnrs):.2f} to {max(psnrs):.2f} dB" if len(psnrs) > 1 else "fewer than two points"
        raise EvalError(f"A curve of {span} does not cover the interval {interval[0]:g} to {interval[1]:g} dB.")
    return np.array(frontier(curve)).T
