"""Another sampling rate for the same sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from .errors import MediaError
from .libraries import library

MIN_RATE, MAX_RATE = 1000, 768_000


def resampled(pieces: Iterable[np.ndarray], rate: int, target: int) -> Iterator[np.ndarray]:
    """The same samples, however the sound is cut into pieces."""
    for each in (rate, target):
        if not MIN_RATE <= each <= MAX_RATE:
            raise MediaError(f"Sound can be resampled between {MIN_RATE} and {MAX_RATE} Hz, not {each}.")
    if rate == target:
        yield from pieces
        return
    soxr, stream, taken, made = library("soxr"), None, 0, 0
    for piece in pieces:
        stream = stream or soxr.ResampleStream(rate, target, len(piece), dtype="float32", quality="VHQ")
        taken += piece.shape[1]
        out = stream.resample_chunk(np.ascontiguousarray(piece.T)).T
        made += out.shape[1]
        yield out
    if stream is not None:
        # soxr rounds the length down to nothing for a few samples: silence behind the end prevents that.
        silence = np.zeros((2 + 2 * rate // target, len(piece)), np.float32)
        length = max(1, (2 * taken * target + rate) // (2 * rate))
        yield stream.resample_chunk(silence, last=True).T[:, : length - made]
