"""Decoded pictures for the slider, stored without loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from ..results import Results
from ..rows import Row
from .choose import Shelf, Tell, by_codec, nearest, spread, targets
from .words import leading, shown

FOLDER = "pictures"
RATES = 5  # sizes to choose from, fewer where the folder would become too large
BUDGET = 45e6  # bytes, at about one a pixel
LARGEST = (960, 1280)  # of what is shown of a picture: height, width


def pictures(results: Results, shelf: Shelf, out: Path, count: int, tell: Tell) -> list[dict[str, Any]]:
    """Write the pictures of `count` files to `out` and describe them for the page's script."""
    files = spread(results, count)
    found = []
    for number, file in enumerate(files):
        original = shelf.original(file)
        if not isinstance(original, np.ndarray):
            continue
        tell(f"Pictures of {file}")
        shown_pixels = min(original.shape[0], LARGEST[0]) * min(original.shape[1], LARGEST[1])
        rates = int(np.clip(BUDGET / (shown_pixels * len(files) * len(results.codecs)), 2, RATES))
        found.append(_picture(results, shelf, out, f"{number}", file, original, rates))
    return [picture for picture in found if picture["codecs"]]


def _picture(
    results: Results, shelf: Shelf, out: Path, stem: str, file: str, original: np.ndarray, rates: int
) -> dict[str, Any]:
    rows = by_codec(results, file)
    sizes = targets([row for group in rows.values() for row in group], rates, _bytes)
    height, width = original.shape[:2]
    part = _centre(original)
    codecs: dict[str, list[dict[str, Any]]] = {}
    for codec, group in rows.items():
        for row in nearest(group, sizes, _bytes):
            decoded = shelf.decoded(row, original)
            if isinstance(decoded, np.ndarray):
                versions = codecs.setdefault(codec, [])
                name = f"{stem}-{results.codecs.index(codec)}-{len(versions)}"  # no file or codec gives a path its name
                versions.append(
                    {
                        "src": _save(_centre(decoded), out, name),
                        "setting": f"{row['setting']:g}",
                        "bytes": row["bytes"],
                        "bpp": 8 * row["bytes"] / (width * height),
                        "measures": shown(row, leading(results)),
                    }
                )
    cropped = part.shape != original.shape
    return {
        "name": file,
        "width": part.shape[1],
        "height": part.shape[0],
        "note": f"The middle {part.shape[1]} x {part.shape[0]} of {width} x {height} pixels." if cropped else "",
        "original": {"src": _save(part, out, f"{stem}-original"), "setting": "", "measures": []},
        "codecs": codecs,
        "targets": sizes,
    }


def _centre(pixels: np.ndarray) -> np.ndarray:
    top, left = (max(0, size - most) // 2 for size, most in zip(pixels.shape, LARGEST, strict=False))
    return pixels[top : top + LARGEST[0], left : left + LARGEST[1]]


def _save(pixels: np.ndarray, out: Path, name: str) -> str:
    folder = out / FOLDER
    folder.mkdir(exist_ok=True)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if features.check("webp"):
        path = folder / f"{name}.webp"
        image.save(path, lossless=True, quality=25, method=2)
    else:
        path = folder / f"{name}.png"
        image.save(path)
    return f"{FOLDER}/{path.name}"


def _bytes(row: Row) -> float:
    return float(row["bytes"])
