"""``kodek compare``."""

from __future__ import annotations

import json as json_module
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .errors import Code, Failure
from .streams import SUFFIX, find_weights, naming, read_stream

if TYPE_CHECKING:
    import numpy as np

    from kodek.datasets import Picture


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="The original: a picture or a .kdk file.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="What became of it: a picture or a .kdk file.")],
    min_psnr: Annotated[
        float | None, typer.Option("--min-psnr", help="Exit with 7 if the PSNR is below this many dB.")
    ] = None,
    threads: options.Threads = None,
    max_pixels: options.MaxPixels = options.DEFAULT_MAX_PIXELS,
    json: options.Json = False,
) -> int:
    """Measure how far two pictures are apart: PSNR, MS-SSIM and bytes."""
    a, b = (_picture(path, threads, max_pixels) for path in (first, second))
    if (a.mode, a.width, a.height) != (b.mode, b.width, b.height):
        raise Failure(Code.DIFFERENCE, f"{first} is {_shape(a)}, but {second} is {_shape(b)}.")
    facts = _facts(a, b)
    for key, path in (("a", first), ("b", second)):
        size = path.stat().st_size
        facts[key] = {"file": str(path), "bytes": size, "bpp": round(8 * size / (a.width * a.height), 4)}
    print(json_module.dumps(facts) if json else _text(facts))
    below = min_psnr is not None and facts["psnr"] is not None and facts["psnr"] < min_psnr
    return Code.DIFFERENCE if below else Code.OK


def _picture(path: Path, threads: int | None, max_pixels: int) -> Picture:
    """A picture in any format, or a decoded .kdk file."""
    from kodek.codecs.container import Limits
    from kodek.datasets import read_picture

    if path.suffix.lower() != SUFFIX:
        return read_picture(path, max_pixels)
    limits = Limits(max_pixels=max_pixels)
    data, header, _ = read_stream(str(path), limits)
    find_weights(str(path), header)
    from .torch_setup import set_up

    set_up(threads)
    from ..api import decode_picture

    with naming(str(path)):
        return decode_picture(data, limits)


def _facts(a: Picture, b: Picture) -> dict[str, Any]:
    """The measures; PSNR is None for equal pixels, because JSON has no infinity."""
    from kodek.eval.errors import EvalError
    from kodek.eval.measures.distance import ms_ssim, psnr

    depth = max(a.depth, b.depth)
    first, second = (_samples(picture, depth) for picture in (a, b))
    value = psnr(first, second)
    facts: dict[str, Any] = {"width": a.width, "height": a.height, "mode": a.mode}
    facts["psnr"] = round(value, 4) if math.isfinite(value) else None
    try:
        facts["ms_ssim"] = round(ms_ssim(first, second), 6)
    except EvalError as reason:  # too small a picture: PSNR still counts
        facts |= {"ms_ssim": None, "ms_ssim_missing": str(reason)}
    return facts


def _samples(picture: Picture, depth: int) -> np.ndarray:
    """H x W x C at 8 or 16 bits; 255 becomes 65535."""
    if picture.depth == depth:
        return picture.pixels
    return picture.pixels.astype("uint16") * 257


def _text(facts: dict[str, Any]) -> str:
    psnr, ms_ssim = facts["psnr"], facts["ms_ssim"]
    lines = [
        f"PSNR     {'the pixels are the same' if psnr is None else f'{psnr:.3f} dB'}",
        f"MS-SSIM  {facts['ms_ssim_missing'] if ms_ssim is None else f'{ms_ssim:.5f}'}",
    ]
    for key in ("a", "b"):
        lines.append(f"{key.upper()}        {facts[key]['bytes']} bytes, {facts[key]['bpp']:.3f} bpp")
    return "\n".join(lines)


def _shape(picture: Picture) -> str:
    return f"{picture.width} x {picture.height} {picture.mode}"
