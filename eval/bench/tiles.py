"""Large pictures: seams between tiles, memory, and the time of a region: `kodek bench tiles`.

A photo is mirrored to the size of a large one and encoded twice, as always and as a single tile. Along the borders of
tiles the errors of the two decoded pictures are compared, and the step of the error from one side of a border to the
other is compared with that across the other lines between latents nearby. Then the photo is mirrored further, encoded
and decoded by the command line in processes of their own, and regions of it are decoded in this one.
"""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kodek.codecs.image.codec import TILE
from kodek.codecs.image.file import ImageEncoder, decode_image
from kodek.codecs.image.hyperprior import STRIDE
from kodek.datasets import DEFAULT_MAX_PIXELS, Picture, read_picture, write_picture
from numpy.typing import NDArray

from ..errors import EvalError
from ..models import load_model
from ..photos import bundled_photo, mirrored
from . import Progress, memory, no_progress

SIDE = TILE * STRIDE  # of a tile in pixels
STRIP = 8  # pixels along a border, half of them on either side
NEAR = 8  # lines between latents on either side of a border that it is compared with
REGION = 512
SEAM_BAR = 0.1  # dB
STEP_BAR = 1.02
MEMORY_BAR = 2_000_000_000  # bytes

Pixels = NDArray[np.integer]


def run(
    model: str | None = None,
    *,
    image: Path | None = None,
    size: tuple[int, int],
    megapixels: int,
    quality: float,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """size: width and height of the picture whose seams are looked at. image: 8-bit RGB, the bundled one if None.

    Returns `seams`, `memory` (as `memory.run`), `regions`, and whether all `passed`. Raises MediaError, EvalError or
    CodecError.
    """
    if min(size) < SIDE + NEAR * STRIDE:
        raise EvalError(f"{size[0]} x {size[1]} pixels are too few for seams: tiles have {SIDE} x {SIDE}.")
    if megapixels * 10**6 > DEFAULT_MAX_PIXELS or megapixels < 16:
        raise EvalError(f"{megapixels} megapixels are not between 16 and {DEFAULT_MAX_PIXELS // 10**6}.")
    entry, codec = load_model(model)
    if threads is not None:
        torch.set_num_threads(threads)
    large = round(math.sqrt(1.5e6 * megapixels)), round(math.sqrt(1e6 * megapixels / 1.5))

    def photo(width: int, height: int) -> Pixels:
        return bundled_photo(width, height) if image is None else mirrored(read_picture(image).pixels, width, height)

    progress(0, 4, "seams")
    result: dict[str, Any] = {"model": entry.name, "quality": quality}
    result["seams"] = {"width": size[0], "height": size[1], **seams(codec, photo(*size), round(quality * 2.55))}
    with tempfile.TemporaryDirectory() as folder:
        progress(1, 4, "memory")
        original = Path(folder, "photo.png")
        write_picture(original, Picture(photo(*large)))
        used = memory.measure(original, entry, quality, threads)
        result["memory"] = {"width": large[0], "height": large[1], **used}
        progress(3, 4, "regions")
        result["regions"] = regions(Path(folder, memory.CODED).read_bytes())
    peak = max(result["memory"][name]["peak"] for name in ("encode", "decode"))
    result["passed"] = result["seams"]["passed"] and peak < MEMORY_BAR
    return result


def seams(codec: Any, pixels: Pixels, position: int) -> dict[str, Any]:
    """pixels: uint8 [H, W, 3].

    `strips`: PSNR in dB along borders, tiled and untiled; `loss`: their difference. `step`: root mean square in levels
    of the step of the error across borders, and across lines nearby; `excess`: how many times larger than nearby it is
    at borders, relative to the same in the untiled picture.
    """
    untiled = copy.copy(codec)
    untiled.tile = max(pixels.shape)
    strips, step = {}, {}
    for name, variant in (("tiled", codec), ("untiled", untiled)):
        encoder = ImageEncoder(variant, pixels, memory=0)
        encoder.encode(position)
        decoded = encoder.reconstruct()
        errors = [_error(pixels, decoded, axis, line) for axis, line in _borders(pixels)]
        noise = np.mean([np.square(error).mean() for error in errors])
        strips[name] = float(20 * np.log10(255 / max(np.sqrt(noise), 1e-6)))
        step[name] = _step(pixels, decoded, [0])
        step[f"{name} nearby"] = _step(pixels, decoded, [n * STRIDE for n in range(-NEAR, NEAR + 1) if n])
        del encoder, decoded
    loss = strips["untiled"] - strips["tiled"]
    excess = (step["tiled"] / step["tiled nearby"]) / (step["untiled"] / step["untiled nearby"])
    return {
        "strips": strips,
        "step": step,
        "loss": loss,
        "excess": excess,
        "passed": loss <= SEAM_BAR and excess <= STEP_BAR,
    }


def regions(data: bytes) -> list[dict[str, Any]]:
    """Seconds to decode regions of a file, and their share of the seconds for all of it."""
    places = {"inside a tile": (SIDE - REGION) // 2, "across a corner of four": SIDE - REGION // 2}
    decode_image(data, region=(0, 0, 1, 1))  # the weights are read, and torch is warm
    seconds = {name: _seconds(data, (at, at, REGION, REGION)) for name, at in places.items()}
    whole = _seconds(data, None)
    return [{"name": name, "seconds": s, "whole": whole, "share": s / whole} for name, s in seconds.items()]


def report(result: dict[str, Any]) -> str:
    seams, large = result["seams"], result["memory"]
    strips, step = seams["strips"], seams["step"]
    peaks = [
        f"{name} {large[name]['peak'] / 1e9:.2f} GB, {large[name]['seconds']:.1f} s" for name in ("encode", "decode")
    ]
    worst = max(large[name]["peak"] for name in ("encode", "decode"))
    return "\n".join(
        (
            f"{seams['width']} x {seams['height']}, {result['model']} at {result['quality']:g}, borders of tiles:",
            f"  strips of {STRIP} pixels: {strips['tiled']:.2f} dB, {strips['untiled']:.2f} dB as a single tile",
            f"  step of the error: {step['tiled']:.3f} levels, {step['tiled nearby']:.3f} across lines nearby; "
            f"{step['untiled']:.3f} and {step['untiled nearby']:.3f} as a single tile",
            f"  {'no seam' if seams['passed'] else 'SEAMS'}: {seams['loss']:.3f} dB worse (bar: {SEAM_BAR}), "
            f"steps {seams['excess']:.3f} times as large (bar: {STEP_BAR})",
            f"{large['width']} x {large['height']}, PNG in and out: {'; '.join(peaks)} at the peak "
            f"({'below' if worst < MEMORY_BAR else 'ABOVE'} {MEMORY_BAR / 1e9:g} GB)",
            *(
                f"  {REGION} x {REGION} {r['name']}: {r['seconds']:.2f} s, {100 * r['share']:.1f} % of the whole"
                for r in result["regions"]
            ),
        )
    )


def _borders(pixels: Pixels) -> Iterator[tuple[int, int]]:
    """Axis and first row or column behind each border between tiles."""
    for axis in (0, 1):
        yield from ((axis, line) for line in range(SIDE, pixels.shape[axis], SIDE))


def _error(pixels: Pixels, decoded: Pixels, axis: int, line: int, reach: int = STRIP // 2) -> NDArray[np.float64]:
    """Of the rows or columns `reach` to either side of a line, which come first."""
    part = slice(line - reach, line + reach)
    both = [np.moveaxis(x, axis, 0)[part].astype(np.float64) for x in (pixels, decoded)]
    return both[1] - both[0]


def _step(pixels: Pixels, decoded: Pixels, offsets: list[int]) -> float:
    """Root mean square of the step of the error across lines beside the borders."""
    squares = [
        np.square(np.diff(_error(pixels, decoded, axis, line + offset, 1), axis=0)).mean()
        for axis, line in _borders(pixels)
        for offset in offsets
        if 0 < line + offset < pixels.shape[axis]
    ]
    return float(np.sqrt(np.mean(squares)))


def _seconds(data: bytes, region: tuple[int, int, int, int] | None) -> float:
    start = time.perf_counter()
    decode_image(data, region=region)
    return time.perf_counter() - start
