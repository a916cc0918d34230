"""The bytes of a live stream: a start, packets and an end. `docs/format.md`, section 7, is the specification.

    start:   magic, version + flags | header | CRC
    packet:  number | length, whether all channels are alike, check | payload
    end:     number of the packet that follows as the last one | length 0, check | samples, symbol hash

A packet that is damaged fails its check; a reader then looks for the next place where one passes.
"""

from __future__ import annotations

from typing import NamedTuple

from kodek.entropy import crc32c

from ..container import CRC_SIZE, SMALLEST_FILE, START_SIZE, Flags, LiveHeader, read_flags, start, with_crc
from ..errors import DamagedError, FormatError
from ..fields import Reader
from ..header import read_as

NUMBERS = 250  # packets are counted modulo this
RESTART = 25  # a packet with a multiple as its number knows no others before it: each second of 40 ms
START_MOST = SMALLEST_FILE  # bytes of the start; with any packet a stream has so many
END_SIZE = 12

_SIZE = 4
_LENGTH_BITS, _CHECK_BITS = 11, 12
_ONCE = 1 << _LENGTH_BITS
_LENGTH_MOST = _ONCE - 1


class Packet(NamedTuple):
    """number: modulo 250. once: all channels have the codes of the payload, not empty."""

    number: int
    once: bool
    payload: bytes


class End(NamedTuple):
    """Announces the last packet, so that no more than the sound is played of it: number: its number. length: samples of
    the original. hash: of all codes, those of the last packet included."""

    number: int
    length: int
    hash: int


def write_start(header: LiveHeader) -> bytes:
    """Raises ValueError for a value that its field can't hold."""
    return with_crc(start(Flags.LIVE) + header.write())


def read_start(data: bytes) -> tuple[LiveHeader, int]:
    """The header of a stream, and where its packets begin; data: its first bytes, `START_MOST` if it has so many.

    Raises FormatError, DamagedError or VersionError.
    """
    if read_flags(data) != Flags.LIVE:
        raise FormatError("This is no live stream of sound.")
    for end in range(START_SIZE, len(data) - CRC_SIZE + 1):
        if with_crc(data[:end]) == data[: end + CRC_SIZE]:
            return read_as(LiveHeader, Reader(data[:end], START_SIZE)), end + CRC_SIZE
    raise DamagedError("Damaged stream: the checksum of its start differs.")


def write_packet(packet: Packet, seed: int) -> bytes:
    """seed: of the stream's header. Raises ValueError for more than 2047 bytes or none."""
    if not 0 < len(packet.payload) <= _LENGTH_MOST:
        raise ValueError(f"a packet can't have {len(packet.payload)} bytes")
    return _framed(packet.number, len(packet.payload) | (_ONCE if packet.once else 0), packet.payload, seed)


def write_end(end: End, seed: int) -> bytes:
    return _framed(end.number, 0, end.length.to_bytes(8, "little") + end.hash.to_bytes(4, "little"), seed)


class PacketReader:
    """Packets, in any pieces -> those that are whole. Damage is skipped; it shows in the numbers of what follows.

    longest: bytes of a payload, so that damage to a length is noticed soon.
    """

    def __init__(self, seed: int, longest: int) -> None:
        self._seed = seed
        self._longest = min(longest, _LENGTH_MOST)
        self._buffer = b""

    def push(self, data: bytes) -> list[Packet | End]:
        return self._read(data, final=False)

    def finish(self) -> list[Packet | End]:
        """What is left behind a damaged packet that seemed to go on."""
        return self._read(b"", final=True)

    def _read(self, data: bytes, final: bool) -> list[Packet | End]:
        data, at, found = self._buffer + data, 0, []
        while at + _SIZE <= len(data):
            length = int.from_bytes(data[at + 1 : at + _SIZE], "little") & _LENGTH_MOST
            end = at + _SIZE + (length or END_SIZE)
            if length <= self._longest and end > len(data) and not final:
                break
            packet = self._packet(data[at:end]) if length <= self._longest and end <= len(data) else None
            if packet:
                found.append(packet)
            at = end if packet else at + 1
        self._buffer = data[at:]
        return found

    def _packet(self, data: bytes) -> Packet | End | None:
        number, fields, content = data[0], int.from_bytes(data[1:_SIZE], "little"), data[_SIZE:]
        head = fields & (1 << _LENGTH_BITS + 1) - 1
        if number >= NUMBERS or data != _framed(number, head, content, self._seed):
            return None
        if head == 0:
            return End(number, int.from_bytes(content[:8], "little"), int.from_bytes(content[8:], "little"))
        return Packet(number, bool(head & _ONCE), content) if head & _LENGTH_MOST else None


def _framed(number: int, head: int, content: bytes, seed: int) -> bytes:
    """head: length and the bit of `once`."""
    check = crc32c(bytes((number,)) + head.to_bytes(2, "little") + content, seed) & (1 << _CHECK_BITS) - 1
    return bytes((number,)) + (head | check << _LENGTH_BITS + 1).to_bytes(3, "little") + content
