"""Writing sound, whole or in pieces: WAV and FLAC."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import struct
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .audio import Audio
from .errors import MediaWriteError
from .files import atomic_write
from .libraries import library
from .read import source_name

WAV_BITS, FLAC_BITS = (16, 24, 32), (16, 24)
WAV_LIMIT = 1 << 32  # bytes of the file

_INFO = {  # tags that WAV's INFO list has a name for; FFmpeg's names, which `audio_info` gives
    "title": b"INAM", "artist": b"IART", "album": b"IPRD", "track": b"IPRT", "date": b"ICRD",
    "genre": b"IGNR", "comment": b"ICMT", "copyright": b"ICOP", "language": b"ILNG",
}  # fmt: skip
# By the number of channels: FFmpeg's name of the usual layout, and the speakers as a mask of WAV.
_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
_SPEAKERS = (0x4, 0x3, 0x7, 0x33, 0x37, 0x3F, 0x70F, 0x63F)
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")  # of WAVE_FORMAT_EXTENSIBLE, behind the format's code
_BLOCK = 1 << 16  # samples converted at a time
_SPOOLED = 1 << 24  # bytes held in memory for a destination that can't seek


def write_wav(
    destination: str | Path | BinaryIO,
    sound: Audio | Iterable[Audio],
    bits: int = 16,
    tags: Mapping[str, str] | None = None,
) -> list[str]:
    """Write a WAV file, whole or not at all: integers of 16 or 24 bits, or floats of 32 bits.

    Integers are rounded and clipped, not dithered.

    Args:
        destination: a path, or a binary stream that is written to from where it is.
        sound: whole, or pieces of one rate and number of channels, at least one.
        bits: 16, 24 or 32.
        tags: by the names of `AudioInfo`.

    Returns:
        The names of the tags that WAV has no place for.

    Raises:
        MediaWriteError: the destination can't be written, a sample is no number, or it would be 4 GiB or more.
        ValueError: other bits.
    """
    if bits not in WAV_BITS:
        raise ValueError(f"WAV is written with 16, 24 or 32 bits, not {bits}.")
    name, (first, pieces) = source_name(destination), _pieces(sound)
    channels, width = len(first.samples), bits // 8
    info, dropped = _info(tags or {})
    head = _wav_head(channels, first.rate, bits) + info
    with _destination(destination) as file:
        start, length = file.tell(), 0
        file.write(_wav_start(head, 0, bits, 0))
        for piece in pieces:
            length += piece.samples.shape[1]
            if not wav_holds(channels, length, bits, len(head)):
                raise MediaWriteError(f"{name} can't be written: WAV ends at 4 GiB, FLAC doesn't.")
            for samples in _blocks(piece, name):
                file.write(pcm_bytes(samples, bits))
        size = channels * length * width
        file.write(b"\0" * (size % 2))
        end = file.tell()
        file.seek(start)
        file.write(_wav_start(head, size, bits, length))
        file.seek(end)
    return dropped


def wav_holds(channels: int, length: int, bits: int, head: int = 1 << 16) -> bool:
    """Whether a WAV file can be so long; head: bytes of it beside the samples."""
    return channels * length * bits // 8 + head < WAV_LIMIT


def write_flac(
    destination: str | Path | BinaryIO,
    sound: Audio | Iterable[Audio],
    bits: int = 16,
    tags: Mapping[str, str] | None = None,
) -> list[str]:
    """Write a FLAC file of 16 or 24 bits, whole or not at all; samples are rounded and clipped, not dithered.

    Args and returns are those of `write_wav`.

    Raises:
        MediaWriteError: the destination can't be written, a sample is no number, FLAC can't hold so many channels
            or such a rate (up to 8 and 655 350), or PyAV is not installed.
        ValueError: other bits.
    """
    if bits not in FLAC_BITS:
        raise ValueError(f"FLAC is written with 16 or 24 bits, not {bits}.")
    name, (first, pieces) = source_name(destination), _pieces(sound)
    channels, rate = len(first.samples), first.rate
    if channels > len(_LAYOUTS) or rate > 655_350:
        raise MediaWriteError(f"FLAC can't hold {channels} channels at {rate} Hz.")
    av, layout, form = library("av"), _LAYOUTS[channels - 1], "s16" if bits == 16 else "s32"
    kept = {key: value for key, value in (tags or {}).items() if _is_vorbis_name(key)}
    with _destination(destination) as file, av.open(file, "w", "flac") as container:
        container.metadata.update(kept)
        stream = container.add_stream("flac", rate=rate, layout=layout)
        stream.codec_context.format = form
        length = 0
        for samples in itertools.chain.from_iterable(_blocks(piece, name) for piece in pieces):
            integers = _integers(samples, bits)  # 24 bits travel at the top of 32
            packed = (integers.astype(np.int16) if bits == 16 else integers << 8).T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), form, layout)
            frame.rate, frame.pts = rate, length
            length += samples.shape[1]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return [key for key in tags or {} if key not in kept]


def wav_start(channels: int, rate: int, bits: int) -> bytes:
    """What a WAV stream begins with whose length nobody knows yet, as FFmpeg writes it into pipes; then `pcm_bytes`."""
    head = _wav_head(channels, rate, bits)
    return b"RIFF\xff\xff\xff\xffWAVE" + head + b"data\xff\xff\xff\xff"


def pcm_bytes(samples: np.ndarray, bits: int) -> bytes:
    """float32 [channels, n] -> interleaved little-endian integers of 16 or 24 bits, or floats of 32."""
    if bits == 32:
        return np.ascontiguousarray(samples.T, "<f4").tobytes()
    integers = np.ascontiguousarray(_integers(samples, bits).T, "<i4")
    if bits == 16:
        return integers.astype("<i2").tobytes()
    return integers.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _pieces(sound: Audio | Iterable[Audio]) -> tuple[Audio, Iterator[Audio]]:
    """The first piece, and all of them."""
    pieces = iter([sound] if isinstance(sound, Audio) else sound)
    first = next(pieces)
    return first, itertools.chain([first], pieces)


def _blocks(piece: Audio, name: str) -> Iterator[np.ndarray]:
    """float32 [channels, 1 to _BLOCK]."""
    for start in range(0, piece.samples.shape[1], _BLOCK):
        samples = piece.samples[:, start : start + _BLOCK]
        if not np.isfinite(samples).all():
            raise MediaWriteError(f"{name} can't be written: a sample is not a finite number.")
        yield samples


def _wav_head(channels: int, rate: int, bits: int) -> bytes:
    """The "fmt " chunk. More than two channels or 16 bits need the extensible one, which names the speakers."""
    code, width = 3 if bits == 32 else 1, channels * bits // 8
    numbers = struct.pack("<HIIHH", channels, rate, rate * width, width, bits)
    if channels > 2 or bits == 24:
        speakers = _SPEAKERS[channels - 1] if channels <= len(_SPEAKERS) else 0
        extension = struct.pack("<HHIH", 22, bits, speakers, code) + _SUBFORMAT
        return _chunk(b"fmt ", struct.pack("<H", 0xFFFE) + numbers + extension)
    return _chunk(b"fmt ", struct.pack("<H", code) + numbers + (b"\0\0" if bits == 32 else b""))


def _wav_start(head: bytes, size: int, bits: int, length: int) -> bytes:
    """All that lies before `size` bytes of samples; floats need their count ("fact") beside them."""
    chunks = b"WAVE" + head + (_chunk(b"fact", struct.pack("<I", length)) if bits == 32 else b"")
    total = len(chunks) + 8 + size + size % 2
    return b"RIFF" + struct.pack("<I", total) + chunks + b"data" + struct.pack("<I", size)


def _info(tags: Mapping[str, str]) -> tuple[bytes, list[str]]:
    """A "LIST" chunk, or nothing without tags that it has a name for, and the names of the others."""
    content = b"".join(_chunk(_INFO[key], value.encode() + b"\0") for key, value in tags.items() if key in _INFO)
    return _chunk(b"LIST", b"INFO" + content) if content else b"", [key for key in tags if key not in _INFO]


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _integers(samples: np.ndarray, bits: int) -> np.ndarray:
    """int32, so that reading them back divides by 2^(bits - 1)."""
    full = 1 << (bits - 1)
    return np.clip(np.rint(samples * np.float64(full)), -full, full - 1).astype(np.int32)


def _is_vorbis_name(key: str) -> bool:
    """Whether Vorbis comments, which FLAC has, can hold a tag of this name."""
    return bool(key) and key.isascii() and key.isprintable() and "=" not in key


@contextlib.contextmanager
def _destination(destination: str | Path | BinaryIO) -> Iterator[BinaryIO]:
    """A file that can seek, because headers are mended at the end; what can't gets it whole."""
    with contextlib.ExitStack() as stack:
        if isinstance(destination, str | Path):
            destination = stack.enter_context(atomic_write(destination))
        if destination.seekable():
            yield destination
            return
        with tempfile.SpooledTemporaryFile(_SPOOLED) as spool:
            yield spool  # type: ignore[misc]  # all of BinaryIO that is used
            spool.seek(0)
            shutil.copyfileobj(spool, destination)
