"""Peak memory and time of the command line on much at once: `kodek bench memory`.

A photo, the bundled one mirrored to 24 megapixels, or an hour of sound: `kodek encode` and `kodek decode` run in fresh
processes, of which the system reports the largest resident set.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from kodek.codecs.zoo import ModelEntry
from kodek.datasets import DEFAULT_MAX_PIXELS, Picture, write_picture, write_wav

from ..children import usage
from ..errors import EvalError
from ..models import find_model, media_of
from ..photos import bundled_photo
from ..sample import Media
from ..sounds import hours
from . import Progress, no_progress

BARS = {Media.IMAGE: 3_000_000_000, Media.AUDIO: 1_000_000_000}  # bytes
SOUND_RATE = 24_000
CODED = "coded.kdk"


def run(
    model: str | None = None,
    *,
    width: int,
    height: int,
    seconds: float = 3600,
    quality: float,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Of a photo of `width` x `height`, or of `seconds` of sound with a model of sound.

    `encode` and `decode`, each with the `peak` of the resident set in bytes and the `seconds`, and the file's bytes.

    Raises EvalError or CodecError.
    """
    entry = find_model(model)
    media = media_of(entry)
    if media is Media.IMAGE and width * height > DEFAULT_MAX_PIXELS:
        raise EvalError(f"{width} x {height} are more than the {DEFAULT_MAX_PIXELS // 10**6} megapixels kodek encodes.")
    with tempfile.TemporaryDirectory() as folder:
        progress(0, 3, "writing the original")
        if media is Media.AUDIO:
            original = Path(folder, "sound.wav")
            write_wav(original, hours(seconds, SOUND_RATE))
            facts: dict[str, Any] = {"seconds": seconds}
        else:
            original = Path(folder, "photo.png")
            write_picture(original, Picture(bundled_photo(width, height)))
            facts = {"width": width, "height": height}
        used = measure(original, entry, quality, threads, progress)
    return {"model": entry.name, "media": str(media), "quality": quality, **facts, **used}


def measure(
    original: Path, entry: ModelEntry, quality: float, threads: int | None, progress: Progress = no_progress
) -> dict[str, Any]:
    """`run` for one file; what it is coded to stays beside it as `CODED`."""
    coded, decoded = original.with_name(CODED), original.with_name(f"decoded{original.suffix}")
    encode = ["encode", str(original), str(coded), "--model", str(entry.path), "--quality", str(quality)]
    result: dict[str, Any] = {}
    for done, command in enumerate((encode, ["decode", str(coded), str(decoded)]), 1):
        name = command[0]
        progress(done, 3, f"kodek {name}")
        more = [] if threads is None else ["--threads", str(threads)]
        used = usage([sys.executable, "-m", "kodek", *command, *more])
        result[name] = {"peak": used.peak, "seconds": used.seconds}
    return {**result, "bytes": coded.stat().st_size}


def report(result: dict[str, Any]) -> str:
    media, used = Media(result["media"]), {name: result[name] for name in ("encode", "decode")}
    if media is Media.AUDIO:
        lines = [f"{result['seconds']:g} s of sound with {result['model']}, WAV in and out"]
        each = {name: f"{result['seconds'] / use['seconds']:.1f} x real time" for name, use in used.items()}
    else:
        pixels = result["width"] * result["height"]
        size = f"{result['width']} x {result['height']} ({pixels / 1e6:.1f} megapixels)"
        lines = [f"{size} with {result['model']}, PNG in and out"]
        each = {name: f"{use['peak'] / pixels:.0f} bytes a pixel" for name, use in used.items()}
    for name, use in used.items():
        lines.append(f"{name}: {use['peak'] / 1e9:.2f} GB at the peak, {use['seconds']:.1f} s ({each[name]})")
    verdict = "below" if max(use["peak"] for use in used.values()) < BARS[media] else "ABOVE"
    lines.append(f"{verdict} the bar of {BARS[media] / 1e9:g} GB; the file has {result['bytes']} bytes")
    return "\n".join(lines)
