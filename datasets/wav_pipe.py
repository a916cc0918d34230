"""Sound as it comes through a pipe: the samples of WAV, with its head or without."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from .audio import Audio
from .errors import MediaError
from .resample import MAX_RATE, MIN_RATE

_DTYPES = {(1, 16): "<i2", (3, 32): "<f4"}  # by WAV's code and bits
_EXTENSIBLE = 0xFFFE
_READ = 1 << 16  # bytes
_MOST = 1 << 20  # bytes of a chunk before the samples
_UNKNOWN = (0, 0xFFFFFFFF)  # sizes that say nothing


@dataclass(frozen=True)
class Pcm:
    """Interleaved samples: rate, Hz; dtype: "<i2" or "<f4"; size: bytes of all, None if nobody knows."""

    rate: int
    channels: int
    dtype: str = "<i2"
    size: int | None = None


def read_wav_start(stream: BinaryIO, name: str) -> Pcm:
    """Read a WAV stream up to its samples.

    Raises:
        MediaError: it isn't one, or its samples are neither integers of 16 bits nor floats of 32.
    """
    start = stream.read(12)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        raise MediaError(f"{name} is not a WAV stream.")
    found = None
    while True:
        kind, size = struct.unpack("<4sI", _exactly(stream, 8, name))
        if kind == b"data" and found:
            return Pcm(*found, None if size in _UNKNOWN else size)
        if size > _MOST or kind == b"data":
            raise MediaError(f"{name} can't be read: its WAV head is malformed.")
        content = _exactly(stream, size + size % 2, name)
        if kind == b"fmt ":
            found = _format(content, name)


def read_pcm(stream: BinaryIO, pcm: Pcm) -> Iterator[Audio]:
    """Samples as soon as they are there; half of one at the end is dropped. stream: what has `read1`."""
    width = np.dtype(pcm.dtype).itemsize * pcm.channels
    scale = np.float32(1 if pcm.dtype == "<f4" else 1 / 32768)
    waiting, left = b"", pcm.size
    while data := stream.read1(_READ if left is None else min(_READ, left)):  # type: ignore[attr-defined]
        left = None if left is None else left - len(data)
        waiting += data
        whole = len(waiting) // width * width
        samples = np.frombuffer(waiting[:whole], pcm.dtype).reshape(-1, pcm.channels).T
        waiting = waiting[whole:]
        if whole:
            yield Audio(np.ascontiguousarray(samples, np.float32) * scale, pcm.rate)


def _format(content: bytes, name: str) -> tuple[int, int, str]:
    """Rate, channels and dtype in a "fmt " chunk."""
    if len(content) < 16:
        raise MediaError(f"{name} can't be read: its WAV head is malformed.")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content)
    if code == _EXTENSIBLE and len(content) >= 26:
        (code,) = struct.unpack_from("<H", content, 24)
    if (code, bits) not in _DTYPES:
        raise MediaError(f"{name} can't be read: its samples are neither integers of 16 bits nor floats of 32.")
    if not channels or not MIN_RATE <= rate <= MAX_RATE:
        raise MediaError(f"{name} can't be read: it says {channels} channels at {rate} Hz.")
    return rate, channels, _DTYPES[code, bits]


def _exactly(stream: BinaryIO, size: int, name: str) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise MediaError(f"{name} is cut off in its WAV head.")
    return data
