"""Encoding and decoding speed beside CompressAI: `kodek bench codec`.

A photo of 768 x 512 is coded to bytes and back, as functions of one process after a warm-up: kodek from uint8 pixels
to the bytes of a whole file and back, CompressAI's `mbt2018_mean` at quality 3 from a float tensor to its strings and
back. Both run under the same allocator settings and threads, in turn, so that a busy machine disturbs both;
CompressAI in both memory layouts, of which the faster counts; kodek chose its layout (channels last) for good.

CompressAI's weights are random, because its own are a download. That leaves its times as they are and its rates
without meaning; the published rate of this model on Kodak is stated beside, and kodek's at equal PSNR where the
results of a `kodek eval` over Kodak are named.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from kodek.datasets import read_picture

from ..bd import rate_at
from ..children import MALLOC, run_module, serve
from ..errors import EvalError
from ..models import find_model, load_model
from ..photos import bundled_photo
from ..published import MBT2018_MEAN_Q3
from ..results import Results
from . import need

WIDTH, HEIGHT = 768, 512


@dataclass
class Contestant:
    """`encode` gives what `decode` takes. seconds: (encode, decode) of each repeat."""

    name: str
    encode: Callable[[], Any]
    decode: Callable[[Any], Any]
    seconds: list[tuple[float, float]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        columns = {
            "encode": [e for e, _ in self.seconds],
            "decode": [d for _, d in self.seconds],
            "both": [e + d for e, d in self.seconds],
        }
        return {
            "name": self.name,
            **{k: {"min": min(v), "median": statistics.median(v)} for k, v in columns.items()},
        }


def run(
    image: Path | None = None,
    model: str | None = None,
    *,
    quality: float,
    repeats: int,
    threads: int | None = None,
    malloc: str = "tuned",
    rows: Path | None = None,
) -> dict[str, Any]:
    """Race in a fresh process.

    image: an 8-bit RGB picture (default: the bundled photo at 768 x 512). malloc: "tuned", as the command line has
    it, or "default". rows: results of `kodek eval` over Kodak, for the rate at equal PSNR.

    Returns `contestants` (kodek first) with seconds of `encode`, `decode` and `both`, `ratio` (kodek's time over that
    of the faster layout of CompressAI), each as minimum and median, `rate` (bits per pixel, None without rows), and
    the settings. Raises EvalError, Unavailable, MediaError or CodecError.
    """
    need("compressai")
    entry = find_model(model)
    pixels = _pixels(image)
    rate = None
    if rows is not None:
        points = Results.load([rows]).curve(entry.name, "psnr")
        rate = rate_at([(point.rate, point.value) for point in points], MBT2018_MEAN_Q3[1])
    job = {
        "image": str(image) if image else None,
        "model": str(entry.path),
        "quality": quality,
        "repeats": repeats,
        "threads": threads,
    }
    result = run_module("kodek.eval.bench.codec", job, MALLOC[malloc])
    ours, theirs = result["contestants"][0], result["contestants"][1:]
    best = {kind: min(c["both"][kind] for c in theirs) for kind in ("min", "median")}
    return {
        "model": entry.name,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "quality": quality,
        "repeats": repeats,
        "malloc": malloc,
        **result,
        "ratio": {kind: ours["both"][kind] / best[kind] for kind in best},
        "published": MBT2018_MEAN_Q3,
        "rate": rate,
    }


def race(contestants: Sequence[Contestant], repeats: int, warm_up: int = 2) -> None:
    """Time every contestant `repeats` times in turn, after `warm_up` rounds that don't count."""
    for number in range(warm_up + repeats):
        for contestant in contestants:
            start = time.perf_counter()
            coded = contestant.encode()
            middle = time.perf_counter()
            contestant.decode(coded)
            end = time.perf_counter()
            if number >= warm_up:
                contestant.seconds.append((middle - start, end - middle))


def ours(model: str, pixels: np.ndarray, quality: float) -> Contestant:
    from kodek.codecs.image.file import decode_image, encode_image

    entry, codec = load_model(model)
    return Contestant(entry.name, lambda: encode_image(codec, pixels, quality=quality), decode_image)


def compressai(pixels: np.ndarray, channels_last: bool) -> Contestant:
    """`mbt2018_mean` with random weights, in one of both memory layouts."""
    from kodek.datasets.compat import install

    install()
    import torch
    from compressai.ops import compute_padding
    from compressai.zoo import mbt2018_mean

    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = mbt2018_mean(quality=3, pretrained=False).eval().to(memory_format=layout)
    network.update()
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div(255)
    padding, _ = compute_padding(*pixels.shape[:2], min_div=64)  # its networks take no other sides
    x = torch.nn.functional.pad(x, padding).contiguous(memory_format=layout)

    def encode() -> dict[str, Any]:
        with torch.inference_mode():
            return network.compress(x)

    def decode(coded: dict[str, Any]) -> dict[str, Any]:
        with torch.inference_mode():
            return network.decompress(coded["strings"], coded["shape"])

    return Contestant(f"mbt2018_mean q3, {'channels last' if channels_last else 'contiguous'}", encode, decode)


def report(result: dict[str, Any]) -> str:
    rate, psnr = result["published"]
    lines = [
        f"{result['width']} x {result['height']}, {result['threads']} threads, {result['malloc']} malloc for all, "
        f"{result['repeats']} repeats in turn; ms, min (median)",
        f"{'codec':<34}{'encode':>18}{'decode':>18}{'both':>18}",
    ]
    for c in result["contestants"]:
        cells = (f"{1e3 * c[k]['min']:.1f} ({1e3 * c[k]['median']:.1f})" for k in ("encode", "decode", "both"))
        lines.append(f"{c['name']:<34}" + "".join(f"{cell:>18}" for cell in cells))
    ratio = result["ratio"]
    lines.append(
        f"kodek takes {ratio['min']:.3f} (median {ratio['median']:.3f}) of the time of the faster layout of CompressAI"
    )
    lines.append(f"published for mbt2018_mean q3 on Kodak: {rate:.4f} bpp at {psnr:.2f} dB")
    if result["rate"] is not None:
        more = 100 * (result["rate"] / rate - 1)
        lines.append(
            f"{result['model']} at {psnr:.2f} dB in the results given: {result['rate']:.4f} bpp ({more:+.1f} %)"
        )
    lines.append(", ".join(f"{name} {number}" for name, number in result["versions"].items()))
    return "\n".join(lines)


def _pixels(image: Path | None) -> np.ndarray:
    """uint8 [H, W, 3]."""
    if image is None:
        return bundled_photo(WIDTH, HEIGHT)
    picture = read_picture(image)
    if (picture.mode, picture.depth) != ("RGB", 8):
        raise EvalError(f"{image} is {picture.mode} of {picture.depth} bits; this benchmark takes 8-bit RGB.")
    return picture.pixels


def _job(image: str | None, model: str, quality: float, repeats: int, threads: int | None) -> dict[str, Any]:
    """What the fresh process does."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    pixels = _pixels(Path(image) if image else None)
    contestants = [ours(model, pixels, quality), compressai(pixels, False), compressai(pixels, True)]
    race(contestants, repeats)
    return {
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("kodek", "torch", "compressai")},
        "contestants": [contestant.summary() for contestant in contestants],
    }


if __name__ == "__main__":
    serve(_job)
