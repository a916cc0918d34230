"""The PAYLOAD chunks of a file of sound <-> its codes: one for each second, which decodes alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from kodek.entropy import StreamError, crc32c, symbol_hash
from numpy.typing import NDArray

from ..container import AudioHeader, Bytes, Chunk, ChunkKind, Entry, read_chunk, write
from ..errors import DamagedError, FormatError, MismatchError
from .codec import FILE_BLOCK
from .samples import codec_length
from .spans import Span, joined, span_words

if TYPE_CHECKING:
    from .codec import AudioCodec

PROFILE = 0  # of the entropy coder: a second is a few hundred codes
GROUP = 32  # seconds that are coded at once, for speed
ONCE = 0x80  # in a chunk's first byte: all channels have these codes

Codes = NDArray[np.int16]  # [channels, stages, frames]
Shape = tuple[int, int, int]


def once(codes: Codes) -> Codes:
    """The first channel alone, [1, stages, frames], if the others are the same."""
    return codes[:1] if (codes == codes[:1]).all() else codes


def spread(codes: Codes, channels: int) -> Codes:
    """Undoes `once`."""
    return np.broadcast_to(codes, (channels, *codes.shape[1:]))


def pack(codec: AudioCodec, seconds: Sequence[Codes], channels: int) -> list[bytes]:
    """The chunks of a file with so many channels; codes as `once` gives them."""
    segments = codec.encode_segments(seconds, PROFILE)
    firsts = (codes.shape[1] - 1 | (ONCE if len(codes) < channels else 0) for codes in seconds)
    return [bytes((first,)) + segment.payload for first, segment in zip(firsts, segments, strict=True)]


def hash_codes(codes: Codes, running: int) -> int:
    """The hash of codes as `once` gives them, which continues that of the seconds before."""
    return symbol_hash(np.ascontiguousarray(codes).ravel(), running)


def assemble(header: AudioHeader, extras: Sequence[Chunk], payloads: Sequence[bytes], running: int) -> bytes:
    """The `.kdk` file. header: with any stages and symbol hash; running: the hash of all codes."""
    stages = 1 + max(payload[0] & ~ONCE for payload in payloads)
    header = replace(header, stages=stages)
    header = replace(header, symbol_hash=crc32c(running.to_bytes(4, "little"), header.seed))
    # the rest first: it then survives a file that is cut off
    return write(header, [*extras, *(Chunk(ChunkKind.PAYLOAD, payload) for payload in payloads)])


class Seconds:
    """The codes of a file, second by second, as `once` gives them: iterate once.

    partial: None stands for a second that is damaged. samples: that the codec decodes to. damaged: numbers of the
    seconds that were found damaged. Raises DamagedError, unless partial, which names the damaged seconds, at once if
    checksums tell; DamagedError for a wrong number of chunks, FormatError for more stages than the codec has.
    """

    def __init__(
        self, codec: AudioCodec, data: Bytes, header: AudioHeader, entries: Sequence[Entry], partial: bool = False
    ) -> None:
        self._codec = codec
        self._data = data
        self._header = header
        self._partial = partial
        self._entries = [entry for entry in entries if entry.kind == ChunkKind.PAYLOAD]
        self.samples = codec_length(header.length, header.rate, codec.rate)
        self._frames = codec.frames(self.samples)
        self.damaged: list[int] = []
        self._running = 0
        expected = -(-self._frames // FILE_BLOCK)
        if len(self._entries) != expected:
            raise DamagedError(f"The file is damaged: it has {len(self._entries)} payloads, not {expected}.")
        if header.stages > codec.stages:
            raise FormatError(f"Malformed header: it says {header.stages} stages, its weights have {codec.stages}.")
        if not partial:
            self._refuse([number for number in range(expected) if not self._chunk(number)])

    def __iter__(self) -> Iterator[Codes | None]:
        for start in range(0, len(self._entries), GROUP):
            numbers = range(start, min(start + GROUP, len(self._entries)))
            chunks = {number: chunk for number in numbers if (chunk := self._chunk(number))}
            payloads, shapes = zip(*chunks.values(), strict=True) if chunks else ((), ())
            decoded = dict(zip(chunks, self._codec.decode_segments(payloads, shapes, PROFILE), strict=True))
            for number in numbers:
                segment = decoded.get(number)
                if segment is None or isinstance(segment, StreamError):
                    self._refuse([number])
                    yield None
                else:
                    self._running = hash_codes(segment.codes, self._running)
                    yield segment.codes

    def finish(self) -> None:
        """Raises MismatchError unless the codes of all seconds, none of them damaged, are those that were coded."""
        if crc32c(self._running.to_bytes(4, "little"), self._header.seed) != self._header.symbol_hash:
            raise MismatchError(
                "The decoded symbols are not those that were coded: the file or this decoder is at fault."
            )

    def frames_of(self, number: int) -> int:
        return min(self._frames - number * FILE_BLOCK, FILE_BLOCK)

    def span(self, number: int) -> tuple[int, int]:
        """Start and end of a second in samples at the codec's rate: its first frame finishes those before it."""
        start = (number * FILE_BLOCK - 1) * self._codec.hop
        return max(0, start), min(start + FILE_BLOCK * self._codec.hop, self.samples)

    def spans(self) -> list[Span]:
        """Where the damaged seconds lie, in seconds, neighbours joined."""
        rate = self._codec.rate
        return joined([(start / rate, end / rate) for start, end in map(self.span, self.damaged)])

    def _refuse(self, damaged: list[int]) -> None:
        self.damaged += damaged
        if self.damaged and not self._partial:
            raise DamagedError(f"The file is damaged: {span_words(self.spans())} can't be decoded, the rest can.")

    def _chunk(self, number: int) -> tuple[bytes, Shape] | None:
        """Payload and shape of its codes, None if it is damaged."""
        try:
            content = read_chunk(self._data, self._entries[number])
        except DamagedError:
            return None
        if not content:
            return None
        channels, stages = self._header.channels, (content[0] & ~ONCE) + 1
        if stages > self._header.stages or (content[0] & ONCE and channels == 1):
            return None
        return content[1:], (1 if content[0] & ONCE else channels, stages, self.frames_of(number))
