"""Rate-distortion on a set of pictures: `python -m kodek.eval.rd --data DIR`.

Every codec at every one of its settings codes every picture to the bytes of a whole file and back. Rates are lengths of
files, PSNR is over RGB at 8 bits, BD-rates name their interval. Grey pictures are spread over RGB; alpha and metadata
are left out, because they would weigh differently in every format.

With --out the rows are kept and a run that was interrupted goes on where it stopped. Seconds are those of one call.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from kodek.datasets import MediaError, Picture, find_images, read_picture

from .anchors import ANCHORS, anchor
from .bd import INTERVAL, Interval, bd_rate, per_file
from .codec import QUALITIES, Codec, kodek_codec
from .errors import EvalError
from .estimate import within_bar
from .metrics import psnr
from .rows import Journal, Row, curves, key, mean_curve

PART = 0.5  # of the interval that a picture's curves must cover to count in the last column of the table

Progress = Callable[[int, int, str], None]  # done, of how many, what


def measure(codec: Codec, pixels: np.ndarray, setting: float, file: str) -> Row:
    """One row: `pixels` (uint8 [H, W, 3]) through the codec and back."""
    start = time.perf_counter()
    data = codec.encode(pixels, setting)
    middle = time.perf_counter()
    decoded = codec.decode(data)
    end = time.perf_counter()
    quality = psnr(pixels, decoded, 255)
    row = {
        "codec": codec.name,
        "setting": setting,
        "file": file,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "bytes": len(data),
        "psnr": quality if math.isfinite(quality) else None,
        "encode_seconds": round(middle - start, 6),
        "decode_seconds": round(end - middle, 6),
        "versions": codec.versions,
    }
    return row if codec.estimate is None else {**row, "estimate": codec.estimate(data)}


def run(
    data: str, codecs: Sequence[Codec], out: Path | None = None, progress: Progress | None = None
) -> tuple[list[Row], list[str]]:
    """Measure every codec on every picture of `data` (as `find_images` takes it).

    Returns the rows of these codecs in these versions, those of an earlier run in `out` included, and a sentence for
    each picture that was left out. Raises MediaError when there are none, EvalError when `out` holds something else.
    """
    journal = Journal(out)
    wanted: list[Row] = []
    problems = []
    images: Sequence[Path | Picture] = find_images(data)
    total = len(images) * sum(len(codec.settings) for codec in codecs)
    done = 0
    for number, image in enumerate(images):
        name = _name(image, data, number)
        todo = [(codec, setting) for codec in codecs for setting in codec.settings]
        pixels: np.ndarray | None = None
        for codec, setting in todo:
            row = journal.rows.get(key(codec.name, setting, name, codec.versions))
            if row is None or (codec.estimate is not None and "estimate" not in row):
                try:
                    pixels = _rgb(image, name) if pixels is None else pixels
                except MediaError as error:
                    problems.append(str(error))
                    break
                row = measure(codec, pixels, setting, name)
                journal.add(row)
            wanted.append(row)
            done += 1
            if progress is not None:
                progress(done, total, f"{name} {codec.name} {setting:g}")
        done = (number + 1) * len(todo)
    return wanted, problems


def report(rows: Sequence[Row], interval: Interval = INTERVAL) -> str:
    """Mean curves, then the BD-rate of every codec against every other."""
    names = list(dict.fromkeys(row["codec"] for row in rows))
    means = {name: mean_curve([row for row in rows if row["codec"] == name]) for name in names}
    single = curves(rows)
    lines = []
    for name, curve in means.items():
        versions = next(row["versions"] for row in rows if row["codec"] == name)
        lines.append(
            f"{name}: mean of {len(single[name])} pictures ({', '.join(f'{k} {v}' for k, v in versions.items())})"
        )
        lines.append(f"{'setting':>9}{'bpp':>10}{'PSNR dB':>10}{'enc s':>9}{'dec s':>9}")
        for setting, rate, quality in curve:
            group = [row for row in rows if (row["codec"], row["setting"]) == (name, setting)]
            seconds = [np.mean([row[f"{way}_seconds"] for row in group]) for way in ("encode", "decode")]
            lines.append(f"{setting:>9g}{rate:>10.4f}{quality:>10.3f}{seconds[0]:>9.3f}{seconds[1]:>9.3f}")
        lines.append("")
    if len(names) > 1:
        lines.append(f"BD-rate in % over {interval[0]:g} to {interval[1]:g} dB PSNR-RGB (pchip; negative: fewer bytes)")
        lines.append(f"{'codec':<24}{'against':<24}{'mean curve':>11}{'per picture':>18}{'where covered':>18}")
        lines += [_comparison(a, b, means, single, interval) for b in names for a in names if a != b]
    return "\n".join(lines)


def report_estimates(rows: Sequence[Row]) -> str:
    """How file lengths compare with the model's own estimates; every file must be within 1 % + 64 bytes."""
    rated = [row for row in rows if "estimate" in row]
    outside = [row for row in rated if not within_bar(row["bytes"], row["estimate"])]
    excess = [100 * (row["bytes"] / row["estimate"] - 1) for row in rated]
    lines = [
        f"{row['file']} at {row['setting']:g}: {row['bytes']} bytes, estimate {row['estimate']:.0f}" for row in outside
    ]
    lines.append(
        f"file length over the estimate on rounded latents without tables: mean {np.mean(excess):+.3f} %, "
        f"{min(excess):+.3f} to {max(excess):+.3f} %; "
        f"{len(rated) - len(outside)} of {len(rated)} files within 1 % + 64 bytes"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder, a picture, or a text file that lists pictures")
    parser.add_argument("--model", help="a name from `kodek models` or a path (default: the newest)")
    parser.add_argument("--qualities", type=_numbers, default=QUALITIES, help="of kodek (default 0,10,...,100)")
    parser.add_argument("--anchors", default=",".join(ANCHORS), help="comma-separated, or an empty text (default: all)")
    parser.add_argument("--only-anchors", action="store_true", help="leave kodek out")
    parser.add_argument("--interval", type=_interval, default=INTERVAL, help="of the BD-rate in dB (default 28-36)")
    parser.add_argument("--out", type=Path, help="keep the rows in this JSON Lines file, and continue from it")
    parser.add_argument("--estimate", action="store_true", help="compare lengths with the model's own estimates")
    parser.add_argument("--device", default="cpu", help="of kodek's networks (default cpu)")
    args = parser.parse_args(arguments)
    try:
        codecs = [anchor(name) for name in args.anchors.split(",") if name]
        if not args.only_anchors:
            codecs.insert(0, kodek_codec(args.model, args.qualities, args.device, args.estimate))
        rows, problems = _with_bar(lambda progress: run(args.data, codecs, args.out, progress))
        print(report(rows, args.interval))
        if args.estimate and not args.only_anchors:
            print("\n" + report_estimates(rows))
    except (ValueError, OSError) as error:  # EvalError, MediaError and CodecError are ValueErrors
        print(f"kodek: {error}", file=sys.stderr)
        return 1
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _comparison(name: str, other: str, means: Any, single: Any, interval: Interval) -> str:
    head = f"{name:<24}{other:<24}"
    pictures = per_file(single[name], single[other], interval)
    partly = per_file(single[name], single[other], interval, part=PART)
    curve, reference = ([point[1:] for point in means[codec]] for codec in (name, other))
    try:
        average = f"{bd_rate(curve, reference, interval):+.2f}"
    except EvalError as reason:
        return f"{head}  none: {reason}"
    cells = (f"{p.mean:+.2f} ({len(p.rates)}/{len(p.rates) + len(p.missing)})" for p in (pictures, partly))
    return f"{head}{average:>11}" + "".join(f"{cell:>18}" for cell in cells)


def _with_bar(work: Callable[[Progress], tuple[list[Row], list[str]]]) -> tuple[list[Row], list[str]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        return work(lambda done, total, what: bar.update(task, completed=done, total=total, description=what))


def _rgb(image: Path | Picture, name: str) -> np.ndarray:
    """uint8 [H, W, 3]. Raises MediaError for what is not 8-bit grey or RGB."""
    picture = image if isinstance(image, Picture) else read_picture(image)
    if picture.depth != 8 or picture.mode == "CMYK":
        raise MediaError(f"{name} is {picture.mode} of {picture.depth} bits; runs are over 8-bit grey and RGB.")
    return np.ascontiguousarray(np.broadcast_to(picture.pixels, (*picture.pixels.shape[:2], 3)))


def _name(image: Path | Picture, data: str, number: int) -> str:
    """The same on every machine that has the same data."""
    if isinstance(image, Picture):
        return f"{data}#{number}"
    folder = Path(data) if Path(data).is_dir() else Path(data).parent
    return image.relative_to(folder).as_posix() if image.is_relative_to(folder) else image.name


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _interval(text: str) -> Interval:
    low, high = (float(part) for part in text.split("-"))
    if not low < high:
        raise ValueError
    return low, high


if __name__ == "__main__":
    sys.exit(main())
