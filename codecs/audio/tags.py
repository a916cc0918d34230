"""The TAGS chunk: names and values as text, each after its length in bytes."""

from __future__ import annotations

from collections.abc import Mapping

from .. import varint
from ..errors import FormatError
from ..fields import Reader


def write_tags(tags: Mapping[str, str]) -> bytes:
    """Raises ValueError for text that UTF-8 can't hold (half of a surrogate pair)."""
    return b"".join(_text(text) for tag in tags.items() for text in tag)


def read_tags(data: bytes) -> dict[str, str]:
    """Tags in their order; of two with one name the last. Raises FormatError."""
    reader, tags = Reader(data), {}
    while reader.left:
        name, value = (reader.take(reader.varint()) for _ in range(2))
        try:
            tags[name.decode()] = value.decode()
        except UnicodeDecodeError as error:
            raise FormatError("Malformed tags: they are not UTF-8.") from error
    return tags


def _text(text: str) -> bytes:
    data = text.encode()
    return varint.encode(len(data)) + data
