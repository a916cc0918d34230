"""PSNR and MS-SSIM of arrays and tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from kodek.eval.errors import EvalError
from kodek.eval.metrics import ms_ssim, psnr

RANDOM = np.random.default_rng(0)


def picture(height: int = 8, width: int = 9) -> np.ndarray:
    return RANDOM.integers(0, 200, (height, width, 3), dtype=np.uint8)


def test_psnr_of_a_constant_error() -> None:
    a = picture()
    assert psnr(a, a + 10) == pytest.approx(20 * math.log10(25.5))
    assert psnr(a, a + 10, 100) == pytest.approx(20)
    assert psnr(a + 10, a) == psnr(a, a + 10), "no wrap-around of unsigned samples"


def test_psnr_at_16_bits_and_of_tensors() -> None:
    a = picture()
    b = a + 10
    wide = [x.astype(np.uint16) * 257 for x in (a, b)]
    planes = [torch.from_numpy(x).permute(2, 0, 1).double() / 255 for x in (a, b)]
    for pair in (wide, planes):
        assert psnr(*pair) == pytest.approx(psnr(a, b))


def test_equal_pictures() -> None:
    a = picture()
    assert psnr(a, a) == math.inf


def test_shapes_must_agree() -> None:
    with pytest.raises(EvalError, match="different shapes"):
        psnr(picture(8, 9), picture(9, 8))


def test_small_pictures_have_no_ms_ssim() -> None:
    with pytest.raises(EvalError, match="176 pixels"):
        ms_ssim(picture(175, 300), picture(175, 300))


def test_ms_ssim() -> None:
    y, x = np.mgrid[:176, :180]
    a = np.stack([127 + 60 * np.sin(x / (5 + c)) + 60 * np.cos(y / 7) for c in range(3)], -1).astype(np.uint8)
    noisy = [np.clip(a + RANDOM.normal(0, s, a.shape), 0, 255).astype(np.uint8) for s in (4, 20)]
    values = [ms_ssim(a, b) for b in (a, *noisy)]
    assert values[0] == pytest.approx(1, abs=1e-6)
    assert 1 > values[1] > values[2] > 0.5
    tensors = [torch.from_numpy(b).permute(2, 0, 1)[None] for b in (a, noisy[1])]
    assert ms_ssim(*tensors) == pytest.approx(values[2], abs=1e-6)
