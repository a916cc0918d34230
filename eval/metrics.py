"""How far two pictures are apart.

Arrays are H x W x C as pictures are in memory, tensors (B x) C x H x W as networks see them. `peak` is the value of
full range; left out, it is that of the integer dtype, or 1 for floating point.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import EvalError

if TYPE_CHECKING:
    import torch

    Samples = np.ndarray | torch.Tensor

MS_SSIM_SMALLEST_SIDE = 176  # four halvings must leave 11 pixels, the size of the window


def psnr(a: Samples, b: Samples, peak: float | None = None) -> float:
    """Peak signal-to-noise ratio in dB over all samples, all channels alike; infinite for equal pictures.

    Raises:
        EvalError: the shapes differ.
    """
    first, second, peak = _prepare(a, b, peak)
    difference = np.subtract(first, second, dtype=np.float64).ravel()
    error = float(np.dot(difference, difference)) / difference.size
    return 10 * math.log10(peak**2 / error) if error else math.inf


def ms_ssim(a: Samples, b: Samples, peak: float | None = None) -> float:
    """Multi-scale structural similarity, mean over channels and pictures; 1 for equal pictures.

    Wang, Simoncelli & Bovik 2003, five scales, 11 x 11 Gaussian window of deviation 1.5, by torchmetrics.

    Raises:
        EvalError: the shapes differ, or a side is below 176 pixels.
    """
    first, second, peak = _prepare(a, b, peak)
    if first.ndim == 3:
        first, second = (x[None] if _is_tensor(a) else x.transpose(2, 0, 1)[None] for x in (first, second))
    if min(first.shape[-2:]) < MS_SSIM_SMALLEST_SIDE:
        raise EvalError(f"MS-SSIM needs pictures of {MS_SSIM_SMALLEST_SIDE} pixels a side or more.")
    import torch
    from kodek.datasets.compat import install

    install()  # torchmetrics imports torchvision, where there is one
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    planes = [torch.from_numpy(np.asarray(x / peak, np.float32)) for x in (first, second)]
    with torch.inference_mode():
        return float(multiscale_structural_similarity_index_measure(planes[0], planes[1], data_range=1.0))


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
