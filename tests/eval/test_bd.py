"""BD-rate: published pairs, closed forms, and what it refuses."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("bjontegaard")

from kodek.eval.bd import (
    INTERVAL,
    bd_quality,
    bd_rate,
    common_interval,
    covers,
    frontier,
    isotonic,
    per_file,
    rate_at,
)
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
    """The published numbers are over what both curves cover; Akima's differ by less than 0.03 from pchip's."""
    curve, anchor = KODAK[codec], KODAK["vtm"]
    interval = common_interval(curve, anchor)
    pchip, akima = (bd_rate(curve, anchor, interval, method) for method in ("pchip", "akima"))
    assert pchip == pytest.approx(percent, abs=0.2)
    assert akima == pytest.approx(percent, abs=0.2)
    assert abs(akima - pchip) < 0.03


def test_methods_differ_on_few_points() -> None:
    """Three points for 14 dB: the interpolation matters, and both are as the library has them."""
    from bjontegaard import bd_rate as library

    few, anchor = KODAK["lalic"][:4], KODAK["vtm"][::2]
    interval = common_interval(few, anchor)
    columns = [column for curve in (anchor, few) for column in zip(*curve, strict=True)]
    found = {}
    for method in ("pchip", "akima"):
        found[method] = bd_rate(few, anchor, interval, method)
        expected = library(*columns, method=method, require_matching_points=False, min_overlap=0)
        assert found[method] == pytest.approx(expected, abs=1e-9)
    assert abs(found["pchip"] - found["akima"]) > 0.1


def test_bd_quality() -> None:
    """20 % fewer bits where the rate doubles every 4 dB."""
    gain, rates = bd_quality(curve(0.4), curve(0.5))
    assert gain == pytest.approx(4 * math.log2(1 / 0.8))
    assert rates == pytest.approx((0.5 * 2**-1, 0.4 * 2**2.5))
    assert bd_quality(falling(0.4), falling(0.5), higher=False)[0] == pytest.approx(-4 * math.log2(1 / 0.8))
    with pytest.raises(EvalError, match="no rate in common"):
        bd_quality(curve(0.01), curve(10))


def falling(scale: float) -> list[tuple[float, float]]:
    """`curve` of a measure that is better the lower it is."""
    return [(rate, 100 - value) for rate, value in curve(scale)]


def test_lower_is_better() -> None:
    interval = common_interval(falling(0.4), falling(0.5), higher=False)
    assert interval == (60, 74)
    assert bd_rate(falling(0.4), falling(0.5), interval, higher=False) == pytest.approx(-20)
    spoilt = [*falling(0.5), (5.0, 69.0)]
    assert frontier(spoilt, higher=False) == falling(0.5)
    files = per_file({"a": falling(0.4)}, {"a": falling(0.5)}, interval, higher=False)
    assert files.rates == pytest.approx({"a": -20})
    with pytest.raises(EvalError, match="A curve of 60 to 74 does not cover the interval 50 to 70"):
        bd_rate(falling(0.4), falling(0.5), (50, 70), higher=False)


def test_isotonic() -> None:
    """Points out of order become one in their middle; the rest stays."""
    assert isotonic(curve(0.5)) == [pytest.approx(point) for point in curve(0.5)]
    noisy = [(0.1, 20.0), (0.2, 50.0), (0.4, 44.0), (0.8, 41.0), (1.6, 60.0)]
    assert isotonic(noisy) == [pytest.approx(point) for point in ((0.1, 20.0), (0.4, 45.0), (1.6, 60.0))]
    upside_down = [(rate, -value) for rate, value in noisy]
    assert isotonic(upside_down, higher=False) == [
        pytest.approx(point) for point in ((0.1, -20.0), (0.4, -45.0), (1.6, -60.0))
    ]
    assert len(isotonic([(1.0, 3.0), (2.0, 2.0)])) == 1
    assert isotonic([]) == []


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
    assert bd_rate(test, anchor, (28, 40)) > 0


def test_nothing_is_extrapolated() -> None:
    """The only point below 28 dB costs more than a better one: what is left does not reach down to it."""
    spoilt = [(9.0, 26.0), *curve(0.5)[1:]]
    assert not covers(spoilt, (26, 36))
    with pytest.raises(EvalError, match="A curve of 28 to 40 does not cover the interval 26 to 36"):
        bd_rate(spoilt, curve(0.5), (26, 36))
    assert common_interval(spoilt, curve(0.5)) == (28, 40)


@pytest.mark.parametrize("bad", [curve(1, low=30), curve(1, high=34), curve(1)[:1], []])
def test_an_uncovered_interval_is_refused(bad: list[tuple[float, float]]) -> None:
    for pair in ((bad, curve(1)), (curve(1), bad)):
        with pytest.raises(EvalError, match="does not cover the interval 28 to 36"):
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
    with pytest.raises(EvalError, match="no values in common"):
        common_interval(curve(1, 20, 24), curve(1, 26, 30))
