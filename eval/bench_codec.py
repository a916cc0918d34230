"""Encoding and decoding speed beside CompressAI: `python -m kodek.eval.bench_codec`.

A photo of 768 x 512 is coded to bytes and back, as functions of one process after a warm-up: kodek from uint8 pixels
to the bytes of a whole file and back, CompressAI's `mbt2018_mean` at quality 3 from a float tensor to its strings and
back. Both run under the same allocator settings and threads, in turn, so that a busy machine disturbs both;
CompressAI in both memory layouts, of which the faster counts; kodek chose its layout (channels last) for good.

CompressAI's weights are random, because its own are a download. That leaves its times as they are and its rates
without meaning; the published rate of this model on Kodak is stated beside, and kodek's at equal PSNR when --rows
names the rows of a `kodek.eval.rd` run over Kodak.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from kodek.datasets import read_picture

from .bd import rate_at
from .children import MALLOC, run_module
from .codec import find_model, load_model
from .photos import bundled_photo
from .published import MBT2018_MEAN_Q3
from .rows import mean_curve, read_rows

WIDTH, HEIGHT = 768, 512
REPEATS = 9
QUALITY = 50.0


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
    quality: float = QUALITY,
    repeats: int = REPEATS,
    threads: int | None = None,
    malloc: str = "tuned",
    rows: Path | None = None,
) -> dict[str, Any]:
    """Race in a fresh process; times in seconds, `ratio` is kodek's over CompressAI's.

    image: a picture (default: the bundled photo at 768 x 512). malloc: "tuned", as the command line has it, or
    "default".
    Raises EvalError, MediaError or CodecError.
    """
    entry = find_model(model)
    job = {
        "image": str(image) if image else None,
        "model": str(entry.path),
        "quality": quality,
        "repeats": repeats,
        "threads": threads,
    }
    result = run_module("kodek.eval.bench_codec", job, MALLOC[malloc])
    ours, theirs = result["contestants"][0], result["contestants"][1:]
    best = {kind: min(c["both"][kind] for c in theirs) for kind in ("min", "median")}
    result["ratio"] = {kind: ours["both"][kind] / best[kind] for kind in best}
    result |= {"model": entry.name, "malloc": malloc, "published": MBT2018_MEAN_Q3, "rate": None}
    if rows is not None:
        of_model = (row for row in read_rows(rows) if row["codec"] == entry.name)
        result["rate"] = rate_at([point[1:] for point in mean_curve(of_model)], MBT2018_MEAN_Q3[1])
    return result


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
    from compressai.zoo import mbt2018_mean

    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = mbt2018_mean(quality=3, pretrained=False).eval().to(memory_format=layout)
    network.update()
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div(255).contiguous(memory_format=layout)

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
        lines.append(f"{result['model']} at {psnr:.2f} dB on the rows given: {result['rate']:.4f} bpp ({more:+.1f} %)")
    lines.append(", ".join(f"{name} {number}" for name, number in result["versions"].items()))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", type=Path, help="an 8-bit RGB picture (default: the bundled photo)")
    parser.add_argument("--model", help="a name from `kodek models` or a path (default: the newest)")
    parser.add_argument("--quality", type=float, default=QUALITY, help=f"of kodek (default {QUALITY:g})")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"default {REPEATS}")
    parser.add_argument("--threads", type=int, help="of torch (default: its own choice)")
    parser.add_argument("--malloc", choices=MALLOC, default="tuned", help="for all codecs (default tuned)")
    parser.add_argument("--rows", type=Path, help="rows of kodek.eval.rd over Kodak, for the rate at equal PSNR")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.job:
        print(json.dumps(_job(**json.loads(args.job))))
        return 0
    options = {key: value for key, value in vars(args).items() if key not in ("json", "job")}
    try:
        result = run(**options)
    except (ValueError, OSError) as error:
        print(f"kodek: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result) if args.json else report(result))
    return 0


def _job(image: str | None, model: str, quality: float, repeats: int, threads: int | None) -> dict[str, Any]:
    """What the fresh process does."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    pixels = bundled_photo(WIDTH, HEIGHT) if image is None else read_picture(image).pixels
    contestants = [ours(model, pixels, quality), compressai(pixels, False), compressai(pixels, True)]
    race(contestants, repeats)
    return {
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "versions": {name: version(name) for name in ("kodek", "torch", "compressai")},
        "contestants": [contestant.summary() for contestant in contestants],
    }


if __name__ == "__main__":
    sys.exit(main())
