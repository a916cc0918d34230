"""What a .kdk file says of a picture or a sound before its payload, and the limits that its claims must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from kodek.entropy import crc32c

from .errors import FormatError, LimitError, VersionError
from .fields import (
    Choice,
    Field,
    Length,
    Packed,
    Raw,
    Reader,
    Unsigned,
    read_fields,
    show_fields,
    write_fields,
)

Mode = Literal["L", "RGB", "CMYK"]
Kind = Literal["image", "video", "audio"]
NOUNS: Mapping[Kind, str] = {"image": "a picture", "audio": "sound"}

KIND = Choice("kind", 2, ("image", "video", "audio"))
PROFILE = Choice("profile", 2, (0, 1, 2))
MAX_CHANNELS = 8
MAX_RATE = 768_000
MAX_STAGES = 128

BLOCK = 64  # image codecs work in blocks, so a narrow picture costs as much as one of this width


@dataclass(frozen=True)
class Limits:
    """What a header may claim before a reader refuses it.

    max_pixels: width x height, where a side counts as at least 64, because codecs work in blocks.
    max_seconds: of sound.
    max_chunks: entries of the directory.
    """

    max_pixels: int = 200_000_000
    max_seconds: float = 18 * 3600
    max_chunks: int = 65_536

    def check_size(self, width: int, height: int) -> None:
        """Raise LimitError for too many pixels."""
        if max(width, BLOCK) * max(height, BLOCK) > self.max_pixels:
            raise LimitError(
                f"The header claims {width} x {height} pixels, more than the limit of {self.max_pixels} "
                f"(sides count as at least {BLOCK})."
            )

    def check_length(self, length: int, rate: int) -> None:
        """Raise LimitError for too many samples at that rate."""
        if length > self.max_seconds * rate:
            raise LimitError(
                f"The header claims {length / rate:.0f} seconds of sound, more than the limit of {self.max_seconds:g}."
            )


class Header:
    """`kind` and the attributes of a class, as `fields` in the order of a file."""

    kind: ClassVar[Kind]
    part: ClassVar[str]  # what a PAYLOAD chunk is of
    fields: ClassVar[tuple[Field, ...]]
    generation: bytes

    def write(self) -> bytes:
        """The header's bytes. Raises ValueError for a value that its field can't hold."""
        return write_fields(self.fields, self._values())

    @property
    def seed(self) -> int:
        """Where the symbol hash starts: the CRC of this header with a hash of zero, which ties symbols to geometry."""
        return crc32c(write_fields(self.fields, {**self._values(), "symbol_hash": 0}))

    def show(self) -> dict[str, str]:
        """Field names and values as text, in the order of the file."""
        return show_fields(self.fields, self._values())

    def check(self, limits: Limits) -> None:
        """Raise LimitError for a claim that goes beyond the limits."""

    def _values(self) -> dict[str, Any]:
        return {"kind": self.kind, **vars(self)}


@dataclass(frozen=True)
class ImageHeader(Header):
    """The header of an image track.

    generation: 8 bytes that name the weights. width, height: pixels, at least 1. depth: bits per sample.
    position: the quality byte, 0..255. profile: the entropy coder's. symbol_hash: of all symbols, u32,
    continuing from `seed`.
    """

    generation: bytes
    width: int
    height: int
    mode: Mode
    depth: Literal[8, 16]
    position: int
    profile: int
    symbol_hash: int

    kind = "image"
    part = "tile"
    fields = (
        Packed((KIND, PROFILE, Choice("mode", 2, ("L", "RGB", "CMYK")), Choice("depth", 2, (8, 16)))),
        Length("width"),
        Length("height"),
        Raw("generation", 8),
        Unsigned("position", 1),
        Unsigned("symbol_hash", 4, hexadecimal=True),
    )

    def check(self, limits: Limits) -> None:
        limits.check_size(self.width, self.height)


@dataclass(frozen=True)
class LiveHeader(Header):
    """What a live stream of sound begins with.

    generation: 8 bytes that name the weights. channels: 1..8. rate: of the original, Hz, 1..768 000. stages: of the
    quantiser, 1..128. profile: the entropy coder's.
    """

    generation: bytes
    channels: int
    rate: int
    stages: int
    profile: int

    kind = "audio"
    part = "second"
    fields: ClassVar[tuple[Field, ...]] = (
        Packed((KIND, PROFILE, Choice("channels", 4, tuple(range(1, MAX_CHANNELS + 1))))),
        Length("rate", MAX_RATE),
        Raw("generation", 8),
        Length("stages", MAX_STAGES),
    )


@dataclass(frozen=True)
class AudioHeader(LiveHeader):
    """The header of a sound in a file: that of a live stream, where `stages` is the largest of any second, and more.

    length: samples of the original at its rate, at least 1. symbol_hash: of all symbols, u32, continuing from `seed`.
    """

    length: int
    symbol_hash: int

    fields = (*LiveHeader.fields, Length("length"), Unsigned("symbol_hash", 4, hexadecimal=True))

    @property
    def seconds(self) -> float:
        return self.length / self.rate

    def check(self, limits: Limits) -> None:
        limits.check_length(self.length, self.rate)


HEADERS: Mapping[str, type[Header]] = {header.kind: header for header in (ImageHeader, AudioHeader)}
H = TypeVar("H", bound=Header)


def read_header_fields(reader: Reader, limits: Limits) -> Header:
    """Read a track header. Raises FormatError, VersionError or LimitError."""
    kind = Packed((KIND,)).read(Reader(reader.data, reader.offset))["kind"]
    if kind not in HEADERS:
        raise VersionError(f"This file needs a newer kodek: it holds {kind}.")
    header = read_as(HEADERS[kind], reader)
    header.check(limits)
    return header


def read_as(kind: type[H], reader: Reader) -> H:
    """The header that has the fields of that class. Raises FormatError or VersionError."""
    values = read_fields(kind.fields, reader)
    del values["kind"]
    return kind(**values)


def expect(kind: type[H], header: Header) -> H:
    """The header of a picture or of a sound. Raises FormatError if the file holds the other."""
    if not isinstance(header, kind):
        raise FormatError(f"This .kdk file holds {NOUNS[header.kind]}, not {NOUNS[kind.kind]}.")
    return header
