"""Training crops of sound from a memory map: recordings are decoded and resampled once, to int16 mono."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .audio import iter_audio
from .libraries import library
from .memory_map import LARGEST_SHARE, MemoryMap, build_map

SUFFIX = ".s16"
SCALE = 32767
PIECE = 600  # seconds: longer recordings are stored in several
QUIET = 0.001  # RMS of full scale, -60 dB
KEPT_QUIET = 0.05  # of the quiet crops
GAINS = (-20.0, 6.0)  # dB
MOST_TRIES = 20


class Cut(NamedTuple):
    """Where a crop lies: its first sample in the map, samples taken there, zeros before them; what they are times."""

    start: int
    length: int
    before: int
    gain: float


def build_sound_store(sources: Iterable[Path], target: Path, rate: int) -> list[str]:
    """Decode recordings into `target`, int16 at `rate`, channels averaged; see `build_map`."""
    return build_map(sources, partial(_decode, rate=rate), target, SUFFIX)


def _decode(source: Path, rate: int) -> Iterator[np.ndarray]:
    for piece in iter_audio(source, rate, mono=True, block=PIECE * rate):
        yield np.rint(piece.samples[0].clip(-1, 1) * SCALE).astype(np.int16)


class SoundStore(MemoryMap):
    """Random crops with a random gain and sign; those that are almost silent are drawn rarely.

    A recording that is shorter than a crop lies anywhere in it, with silence around. speeds: half of the crops are
    played up to so much faster or slower (0.1: 10 %, which changes the pitch too), by soxr.
    """

    def __init__(
        self, target: Path, seed: int | Sequence[int], speeds: float = 0.0, largest_share: float = LARGEST_SHARE
    ) -> None:
        super().__init__(target, SUFFIX, np.int16, seed, largest_share)
        self.speeds = speeds
        self._edges = np.cumsum(self.weights)

    def batch(self, count: int, size: int) -> np.ndarray:
        """float32 [count, size], in [-1, 1]."""
        out = np.zeros((count, size), np.float32)
        for target in out:
            faster = self.random.uniform(-self.speeds, self.speeds) * self.random.integers(2)
            cut = self.draw(round(size * (1 + faster)))
            crop = self.data[cut.start : cut.start + cut.length].astype(np.float32) * (cut.gain / SCALE)
            crop = np.pad(crop, (cut.before, 0))
            if faster:
                crop = library("soxr").resample(crop, 1 + faster, 1, quality="HQ").clip(-1, 1)
            target[: len(crop)] = crop[:size]
        return out

    def draw(self, size: int) -> Cut:
        """Choose a crop."""
        for _ in range(MOST_TRIES):
            _, offset, length = self.shapes[self.pick(self._edges)]
            spare = abs(length - size)
            at = int(self.random.integers(spare + 1))
            start, taken, before = (offset + at, size, 0) if length >= size else (offset, length, at)
            samples = self.data[start : start + taken].astype(np.float32) / SCALE
            if np.sqrt(np.mean(np.square(samples))) > QUIET or self.random.random() < KEPT_QUIET:
                break
        loudest = float(np.abs(samples).max(initial=1e-4))
        gain = min(10 ** (self.random.uniform(*GAINS) / 20), 1 / loudest)
        return Cut(start, taken, before, gain if self.random.random() < 0.5 else -gain)
