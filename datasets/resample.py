"""Another sampling rate for the same sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .errors import MediaError
from .libraries import library

MIN_RATE, MAX_RATE = 1000, 768_000


class Resampler:
    """Sound at another rate as it arrives, by soxr's VHQ filter: the same samples, however it is cut into pieces.

    rate, target: samples per second. Raises MediaError: a rate is outside of 1 to 768 kHz, or soxr is not installed.
    """

    def __init__(self, rate: int, target: int) -> None:
        for each in (rate, target):
            if not MIN_RATE <= each <= MAX_RATE:
                raise MediaError(f"Sound can be resampled between {MIN_RATE} and {MAX_RATE} Hz, not {each}.")
        self._soxr = None if rate == target else library("soxr")
        self._rate, self._target = rate, target
        self._stream: Any = None
        self._channels = self._taken = self._made = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """float32 [channels, n] -> what is finished so far, float32 [channels, m]; m may be 0."""
        self._channels = len(samples)
        self._taken += samples.shape[1]
        if self._soxr is None:
            out = samples
        else:
            self._stream = self._stream or self._soxr.ResampleStream(
                self._rate, self._target, self._channels, dtype="float32", quality="VHQ"
            )
            out = self._stream.resample_chunk(np.ascontiguousarray(samples.T)).T
        self._made += out.shape[1]
        return out

    def finish(self, length: int | None = None) -> np.ndarray:
        """The rest, to `length` samples in all: those taken * target / rate, rounded, one at least, unless given."""
        if length is None:
            length = (2 * self._taken * self._target + self._rate) // (2 * self._rate)
            length = max(length, min(self._taken, 1))
        rest = np.zeros((self._channels, 0), np.float32)
        if self._stream is not None:
            # soxr rounds the length down to nothing for a few samples: silence behind the end prevents that.
            silence = np.zeros((2 + 2 * self._rate // self._target, self._channels), np.float32)
            rest = self._stream.resample_chunk(silence, last=True).T[:, : max(length - self._made, 0)]
        missing = length - self._made - rest.shape[1]
        return np.pad(rest, ((0, 0), (0, missing))) if missing > 0 else rest


def resampled(pieces: Iterable[np.ndarray], rate: int, target: int) -> Iterator[np.ndarray]:
    """The same for float32 [channels, n] that are there to be iterated."""
    resampler = Resampler(rate, target)
    for piece in pieces:
        yield resampler.push(piece)
    yield resampler.finish()
