"""Directories of tags as TIFF and EXIF have them. TIFF 6.0 section 2; CIPA DC-008.

Values stay the bytes that they were: libraries that decode them guess types and recode text when they write.
"""

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

SHORT, LONG, BYTE, UNDEFINED = 3, 4, 1, 7
EXIF, GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_UNSIGNED = {SHORT: "H", LONG: "I", 13: "I", 16: "Q"}
_WITHIN = {0: (EXIF, GPS), EXIF: (_INTEROPERABILITY,)}  # which directories hold which


class Entry(NamedTuple):
    """One tag: its number, type, number of values, and the values in the byte order of the directory."""

    tag: int
    kind: int
    length: int
    data: bytes


@dataclass
class Directory:
    """Entries by tag, and the directories that some tags point to.

    `order` is ``"<"`` or ``">"``; `damaged` says that entries were left out when it was read.
    """

    order: str = "<"
    entries: dict[int, Entry] = field(default_factory=dict)
    within: dict[int, "Directory"] = field(default_factory=dict)
    damaged: bool = False

    def put(self, tag: int, kind: int, values: Iterable[int] | bytes) -> None:
        """Set a tag to unsigned numbers (`SHORT`, `LONG`) or bytes."""
        if isinstance(values, bytes):
            self.entries[tag] = Entry(tag, kind, len(values), values)
        else:
            numbers = list(values)
            data = struct.pack(f"{self.order}{len(numbers)}{_UNSIGNED[kind]}", *numbers)
            self.entries[tag] = Entry(tag, kind, len(numbers), data)

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The unsigned numbers of a tag; none if it is not there or holds something else."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _UNSIGNED:
            return ()
        return struct.unpack(f"{self.order}{entry.length}{_UNSIGNED[entry.kind]}", entry.data)

    def data(self, tag: int) -> bytes | None:
        """The bytes of a tag; None if it is not there or holds something else."""
        entry = self.entries.get(tag)
        return entry.data if entry is not None and entry.kind in (BYTE, UNDEFINED) else None

    def pack(self, at: int) -> bytes:
        """The directory as it is stored at the (even) position `at`, all that it points to included."""
        rows = dict(self.entries) | {tag: Entry(tag, LONG, 1, bytes(4)) for tag in self.within}
        table, values = bytearray(struct.pack(self.order + "H", len(rows))), bytearray()
        behind = at + 2 + 12 * len(rows) + 4
        for tag, entry in sorted(rows.items()):
            here = struct.pack(self.order + "I", behind + len(values))
            data = self.within[tag].pack(behind + len(values)) if tag in self.within else entry.data
            inside = len(data) <= 4 and tag not in self.within
            table += struct.pack(self.order + "HHI", *entry[:3]) + (data.ljust(4, b"\0") if inside else here)
            if not inside:
                values += data + bytes(len(data) % 2)
        return bytes(table + bytes(4) + values)


def read_directory(file: BinaryIO) -> Directory:
    """The first directory of a TIFF or BigTIFF file, with what it says of EXIF and GPS.

    Raises:
        ValueError: there is no directory. One with damaged entries is returned without them, `damaged` set.
    """
    source = _Source(file)
    head = source.take(0, 8)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = struct.unpack_from((order or "<") + "H", head, 2)[0]
    if order is None or version not in (42, 43):
        raise ValueError("this is no TIFF directory")
    if version == 42:
        return _read(source, order, False, *struct.unpack_from(order + "I", head, 4))
    return _read(source, order, True, *struct.unpack(order + "Q", source.take(8, 8)))


def read_exif(exif: bytes) -> Directory:
    """The directory of EXIF, see `read_directory`."""
    return read_directory(io.BytesIO(exif))


def pack_exif(directory: Directory) -> bytes:
    """EXIF that holds `directory`."""
    head = b"II*\0" if directory.order == "<" else b"MM\0*"
    return head + struct.pack(directory.order + "I", 8) + directory.pack(8)


class _Source:
    """Reads no more than the file has, in all: a directory can't claim the same bytes a thousand times."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = self.budget = file.seek(0, io.SEEK_END)

    def take(self, start: int, size: int) -> bytes:
        if start + size > self.size or size > self.budget:
            raise ValueError("the directory is cut off")
        self.budget -= size
        self.file.seek(start)
        return self.file.read(size)


def _read(source: _Source, order: str, big: bool, start: int, kind: int = 0) -> Directory:
    """The directory at `start`, which is the main one (0) or the one that the tag `kind` points to."""
    offset, width = ("Q", 8) if big else ("I", 4)
    counter, row = ("Q", 20) if big else ("H", 12)
    length = struct.calcsize(counter)
    (count,) = struct.unpack(order + counter, source.take(start, length))
    table = source.take(start + length, row * count)
    directory = Directory(order)
    for at in range(0, len(table), row):
        tag, type_, values = struct.unpack_from(order + "HH" + offset, table, at)
        inside = table[at + row - width : at + row]
        (position,) = struct.unpack(order + offset, inside)
        size = values * _SIZES.get(type_, 0)
        try:
            if tag in _WITHIN.get(kind, ()):
                directory.within[tag] = _read(source, order, big, position, tag)
            elif size:
                data = inside[:size] if size <= width else source.take(position, size)
                directory.entries[tag] = Entry(tag, type_, values, data)
        except ValueError:
            directory.damaged = True
    directory.damaged |= any(inner.damaged for inner in directory.within.values())
    return directory
