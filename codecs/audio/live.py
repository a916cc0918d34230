"""Sound <-> a live stream of packets of 40 ms, as it comes. Samples as in `file`: float32 at the codec's rate.

    encoder = LiveEncoder(codec, channels, rate=48000, stages=12)
    data = encoder.push(samples)                           # the packets finished so far; may be empty
    data = encoder.finish(length)                          # the last packets; length: of the original, at its rate

    decoder = LiveDecoder()
    samples = decoder.push(data)                           # any pieces; [0, 0] until decoder.header is known
    samples = decoder.finish()                             # then decoder.complete, decoder.length, decoder.damage

A packet holds two frames of 20 ms, each of which finishes the samples before it: what goes in comes out 60 ms later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from kodek.entropy import StreamError

from ..container import Limits, LiveHeader
from ..errors import DamagedError, FormatError, LimitError, MismatchError
from .codec import LIVE_BLOCK, AudioCodec
from .file import codec_of
from .packets import (
    NUMBERS,
    RESTART,
    START_MOST,
    End,
    Packet,
    PacketReader,
    read_start,
    write_end,
    write_packet,
    write_start,
)
from .samples import Output, Samples, check_samples, codec_length, missing_samples
from .seconds import PROFILE, Codes, hash_codes, once, spread
from .spans import Span, joined

LONGEST, LONGEST_CODE = 16, 2  # bytes of a payload, and more of them for each code


class LiveEncoder:
    """channels: 1 to 8; rate: of the original, Hz; stages: codec.steady + 1 to codec.stages. Raises ValueError for
    anything else.
    """

    def __init__(self, codec: AudioCodec, channels: int, rate: int, stages: int) -> None:
        if not codec.steady < stages <= codec.stages:
            raise ValueError(f"stages must lie between {codec.steady + 1} and {codec.stages}")
        self._codec = codec
        self._header = LiveHeader(codec.generation, channels, rate, stages, PROFILE)
        self._start = write_start(self._header)
        self._analyser = codec.analyser(channels, LIVE_BLOCK, stages)
        self._pushed = 0
        self._packets = 0
        self._hash = self._header.seed
        self._past: Codes | None = None

    def push(self, samples: Samples) -> bytes:
        """samples: float32 [channels, n] at `codec.rate` -> the bytes that are finished."""
        check_samples(samples, self._header.channels)
        self._pushed += samples.shape[1]
        return self._code(self._analyser.push(samples))

    def finish(self, length: int) -> bytes:
        """The rest, with the end. length: samples of the original at its own rate.

        Raises ValueError if what was pushed is not that long (`codec_length` of it, or one less).
        """
        codec, channels = self._codec, self._header.channels
        missing = missing_samples(self._pushed, length, self._header.rate, codec.rate)
        blocks = -(-codec.frames(self._pushed + missing) // LIVE_BLOCK)
        missing = (blocks * LIVE_BLOCK - 1) * codec.hop - self._pushed  # the last packet is whole
        silence = np.zeros((channels, missing), np.float32)
        codes = np.concatenate((self._analyser.push(silence), self._analyser.finish()), 2)
        before = self._code(codes[:, :, :-LIVE_BLOCK])
        last = self._code(codes[:, :, -LIVE_BLOCK:])
        end = End((self._packets - 1) % NUMBERS, length, self._hash)
        return before + write_end(end, self._header.seed) + last

    def _code(self, codes: Codes) -> bytes:
        out, self._start = [self._start], b""
        for start in range(0, codes.shape[2], LIVE_BLOCK):
            block = codes[:, :, start : start + LIVE_BLOCK]
            coded, number = once(block), self._packets % NUMBERS
            past = None if number % RESTART == 0 else self._past
            known = None if past is None else past[: len(coded)]
            (segment,) = self._codec.encode_segments([coded], PROFILE, known)
            out.append(write_packet(Packet(number, len(coded) < len(block), segment.payload), self._header.seed))
            self._hash = hash_codes(coded, self._hash)
            self._past = _behind(past, block)
            self._packets += 1
        return b"".join(out)


class LiveDecoder:
    """header: LiveHeader (channels, rate, stages, generation) once it is known, else None. rate: then the codec's, Hz.

    damage: seconds that were lost and replaced by silence. length: what the end of the stream says, samples at
    `header.rate`; None, and not `complete`, until it was seen. Raises CodecError for a stream whose start can't be
    read, or that goes on for longer than `limits` allow, or more of which is lost than came.
    """

    def __init__(self, *, limits: Limits | None = None, device: str = "cpu") -> None:
        self._limits = limits or Limits()
        self._device = device
        self._start = b""
        self._player: _Player | None = None

    @property
    def header(self) -> LiveHeader | None:
        return self._player.header if self._player else None

    @property
    def rate(self) -> int | None:
        return self._player.codec.rate if self._player else None

    @property
    def damage(self) -> list[Span]:
        return self._player.damage if self._player else []

    @property
    def length(self) -> int | None:
        return self._player.end.length if self._player and self._player.end else None

    @property
    def complete(self) -> bool:
        return self.length is not None

    def push(self, data: bytes) -> Samples:
        """float32 [channels, n] at `rate`; [0, 0] while the header isn't known."""
        if self._player is None:
            self._start += data
            if len(self._start) < START_MOST:
                return np.zeros((0, 0), np.float32)
            self._player, data = self._open()
        return self._player.push(data)

    def finish(self) -> Samples:
        """The rest of the samples; if the end was seen, they are `codec_length(length, header.rate, rate)` in all.

        Raises MismatchError if nothing was lost, and yet the codes are not those that were coded.
        """
        if self._player is None:
            self._player, _ = self._open()
        return self._player.finish()

    def _open(self) -> tuple[_Player, bytes]:
        """What plays the stream, and its bytes behind the start."""
        header, end = read_start(self._start)
        codec = codec_of(header, self._device)
        if header.stages > codec.stages:
            raise FormatError(f"Malformed header: it says {header.stages} stages, its weights have {codec.stages}.")
        return _Player(header, codec, self._limits), self._start[end:]


class _Player:
    """Packets -> samples, silence for those that are lost."""

    def __init__(self, header: LiveHeader, codec: AudioCodec, limits: Limits) -> None:
        self.header = header
        self.codec = codec
        self.damage: list[Span] = []
        self.end: End | None = None
        self._limits = limits
        longest = LONGEST + LONGEST_CODE * header.channels * header.stages * LIVE_BLOCK
        self._reader = PacketReader(header.seed, longest)
        self._synthesiser = codec.synthesiser(header.channels, LIVE_BLOCK)
        self._output = Output()
        self._packets = 0
        self._came = self._missing = 0  # of them; a few bytes could else claim hours of silence
        self._last = 0  # how many they are in the end, once it is announced
        self._past: Codes | None = None
        self._lost = False  # what the next packet has to know
        self._hash = header.seed

    def push(self, data: bytes) -> Samples:
        return self._play(self._reader.push(data))

    def finish(self) -> Samples:
        played = [self._play(self._reader.finish())]
        if self.end and self._packets < self._last:
            played.append(self._lose())
        if self.end and not self.damage and self._hash != self.end.hash:
            raise MismatchError(
                "The decoded symbols are not those that were coded: the stream or this decoder is at fault."
            )
        length = self._output.length
        if length is None:
            length = max(0, (self._packets * LIVE_BLOCK - 1) * self.codec.hop)
        played.append(self._output.play(self._synthesiser.finish(length)))
        return np.concatenate(played, 1)

    def _play(self, packets: Sequence[Packet | End]) -> Samples:
        pieces = [np.zeros((self.header.channels, 0), np.float32)]
        for packet in packets:
            if self.end and (self._packets == self._last or packet.number != self.end.number):
                continue  # nothing follows the last one
            gap = (packet.number - self._packets) % NUMBERS
            self._came += 1
            self._missing += gap
            if self._missing > self._came + NUMBERS:
                raise DamagedError("Damaged stream: more of it is lost than came.")
            pieces += [self._lose() for _ in range(gap)]
            if isinstance(packet, Packet):
                pieces.append(self._decode(packet))
            else:
                self._announce(packet)
        return np.concatenate(pieces, 1)

    def _announce(self, end: End) -> None:
        """Believe an end if so many samples take the packets that there were and one more."""
        samples = codec_length(end.length, self.header.rate, self.codec.rate)
        if end.length and -(-self.codec.frames(samples) // LIVE_BLOCK) == self._packets + 1:
            self.end, self._last, self._output.length = end, self._packets + 1, samples

    def _decode(self, packet: Packet) -> Samples:
        if packet.number % RESTART == 0:
            self._past, self._lost = None, False
        if self._lost or (packet.once and self.header.channels == 1):
            return self._lose()
        channels = 1 if packet.once else self.header.channels
        past = None if self._past is None else self._past[:channels]
        shape = channels, self.header.stages, LIVE_BLOCK
        (segment,) = self.codec.decode_segments([packet.payload], [shape], PROFILE, past)
        if isinstance(segment, StreamError):
            return self._lose()
        self._hash = hash_codes(segment.codes, self._hash)
        codes = spread(segment.codes, self.header.channels)
        self._past = _behind(self._past, codes)
        self._count()
        return self._output.play(self._synthesiser.push(codes))

    def _lose(self) -> Samples:
        """A packet that can't be decoded, and what follows until the next one that needs no past."""
        start = max(0, self._packets * LIVE_BLOCK - 1) * self.codec.hop
        self._count()
        end = (self._packets * LIVE_BLOCK - 1) * self.codec.hop
        self._output.mute(start, end)
        self.damage[-1:] = joined([*self.damage[-1:], (start / self.codec.rate, end / self.codec.rate)])
        self._lost = True
        return self._output.play(self._synthesiser.skip(LIVE_BLOCK))

    def _count(self) -> None:
        self._packets += 1
        if self._packets * LIVE_BLOCK * self.codec.hop > self._limits.max_seconds * self.codec.rate:
            raise LimitError(f"The stream is longer than the limit of {self._limits.max_seconds:g} seconds.")


def _behind(past: Codes | None, codes: Codes) -> Codes:
    """What the next packet knows: codes [channels, stages, frames] behind those of the packets before."""
    return codes if past is None else np.concatenate((past, codes), 2)
