"""Writing sound: WAV and FLAC."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .audio import Audio
from .errors import MediaWriteError
from .files import atomic_write
from .libraries import library
from .read import source_name

_FLAC_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")


def write_wav(destination: str | Path | BinaryIO, audio: Audio, bits: int = 16) -> None:
    """Write a WAV file, whole or not at all: 16-bit integers (rounded and clipped, no dither) or 32-bit floats.

    Raises:
        MediaWriteError: the destination can't be written, a sample is no number, or it is 4 GiB or more.
        ValueError: other bits.
    """
    if bits not in (16, 32):
        raise ValueError(f"WAV is written with 16 or 32 bits, not {bits}.")
    channels, length = audio.samples.shape
    size = channels * length * bits // 8
    # 1: integers; 3: floats, which need a count of samples ("fact") beside them.
    kind = struct.pack("<HHIIHH", 3 if bits == 32 else 1, channels, audio.rate, audio.rate * channels * bits // 8,
                       channels * bits // 8, bits)  # fmt: skip
    chunks = b"WAVE" + _chunk(b"fmt ", kind if bits == 16 else kind + b"\0\0")
    if bits == 32:
        chunks += _chunk(b"fact", struct.pack("<I", length))
    total = len(chunks) + 8 + size
    if total >= 1 << 32:
        raise MediaWriteError(f"{source_name(destination)} can't be written: WAV ends at 4 GiB.")
    samples = _finite(audio, destination)
    data = _integers(samples, 16).astype("<i2") if bits == 16 else samples.astype("<f4")
    with _destination(destination) as file:
        file.write(b"RIFF" + struct.pack("<I", total) + chunks + b"data" + struct.pack("<I", size))
        file.write(np.ascontiguousarray(data.T).data)


def write_flac(destination: str | Path | BinaryIO, audio: Audio, bits: int = 16) -> None:
    """Write a FLAC file of 16 or 24 bits, whole or not at all; samples are rounded and clipped, not dithered.

    Raises:
        MediaWriteError: the destination can't be written, a sample is no number, FLAC can't hold so many channels
            or such a rate (up to 8 and 655 350), or PyAV is not installed.
        ValueError: other bits.
    """
    if bits not in (16, 24):
        raise ValueError(f"FLAC is written with 16 or 24 bits, not {bits}.")
    channels, length = audio.samples.shape
    if channels > len(_FLAC_LAYOUTS) or audio.rate > 655_350:
        raise MediaWriteError(f"FLAC can't hold {channels} channels at {audio.rate} Hz.")
    av = library("av")
    integers = _integers(_finite(audio, destination), bits)
    integers = integers.astype(np.int16) if bits == 16 else integers << 8  # 24 bits travel at the top of 32
    data = io.BytesIO()  # FLAC's header is mended at the end: what can't seek gets it whole
    with av.open(data, "w", "flac") as container:
        stream = container.add_stream("flac", rate=audio.rate, layout=_FLAC_LAYOUTS[channels - 1])
        stream.codec_context.format = "s16" if bits == 16 else "s32"
        for start in range(0, length, 1 << 16):
            packed = np.ascontiguousarray(integers[:, start : start + (1 << 16)].T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, stream.codec_context.format.name, _FLAC_LAYOUTS[channels - 1])
            frame.rate, frame.pts = audio.rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with _destination(destination) as file:
        file.write(data.getbuffer())


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def _finite(audio: Audio, destination: str | Path | BinaryIO) -> np.ndarray:
    if not np.isfinite(audio.samples).all():
        raise MediaWriteError(f"{source_name(destination)} can't be written: a sample is not a finite number.")
    return audio.samples


def _integers(samples: np.ndarray, bits: int) -> np.ndarray:
    """int32, so that reading them back divides by 2^(bits - 1)."""
    full = 1 << (bits - 1)
    return np.clip(np.rint(samples * np.float64(full)), -full, full - 1).astype(np.int32)


@contextlib.contextmanager
def _destination(destination: str | Path | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(destination, str | Path):
        with atomic_write(destination) as file:
            yield file
    else:
        yield destination
