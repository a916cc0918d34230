"""What the slow encoder gains and costs: `kodek bench effort`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from kodek.codecs.image.target import psnr
from kodek.datasets import MediaError, Picture, find_images, read_picture

from ..bd import bd_rate, common_interval
from ..models import load_model
from . import Progress, need, no_progress

if TYPE_CHECKING:
    from kodek.codecs.image.codec import ImageCodec


def run(
    data: str,
    model: str | None,
    efforts: Sequence[int],
    qualities: Sequence[float],
    *,
    crop: int | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Encode every picture of `data` (as `find_images` takes it), without alpha and metadata, at every quality.

    efforts: to compare with effort 0; crop: side in pixels of the centre that is taken, None: all. Returns `files`,
    each with its `effort`, `seconds` a megapixel, its `curve` of bits per pixel and dB, and `saved`: its BD-rate
    against effort 0 over the PSNR that both curves cover; a sentence for each picture `left_out`; and whether it
    `passed`: there are files. Raises MediaError when there are no pictures, CodecError, Unavailable.
    """
    need("bjontegaard")
    entry, codec = load_model(model)
    files: list[dict[str, Any]] = []
    left_out: list[str] = []
    images: Sequence[Path | Picture] = find_images(data)
    for number, image in enumerate(images):
        file = f"{data}#{number}" if isinstance(image, Picture) else str(image)
        try:
            pixels = _centre((image if isinstance(image, Picture) else read_picture(image)).pixels, crop)
        except MediaError as error:
            left_out.append(str(error))
            continue
        fast: dict[str, Any] | None = None
        for i, effort in enumerate((0, *efforts)):
            progress(number * (1 + len(efforts)) + i, len(images) * (1 + len(efforts)), f"{file} effort {effort}")
            row = _measure(codec, pixels, effort, qualities)
            fast = fast or row
            interval = common_interval(row["curve"], fast["curve"])
            files.append({"file": file, **row, "saved": bd_rate(row["curve"], fast["curve"], interval)})
    return {"model": entry.name, "files": files, "left_out": left_out, "passed": bool(files)}


def report(result: dict[str, Any]) -> str:
    lines = [f"{result['model']}, whole files without alpha and metadata; rate at equal PSNR against effort 0"]
    for effort in sorted({file["effort"] for file in result["files"]}):
        rows = [file for file in result["files"] if file["effort"] == effort]
        saved = [row["saved"] for row in rows]
        seconds = statistics.median(row["seconds"] for row in rows)
        rates = f"{statistics.mean(saved):+.2f} % ({min(saved):+.2f} to {max(saved):+.2f} %)"
        lines.append(f"effort {effort}: {rates}, {seconds:.1f} s a megapixel, {len(rows)} pictures")
    return "\n".join(lines)


def _measure(codec: ImageCodec, pixels: np.ndarray, effort: int, qualities: Sequence[float]) -> dict[str, Any]:
    from kodek.codecs.image.file import ImageEncoder

    count = pixels.shape[0] * pixels.shape[1]
    curve, seconds = [], 0.0
    for quality in qualities:
        start = time.perf_counter()
        encoder = ImageEncoder(codec, pixels, effort=effort, memory=0)
        data = encoder.encode(round(quality * 2.55))
        seconds += time.perf_counter() - start
        curve.append((8 * len(data) / count, psnr(pixels, encoder.reconstruct())))
    return {"effort": effort, "seconds": seconds / len(qualities) / (count / 1e6), "curve": curve}


def _centre(pixels: np.ndarray, side: int | None) -> np.ndarray:
    if side is None:
        return pixels
    top, left = (max(0, length - side) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]
