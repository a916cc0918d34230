"""Peak memory of the command line on a large photo: `python -m kodek.eval.bench_memory`.

The bundled photo is mirrored to 24 megapixels; `kodek encode` and `kodek decode` then run in fresh processes, of which
the system reports the largest resident set.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kodek.datasets import Picture, write_picture

from .children import usage
from .codec import find_model
from .photos import bundled_photo

WIDTH, HEIGHT = 6000, 4000
BAR = 3_000_000_000  # bytes
QUALITY = 50.0


def run(
    model: str | None = None,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    quality: float = QUALITY,
    threads: int | None = None,
) -> dict[str, Any]:
    """Peak resident set in bytes and seconds of encoding and decoding. Raises EvalError or CodecError."""
    entry = find_model(model)
    kodek = [sys.executable, "-m", "kodek"]
    more = [] if threads is None else ["--threads", str(threads)]
    result: dict[str, Any] = {"model": entry.name, "width": width, "height": height, "quality": quality}
    with tempfile.TemporaryDirectory() as folder:
        photo, coded, decoded = (str(Path(folder, name)) for name in ("photo.png", "photo.kdk", "decoded.png"))
        write_picture(photo, Picture(bundled_photo(width, height)))
        encode = [*kodek, "encode", photo, coded, "--model", str(entry.path), "--quality", str(quality)]
        for name, command in (("encode", encode), ("decode", [*kodek, "decode", coded, decoded])):
            used = usage([*command, *more])
            result[name] = {"peak": used.peak, "seconds": used.seconds}
        result["bytes"] = Path(coded).stat().st_size
    return result


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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a name from `kodek models` or a path (default: the newest)")
    parser.add_argument("--width", type=int, default=WIDTH, help=f"default {WIDTH}")
    parser.add_argument("--height", type=int, default=HEIGHT, help=f"default {HEIGHT}")
    parser.add_argument("--quality", type=float, default=QUALITY, help=f"default {QUALITY:g}")
    parser.add_argument("--threads", type=int, help="of torch (default: its own choice)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    args = parser.parse_args(arguments)
    options = {key: value for key, value in vars(args).items() if key != "json"}
    try:
        result = run(**options)
    except (ValueError, OSError) as error:
        print(f"kodek: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result) if args.json else report(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
