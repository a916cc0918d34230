"""Another sampling rate for the same sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from .errors import MediaError
from .libraries import library
from .polyphase import Polyphase

MIN_RATE, MAX_RATE = 1000, 768_000


class Resampler:
    """Sound at another rate as it arrives: the same samples, however it is cut into pieces.

    By soxr's VHQ filter, see `resample`. If prompt, by one that is flat within 0.001 dB up to 0.89 of the lower Nyquist
    frequency, -80 dB from it on, and waits for 48 samples of the lower rate (2 ms at 24 kHz); soxr for 37 ms.

    rate, target: samples per second. Raises MediaError: a rate is outside of 1 to 768 kHz, or soxr is not installed.
    """

    def __init__(self, rate: int, target: int, prompt: bool = False) -> None:
        for each in (rate, target):
            if not MIN_RATE <= each <= MAX_RATE:
                raise MediaError(f"Sound can be resampled between {MIN_RATE} and {MAX_RATE} Hz, not {each}.")
        self._rate, self._target = rate, target
        self._kind = Polyphase if prompt else _Soxr
        self._stream: Polyphase | _Soxr | None = None
        self._channels = self._taken = self._made = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """float32 [channels, n] -> what is finished so far, float32 [channels, m]; m may be 0."""
        self._channels = len(samples)
        self._taken += samples.shape[1]
        out = samples
        if self._rate != self._target:
            self._stream = self._stream or self._kind(self._rate, self._target, self._channels)
            out = self._stream.run(samples, last=False)
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
            silence = np.zeros((self._channels, 2 + 2 * self._rate // self._target), np.float32)
            rest = self._stream.run(silence, last=True)[:, : max(length - self._made, 0)]
        missing = length - self._made - rest.shape[1]
        return np.pad(rest, ((0, 0), (0, missing))) if missing > 0 else rest


class _Soxr:
    def __init__(self, rate: int, target: int, channels: int) -> None:
        self._stream = library("soxr").ResampleStream(rate, target, channels, dtype="float32", quality="VHQ")

    def run(self, samples: np.ndarray, last: bool) -> np.ndarray:
        return self._stream.resample_chunk(np.ascontiguousarray(samples.T), last=last).T


def resampled(pieces: Iterable[np.ndarray], rate: int, target: int) -> Iterator[np.ndarray]:
    """The same for float32 [channels, n] that are there to be iterated."""
    resampler = Resampler(rate, target)
    for piece in pieces:
        yield resampler.push(piece)
    yield resampler.finish()
