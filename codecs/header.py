"""What a .kdk file says of a picture before its payload, and the limits that its claims must keep."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal

from kodek.entropy import crc32c

from .errors import LimitError, VersionError
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

IMAGE_FIELDS: tuple[Field, ...] = (
    Packed(
        (
            Choice("kind", 2, ("image", "video", "audio")),
            Choice("profile", 2, (0, 1, 2)),
            Choice("mode", 2, ("L", "RGB", "CMYK")),
            Choice("depth", 2, (8, 16)),
        )
    ),
    Length("width"),
    Length("height"),
    Raw("generation", 8),
    Unsigned("position", 1),
    Unsigned("symbol_hash", 4, hexadecimal=True),
)

BLOCK = 64  # codecs work in blocks, so a narrow picture costs as much as one of this width


@dataclass(frozen=True)
class Limits:
    """What a header may claim before a reader refuses it.

    max_pixels: width x height, where a side counts as at least 64, because codecs work in blocks.
    max_chunks: entries of the directory.
    """

    max_pixels: int = 200_000_000
    max_chunks: int = 65_536

    def check_size(self, width: int, height: int) -> None:
        """Raise LimitError for too many pixels."""
        if max(width, BLOCK) * max(height, BLOCK) > self.max_pixels:
            raise LimitError(
                f"The header claims {width} x {height} pixels, more than the limit of {self.max_pixels} "
                f"(sides count as at least {BLOCK})."
            )


@dataclass(frozen=True)
class ImageHeader:
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

    def write(self) -> bytes:
        """The header's bytes. Raises ValueError for a value that its field can't hold."""
        return write_fields(IMAGE_FIELDS, {"kind": "image", **asdict(self)})

    @property
    def seed(self) -> int:
        """Where the symbol hash starts: the CRC of this header with a hash of zero, which ties symbols to geometry."""
        return crc32c(replace(self, symbol_hash=0).write())

    def show(self) -> dict[str, str]:
        """Field names and values as text, in the order of the file."""
        return show_fields(IMAGE_FIELDS, {"kind": "image", **asdict(self)})


def read_header_fields(reader: Reader, limits: Limits) -> ImageHeader:
    """Read a track header. Raises FormatError, VersionError or LimitError."""
    values = read_fields(IMAGE_FIELDS, reader)
    kind = values.pop("kind")
    if kind != "image":
        raise VersionError(f"This file needs a newer kodek: it holds {kind}.")
    limits.check_size(values["width"], values["height"])
    return ImageHeader(**values)
