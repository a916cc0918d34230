"""How far a picture or video is from its original, by formula: PSNR, SSIM, MS-SSIM.

In `psnr`, `ssim` and `ms_ssim` arrays are H x W (x C) as pictures are in memory, tensors (B x) C x H x W as networks
see them. `peak` is the value of full range; left out, it is that of the integer dtype, or 1 for floating point.

The measures of pictures are of the RGB samples, `psnr_y` and `psnr_yuv` of BT.709 full-range YCbCr at full chroma
resolution, not rounded. The measures of video are of its own planes (SSIM and MS-SSIM of the luma), taken for each
frame and then averaged: the PSNR of a video is the mean of its frames' decibels. A PSNR is None where that is infinite.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from kodek.datasets import Video

from ..colour import rgb_to_ycbcr
from ..errors import EvalError
from ..sample import Coded, Media, Sample
from .base import INFINITY, Compute, Measure, Meter, Value

if TYPE_CHECKING:
    import torch

    Samples = np.ndarray | torch.Tensor

SSIM_SMALLEST_SIDE = 11  # the size of the window
MS_SSIM_SMALLEST_SIDE = 176  # four halvings must leave 11 pixels

_ROWS = 256  # of a picture that are converted to YCbCr at once: 8 bytes a sample are many


def psnr(a: Samples, b: Samples, peak: float | None = None) -> float:
    """Peak signal-to-noise ratio in dB over all samples, all channels alike; infinite for equal pictures.

    Raises:
        EvalError: the shapes differ.
    """
    first, second, peak = _prepare(a, b, peak)
    difference = np.subtract(first, second, dtype=np.float64).ravel()
    return _decibels(float(np.dot(difference, difference)) / difference.size, peak)


def ssim(a: Samples, b: Samples, peak: float | None = None) -> float:
    """Structural similarity, mean over channels and pictures; 1 for equal pictures.

    Wang, Bovik, Sheikh & Simoncelli 2004: 11 x 11 Gaussian window of deviation 1.5 wherever it fits into the picture,
    by pytorch-msssim.

    Raises:
        EvalError: the shapes differ, or a side is below 11 pixels.
    """
    from pytorch_msssim import ssim as similarity

    return _similarity(similarity, a, b, peak, "SSIM", SSIM_SMALLEST_SIDE)


def ms_ssim(a: Samples, b: Samples, peak: float | None = None) -> float:
    """Multi-scale structural similarity, mean over channels and pictures; 1 for equal pictures.

    Wang, Simoncelli & Bovik 2003: five scales, the window of `ssim`, by pytorch-msssim.

    Raises:
        EvalError: the shapes differ, or a side is below 176 pixels.
    """
    from pytorch_msssim import ms_ssim as similarity

    return _similarity(similarity, a, b, peak, "MS-SSIM", MS_SSIM_SMALLEST_SIDE)


def _similarity(
    function: Callable[..., torch.Tensor], a: Samples, b: Samples, peak: float | None, title: str, smallest: int
) -> float:
    first, second, peak = _prepare(a, b, peak)
    pairs = list(zip(_planes(first, _is_tensor(a)), _planes(second, _is_tensor(b)), strict=True))
    if min(pairs[0][0].shape) < smallest:
        raise EvalError(f"{title} needs pictures of {smallest} pixels a side or more.")
    import torch

    values = []
    with torch.inference_mode():
        for pair in pairs:  # one by one: the working memory is many times that of a plane
            x, y = (torch.from_numpy(np.asarray(plane / peak, np.float32))[None, None] for plane in pair)
            values.append(float(function(x, y, data_range=1.0)))
    return float(np.mean(values))


def _planes(samples: np.ndarray, channels_first: bool) -> np.ndarray:
    """-> [planes, H, W]"""
    if samples.ndim > 2 and not channels_first:
        samples = np.moveaxis(samples, -1, 0)
    return samples.reshape(-1, *samples.shape[-2:])


def _decibels(error: float, peak: float) -> float:
    """Of a mean squared error."""
    return 10 * math.log10(peak**2 / error) if error else math.inf


def _prepare(a: Samples, b: Samples, peak: float | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Both as arrays of the same shape, and the peak."""
    first, second = _array(a), _array(b)
    if first.shape != second.shape:
        raise EvalError(f"The pictures have different shapes: {first.shape} and {second.shape}.")
    if peak is None:
        peak = 1.0 if first.dtype.kind == "f" else float(np.iinfo(first.dtype).max)
    return first, second, peak


def _array(x: Samples) -> np.ndarray:
    return x.detach().cpu().numpy() if _is_tensor(x) else np.asarray(x)  # type: ignore[union-attr]


def _is_tensor(x: Any) -> bool:
    torch = sys.modules.get("torch")  # who holds a tensor has imported torch
    return torch is not None and isinstance(x, torch.Tensor)


def _measure_psnr(sample: Sample, coded: Coded) -> dict[str, Value]:
    a, b = sample.signal, coded.signal
    if isinstance(a, Video) and isinstance(b, Video):
        planes = [_mean(psnr, *pair) for pair in ((a.y, b.y), (a.u, b.u), (a.v, b.v))]
        return {"psnr_y": _finite(planes[0]), "psnr_yuv": _finite(_weighted(planes))}
    rgb = psnr(a, b)  # type: ignore[arg-type]
    planes = _ycbcr_psnr(a, b)  # type: ignore[arg-type]
    return {"psnr": _finite(rgb), "psnr_y": _finite(planes[0]), "psnr_yuv": _finite(_weighted(planes))}


def _ycbcr_psnr(a: np.ndarray, b: np.ndarray) -> list[float]:
    """Of the three planes; uint8 [H, W, 3] of equal shapes."""
    errors = np.zeros(3)
    for row in range(0, len(a), _ROWS):
        difference = np.subtract(a[row : row + _ROWS], b[row : row + _ROWS], dtype=np.float64)
        errors += np.square(rgb_to_ycbcr(difference)).sum((0, 1))  # the conversion is linear
    return [_decibels(error / (a.size / 3), 255) for error in errors]


def _weighted(planes: Sequence[float]) -> float:
    """6:1:1 of Y, U and V, in dB: Ohm et al. 2012, "Comparison of the coding efficiency of video coding standards"."""
    return (6 * planes[0] + planes[1] + planes[2]) / 8


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(function: Callable[[np.ndarray, np.ndarray], float], a: np.ndarray, b: np.ndarray) -> float:
    """Over the frames of a plane, uint8 [frames, H, W]."""
    if a.shape != b.shape:
        raise EvalError(f"The videos have different shapes: {a.shape} and {b.shape}.")
    return float(np.mean([function(*frames) for frames in zip(a, b, strict=True)]))


def _measure_similarity(name: str, function: Callable[[Any, Any], float]) -> Compute:
    def measure(sample: Sample, coded: Coded) -> dict[str, Value]:
        a, b = sample.signal, coded.signal
        if isinstance(a, Video) and isinstance(b, Video):
            return {name: _mean(function, a.y, b.y)}
        return {name: function(a, b)}

    return measure


_MEDIA = frozenset((Media.IMAGE, Media.VIDEO))

METERS = (
    Meter(
        name="psnr",
        media=_MEDIA,
        measures=(
            Measure("psnr", "PSNR-RGB", "dB", True, (0, INFINITY)),
            Measure("psnr_y", "PSNR-Y", "dB", True, (0, INFINITY)),
            Measure("psnr_yuv", "PSNR-YUV 6:1:1", "dB", True, (0, INFINITY)),
        ),
        load=lambda: _measure_psnr,
        source="Weights 6:1:1 of Y, U and V: Ohm et al. 2012, IEEE Transactions on Circuits and Systems for Video"
        " Technology 22(12)",
    ),
    Meter(
        name="ssim",
        media=_MEDIA,
        measures=(Measure("ssim", "SSIM", "", True, (-1, 1)),),
        load=lambda: _measure_similarity("ssim", ssim),
        source="Wang, Bovik, Sheikh & Simoncelli 2004, IEEE Transactions on Image Processing 13(4)",
        packages=("pytorch-msssim", "torch"),
    ),
    Meter(
        name="ms-ssim",
        media=_MEDIA,
        measures=(Measure("ms_ssim", "MS-SSIM", "", True, (0, 1)),),
        load=lambda: _measure_similarity("ms_ssim", ms_ssim),
        source="Wang, Simoncelli & Bovik 2003, Asilomar Conference on Signals, Systems and Computers",
        packages=("pytorch-msssim", "torch"),
    ),
)
