"""Sound <-> the bytes of a `.kdk` file, as a stream: any pieces in, any pieces out, in flat memory.

All samples here have the codec's rate (`codec.rate`, 24 kHz), float32 [channels, n], full scale -1 to 1. A file's own
rate and length are facts that are stored. Who encodes resamples first; who decodes resamples what comes out from
`decoder.rate` to `decoder.header.rate` and cuts it to `decoder.header.length` samples, which it always has:

    encoder = AudioEncoder(codec, channels, rate=44100, stages=12, tags={"title": "..."})
    encoder.push(samples) ...                              # resampled from 44.1 kHz to codec.rate, in any pieces
    data = encoder.finish(length)                          # of the original, at 44.1 kHz

    decoder = AudioDecoder(data, partial=True)             # .header, .tags, .rate
    for samples in decoder: ...                            # at decoder.rate
    decoder.damage                                         # seconds that were replaced by silence
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..container import (
    AudioHeader,
    Bytes,
    Chunk,
    ChunkKind,
    Contents,
    Limits,
    LiveHeader,
    expect,
    read_chunk,
    read_header,
)
from ..errors import DamagedError, FormatError, LimitError, TargetError
from ..zoo import weights_of
from .codec import FILE_BLOCK, AudioCodec
from .samples import Output, Samples, check_samples, missing_samples
from .seconds import GROUP, PROFILE, Codes, Seconds, assemble, hash_codes, once, pack, spread
from .spans import Span
from .tags import read_tags, write_tags
from .target import in_words, largest_within

MAX_SECONDS = int(Limits.max_seconds)  # the directory's limit of 65 536 chunks, less a little


class AudioEncoder:
    """A sound to be encoded, pushed piece by piece.

    channels: 1 to 8; rate: of the original, Hz. One of stages, codec.steady + 1 to codec.stages, and target_kbps:
    kbit/s of the whole file at most, of which it fills 98 % or more where the steps of quality are that small. tags:
    names and values, to be kept. Raises ValueError for anything else.

    With `stages`, seconds are coded as they come; with a target, the codes of all stages are kept, 5 kB for each second
    of a channel.
    """

    def __init__(
        self,
        codec: AudioCodec,
        channels: int,
        rate: int,
        *,
        stages: int | None = None,
        target_kbps: float | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        if (stages is None) == (target_kbps is None):
            raise ValueError("give one of stages and target_kbps")
        if stages is not None and not codec.steady < stages <= codec.stages:
            raise ValueError(f"stages must lie between {codec.steady + 1} and {codec.stages}")
        if target_kbps is not None and not (target_kbps > 0 and math.isfinite(target_kbps)):
            raise ValueError("target_kbps must be a positive number")
        self._codec = codec
        self._target = target_kbps
        stages = stages or codec.stages
        self._header = AudioHeader(codec.generation, channels, rate, stages, PROFILE, length=1, symbol_hash=0)
        self._header.write()  # for its ValueError
        self._extras = [Chunk(ChunkKind.TAGS, write_tags(tags))] if tags else []
        self._analyser = codec.analyser(channels, FILE_BLOCK, stages)
        self._pushed = 0
        self._payloads: list[bytes] = []
        self._running = 0
        self._codes: list[Codes] = []  # of the seconds that are to be coded
        self._bits: list[NDArray[np.float64]] = []  # for a target: of the first of them

    def push(self, samples: Samples) -> None:
        """samples: float32 [channels, n] at `codec.rate`. Raises LimitError beyond 18 hours, ValueError for others."""
        check_samples(samples, self._header.channels)
        self._pushed += samples.shape[1]
        if self._pushed > MAX_SECONDS * self._codec.rate:
            raise LimitError(f"A file holds {MAX_SECONDS // 3600} hours of sound at most, and this is longer.")
        self._take(self._analyser.push(samples))

    def finish(self, length: int) -> bytes:
        """The `.kdk` file. length: samples of the original at its own rate.

        Raises ValueError if what was pushed is not that long (`codec_length` of it, or one less), TargetError if no
        number of stages meets the target.
        """
        header = replace(self._header, length=length)
        missing = missing_samples(self._pushed, header.length, header.rate, self._codec.rate)
        self.push(np.zeros((header.channels, missing), np.float32))
        self._take(self._analyser.finish())
        self._code()
        if self._target is None:
            return assemble(header, self._extras, self._payloads, self._running)
        limit = int(self._target * 125 * header.seconds)
        build = _Builder(self._codec, header, self._extras, self._codes)
        return largest_within(build, self._bits, limit, header.seconds, self._codec.steady + 1)

    def _take(self, codes: Codes) -> None:
        for start in range(0, codes.shape[2], FILE_BLOCK):
            self._codes.append(once(codes[:, :, start : start + FILE_BLOCK]).copy())
            if len(self._codes) - len(self._bits) == GROUP:
                self._code()

    def _code(self) -> None:
        """What is known of the new seconds: their bits if there is a target, else all."""
        if self._target is not None:
            self._bits += self._codec.stage_bits(self._codes[len(self._bits) :])
            return
        self._payloads += pack(self._codec, self._codes, self._header.channels)
        for second in self._codes:
            self._running = hash_codes(second, self._running)
        self._codes.clear()


class _Builder:
    """Stages of each second -> the file; what was coded once is kept for the next one."""

    def __init__(self, codec: AudioCodec, header: AudioHeader, extras: Sequence[Chunk], codes: Sequence[Codes]) -> None:
        self._codec = codec
        self._header = header
        self._extras = extras
        self._codes = codes
        self._payloads: dict[tuple[int, int], bytes] = {}

    def __call__(self, stages: Sequence[int]) -> bytes:
        keys = list(enumerate(stages))
        codes = [self._codes[second][:, :count] for second, count in keys]
        new = [place for place, key in enumerate(keys) if key not in self._payloads]
        packed = pack(self._codec, [codes[place] for place in new], self._header.channels)
        self._payloads |= {keys[place]: payload for place, payload in zip(new, packed, strict=True)}
        running = 0
        for second in codes:
            running = hash_codes(second, running)
        return assemble(self._header, self._extras, [self._payloads[key] for key in keys], running)


class AudioDecoder:
    """A file's sound, piece by piece: iterate over it, once; float32 [channels, n] at `rate`, all of
    `codec_length(header.length, header.rate, rate)` samples.

    header: AudioHeader (channels, rate, length, stages, generation ...). tags: names and values. rate: the codec's, Hz.
    partial: replace damaged and missing seconds by silence, leave out damaged tags. damage: what was replaced, of that
    which was read so far, in seconds. Raises CodecError (its kinds say what is wrong), here or while iterating.
    """

    def __init__(
        self, data: Bytes, *, limits: Limits | None = None, device: str = "cpu", partial: bool = False
    ) -> None:
        contents = read_header(data, limits, partial)
        self.header = expect(AudioHeader, contents.header)
        self.tags: dict[str, str] = {}
        try:
            self.tags = _tags(_extras(data, contents))
        except (DamagedError, FormatError):
            if not partial:
                raise
        self._codec = codec_of(self.header, device)
        self.rate = self._codec.rate
        self._seconds = Seconds(self._codec, data, self.header, contents.entries, partial)

    def __iter__(self) -> Iterator[Samples]:
        seconds, synthesiser = self._seconds, self._codec.synthesiser(self.header.channels, FILE_BLOCK)
        output = Output(seconds.samples)
        for number, codes in enumerate(seconds):
            if codes is None:
                output.mute(*seconds.span(number))
                piece = synthesiser.skip(seconds.frames_of(number))
            else:
                piece = synthesiser.push(spread(codes, self.header.channels))
            yield output.play(piece)
        yield output.play(synthesiser.finish(seconds.samples))
        if not seconds.damaged:
            seconds.finish()

    @property
    def damage(self) -> list[Span]:
        return self._seconds.spans()


def cut_audio(
    data: Bytes, *, stages: int | None = None, kbps: float | None = None, limits: Limits | None = None
) -> bytes:
    """A file with less of the same codes; all other chunks are kept.

    stages: of each second, at most. kbps: kbit/s of the whole file at most, of which it fills 98 % or more where the
    steps of quality are that small. Raises ValueError unless one of them is given, a positive number; TargetError if it
    is more than the file has or less than it can have; CodecError for a file that can't be decoded.
    """
    if (stages is None) == (kbps is None) or (stages or kbps or 0) <= 0:
        raise ValueError("give one of stages and kbps, a positive number")
    contents = read_header(data, limits)
    header = expect(AudioHeader, contents.header)
    extras = _extras(data, contents)
    if stages is not None and stages > header.stages:
        raise TargetError(f"The file has {header.stages} stages, so it can't be cut to {stages}.")
    limit = int((kbps or 0) * 125 * header.seconds)
    if limit > len(data):
        has, wanted = in_words(len(data), header.seconds), in_words(limit, header.seconds)
        raise TargetError(f"The file has {has}, so it can't be cut to {wanted}.")
    codec = codec_of(header)
    if stages is not None and stages <= codec.steady:
        raise TargetError(f"A file of {codec.name} can't be cut to fewer than {codec.steady + 1} stages.")
    seconds = Seconds(codec, data, header, contents.entries)
    codes = [second for second in seconds if second is not None]
    seconds.finish()
    build = _Builder(codec, header, extras, codes)
    if stages is not None:
        return build([min(stages, second.shape[1]) for second in codes])
    return largest_within(build, codec.stage_bits(codes), limit, header.seconds, codec.steady + 1)


def verify_audio(data: Bytes, *, limits: Limits | None = None) -> list[Span]:
    """Decode every symbol, without the synthesis: the damaged seconds, none if the file is sound.

    Raises CodecError for a file that is damaged elsewhere (header, directory, tags, symbol hash).
    """
    contents = read_header(data, limits, partial=True)
    header = expect(AudioHeader, contents.header)
    _tags(_extras(data, contents))
    seconds = Seconds(codec_of(header), data, header, contents.entries, partial=True)
    for _ in seconds:
        pass
    if not seconds.damaged:
        seconds.finish()
        read_header(data, limits)  # bytes may follow the end
    return seconds.spans()


def _extras(data: Bytes, contents: Contents) -> list[Chunk]:
    """All chunks but the seconds, also those of later versions."""
    entries = [entry for entry in contents.entries if entry.kind != ChunkKind.PAYLOAD]
    return [Chunk(entry.kind, read_chunk(data, entry)) for entry in entries]


def _tags(extras: Sequence[Chunk]) -> dict[str, str]:
    return next((read_tags(chunk.data) for chunk in extras if chunk.kind == ChunkKind.TAGS), {})


def codec_of(header: AudioHeader | LiveHeader, device: str = "cpu") -> AudioCodec:
    """The codec that a stream was made with. Raises UnknownModelError, DamagedError."""
    return load_codec(str(weights_of(header).path), device)


@lru_cache(maxsize=2)
def load_codec(path: str, device: str) -> AudioCodec:
    """The codec of a weights file, kept for the next sound. Raises DamagedError."""
    return AudioCodec.load(path, device)
