"""Training crops from a memory map: pictures are decoded once, crops cost microseconds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from .errors import MediaError
from .files import atomic_write
from .picture import Picture
from .read import read_picture

SCALES = (1.0, 0.8, 0.64, 0.5)  # antialiased downscales; they also average away the source's own artefacts
MIN_SIDE = 160  # of a downscale


class Crop(NamedTuple):
    """Where a crop lies: the picture's first byte and size, the corner; bits of flips: y, x, transpose."""

    offset: int
    height: int
    width: int
    top: int
    left: int
    flips: int


def group_of(path: Path) -> str:
    """The source of a picture, by the convention `<source>-<number>.<suffix>`."""
    return path.stem.rstrip("0123456789").rstrip("-_")


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
    """Decode pictures at every scale into `target`.u8 (all pixels in a row) and `target`.json (their shapes).

    Pictures with a side below `smallest` are left out, and those that can't be read: why is returned, one
    sentence each. Raises MediaWriteError when the disk is full.
    """
    shapes: list[tuple[str, int, int, int]] = []
    unreadable: list[str] = []
    offset = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target.with_suffix(".u8")) as out:
        for source in sources:
            try:
                pixels = rgb_pixels(source)
            except MediaError as error:
                unreadable.append(str(error))
                continue
            name = group_of(source) if isinstance(source, Path) else ""
            for scaled in _scales(pixels, smallest):
                shapes.append((name, offset, scaled.shape[0], scaled.shape[1]))
                out.write(scaled.tobytes())
                offset += scaled.size
    with atomic_write(target.with_suffix(".json")) as index:  # last: where it is, the pixels are whole
        index.write(json.dumps(shapes).encode())
    return unreadable


def _scales(pixels: np.ndarray, smallest: int) -> Iterator[np.ndarray]:
    height, width = pixels.shape[:2]
    if min(height, width) >= smallest:
        yield pixels
    for scale in SCALES[1:]:
        size = round(width * scale), round(height * scale)
        if min(size) >= max(smallest, MIN_SIDE):
            yield np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


class CropStore:
    """Random crops, flips and transposes from a store.

    Pictures are drawn in proportion to their pixels, but no source gives more than `largest_share` of
    the crops.
    """

    def __init__(self, target: Path, seed: int | Sequence[int], largest_share: float = 0.2) -> None:
        self.shapes: list[tuple[str, int, int, int]] = json.loads(target.with_suffix(".json").read_text())
        self.data = np.memmap(target.with_suffix(".u8"), np.uint8, "r") if self.shapes else np.empty(0, np.uint8)
        self.weights = _weights(self.shapes, largest_share) if self.shapes else np.empty(0)
        self.random = np.random.default_rng(seed)
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
            drawn = min(int(np.searchsorted(edges, self.random.random() * edges[-1])), len(members) - 1)
            _, offset, h, w = self.shapes[members[drawn]]
            top, left = self.random.integers(h - size + 1), self.random.integers(w - size + 1)
            crops.append(Crop(offset, h, w, int(top), int(left), int(self.random.integers(8))))
        return crops

    @property
    def state(self) -> dict[str, Any]:
        """Where the draws stand; set it to repeat them."""
        return self.random.bit_generator.state  # type: ignore[return-value]

    @state.setter
    def state(self, value: dict[str, Any]) -> None:
        self.random.bit_generator.state = value

    def _large_enough(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The pictures that hold a crop of this size, and their running sum of weights."""
        if size not in self._edges:
            members = np.array([i for i, (_, _, h, w) in enumerate(self.shapes) if min(h, w) >= size], int)
            if not members.size:
                raise MediaError(f"None of the pictures has {size} x {size} pixels, the size of a training crop.")
            self._edges[size] = members, np.cumsum(self.weights[members])
        return self._edges[size]


def _weights(shapes: Sequence[tuple[str, int, int, int]], largest_share: float) -> np.ndarray:
    """Pixel counts, scaled down in the sources that would exceed their share."""
    weights = np.array([h * w for _, _, h, w in shapes], float)
    names, source = np.unique([group for group, *_ in shapes], return_inverse=True)
    share = max(largest_share, 1 / len(names))
    for _ in range(50):  # capping one source raises the others' shares; this converges
        weights /= weights.sum()
        weights *= np.minimum(1.0, share / np.bincount(source, weights))[source]
    return weights / weights.sum()
