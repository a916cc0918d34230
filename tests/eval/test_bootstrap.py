"""Bootstrap intervals: equal to the plain way, paired, seeded, and they hold the truth as often as they should."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("bjontegaard")

from kodek.eval.bd import INTERVAL, bd_rate, common_interval, isotonic
from kodek.eval.bootstrap import FileCurves, bd_rate_interval, draws, mean_interval, pooled_interval
from kodek.eval.errors import EvalError


def files(scale: float, count: int = 24, spread: float = 0.3, seed: int = 0, sign: int = 1) -> FileCurves:
    """Eight settings, 26 to 40 dB; every file costs its own factor, and `scale`."""
    random = np.random.default_rng(seed)
    psnr = np.arange(26, 41, 2)[:, None] + random.uniform(-0.3, 0.3, (8, count))
    rates = scale * 2 ** ((psnr - 30) / 4) * np.exp(random.normal(0, spread, count))
    return FileCurves.of(rates, sign * psnr)


def test_equal_to_one_bd_rate_a_draw() -> None:
    ours, anchor = files(0.4, seed=1), files(0.5, seed=2)
    counts = draws(24, 200, 3)
    slow = [bd_rate(a, b) for a, b in zip(ours.drawn(counts), anchor.drawn(counts), strict=True)]
    estimate, interval = bd_rate_interval(ours, anchor, resamples=200, seed=3)
    assert interval == INTERVAL
    assert estimate.value == pytest.approx(bd_rate(ours.mean(), anchor.mean()))
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.percentile(slow, [2.5, 97.5])), abs=1e-9)
    assert (estimate.resamples, estimate.uncovered) == (200, 0)
    assert estimate.low < estimate.value < estimate.high


@pytest.mark.parametrize("points", [2, 3, 5])
def test_equal_for_few_points(points: int) -> None:
    ours, anchor = (FileCurves(*(a[-points:] for a in (c.rates, c.sums, c.weights))) for c in (files(0.4), files(0.5)))
    interval = common_interval(ours.mean(), anchor.mean())
    inner = interval[0] + 0.5, interval[1] - 0.5
    counts = draws(24, 50)
    slow = [bd_rate(a, b, inner) for a, b in zip(ours.drawn(counts), anchor.drawn(counts), strict=True)]
    estimate, _ = bd_rate_interval(ours, anchor, inner, resamples=50)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.percentile(slow, [2.5, 97.5])), abs=1e-9)


def test_lower_is_better() -> None:
    mirrored = [files(scale, sign=-1) for scale in (0.4, 0.5)]
    plain = bd_rate_interval(files(0.4), files(0.5))[0]
    assert bd_rate_interval(*mirrored, interval=(-36, -28), higher=False) == (plain, (-36, -28))


def test_draws_are_paired() -> None:
    """Files differ much, the codecs by the same factor on each: resampling the same files leaves it in place."""
    estimate, _ = bd_rate_interval(files(0.4, spread=1.5), files(0.5, spread=1.5))
    assert estimate.value == pytest.approx(-20)
    assert estimate.high - estimate.low < 1e-6


def test_draws() -> None:
    counts = draws(5, 300, 1)
    assert counts.shape == (300, 5)
    assert (counts.sum(1) == 5).all()
    assert (counts == draws(5, 300, 1)).all()
    assert (counts != draws(5, 300, 2)).any()


def test_uncovered_draws_are_counted() -> None:
    """One file of three alone reaches below 28 dB: draws without it do not cover the interval."""
    curves = files(0.5, count=3)
    curves.sums[0] = (34, 34, 16)
    curves.sums[1] = (34.5, 34.5, 24)
    estimate, _ = bd_rate_interval(curves, files(0.5, count=3), resamples=400)
    assert 0.1 < estimate.uncovered < 0.9
    assert estimate.resamples == round(400 * (1 - estimate.uncovered))


def test_an_uncovered_interval_is_refused() -> None:
    with pytest.raises(EvalError, match="does not cover the interval 10 to 36"):
        bd_rate_interval(files(0.4), files(0.5), (10, 36))
    low = files(0.4)
    low.sums[:] -= 100
    with pytest.raises(EvalError, match="no values in common"):
        bd_rate_interval(low, files(0.5), None)
    with pytest.raises(EvalError, match="at least two files"):
        bd_rate_interval(files(0.4, count=1), files(0.5, count=1))
    with pytest.raises(EvalError, match="different files"):
        bd_rate_interval(files(0.4, count=3), files(0.5, count=4))


def accuracy(rates: tuple[float, ...], count: int, seed: int) -> FileCurves:
    """Whether a network was right on each file: 20 % at rate 0.1, rising towards 80 %."""
    random = np.random.default_rng(seed)
    truth = [0.8 - 0.06 / rate for rate in rates]
    right = random.random((len(rates), count)) < np.array(truth)[:, None]
    scatter = np.exp(random.normal(0, 0.2, count))
    pairs = [[(float(hit), 1.0) for hit in row] for row in right]
    return FileCurves.of(np.array(rates)[:, None] * scatter, pairs)


def test_task_curves() -> None:
    """A codec that needs 40 % fewer bits for the same accuracy, seen through a noisy judge."""
    anchor = accuracy((0.12, 0.2, 0.4, 0.8, 1.6), 500, 1)
    ours = accuracy((0.12, 0.2, 0.4, 0.8, 1.6), 500, 2)
    ours = FileCurves(ours.rates * 0.6, ours.sums, ours.weights)
    estimate, interval = bd_rate_interval(ours, anchor, None, noisy=True)
    fitted = isotonic(ours.mean()), isotonic(anchor.mean())
    assert interval == common_interval(*fitted)
    assert estimate.value == pytest.approx(bd_rate(*fitted, interval))
    assert estimate.low < -40 < estimate.high < 0
    assert estimate.uncovered == 0


def test_task_curves_out_of_order() -> None:
    """Where the frontier keeps the luckiest point, the isotonic fit takes the middle."""
    rates = np.array([[0.1], [0.2], [0.4], [0.8]]) * np.ones(4)
    values = np.array([[0.2], [0.7], [0.5], [0.8]]) * np.ones(4)
    anchor = FileCurves.of(rates, np.array([[0.2], [0.6], [0.7], [0.8]]) * np.ones(4))
    noisy, _ = bd_rate_interval(FileCurves.of(rates, values), anchor, None, noisy=True, resamples=20)
    lucky, _ = bd_rate_interval(FileCurves.of(rates, values), anchor, None, resamples=20)
    assert lucky.value < noisy.value
    flat = FileCurves.of(rates, values[::-1])
    with pytest.raises(EvalError, match="no values in common"):
        bd_rate_interval(flat, anchor, None, noisy=True)


def test_mean_interval() -> None:
    """95 % of intervals hold the true mean."""
    random = np.random.default_rng(0)
    intervals = [mean_interval(random.normal(5, 2, 60).tolist(), 400, seed) for seed in range(200)]
    assert 0.88 < np.mean([found.low <= 5 <= found.high for found in intervals]) <= 0.99
    values = random.normal(5, 2, 400)
    found = mean_interval(values.tolist())
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)


def test_pooled_interval() -> None:
    """Long files weigh more, as in a pooled word error rate."""
    pairs = [(1.0, 10.0), (0.0, 10.0), (30.0, 100.0), (2.0, 20.0)]
    found = pooled_interval(pairs)
    assert found.value == pytest.approx(33 / 140)
    assert 0 <= found.low < found.value < found.high <= 0.3
    mostly_empty = pooled_interval([(1.0, 2.0), (0.0, 0.0)], resamples=500)
    assert mostly_empty.value == 0.5
    assert mostly_empty.uncovered == pytest.approx(0.25, abs=0.06), "both draws are the file without words"
    with pytest.raises(EvalError, match="no weight"):
        pooled_interval([(0.0, 0.0), (0.0, 0.0)])


@pytest.mark.parametrize("values", [[], [1.0]])
def test_one_file_has_no_interval(values: list[float]) -> None:
    with pytest.raises(EvalError, match="at least two files"):
        mean_interval(values)


def test_files_without_weight() -> None:
    curves = FileCurves.of([[1.0, 1.0]], [[(0.0, 0.0), (0.0, 0.0)]])
    assert curves.mean() == []
    assert math.isfinite(FileCurves.of([[1.0, 1.0]], [[(1.0, 2.0), (0.0, 0.0)]]).mean()[0][1])
