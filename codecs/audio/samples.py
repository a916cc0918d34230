"""Samples at the codec's rate: how many they are, and what is played of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # [channels, n]


def codec_length(length: int, rate: int, codec_rate: int) -> int:
    """Samples at `codec_rate` that cover `length` samples at `rate`: rounded up, so that enough come back."""
    return -(-length * codec_rate // rate)


def missing_samples(pushed: int, length: int, rate: int, codec_rate: int) -> int:
    """How many samples `pushed` are short of, 0 or 1. Raises ValueError if they are not those of `length` at `rate`."""
    if length < 1:
        raise ValueError("a sound has at least one sample")
    missing = codec_length(length, rate, codec_rate) - pushed
    if missing not in (0, 1):
        raise ValueError(f"{length} samples at {rate} Hz are not {pushed} at {codec_rate} Hz")
    return missing


def check_samples(samples: Samples, channels: int) -> None:
    """Raises ValueError for anything but finite float32 [channels, n]."""
    if samples.ndim != 2 or samples.shape[0] != channels or samples.dtype != np.float32:
        raise ValueError(f"samples must be float32 of shape [{channels}, n]")
    if not np.isfinite(samples).all():
        raise ValueError("samples must be finite numbers")


class Output:
    """What a synthesiser gives, piece by piece: silent where it is muted, and none beyond `length` if that is known."""

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        self._silent: list[tuple[int, int]] = []
        self._position = 0

    def mute(self, start: int, end: int) -> None:
        """Samples that are not played yet, behind those muted before."""
        self._silent.append((start, end))

    def play(self, samples: Samples) -> Samples:
        begin = self._position
        if self.length is not None:
            samples = samples[:, : self.length - begin]
        self._position += samples.shape[1]
        for start, end in self._silent:
            samples[:, max(start - begin, 0) : max(end - begin, 0)] = 0
        self._silent = [span for span in self._silent if span[1] > self._position]
        return samples
