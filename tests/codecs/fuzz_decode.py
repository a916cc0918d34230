"""Decode thousands of damaged files, half of them with right checksums, and say what became of them.

    KODEK_MODELS=tests/golden python tests/codecs/fuzz_decode.py tests/golden/rgb.kdk --count 10000

Every one must be refused with a CodecError or give the undamaged picture or sound: damage is never decoded in silence.
Exits with 1 otherwise. Prints the slowest decode and the peak memory as well.
"""

from __future__ import annotations

import argparse
import collections
import resource
import sys
import time
from pathlib import Path

import numpy as np
from kodek.codecs.audio.file import AudioDecoder
from kodek.codecs.container import AudioHeader, Limits, read_header
from kodek.codecs.errors import CodecError
from kodek.codecs.image.file import decode_image

sys.path.insert(0, str(Path(__file__).parent))
from mutate import mutations

LIMITS = Limits(max_pixels=1_000_000, max_seconds=100)


def decode(data: bytes) -> list[np.ndarray]:
    """Pixels and perhaps alpha, or samples."""
    if isinstance(read_header(data, LIMITS).header, AudioHeader):
        return [np.concatenate(list(AudioDecoder(data, limits=LIMITS)), axis=1)]
    picture = decode_image(data, limits=LIMITS)
    return [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(map(np.array_equal, a, b))


def fuzz(data: bytes, count: int, seed: int = 0) -> tuple[collections.Counter[str], float]:
    """How often each outcome came, and the seconds of the slowest decode."""
    good = decode(data)
    outcomes: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    for mutated in mutations(data, count, seed):
        began = time.perf_counter()
        try:
            outcome = "the same" if same(decode(mutated), good) else "SILENT DAMAGE"
        except CodecError as error:
            outcome = type(error).__name__
        slowest = max(slowest, time.perf_counter() - began)
        outcomes[outcome] += 1
    return outcomes, slowest


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="a valid .kdk file")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    outcomes, slowest = fuzz(arguments.file.read_bytes(), arguments.count, arguments.seed)
    for outcome, times in outcomes.most_common():
        print(f"{times:6} {outcome}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"slowest {slowest:.2f} s, peak memory {peak:.0f} MB")
    sys.exit(1 if outcomes["SILENT DAMAGE"] else 0)


if __name__ == "__main__":
    main()
