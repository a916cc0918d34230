"""Training crops from a memory map: pictures are decoded once, crops cost microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from .errors import MediaError
from .memory_map import LARGEST_SHARE, MemoryMap, build_map
from .picture import Picture
from .read import read_picture

SCALES = (1.0, 0.8, 0.64, 0.5)  # antialiased downscales; they also average away the source's own artefacts
SUFFIX = ".u8"
MIN_SIDE = 160  # of a downscale


class Crop(NamedTuple):
    """Where a crop lies: the picture's first byte and size, the corner; bits of flips: y, x, transpose."""

    offset: int
    height: int
    width: int
    top: int
    left: int
    flips: int


def rgb_pixels(source: Path | Picture) -> np.ndarray:
    """A picture as uint8 [H, W, 3]: upright, without alpha. Raises MediaError if it can't be read."""
    picture = read_picture(source) if isinstance(source, Path) else source
    pixels = picture.pixels
    if picture.depth == 16:
        pixels = ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    if picture.mode == "CMYK":
        return np.asarray(Image.fromarray(pixels, "CMYK").convert("RGB"))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def build_store(sources: Iterable[Path | Picture], target: Path, smallest: int = MIN_SIDE) -> list[str]:
    """Decode pictures at every scale into `target`, see `build_map`, but for those with a side below `smallest`."""
    return build_map(sources, partial(_decode, smallest=smallest), target, SUFFIX)


def _decode(source: Path | Picture, smallest: int) -> Iterator[np.ndarray]:
    return _scales(rgb_pixels(source), smallest)


def _scales(pixels: np.ndarray, smallest: int) -> Iterator[np.ndarray]:
    height, width = pixels.shape[:2]
    if min(height, width) >= smallest:
        yield pixels
    for scale in SCALES[1:]:
        size = round(width * scale), round(height * scale)
        if min(size) >= max(smallest, MIN_SIDE):
            yield np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


class CropStore(MemoryMap):
    """Random crops, flips and transposes from a store."""

    def __init__(self, target: Path, seed: int | Sequence[int], largest_share: float = LARGEST_SHARE) -> None:
        super().__init__(target, SUFFIX, np.uint8, seed, largest_share)
        self._edges: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def batch(self, count: int, size: int) -> np.ndarray:
        """uint8 [count, 3, size, size]. Raises MediaError if no picture is that large."""
        out = np.empty((count, 3, size, size), np.uint8)
        for target, (offset, h, w, top, left, flips) in zip(out, self.draw(count, size), strict=True):
            picture = self.data[offset : offset + h * w * 3].reshape(h, w, 3)
            crop = picture[top : top + size, left : left + size].transpose(2, 0, 1)
            crop = crop[:, :: -1 if flips & 1 else 1, :: -1 if flips & 2 else 1]
            target[:] = crop.transpose(0, 2, 1) if flips & 4 else crop
        return out

    def draw(self, count: int, size: int) -> list[Crop]:
        """Choose crops without reading them."""
        members, edges = self._large_enough(size)
        crops = []
        for _ in range(count):
            _, offset, h, w = self.shapes[members[self.pick(edges)]]
            top, left = self.random.integers(h - size + 1), self.random.integers(w - size + 1)
            crops.append(Crop(offset, h, w, int(top), int(left), int(self.random.integers(8))))
        return crops

    def _large_enough(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The pictures that hold a crop of this size, and their running sum of weights."""
        if size not in self._edges:
            members = np.array([i for i, (_, _, h, w) in enumerate(self.shapes) if min(h, w) >= size], int)
            if not members.size:
                raise MediaError(f"None of the pictures has {size} x {size} pixels, the size of a training crop.")
            self._edges[size] = members, np.cumsum(self.weights[members])
        return self._edges[size]
