"""BD-rate: published pairs, closed forms, and what it refuses."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("bjontegaard")

from kodek.eval.bd import INTERVAL, bd_rate, common_interval, covers, frontier, per_file, rate_at
from kodek.eval.errors import EvalError
from kodek.eval.published import KODAK


def curve(scale: float, low: int = 26, high: int = 40) -> list[tuple[float, float]]:
    """Rate doubles every 4 dB."""
    return [(scale * 2 ** ((psnr - 30) / 4), float(psnr)) for psnr in range(low, high + 1, 2)]


@pytest.mark.parametrize(
    ("codec", "percent"),
    [
        ("lalic", -15.26),
        ("mbt2018-mean", 21.28),
        ("hpcm-base", -16.02),
        ("hpcm-large", -19.95),
        ("dcae", -16.98),
        ("mlic++", -15.02),
        ("elic", -7.02),
        ("tcm-large", -11.73),
    ],
)
def test_published_rates_against_vtm(codec: str, percent: float) -> None:
    """The published numbers are over what both curves cover."""
    interval = common_interval(KODAK[codec], KODAK["vtm"])
    assert bd_rate(KODAK[codec], KODAK["vtm"], interval) == pytest.approx(percent, abs=0.2)


def test_a_constant_factor() -> None:
    assert bd_rate(curve(0.4), curve(0.5)) == pytest.approx(-20)
    assert bd_rate(curve(0.5), curve(0.4)) == pytest.approx(25)
    assert bd_rate(curve(0.5)[::-1], curve(0.5)) == pytest.approx(0)


def test_only_the_interval_counts() -> None:
    """Outside 28 to 36 dB the curve may be as bad as it likes."""
    anchor = curve(0.5)
    test = [(rate * (0.8 if 28 <= psnr <= 36 else 9), psnr) for rate, psnr in curve(0.5)]
    below = [(1e-3, 20.0), *(point for point in test if point[1] >= 28)]
    assert bd_rate(test, anchor, (30, 34)) == pytest.approx(-20, abs=0.5)
    assert bd_rate(below, anchor) == pytest.approx(-20, abs=2)
    assert bd_rate(test, anchor, (26, 40)) > 0


@pytest.mark.parametrize("bad", [curve(1, low=30), curve(1, high=34), curve(1)[:1], []])
def test_an_uncovered_interval_is_refused(bad: list[tuple[float, float]]) -> None:
    for pair in ((bad, curve(1)), (curve(1), bad)):
        with pytest.raises(EvalError, match="does not cover the interval 28 to 36 dB"):
            bd_rate(*pair)
    assert not covers(bad, INTERVAL)


def test_dominated_points_are_left_out() -> None:
    spoilt = [*curve(0.5), (5.0, 31.0), (0.5, 30.0)]
    assert frontier(spoilt) == curve(0.5)
    assert bd_rate(spoilt, curve(0.5)) == pytest.approx(0)


def test_per_file_mean_names_what_it_misses() -> None:
    tests = {"a": curve(0.4), "b": curve(0.3), "c": curve(0.4, low=30), "only here": curve(1)}
    anchors = {name: curve(0.5) for name in "abc"}
    result = per_file(tests, anchors)
    assert result.rates == pytest.approx({"a": -20, "b": -40})
    assert result.mean == pytest.approx(-30)
    assert result.missing == ["c"]
    assert math.isnan(per_file({}, {}).mean)


def test_per_file_over_a_part_of_the_interval() -> None:
    tests = {"a": curve(0.4), "b": curve(0.3, low=30), "c": curve(0.3, low=34), "d": []}
    result = per_file(tests, {name: curve(0.5) for name in "abcd"}, part=0.5)
    assert result.rates == pytest.approx({"a": -20, "b": -40}), "30 to 36 dB is enough, 34 to 36 is not"
    assert result.missing == ["c", "d"]


def test_rate_at() -> None:
    assert rate_at(curve(0.5), 30) == pytest.approx(0.5)
    assert rate_at(curve(0.5), 31) == pytest.approx(0.5 * 2**0.25)
    with pytest.raises(EvalError):
        rate_at(curve(0.5), 20)


def test_no_common_interval() -> None:
    with pytest.raises(EvalError, match="no PSNR in common"):
        common_interval(curve(1, 20, 24), curve(1, 26, 30))
