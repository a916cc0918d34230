"""Training crops from a memory map: pictures are decoded once, crops cost microseconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SCALES = (1.0, 0.8, 0.64, 0.5)  # antialiased downscales; they also average away the source's own artefacts
MIN_SIDE = 160


def group_of(path: Path) -> str:
    """The source of a picture, by the convention `<source>-<number>.<suffix>`."""
    return path.stem.rstrip("0123456789").rstrip("-_")


def build_store(paths: Sequence[Path], target: Path) -> None:
    """Decode `paths` at every scale into `target`.u8 (all pixels in a row) and `target`.json (their shapes)."""
    shapes: list[tuple[str, int, int, int]] = []
    offset = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_suffix(".u8"), "wb") as out:
        for path in paths:
            with Image.open(path) as image:
                rgb = image.convert("RGB")
            for scale in SCALES:
                size = round(rgb.width * scale), round(rgb.height * scale)
                if min(size) < MIN_SIDE:
                    break
                scaled = rgb if scale == 1.0 else rgb.resize(size, Image.Resampling.LANCZOS)
                data = np.asarray(scaled)
                shapes.append((group_of(path), offset, *data.shape[:2]))
                out.write(data.tobytes())
                offset += data.size
    target.with_suffix(".json").write_text(json.dumps(shapes))


class CropStore:
    """Random crops, flips and transposes from a store.

    Pictures are drawn in proportion to their pixels, but no source gives more than `largest_share` of the crops.
    """

    def __init__(self, target: Path, seed: int, largest_share: float = 0.2) -> None:
        self.shapes = json.loads(target.with_suffix(".json").read_text())
        self.data = np.memmap(target.with_suffix(".u8"), np.uint8, "r")
        self.edges = np.cumsum(_weights(self.shapes, largest_share))
        self.random = np.random.default_rng(seed)

    def batch(self, count: int, size: int) -> np.ndarray:
        """uint8 [count, 3, size, size]."""
        out = np.empty((count, 3, size, size), np.uint8)
        done = 0
        while done < count:
            drawn = int(np.searchsorted(self.edges, self.random.random() * self.edges[-1]))
            _, offset, h, w = self.shapes[drawn]
            if min(h, w) < size:
                continue
            top, left = self.random.integers(h - size + 1), self.random.integers(w - size + 1)
            picture = self.data[offset : offset + h * w * 3].reshape(h, w, 3)
            crop = picture[top : top + size, left : left + size].transpose(2, 0, 1)
            flips = self.random.integers(8)
            crop = crop[:, :: -1 if flips & 1 else 1, :: -1 if flips & 2 else 1]
            out[done] = crop.transpose(0, 2, 1) if flips & 4 else crop
            done += 1
        return out


def _weights(shapes: Sequence[tuple[str, int, int, int]], largest_share: float) -> np.ndarray:
    """Pixel counts, scaled down in the sources that would exceed their share."""
    weights = np.array([h * w for _, _, h, w in shapes], float)
    sources = np.array([group for group, *_ in shapes])
    names = np.unique(sources)
    share = max(largest_share, 1 / len(names))
    for _ in range(50):  # capping one source raises the others' shares; this converges
        weights /= weights.sum()
        for name in names:
            members = sources == name
            weights[members] *= min(1.0, share / weights[members].sum())
    return weights / weights.sum()
