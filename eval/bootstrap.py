"""How far numbers over a set of files would move with another set: bootstrap intervals over files.

Files are drawn again with replacement, the number is computed anew from each draw, and the interval holds the middle
95 % of them (percentile bootstrap; Efron & Tibshirani, "An introduction to the bootstrap", 1993). Two codecs are
compared over the same draws. Draws are the same for every call with as many files and the same seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .bd import INTERVAL, Curve, Interval, bd_rate, common_interval, frontier, isotonic
from .errors import EvalError
from .measures.base import Value

RESAMPLES = 1000
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval.

    resamples: how many draws the interval is made of. uncovered: the fraction of all draws that gave no number, for a
    BD-rate those in which a curve did not cover the interval; low and high are without them.
    """

    value: float
    low: float
    high: float
    resamples: int
    uncovered: float = 0.0


@dataclass(frozen=True)
class FileCurves:
    """A codec's curves over the same files, not yet averaged, float64 [settings, files] each.

    A file's value is sums / weights; over files the sums and the weights are added first. Plain means have weights 1.
    """

    rates: np.ndarray
    sums: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, rates: Sequence[Sequence[float]], values: Sequence[Sequence[Value]]) -> FileCurves:
        """Of rates and values by setting and file. Raises EvalError for a value of None."""
        pairs = np.array([[_pair(value) for value in row] for row in values], float)
        return cls(np.array(rates, float), pairs[..., 0], pairs[..., 1])

    def mean(self) -> Curve:
        """The curve over all files."""
        return self.drawn(np.ones((1, self.rates.shape[1])))[0]

    def drawn(self, counts: np.ndarray) -> list[Curve]:
        """The mean curves over files drawn as often as `counts` [draws, files] says."""
        rates, values = self._means(counts)
        return [
            [point for point in zip(*columns, strict=True) if math.isfinite(point[1])]
            for columns in zip(rates.T.tolist(), values.T.tolist(), strict=True)
        ]

    def _means(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(invalid="ignore"):  # files without weight have no value: nan
            values = (self.sums @ counts.T) / (self.weights @ counts.T)
        return (self.rates @ counts.T) / counts.sum(1), values


def mean_interval(values: Sequence[float], resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The mean of the files' values. Raises EvalError for fewer than two files."""
    return pooled_interval([(value, 1.0) for value in values], resamples, seed)


def pooled_interval(pairs: Sequence[tuple[float, float]], resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The sum of sums over the sum of weights, as of a word error rate. Raises EvalError for fewer than two files."""
    sums, weights = np.array(pairs, float).reshape(-1, 2).T
    counts = draws(len(sums), resamples, seed)
    if not weights.sum():
        raise EvalError("There is nothing to average: the files have no weight.")
    with np.errstate(invalid="ignore"):
        return _estimate(float(sums.sum() / weights.sum()), (counts @ sums) / (counts @ weights))


def bd_rate_interval(
    curves: FileCurves,
    anchor: FileCurves,
    interval: Interval | None = INTERVAL,
    higher: bool = True,
    noisy: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Estimate, Interval]:
    """The BD-rate (pchip) of mean curves over the same files, in percent, and the values that it is over.

    interval: None takes what both mean curves cover, in each draw anew. noisy: for task curves, which need not get
    better with every bit: both are made so by isotonic regression before rates are compared at equal quality. A mean
    over values gives the plateau near the uncompressed level, where more bits change nothing, the little weight that it
    has on the axis of quality.

    Raises:
        EvalError: the curves don't cover the interval or have no values in common, fewer than two files, or no
            `bjontegaard` library.
    """
    if curves.rates.shape[1] != anchor.rates.shape[1]:
        raise EvalError("Curves of different files can't be compared.")
    clean = isotonic if noisy else frontier
    ours, theirs = (clean(c.mean(), higher) for c in (curves, anchor))
    named = interval or common_interval(ours, theirs, higher=higher)
    value = bd_rate(ours, theirs, named, higher=higher)
    counts = draws(curves.rates.shape[1], resamples, seed)
    pairs = [
        (clean(a, higher), clean(b, higher)) for a, b in zip(curves.drawn(counts), anchor.drawn(counts), strict=True)
    ]
    return _estimate(value, _bd_rates(pairs, interval, higher)), named


@lru_cache(maxsize=8)
def draws(files: int, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each file is drawn, float64 [resamples, files]. Raises EvalError for fewer than two files."""
    if files < 2:
        raise EvalError("An interval needs at least two files.")
    drawn = np.random.default_rng(seed).integers(0, files, (resamples, files))
    flat = (drawn + files * np.arange(resamples)[:, None]).ravel()
    return np.bincount(flat, minlength=files * resamples).reshape(resamples, files).astype(float)


def _estimate(value: float, drawn: np.ndarray) -> Estimate:
    found = drawn[np.isfinite(drawn)]
    if not len(found):
        raise EvalError("No draw of the files gives curves that cover the interval.")
    low, high = np.percentile(found, PERCENTILES)
    return Estimate(value, float(low), float(high), len(found), 1 - len(found) / len(drawn))


def _bd_rates(pairs: Sequence[tuple[Curve, Curve]], interval: Interval | None, higher: bool) -> np.ndarray:
    """`bd_rate` of many pairs of clean curves at once, nan where it would refuse, float64 [pairs]."""
    sign = 1 if higher else -1
    ends = np.array([[_ends(curve, sign) for curve in pair] for pair in pairs])
    limits = np.stack([ends[..., 0].max(1), ends[..., 1].min(1)], 1)  # of what both cover, signed
    kept = limits[:, 0] < limits[:, 1]
    if interval is not None:
        low, high = sorted(sign * end for end in interval)
        kept = (limits[:, 0] <= low) & (limits[:, 1] >= high)
        limits[:] = low, high
    result = np.full(len(pairs), np.nan)
    if kept.any():
        limits = limits[kept]
        chosen = [pair for pair, wanted in zip(pairs, kept, strict=True) if wanted]
        ours, theirs = (_areas([pair[side] for pair in chosen], limits, sign) for side in (0, 1))
        result[kept] = 100 * np.expm1((ours - theirs) / (limits[:, 1] - limits[:, 0]))
    return result


def _ends(curve: Curve, sign: int) -> Interval:
    """The lowest and the highest signed value of a clean curve; nothing lies between those of a single point."""
    return (sign * curve[0][1], sign * curve[-1][1]) if len(curve) > 1 else (math.inf, -math.inf)


def _areas(curves: Sequence[Curve], limits: np.ndarray, sign: int) -> np.ndarray:
    """Integrals of log-rate over the signed value between the limits [N, 2] of N clean curves, float64 [N]."""
    lengths = np.array([len(curve) for curve in curves])
    result = np.empty(len(curves))
    for length in np.unique(lengths):
        chosen = lengths == length
        points = np.array([curve for curve, wanted in zip(curves, chosen, strict=True) if wanted])
        integral = _pchip_integral(sign * points[..., 1], np.log(points[..., 0]))
        low, high = limits[chosen].T
        result[chosen] = integral(high) - integral(low)
    return result


def _pchip_integral(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The integral from x[:, 0] on of the monotone cubics through N rows of points, both rising, [N, K] each.

    scipy's PchipInterpolator does one row at a time; this is the same (Fritsch & Butland, 1984), without the cases of
    slopes that change their sign.
    """
    h, rise = np.diff(x), np.diff(y)
    secant = rise / h
    slope = np.empty_like(y)
    if x.shape[1] == 2:
        slope[:] = secant
    else:
        a, b = 2 * h[:, 1:] + h[:, :-1], h[:, 1:] + 2 * h[:, :-1]
        slope[:, 1:-1] = (a + b) / (a / secant[:, :-1] + b / secant[:, 1:])
        for end, first, second in ((0, 0, 1), (-1, -1, -2)):
            outer, inner = h[:, first], h[:, second]
            one_sided = ((2 * outer + inner) * secant[:, first] - outer * secant[:, second]) / (outer + inner)
            slope[:, end] = np.maximum(one_sided, 0)
    areas = h * (y[:, :-1] + y[:, 1:]) / 2 + h**2 * (slope[:, :-1] - slope[:, 1:]) / 12
    before = np.concatenate([np.zeros((len(x), 1)), np.cumsum(areas, 1)], 1)
    rows = np.arange(len(x))

    def integral(at: np.ndarray) -> np.ndarray:
        k = np.clip((x <= at[:, None]).sum(1) - 1, 0, x.shape[1] - 2)
        width = h[rows, k]
        t = (at - x[rows, k]) / width
        values = y[rows, k] * (t - t**3 + t**4 / 2) + y[rows, k + 1] * (t**3 - t**4 / 2)
        slopes = slope[rows, k] * (t**2 / 2 - 2 * t**3 / 3 + t**4 / 4) + slope[rows, k + 1] * (t**4 / 4 - t**3 / 3)
        return before[rows, k] + width * values + width**2 * slopes

    return integral


def _pair(value: Value) -> tuple[float, float]:
    if value is None:
        raise EvalError("A file without a value can't be in a mean.")
    return (value[0], value[1]) if isinstance(value, list | tuple) else (value, 1.0)
