"""Pictures at a size, a rate or a PSNR instead of a quality."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..target import POSITIONS, Found, largest_within, smallest_reaching

if TYPE_CHECKING:
    from .file import ImageEncoder

# a photo's on average
PSNR_AT_0 = 28.0
PSNR_SLOPE = 0.045  # dB per position

# bytes = exp(OFFSET) * (latents that are not rounded to zero) ** EXPONENT, fitted to 16 photos at 9 qualities
EXPONENT, OFFSET = 1.094, -1.68
COUNTED_AT = 192  # the quality byte whose analysis is counted on
COUNTS = 18  # quality bytes that are counted for; the others lie between

_ROWS = 256  # that are compared at once: 8 bytes a sample are many


@dataclass(frozen=True)
class Target:
    """What a file should meet, one of: `size` in bytes and `bpp` in bits per pixel, at most, of the whole file with its
    metadata and alpha; `psnr` in dB, at least, of the decoded samples (see `psnr`).

    Raises ValueError unless exactly one is given, and that is a positive number.
    """

    size: float | None = None
    bpp: float | None = None
    psnr: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.size, self.bpp, self.psnr) if value is not None]
        if len(given) != 1 or not (given[0] > 0 and math.isfinite(given[0])):
            raise ValueError("a target is one of size, bpp and psnr, a positive number")

    def limit(self, pixels: int) -> int:
        """Bytes at most of a picture with so many pixels; 0 where the target is a PSNR."""
        return int(self.size if self.size is not None else (self.bpp or 0) * pixels / 8)


def encode_to(encoder: ImageEncoder, pixels: NDArray[np.integer], target: Target) -> Found:
    """The `.kdk` file of `pixels` [H, W, C], which `encoder` was made of, that meets the target.

    Raises TargetError if no quality does.
    """
    if target.psnr is not None:
        expected = PSNR_AT_0 + PSNR_SLOPE * np.arange(POSITIONS)
        return smallest_reaching(encoder.encode, lambda: psnr(pixels, encoder.reconstruct()), target.psnr, expected)
    count = pixels.shape[0] * pixels.shape[1]
    limit = target.limit(count)
    expected = expected_sizes(encoder)
    return largest_within(encoder.encode, limit, expected, lambda size: f"{size} bytes ({8 * size / count:.3f} bpp)")


def expected_sizes(encoder: ImageEncoder) -> NDArray[np.float64]:
    """About how many bytes a file has at each quality byte, float64 [256], rising; nothing is coded for it.

    What a latent costs depends most on whether it is rounded to zero, and the latents of one quality are, but for their
    gains, nearly those of any other: one analysis gives all counts.
    """
    at = np.linspace(0, POSITIONS - 1, COUNTS).astype(int)
    counts = np.maximum.accumulate(encoder.nonzero(COUNTED_AT, at.tolist())) + 1 + at / 16  # a flat picture's rise, too
    logs = np.interp(np.arange(POSITIONS), at, np.log(counts))
    return encoder.overhead + np.exp(EXPONENT * logs + OFFSET)


def psnr(a: NDArray[np.integer], b: NDArray[np.integer]) -> float:
    """Peak signal-to-noise ratio in dB over all samples of two pictures [H, W, C] of one dtype; infinite if equal."""
    total = 0.0
    for top in range(0, a.shape[0], _ROWS):
        error = np.subtract(a[top : top + _ROWS], b[top : top + _ROWS], dtype=np.float64).ravel()
        total += float(np.dot(error, error))
    return 10 * math.log10(float(np.iinfo(a.dtype).max) ** 2 * a.size / total) if total else math.inf
