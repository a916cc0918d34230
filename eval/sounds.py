"""Sound of any length without a file: for benchmarks that need some, not for measures of quality."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from kodek.datasets import Audio


def syllables(seconds: float, rate: int, channels: int = 1) -> Audio:
    """Voices whose pitch and loudness move as those of speech do, above a little noise; the same on every run."""
    t = np.arange(max(1, round(seconds * rate))) / rate
    noise = np.random.default_rng(7).normal(0, 0.01, (channels, len(t)))
    voices = [_voice(t, 110 + 70 * number) for number in range(channels)]
    return Audio((np.stack(voices) + noise).astype(np.float32), rate)


def _voice(t: np.ndarray, pitch: float) -> np.ndarray:
    phase = 2 * np.pi * pitch * t + 2 * np.sin(3 * t)
    formant = 6 + 4 * np.sin(2.3 * t)  # the loudest harmonic
    harmonics = (np.exp(-(((number - formant) / 3) ** 2)) * np.sin(number * phase) for number in range(1, 16))
    return 0.1 * sum(harmonics, np.zeros_like(t)) * np.sin(2 * np.pi * 1.9 * t) ** 2


def pieces(sound: Audio, sizes: Iterable[int]) -> Iterator[np.ndarray]:
    """The sound cut into pieces of these lengths; the last one is what is left of it."""
    start, length = 0, sound.samples.shape[1]
    for size in sizes:
        if start >= length:
            break
        yield sound.samples[:, start : start + size]
        start += size


def hours(seconds: float, rate: int) -> Iterator[Audio]:
    """Mono sound of any length, in flat memory: the same minute again and again."""
    minute, left = syllables(min(60.0, seconds), rate), round(seconds * rate)
    while left > 0:
        yield Audio(minute.samples[:, :left], rate)
        left -= minute.samples.shape[1]
