"""Rate and distortion of real coded bytes on held-out pictures, and one score to choose weights by.

The score is the BD-rate against Pillow's JPEG on the same pictures (after Bjontegaard, VCEG-M33; linear
interpolation of the logarithm of the rate over the PSNR range that both curves cover). It serves to compare
the weights of one run; for the numbers of a report see kodek.eval.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.model import ImageModel
from kodek.entropy.exact import POSITIONS
from PIL import Image

from .export import exact_tensors, measure

JPEG_QUALITIES = (5, 10, 20, 35, 50, 65, 80, 90, 95)

Curve = list[tuple[float, float]]  # of (bits per pixel, PSNR in dB), means over the pictures


@dataclass(frozen=True)
class ImageValidation:
    """The curve of real bytes and its BD-rate against JPEG in percent: below 0, kodek needs fewer bytes."""

    curve: Curve
    score: float

    def __str__(self) -> str:
        points = "  ".join(f"{rate:.3f}/{psnr:.2f}" for rate, psnr in self.curve)
        return f"held-out photos, bpp/PSNR: {points}  BD-rate against JPEG {self.score:+.1f} %"

    def row(self) -> dict[str, Any]:
        return {
            "bd_rate_jpeg": self.score,
            "bpp": [r for r, _ in self.curve],
            "psnr": [p for _, p in self.curve],
        }

    def scalars(self) -> dict[str, float]:
        return {}


def validate(
    model: ImageModel, pictures: Sequence[np.ndarray], positions: Sequence[int], anchor: Curve
) -> ImageValidation:
    """Quantise the prior, code the pictures (uint8 [H, W, 3]) to bytes and back, on the CPU.

    positions: of the quality byte, spread evenly over the trained steps (the export calibrates it).
    """
    tensors = exact_tensors(copy.deepcopy(model).cpu().float(), torch.linspace(0, 1, POSITIONS))
    codec = ImageCodec(model.family, asdict(model.config), tensors, "validation")
    signals = [torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255 for picture in pictures]
    curve = [measure(codec, signals, position) for position in positions]
    return ImageValidation(curve, bd_rate(curve, anchor))


def jpeg_curve(pictures: Sequence[np.ndarray]) -> Curve:
    """Pillow's JPEG, optimised and 4:2:0, on uint8 pictures [H, W, 3]."""
    return [tuple(np.mean([_jpeg(picture, quality) for picture in pictures], 0)) for quality in JPEG_QUALITIES]


def _jpeg(picture: np.ndarray, quality: int) -> tuple[float, float]:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, optimize=True, subsampling="4:2:0")
    error = np.asarray(Image.open(file), np.float64) - picture
    psnr = 10 * np.log10(255**2 / max(np.square(error).mean(), 1e-6))
    return 8 * len(file.getvalue()) / (picture.shape[0] * picture.shape[1]), float(psnr)


def bd_rate(curve: Curve, anchor: Curve) -> float:
    """Mean difference of the rate at equal PSNR in percent; nan where the curves have no PSNR in common."""
    (rates, psnrs), (anchor_rates, anchor_psnrs) = (np.array(sorted(c, key=lambda p: p[1])).T for c in (curve, anchor))
    low, high = max(psnrs[0], anchor_psnrs[0]), min(psnrs[-1], anchor_psnrs[-1])
    if not low < high:
        return float("nan")
    grid = np.linspace(low, high, 101)
    ours = np.interp(grid, psnrs, np.log(rates))
    theirs = np.interp(grid, anchor_psnrs, np.log(anchor_rates))
    return float(100 * np.expm1(np.mean(ours - theirs)))
