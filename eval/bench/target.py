"""How well and how fast targets are met: `kodek bench target`.

Every picture is encoded to every target and, for the time, once at the quality that was found: in turn, so that a busy
machine disturbs both. Targets beyond a picture's range can't be met by any search; they are counted apart.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from kodek.codecs.errors import TargetError
from kodek.codecs.image.target import Target, encode_to
from kodek.codecs.target import SIZE_SHARE, Found
from kodek.datasets import MediaError, Picture, find_images, read_picture

from ..models import load_model
from . import Progress, no_progress

if TYPE_CHECKING:
    from kodek.codecs.image.codec import ImageCodec


def run(
    data: str,
    model: str | None,
    targets: Mapping[str, Target],
    *,
    repeats: int = 3,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Encode every picture of `data` (as `find_images` takes it), without alpha and metadata, to every target.

    targets: by the names in the result. Returns `files`, each with its `target`, `bytes`, `value` (bytes or dB),
    `share` (of the target's bytes; None for PSNR), `encodes`, the median `seconds` of the search and of `one` encode,
    and whether it was `met`; `beyond`, the pictures by the targets that are out of their range; a sentence for each
    picture `left_out`; and whether the check `passed`: all files are met, and there are some.
    Raises MediaError when there are no pictures, CodecError.
    """
    entry, codec = load_model(model)
    files: list[dict[str, Any]] = []
    beyond: dict[str, list[str]] = {name: [] for name in targets}
    left_out: list[str] = []
    images: Sequence[Path | Picture] = find_images(data)
    for number, image in enumerate(images):
        file = f"{data}#{number}" if isinstance(image, Picture) else str(image)
        try:
            pixels = (image if isinstance(image, Picture) else read_picture(image)).pixels
        except MediaError as error:
            left_out.append(str(error))
            continue
        for i, (name, target) in enumerate(targets.items()):
            progress(number * len(targets) + i, len(images) * len(targets), f"{file} {name}")
            facts = _measure(codec, pixels, target, repeats)
            if facts is None:
                beyond[name].append(file)
            else:
                files.append({"file": file, "target": name, **facts})
    passed = bool(files) and all(file["met"] for file in files)
    return {"model": entry.name, "files": files, "beyond": beyond, "left_out": left_out, "passed": passed}


def report(result: dict[str, Any]) -> str:
    lines = []
    for name, missing in result["beyond"].items():
        rows = [file for file in result["files"] if file["target"] == name]
        out = f", {len(missing)} more beyond their range" if missing else ""
        lines.append(f"{name}: {sum(row['met'] for row in rows)} of {len(rows)} files met{out}")
        if not rows:
            continue
        if rows[0]["share"] is None:
            values = [row["value"] for row in rows]
            lines.append(f"  {min(values):.3f} to {max(values):.3f} dB, mean {statistics.mean(values):.3f} dB")
        else:
            shares = [100 * row["share"] for row in rows]
            lines.append(
                f"  {min(shares):.2f} to {max(shares):.2f} % of the size, mean {statistics.mean(shares):.2f} %"
            )
        encodes = [row["encodes"] for row in rows]
        ratios = [row["seconds"] / row["one"] for row in rows]
        times = f"in {statistics.median(ratios):.2f} times the time of one (median; at most {max(ratios):.2f})"
        lines.append(f"  {statistics.mean(encodes):.2f} encodes (at most {max(encodes)}) {times}")
    return "\n".join([f"{result['model']}, whole files without alpha and metadata", *lines])


def _measure(codec: ImageCodec, pixels: np.ndarray, target: Target, repeats: int) -> dict[str, Any] | None:
    """What `run` tells of a file; None where the target is beyond the picture's range."""
    from kodek.codecs.image.file import ImageEncoder

    def search() -> Found:
        return encode_to(ImageEncoder(codec, pixels), pixels, target)

    try:
        found = search()  # also warms up
    except TargetError:
        return None
    if found.beyond:
        return None
    if target.psnr is not None:
        share, met = None, found.value >= target.psnr
    else:
        share = len(found.data) / target.limit(pixels.shape[0] * pixels.shape[1])
        met = SIZE_SHARE <= share <= 1
    seconds, one = _in_turn(search, lambda: ImageEncoder(codec, pixels).encode(found.position), repeats)
    facts = {"bytes": len(found.data), "value": found.value, "share": share, "met": met}
    return facts | {"encodes": found.encodes, "seconds": seconds, "one": one}


def _in_turn(first: Callable[[], object], second: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds of each."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for action, times in zip((first, second), seconds, strict=True):
            start = time.perf_counter()
            action()
            times.append(time.perf_counter() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])
