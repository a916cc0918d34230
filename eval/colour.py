"""RGB and YCbCr by the one formula that every codec and metric here shares: BT.709, in float64, rounded once.

Y  = 0.2126 R + 0.7152 G + 0.0722 B
Cb = (B - Y) / 1.8556
Cr = (R - Y) / 1.5748
"""

from __future__ import annotations

import numpy as np

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722
_TIE = 1e-9  # far below the distance between a tie and any other value, far above float64's error


def rgb_to_ycbcr(rgb: np.ndarray) -> np.ndarray:
    """[..., 3] of any dtype -> float64 [..., 3]. Y spans the range of RGB; Cb and Cr plus or minus half of that."""
    red, green, blue = np.moveaxis(np.asarray(rgb, dtype=np.float64), -1, 0)
    luma = _RED * red + _GREEN * green + _BLUE * blue
    return np.stack([luma, (blue - luma) / (2 - 2 * _BLUE), (red - luma) / (2 - 2 * _RED)], -1)


def ycbcr_to_rgb(ycbcr: np.ndarray) -> np.ndarray:
    """The inverse of `rgb_to_ycbcr`: [..., 3], Cb and Cr around 0 -> float64 [..., 3]; not clipped."""
    luma, cb, cr = np.moveaxis(np.asarray(ycbcr, dtype=np.float64), -1, 0)
    red, blue = luma + (2 - 2 * _RED) * cr, luma + (2 - 2 * _BLUE) * cb
    return np.stack([red, (luma - _RED * red - _BLUE * blue) / _GREEN, blue], -1)


def round_to(values: np.ndarray, bits: int = 8) -> np.ndarray:
    """Nearest integers within 0 .. 2**bits - 1, halves up: uint8, or uint16 above 8 bits.

    floor(x + 0.5 + 1e-9): the last term lets ties go up whatever the order of the operations that led to them, so
    that whoever follows the formulas gets the same integers.
    """
    kind = np.uint8 if bits == 8 else np.uint16
    return np.clip(np.floor(values + (0.5 + _TIE)), 0, (1 << bits) - 1).astype(kind)


def halve(plane: np.ndarray) -> np.ndarray:
    """4:2:0 chroma of float [H, W], sides even: the mean of each 2x2 square -> [H / 2, W / 2]."""
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3))


def double(plane: np.ndarray) -> np.ndarray:
    """The way back from `halve`: [H, W] -> float64 [2 H, 2 W], bilinear, weights 3/4 and 1/4, edges repeated."""
    plane = plane.astype(np.float64)
    for axis in (0, 1):
        edges = [(1, 1) if i == axis else (0, 0) for i in (0, 1)]
        padded = np.moveaxis(np.pad(plane, edges, mode="edge"), axis, 0)
        pairs = np.stack([padded[1:-1] * 0.75 + padded[:-2] * 0.25, padded[1:-1] * 0.75 + padded[2:] * 0.25], 1)
        plane = np.moveaxis(pairs.reshape(-1, *pairs.shape[2:]), 0, axis)
    return plane
