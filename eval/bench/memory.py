"""Peak memory of the command line on a large photo: `kodek bench memory`.

The bundled photo is mirrored to 24 megapixels; `kodek encode` and `kodek decode` then run in fresh processes, of which
the system reports the largest resident set.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from kodek.codecs.zoo import ModelEntry
from kodek.datasets import DEFAULT_MAX_PIXELS, Picture, write_picture
from numpy.typing import NDArray

from ..children import usage
from ..errors import EvalError
from ..models import find_model
from ..photos import bundled_photo
from . import Progress, no_progress

BAR = 3_000_000_000  # bytes
CODED = "photo.kdk"


def run(
    model: str | None = None,
    *,
    width: int,
    height: int,
    quality: float,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """`encode` and `decode`, each with the `peak` of the resident set in bytes and the `seconds`, and the file's bytes.

    Raises EvalError or CodecError.
    """
    if width * height > DEFAULT_MAX_PIXELS:
        raise EvalError(f"{width} x {height} are more than the {DEFAULT_MAX_PIXELS // 10**6} megapixels kodek encodes.")
    entry = find_model(model)
    with tempfile.TemporaryDirectory() as folder:
        return measure(folder, bundled_photo(width, height), entry, quality, threads, progress)


def measure(
    folder: str,
    pixels: NDArray[np.integer],
    entry: ModelEntry,
    quality: float,
    threads: int | None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """`run` for one photo, uint8 [H, W, 3]; its file stays in the folder as `CODED`."""
    height, width = pixels.shape[:2]
    result: dict[str, Any] = {"model": entry.name, "width": width, "height": height, "quality": quality}
    progress(0, 3, "writing the photo")
    photo, coded, decoded = (str(Path(folder, name)) for name in ("photo.png", CODED, "decoded.png"))
    write_picture(photo, Picture(pixels))
    encode = ["encode", photo, coded, "--model", str(entry.path), "--quality", str(quality)]
    for done, command in enumerate((encode, ["decode", coded, decoded]), 1):
        name = command[0]
        progress(done, 3, f"kodek {name}")
        more = [] if threads is None else ["--threads", str(threads)]
        used = usage([sys.executable, "-m", "kodek", *command, *more])
        result[name] = {"peak": used.peak, "seconds": used.seconds}
    return {**result, "bytes": Path(coded).stat().st_size}


def report(result: dict[str, Any]) -> str:
    pixels = result["width"] * result["height"]
    lines = [
        f"{result['width']} x {result['height']} ({pixels / 1e6:.1f} megapixels) with {result['model']}, PNG in and out"
    ]
    for name in ("encode", "decode"):
        peak, seconds = result[name]["peak"], result[name]["seconds"]
        lines.append(f"{name}: {peak / 1e9:.2f} GB at the peak ({peak / pixels:.0f} bytes a pixel), {seconds:.1f} s")
    worst = max(result[name]["peak"] for name in ("encode", "decode"))
    lines.append(
        f"{'below' if worst < BAR else 'ABOVE'} the bar of {BAR / 1e9:g} GB; the file has {result['bytes']} bytes"
    )
    return "\n".join(lines)
