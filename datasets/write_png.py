"""Writing PNG with 16 bits a sample, which Pillow can't for colour. https://www.w3.org/TR/png-3/"""

import struct
import zlib
from typing import BinaryIO

import numpy as np
from PIL import PngImagePlugin

from .picture import Picture

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # samples a pixel: grey, grey and alpha, RGB, RGBA
_XMP_KEYWORD = b"XML:com.adobe.xmp\0\0\0\0\0"  # not compressed, no language
_BLOCK = 1 << 22  # bytes filtered at a time: bounds the memory of the filters


def write_deep_png(file: BinaryIO, picture: Picture) -> None:
    """Write a grey or RGB picture of 16 bits a sample, with its alpha and metadata."""
    samples = picture.pixels
    if picture.alpha is not None:
        samples = np.concatenate([samples, picture.alpha[:, :, None]], 2)
    height, width, channels = samples.shape
    put = PngImagePlugin.putchunk
    file.write(b"\x89PNG\r\n\x1a\n")
    put(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0))
    if picture.icc:
        put(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
    if picture.exif:
        put(file, b"eXIf", picture.exif)
    if picture.xmp:
        put(file, b"iTXt", _XMP_KEYWORD + picture.xmp)
    row_size = 2 * width * channels
    block = max(1, _BLOCK // row_size)
    above = np.zeros((1, row_size), np.uint8)
    deflate = zlib.compressobj(6, strategy=zlib.Z_FILTERED)
    for start in range(0, height, block):
        part = samples[start : start + block].astype(">u2").view(np.uint8).reshape(-1, row_size)
        filtered = _filter(part, np.concatenate([above, part[:-1]]), 2 * channels)
        put(file, b"IDAT", deflate.compress(filtered.tobytes()))
        above = part[-1:]
    put(file, b"IDAT", deflate.flush())
    put(file, b"IEND", b"")


def _filter(rows: np.ndarray, above: np.ndarray, step: int) -> np.ndarray:
    """Filter rows of bytes (H x B, `above` likewise), each with the filter of the least sum of magnitudes."""
    left = np.zeros_like(rows)
    left[:, step:] = rows[:, :-step]
    corner = np.zeros_like(rows)
    corner[:, step:] = above[:, :-step]
    mean = ((left.astype(np.uint16) + above) >> 1).astype(np.uint8)
    candidates = [rows, rows - left, rows - above, rows - mean, rows - _paeth(left, above, corner)]
    costs = [np.abs(candidate.view(np.int8).astype(np.int16)).sum(1) for candidate in candidates]
    best = np.argmin(costs, axis=0)
    out = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    out[:, 0] = best
    for kind, candidate in enumerate(candidates):
        out[best == kind, 1:] = candidate[best == kind]
    return out


def _paeth(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Of three neighbours the one nearest to left + above - corner; ties go in the order given."""
    a, b, c = (neighbour.astype(np.int16) for neighbour in (left, above, corner))
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    return np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, above, corner))
