"""PSNR, SSIM and MS-SSIM of arrays and tensors, and as measures of pictures and video."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.datasets import Video
from kodek.eval.errors import EvalError
from kodek.eval.measures import find_meter
from kodek.eval.measures.base import Value
from kodek.eval.measures.distance import METERS, ms_ssim, psnr, ssim
from kodek.eval.sample import Coded, Sample, Signal
from numpy.lib.stride_tricks import sliding_window_view

RANDOM = np.random.default_rng(0)


def picture(height: int = 8, width: int = 9) -> np.ndarray:
    return RANDOM.integers(0, 200, (height, width, 3), dtype=np.uint8)


def waves(height: int = 176, width: int = 180) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([127 + 60 * np.sin(x / (5 + c)) + 60 * np.cos(y / 7) for c in range(3)], -1).astype(np.uint8)


def noisy(a: np.ndarray, deviation: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, a.shape)
    return np.clip(np.round(a + noise), 0, 255).astype(np.uint8)


def video(frames: int = 3, height: int = 178, width: int = 177) -> Video:
    planes = [waves(height + f, width + f)[f:, f:] for f in range(frames)]
    y, u, v = np.moveaxis(np.stack(planes), -1, 0)
    return Video(y.copy(), u[:, ::2, ::2].copy(), v[:, ::2, ::2].copy(), Fraction(25))


def noisy_video(a: Video, deviation: float) -> Video:
    return Video(*(noisy(plane, deviation, seed) for seed, plane in enumerate((a.y, a.u, a.v))), a.rate)


def measure(name: str, a: Signal, b: Signal) -> dict[str, Value]:
    return dict(find_meter(name).load()(Sample("a", a), Coded("some", 1, b"", b)))


def reference_ssim(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Wang et al. 2004 in float64: the mean of the index and of its second factor. [H, W], full range 255."""
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def smooth(x: np.ndarray) -> np.ndarray:
        return sliding_window_view(sliding_window_view(x, 11, 0) @ window, 11, 1) @ window

    a, b = a.astype(float), b.astype(float)
    mean_a, mean_b = smooth(a), smooth(b)
    variances = smooth(a * a) - mean_a**2 + smooth(b * b) - mean_b**2
    covariance = smooth(a * b) - mean_a * mean_b
    structure = (2 * covariance + 7.65**2) / (variances + 7.65**2)
    luminance = (2 * mean_a * mean_b + 2.55**2) / (mean_a**2 + mean_b**2 + 2.55**2)
    return float((luminance * structure).mean()), float(structure.mean())


def reference_ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2003."""
    product = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        whole, structure = reference_ssim(a, b)
        product *= (whole if scale == 4 else structure) ** weight
        if scale < 4:
            a, b = (x.reshape(len(x) // 2, 2, -1, 2).mean((1, 3)) for x in (a, b))
    return product


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


@pytest.mark.parametrize("function", [psnr, ssim, ms_ssim])
def test_shapes_must_agree(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EvalError, match="different shapes"):
        function(picture(200, 190), picture(190, 200))


def test_sides_below_the_window() -> None:
    with pytest.raises(EvalError, match=r"^MS-SSIM needs pictures of 176 pixels a side or more\.$"):
        ms_ssim(picture(175, 300), picture(175, 300))
    with pytest.raises(EvalError, match=r"^SSIM needs pictures of 11 pixels a side or more\.$"):
        ssim(picture(300, 10), picture(300, 10))
    assert ssim(picture(11, 11), picture(11, 11)) < 1


def test_ssim_and_ms_ssim_against_the_papers_formulas() -> None:
    a = waves(176, 208)
    for deviation in (3, 25):
        b = noisy(a, deviation)
        channels = [(a[..., c], b[..., c]) for c in range(3)]
        assert ssim(a, b) == pytest.approx(np.mean([reference_ssim(*pair)[0] for pair in channels]), abs=1e-5)
        assert ms_ssim(a, b) == pytest.approx(np.mean([reference_ms_ssim(*pair) for pair in channels]), abs=1e-5)


def test_ssim_of_tensors_of_16_bits_and_of_one_plane() -> None:
    a, b = waves(), noisy(waves(), 20)
    tensors = [torch.from_numpy(x).permute(2, 0, 1)[None] for x in (a, b)]
    wide = [x.astype(np.uint16) * 257 for x in (a, b)]
    for function in (ssim, ms_ssim):
        assert function(*tensors) == pytest.approx(function(a, b), abs=1e-6)
        assert function(*wide) == pytest.approx(function(a, b), abs=1e-6)
        planes = [function(a[..., c], b[..., c]) for c in range(3)]
        assert function(a, b) == pytest.approx(np.mean(planes), abs=1e-6)


@pytest.mark.parametrize(("function", "best"), [(psnr, math.inf), (ssim, 1), (ms_ssim, 1)])
def test_equal_is_best_and_noise_only_hurts(function, best) -> None:  # type: ignore[no-untyped-def]
    a = waves()
    values = [function(a, noisy(a, deviation)) for deviation in (0, 2, 6, 18, 54)]
    assert values[0] == pytest.approx(best, abs=1e-6)
    assert all(one > other for one, other in itertools.pairwise(values))
    b = noisy(a, 18)
    assert function(a, b) == pytest.approx(function(b, a), abs=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 300))
def test_psnr_of_random_pictures(seed: int, width: int, height: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    b[0, 0] = a[0, 0] ^ 1
    values = measure("psnr", a, b)
    rgb = np.mean((a.astype(float) - b) ** 2)
    assert values["psnr"] == pytest.approx(10 * math.log10(255**2 / rgb))
    luma = (a.astype(float) - b) @ [0.2126, 0.7152, 0.0722]
    assert values["psnr_y"] == pytest.approx(10 * math.log10(255**2 / np.mean(luma**2)))
    assert measure("psnr", b, a) == values


def test_measures_of_pictures() -> None:
    a = waves()
    b = np.clip(a + np.array([3, -2, 6]), 0, 255).astype(np.uint8)
    assert np.array_equal(a.astype(int) - b, np.broadcast_to([-3, 2, -6], a.shape))
    values = measure("psnr", a, b)
    y = 3 * 0.2126 - 2 * 0.7152 + 6 * 0.0722
    errors = [y, (6 - y) / 1.8556, (3 - y) / 1.5748]
    planes = [20 * math.log10(255 / abs(error)) for error in errors]
    assert values["psnr"] == pytest.approx(10 * math.log10(255**2 / ((9 + 4 + 36) / 3)))
    assert values["psnr_y"] == pytest.approx(planes[0])
    assert values["psnr_yuv"] == pytest.approx((6 * planes[0] + planes[1] + planes[2]) / 8)
    assert measure("ssim", a, b) == {"ssim": ssim(a, b)}
    assert measure("ms-ssim", a, b) == {"ms_ssim": ms_ssim(a, b)}
    assert measure("psnr", a, a) == dict.fromkeys(("psnr", "psnr_y", "psnr_yuv"))


def test_measures_of_video_are_means_over_frames() -> None:
    a = video()
    b = noisy_video(a, 6)
    y, u, v = (
        np.mean([psnr(*pair) for pair in zip(*planes, strict=True)]) for planes in ((a.y, b.y), (a.u, b.u), (a.v, b.v))
    )
    values = measure("psnr", a, b)
    assert values.keys() == {"psnr_y", "psnr_yuv"}
    assert values["psnr_y"] == pytest.approx(y) and values["psnr_yuv"] == pytest.approx((6 * y + u + v) / 8)
    assert values["psnr_y"] != pytest.approx(psnr(a.y, b.y), abs=1e-9), "not of the mean error"
    for name, function in (("ssim", ssim), ("ms-ssim", ms_ssim)):
        expected = np.mean([function(*pair) for pair in zip(a.y, b.y, strict=True)])
        assert measure(name, a, b) == {name.replace("-", "_"): pytest.approx(expected)}
    assert measure("psnr", a, a) == {"psnr_y": None, "psnr_yuv": None}
    with pytest.raises(EvalError, match="different shapes"):
        measure("psnr", a, video(2))


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.name)
def test_values_are_the_registered_measures_within_their_range(meter) -> None:  # type: ignore[no-untyped-def]
    ranges = {measure.name: measure.range for measure in meter.measures}
    for a, b in ((waves(), noisy(waves(), 9)), (video(), noisy_video(video(), 9))):
        values = measure(meter.name, a, b)
        assert values and values.keys() <= ranges.keys()
        assert all(ranges[name][0] < value < ranges[name][1] for name, value in values.items())
    assert meter.source and all(measure.higher for measure in meter.measures)
