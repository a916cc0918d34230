"""Sound in memory, and reading its files."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .errors import MediaError
from .libraries import library
from .read import source_name
from .resample import MAX_RATE, MIN_RATE, resampled
from .sound_stream import declared_seconds, sound_stream

DEFAULT_MAX_SECONDS = 3600.0

_MAX_SAMPLES = 1 << 29  # of all channels together: 2 GiB
_LOSSLESS = ("aiff", "au", "caf", "flac", "wav", "wv")  # their headers know the length


@dataclass(frozen=True, eq=False)
class Audio:
    """Sound. samples: float32 [channels, length], full scale is -1 to 1; rate: samples per second.

    Raises ValueError when the shapes or dtypes are not these.
    """

    samples: np.ndarray
    rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32 or self.rate < 1:
            raise ValueError(
                f"Audio is float32 [channels, length], not {self.samples.dtype} {list(self.samples.shape)}."
            )

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.rate


def read_audio(
    source: str | Path | BinaryIO,
    rate: int | None = None,
    mono: bool = False,
    max_seconds: float = DEFAULT_MAX_SECONDS,
) -> Audio:
    """Read the (first or best) sound of a file: WAV of any sample format, FLAC, MP3, Ogg, Opus, M4A, AIFF...

    Samples are scaled to full scale 1 and never clipped. Delay and padding of an encoder are cut off where the
    file tells of them (Opus, Vorbis, M4A, MP3 with a LAME header; not bare AAC), so that the length is that of
    what was encoded.

    Args:
        source: a path, or a seekable binary stream, read from its start and not closed.
        rate: resample to so many samples per second, see `resample`; None: as in the file.
        mono: average the channels.
        max_seconds: longer files are refused, before they are decoded where their header tells.

    Raises:
        MediaError: the file can't be opened, is damaged, cut off, not sound, empty or too long, holds samples
            that are no numbers, or PyAV (or, with `rate`, soxr) is not installed.
    """
    name, blocks, held = source_name(source), [], 0
    for block in iter_audio(source, rate, mono, max_seconds=max_seconds):
        blocks.append(block)
        held += block.samples.size
        if held > _MAX_SAMPLES:
            raise MediaError(f"{name} can't be read: it has more than {_MAX_SAMPLES} samples.")
    return Audio(np.concatenate([block.samples for block in blocks], axis=1), blocks[0].rate)


def iter_audio(
    source: str | Path | BinaryIO,
    rate: int | None = None,
    mono: bool = False,
    block: int = 1 << 16,
    max_seconds: float | None = None,
) -> Iterator[Audio]:
    """Read as `read_audio` does, the same samples, piece by piece in flat memory.

    Yields pieces of `block` samples, the last one shorter; one at least.

    Raises:
        MediaError: as `read_audio`, when the trouble is reached.
    """
    with sound_stream(source) as (container, stream):
        pieces = _decoded(container, stream, source_name(source), max_seconds)
        found, first = next(pieces)
        sound: Iterable[np.ndarray] = itertools.chain([first], (piece for _, piece in pieces))
        if mono:
            sound = (piece.mean(axis=0, keepdims=True) for piece in sound)
        if rate is not None:
            sound = resampled(sound, found, rate)
        for samples in _in_blocks(sound, block):
            yield Audio(samples, rate or found)


def resample(audio: Audio, rate: int) -> Audio:
    """The same sound at another sampling rate, by soxr's VHQ filter.

    Linear phase without delay, and deterministic: sample i lies at the time i / rate. Measured with tones from
    8 to 96 kHz: flat within 0.01 dB up to 0.91 of the lower Nyquist frequency, -150 dB from 1.0 of it on. There
    are length * rate / audio.rate samples, rounded, and one at least of a sound that isn't empty.

    Raises:
        MediaError: a rate is outside of 1 to 768 kHz, or soxr is not installed.
    """
    if rate == audio.rate or not audio.samples.size:
        return Audio(audio.samples, rate)
    return Audio(np.concatenate(list(resampled([audio.samples], audio.rate, rate)), axis=1), rate)


def _decoded(container: Any, stream: Any, name: str, max_seconds: float | None) -> Iterator[tuple[int, np.ndarray]]:
    """The sampling rate and float32 [channels, n], frame by frame; none of them empty."""
    declared = declared_seconds(stream)
    if declared is not None and max_seconds is not None and declared > max_seconds:
        raise _too_long(name, max_seconds)
    kind = container.format.name.partition(",")[0]
    vorbis = kind == "ogg" and stream.codec_context.name == "vorbis" and declared is not None
    if vorbis:  # FFmpeg cuts too much off the end of a file of one page
        stream.codec_context.flags2 |= library("av").codec.context.Flags2.skip_manual
    length, shape = 0, None
    for frame in _frames(container, stream, vorbis):
        rate = frame.sample_rate
        if shape is None:
            shape = (rate, frame.layout.nb_channels)
            if not MIN_RATE <= rate <= MAX_RATE:
                raise MediaError(f"{name} can't be read: {rate} Hz is not between {MIN_RATE} and {MAX_RATE}.")
            end = None if declared is None else round(declared * rate)
            cut = end if kind in ("mov", "wav") or vorbis else None
        if shape != (rate, frame.layout.nb_channels):
            raise MediaError(f"{name} can't be read: its sampling rate or channels change on the way.")
        samples = _floats(frame)[:, : None if cut is None else cut - length]
        length += samples.shape[1]
        if max_seconds is not None and length > max_seconds * rate:
            raise _too_long(name, max_seconds)
        if not np.isfinite(samples).all():
            raise MediaError(f"{name} can't be read: it holds samples that are not finite numbers.")
        if samples.size:
            yield rate, samples
    if not length:
        raise MediaError(f"{name} holds no sound.")
    if kind in _LOSSLESS and end is not None and length < end:
        raise MediaError(f"{name} is damaged or cut off: {length} of {end} samples can be read.")


def _frames(container: Any, stream: Any, vorbis: bool) -> Iterator[Any]:
    for number, packet in enumerate(container.demux(stream)):
        frames = packet.decode()
        if not vorbis or number:  # Vorbis' first block only begins an overlap, and manual skipping leaves it in
            yield from (frame for frame in frames if frame.samples)


def _floats(frame: Any) -> np.ndarray:
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    return samples.astype(np.float32) / np.float32(2 ** (8 * samples.itemsize - 1))


def _in_blocks(pieces: Iterable[np.ndarray], block: int) -> Iterator[np.ndarray]:
    """C-ordered [channels, block], the last one shorter."""
    waiting: list[np.ndarray] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += piece.shape[1]
        if held >= block:
            joined = np.concatenate(waiting, axis=1)
            ready = held - held % block
            for start in range(0, ready, block):
                yield np.ascontiguousarray(joined[:, start : start + block])
            waiting, held = [joined[:, ready:]], held - ready
    if held:
        yield np.ascontiguousarray(np.concatenate(waiting, axis=1))


def _too_long(name: str, max_seconds: float) -> MediaError:
    return MediaError(f"{name} can't be read: it is longer than the limit of {max_seconds:g} seconds.")
