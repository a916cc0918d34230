import numpy as np
import pytest
from kodek.train.validate import bd_rate, jpeg_curve

from .conftest import photo

CURVE = [(0.1, 28.0), (0.3, 31.0), (0.9, 35.0), (2.0, 40.0)]


def test_bd_rate_of_known_curves() -> None:
    assert bd_rate(CURVE, CURVE) == pytest.approx(0)
    assert bd_rate([(rate / 2, psnr) for rate, psnr in CURVE], CURVE) == pytest.approx(-50)
    assert bd_rate([(rate * 3, psnr) for rate, psnr in reversed(CURVE)], CURVE) == pytest.approx(200)
    assert np.isnan(bd_rate([(1.0, 10.0), (2.0, 12.0)], CURVE))


def test_the_anchor_is_a_real_jpeg_curve() -> None:
    rates, psnrs = np.array(jpeg_curve([photo(1), photo(2)])).T
    assert (np.diff(rates) > 0).all() and (np.diff(psnrs) > 0).all()
    assert 20 < psnrs[0] < psnrs[-1] < 60
