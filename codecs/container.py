"""Headers and chunks <-> the bytes of a .kdk file. `docs/format.md` is the specification.

    one chunk:       magic, version + flags | header | payload | CRC
    several chunks:  magic, version + flags | length | header, directory | CRC | chunk, chunk, ...

Nothing is interpreted before its checksum is verified, and nothing is allocated on the word of a header.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from typing import Protocol

from kodek.entropy import crc32c

from . import varint
from .errors import DamagedError, FormatError, LimitError, VersionError
from .fields import Reader
from .header import AudioHeader, Header, ImageHeader, Limits, LiveHeader, expect, read_header_fields
from .sniff import other_format

__all__ = [
    "MAGIC",
    "VERSION",
    "AudioHeader",
    "Bytes",
    "Chunk",
    "ChunkKind",
    "Contents",
    "Entry",
    "Header",
    "ImageHeader",
    "Limits",
    "LiveHeader",
    "expect",
    "read",
    "read_chunk",
    "read_header",
    "write",
]

MAGIC = b"KDK"
VERSION = 1
START_SIZE = len(MAGIC) + 1
CRC_SIZE = 4
SMALLEST_FILE = 24  # one chunk, empty
SMALLEST_ENTRY = 6

CRITICAL = 0x80


class ChunkKind(IntEnum):
    """What chunks hold. A reader that doesn't know a critical kind must refuse the file."""

    PAYLOAD = CRITICAL | 1
    PAYLOAD_K = CRITICAL | 2
    ALPHA = CRITICAL | 3
    TILE_HASHES = CRITICAL | 4
    ICC = 1
    EXIF = 2
    XMP = 3
    TAGS = 4


KNOWN = frozenset(ChunkKind)
REPEATING = frozenset((ChunkKind.PAYLOAD, ChunkKind.PAYLOAD_K))  # one for each tile or second
OF_AUDIO = frozenset((ChunkKind.PAYLOAD, ChunkKind.TAGS))
OF_KIND = {"image": KNOWN - {ChunkKind.TAGS}, "audio": OF_AUDIO}


class Flags(IntFlag):
    """The upper half of the fourth byte."""

    DIRECTORY = 1
    TRACKS = 2  # reserved: several tracks
    EMBEDDED = 4  # reserved: a prefix of the payload decodes
    LIVE = 8  # no file, but a stream of packets


class Bytes(Protocol):
    """The bytes of a file, in memory or read when they are asked for. `bytes` are some."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes: ...


@dataclass(frozen=True)
class Chunk:
    """kind: a `ChunkKind`, or 0..255 of a later version; data: at most 2^63 - 1 bytes."""

    kind: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a chunk lies in the file.

    checksum: CRC-32C of its bytes, None where they are covered by the whole file's. part: " of tile 2 of 6" in a
    payload of several.
    """

    kind: int
    start: int
    size: int
    checksum: int | None
    part: str = ""

    @property
    def critical(self) -> bool:
        return bool(self.kind & CRITICAL)

    @property
    def name(self) -> str:
        return ChunkKind(self.kind).name if self.kind in KNOWN else f"unknown {self.kind:#04x}"


@dataclass(frozen=True)
class Contents:
    """A file's header and the place of each of its chunks, the unknown ones included."""

    header: Header
    entries: tuple[Entry, ...]


def write(header: Header, chunks: Sequence[Chunk]) -> bytes:
    """The bytes of a file with these chunks, in this order.

    There is a PAYLOAD for each tile or second, at least one, and in CMYK alone a PAYLOAD_K for each tile.
    Other known kinds occur at most once, and only in the media that they belong to.
    Raises ValueError for a header or chunks that the format can't hold.
    """
    problem = _kinds_problem(header, [chunk.kind for chunk in chunks])
    if problem:
        raise ValueError(problem)
    if len(chunks) == 1:
        return with_crc(start(Flags(0)) + header.write() + chunks[0].data)
    directory = varint.encode(len(chunks)) + b"".join(
        bytes((chunk.kind,)) + varint.encode(len(chunk.data)) + _crc(chunk.data) for chunk in chunks
    )
    body = header.write() + directory
    head = with_crc(start(Flags.DIRECTORY) + varint.encode(len(body)) + body)
    return head + b"".join(chunk.data for chunk in chunks)


def read(data: Bytes, limits: Limits | None = None) -> tuple[Header, list[Chunk]]:
    """A file's header and its chunks of known kinds; all checksums are verified.

    Raises FormatError, DamagedError, VersionError or LimitError.
    """
    contents = read_header(data, limits)
    chunks = [Chunk(entry.kind, read_chunk(data, entry)) for entry in contents.entries]
    return contents.header, [Chunk(ChunkKind(chunk.kind), chunk.data) for chunk in chunks if chunk.kind in KNOWN]


def read_chunk(data: Bytes, entry: Entry) -> bytes:
    """The content of one chunk, its checksum verified. Raises DamagedError."""
    content = data[entry.start : entry.start + entry.size]
    if entry.checksum is not None and entry.checksum != crc32c(content):
        raise DamagedError(f"Damaged file: the checksum of its {entry.name} chunk{entry.part} differs.")
    return content


def read_header(data: Bytes, limits: Limits | None = None, partial: bool = False) -> Contents:
    """The header and directory of a file; verifies all but the checksums of a directory's chunks.

    partial: take a file that is shorter or longer than its directory says, too.
    Raises FormatError, DamagedError, VersionError or LimitError.
    """
    flags = read_flags(data[:SMALLEST_FILE])
    if flags == Flags.LIVE:
        raise FormatError("This is a live stream of sound, not a .kdk file.")
    if flags not in (0, Flags.DIRECTORY):
        raise VersionError(f"This file needs a newer kodek: its flags are {int(flags):#x}.")
    limits = limits or Limits()
    contents = _read_directory(data, limits, partial) if flags else _read_single(data, limits)
    for entry in contents.entries:
        if entry.critical and entry.kind not in KNOWN:
            raise VersionError(f"This file needs a newer kodek: it has a critical chunk {entry.kind:#04x}.")
    problem = _kinds_problem(contents.header, [entry.kind for entry in contents.entries])
    if problem:
        raise FormatError(f"Malformed header: {problem}.")
    return contents


def read_flags(data: bytes) -> Flags:
    """The flags of a file or stream that starts with `data`. Raises FormatError, DamagedError or VersionError."""
    if not data:
        raise FormatError("Not a .kdk file: it is empty.")
    if not data.startswith(MAGIC[: len(data)]):
        other = other_format(data)
        raise FormatError("Not a .kdk file: " + (f"it looks like {other}." if other else "its first bytes differ."))
    if len(data) < SMALLEST_FILE:
        raise DamagedError(f"Truncated file: it ends after {len(data)} bytes, inside its header.")
    version, flags = data[len(MAGIC)] & 0x0F, data[len(MAGIC)] >> 4
    if version != VERSION:
        raise VersionError(
            f"This file has version {version} of the format, but this kodek reads version {VERSION} only."
        )
    return Flags(flags)


def _read_single(data: Bytes, limits: Limits) -> Contents:
    content = data[:]
    content, checksum = content[:-CRC_SIZE], content[-CRC_SIZE:]
    if crc32c(content) != int.from_bytes(checksum, "little"):
        raise DamagedError("Damaged file: its checksum differs, so bytes were changed, added or cut off.")
    reader = Reader(content, START_SIZE)
    header = read_header_fields(reader, limits)
    return Contents(header, (Entry(ChunkKind.PAYLOAD, reader.offset, reader.left, None),))


def _read_directory(data: Bytes, limits: Limits, partial: bool) -> Contents:
    reader = Reader(data[:SMALLEST_FILE], START_SIZE)
    size = reader.varint()
    end = reader.offset + size
    if end + CRC_SIZE > len(data):
        raise DamagedError("Truncated or damaged file: its header is longer than the file.")
    head = data[:end]
    if crc32c(head) != int.from_bytes(data[end : end + CRC_SIZE], "little"):
        raise DamagedError("Damaged file: the checksum of its header differs.")

    reader = Reader(head, reader.offset)
    header = read_header_fields(reader, limits)
    entries = _read_entries(reader, end + CRC_SIZE, limits)
    end = entries[-1].start + entries[-1].size
    if end > len(data) and not partial:
        raise DamagedError(f"Truncated file: it has {len(data)} of {end} bytes.")
    if end < len(data) and not partial:
        raise DamagedError(f"Damaged file: {len(data) - end} bytes follow its end.")
    return Contents(header, tuple(_named(entries, header.part)))


def _read_entries(reader: Reader, start: int, limits: Limits) -> tuple[Entry, ...]:
    """The directory, whose first chunk lies at `start`."""
    count = reader.varint()
    if count > limits.max_chunks:
        raise LimitError(f"The header claims {count} chunks, more than the limit of {limits.max_chunks}.")
    if count < 2 or count * SMALLEST_ENTRY > reader.left:
        raise FormatError(f"Malformed header: its directory can't hold {count} chunks.")
    entries = []
    for _ in range(count):
        entries.append(Entry(reader.uint(1), start, reader.varint(), reader.uint(CRC_SIZE)))
        start += entries[-1].size
    if reader.left:
        raise FormatError(f"Malformed header: {reader.left} bytes follow its directory.")
    return tuple(entries)


def _named(entries: Sequence[Entry], part: str) -> Iterator[Entry]:
    """Say of payloads which tile's or second's they are, if there are several."""
    total, seen = Counter(entry.kind for entry in entries), Counter[int]()
    for entry in entries:
        seen[entry.kind] += 1
        several = entry.kind in REPEATING and total[entry.kind] > 1
        yield replace(entry, part=f" of {part} {seen[entry.kind]} of {total[entry.kind]}") if several else entry


def _kinds_problem(header: Header, kinds: list[int]) -> str | None:
    """What is wrong with the combination of chunks, if anything."""
    count = Counter(kinds)
    for kind in ChunkKind:
        if kind not in REPEATING and count[kind] > 1:
            return f"there are {count[kind]} {kind.name} chunks"
        if count[kind] and kind not in OF_KIND[header.kind]:
            return f"there is a {kind.name} chunk, which is not of {header.kind}"
    if not count[ChunkKind.PAYLOAD]:
        return "there is no PAYLOAD chunk"
    if isinstance(header, ImageHeader):
        if count[ChunkKind.TILE_HASHES] != (count[ChunkKind.PAYLOAD] > 1):
            return "the number of TILE_HASHES chunks is wrong"
        if count[ChunkKind.PAYLOAD_K] != (count[ChunkKind.PAYLOAD] if header.mode == "CMYK" else 0):
            return "the number of PAYLOAD_K chunks is wrong"
    return None


def start(flags: Flags) -> bytes:
    """The first bytes of a file or stream."""
    return MAGIC + bytes((VERSION | flags << 4,))


def _crc(data: bytes) -> bytes:
    return crc32c(data).to_bytes(CRC_SIZE, "little")


def with_crc(data: bytes) -> bytes:
    """Data, and its CRC behind it."""
    return data + _crc(data)
