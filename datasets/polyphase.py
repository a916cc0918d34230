"""Resampling that waits for little: a windowed sinc, one row of taps for each phase.

J. O. Smith, Digital Audio Resampling, https://ccrma.stanford.edu/~jos/resample/; Kaiser's window.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_REACH = 48  # samples of the lower rate that an output sees on either side: 2 ms at 24 kHz
_BETA = 7.857  # Kaiser's, for 80 dB
_CUTOFF = 0.948  # of the lower Nyquist frequency, at -6 dB: 80 dB are reached at that frequency
_BLOCK = 4096  # outputs computed at once


class Polyphase:
    """A stream at another rate: sample k lies at the time k / target."""

    def __init__(self, rate: int, target: int, channels: int) -> None:
        common = math.gcd(rate, target)
        self._up, self._down = target // common, rate // common
        share = min(1.0, target / rate)
        self._reach = math.ceil(_REACH / share)
        offsets = np.arange(1 - self._reach, self._reach + 1) - np.arange(self._up)[:, None] / self._up
        window = np.i0(_BETA * np.sqrt(np.clip(1 - (offsets / self._reach) ** 2, 0, 1)))
        taps = np.sinc(_CUTOFF * share * offsets) * window
        self._taps = taps / taps.sum(1, keepdims=True)
        self._seen = np.zeros((channels, self._reach - 1), np.float32)
        self._first = 1 - self._reach  # the number of the first sample seen
        self._made = 0

    def run(self, samples: np.ndarray, last: bool) -> np.ndarray:
        """float32 [channels, n] -> the same; last: nothing but silence follows."""
        after = np.zeros((len(samples), self._reach if last else 0), np.float32)
        self._seen = np.concatenate([self._seen, samples, after], axis=1)
        known = self._first + self._seen.shape[1] - self._reach  # outputs before this time see all their inputs
        stop = max(self._made, -(-known * self._up // self._down))
        blocks = [np.zeros((len(samples), 0), np.float32)]
        while self._made < stop:
            blocks.append(self._outputs(np.arange(self._made, min(self._made + _BLOCK, stop))))
            self._made += blocks[-1].shape[1]
        keep = self._made * self._down // self._up + 1 - self._reach
        self._seen, self._first = self._seen[:, keep - self._first :], keep
        return np.concatenate(blocks, axis=1)

    def _outputs(self, numbers: np.ndarray) -> np.ndarray:
        times, phases = np.divmod(numbers * self._down, self._up)
        windows = sliding_window_view(self._seen, 2 * self._reach, axis=1)
        seen = windows[:, times + 1 - self._reach - self._first]
        return (seen * self._taps[phases]).sum(-1).astype(np.float32)  # not a matrix product: it rounds by its size
