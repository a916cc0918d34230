"""A header is a list of named fields that write, read and print themselves.

The idea is that of Cool-Chic's header elements, with bytes and varints instead of strings of bits.
Values are passed as a dictionary from field names; `docs/format.md` shows the resulting bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from . import varint
from .errors import FormatError, VersionError


class Reader:
    """A position in the bytes of a header."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data = data
        self.offset = offset

    @property
    def left(self) -> int:
        return len(self.data) - self.offset

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise FormatError("Malformed header: it ends in the middle of a field.")
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def uint(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        value, self.offset = varint.decode(self.data, self.offset)
        return value


class Field(Protocol):
    def write(self, values: Mapping[str, Any]) -> bytes: ...
    def read(self, reader: Reader) -> dict[str, Any]: ...
    def show(self, values: Mapping[str, Any]) -> dict[str, str]: ...


@dataclass(frozen=True)
class Raw:
    """`size` bytes as they are, printed in hexadecimal."""

    name: str
    size: int

    def write(self, values: Mapping[str, Any]) -> bytes:
        if len(values[self.name]) != self.size:
            raise ValueError(f"{self.name} must be {self.size} bytes, not {len(values[self.name])}")
        return bytes(values[self.name])

    def read(self, reader: Reader) -> dict[str, Any]:
        return {self.name: reader.take(self.size)}

    def show(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {self.name: values[self.name].hex()}


@dataclass(frozen=True)
class Unsigned:
    """An integer of `size` bytes, little endian; `hexadecimal` is how it is printed."""

    name: str
    size: int
    hexadecimal: bool = False

    def write(self, values: Mapping[str, Any]) -> bytes:
        if not 0 <= values[self.name] < 1 << 8 * self.size:
            raise ValueError(f"{self.name} = {values[self.name]} doesn't fit {8 * self.size} bits")
        return int(values[self.name]).to_bytes(self.size, "little")

    def read(self, reader: Reader) -> dict[str, Any]:
        return {self.name: reader.uint(self.size)}

    def show(self, values: Mapping[str, Any]) -> dict[str, str]:
        value = values[self.name]
        return {self.name: f"{value:0{2 * self.size}x}" if self.hexadecimal else str(value)}


@dataclass(frozen=True)
class Length:
    """A number from 1 to `most`, stored as a varint of the number less one."""

    name: str
    most: int = 1 << 63

    def write(self, values: Mapping[str, Any]) -> bytes:
        if not 1 <= values[self.name] <= self.most:
            raise ValueError(f"{self.name} must be at least 1 and at most {self.most}, not {values[self.name]}")
        return varint.encode(values[self.name] - 1)

    def read(self, reader: Reader) -> dict[str, Any]:
        value = reader.varint() + 1
        if value > self.most:
            raise FormatError(f"Malformed header: its {self.name} is {value}, more than {self.most}.")
        return {self.name: value}

    def show(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {self.name: str(values[self.name])}


@dataclass(frozen=True)
class Choice:
    """`bits` bits that name one of `values` by its place; places beyond them are left to later versions."""

    name: str
    bits: int
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Packed:
    """Choices that share one byte, the first in the lowest bits."""

    choices: tuple[Choice, ...]

    def write(self, values: Mapping[str, Any]) -> bytes:
        byte = shift = 0
        for choice in self.choices:
            if values[choice.name] not in choice.values:
                raise ValueError(f"{choice.name} = {values[choice.name]!r} is none of {choice.values}")
            byte |= choice.values.index(values[choice.name]) << shift
            shift += choice.bits
        return bytes((byte,))

    def read(self, reader: Reader) -> dict[str, Any]:
        byte = reader.uint(1)
        values = {}
        for choice in self.choices:
            place = byte & (1 << choice.bits) - 1
            if place >= len(choice.values):
                raise VersionError(f"This file needs a newer kodek: its {choice.name} has the unknown code {place}.")
            values[choice.name] = choice.values[place]
            byte >>= choice.bits
        return values

    def show(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {choice.name: str(values[choice.name]) for choice in self.choices}


def write_fields(fields: Iterable[Field], values: Mapping[str, Any]) -> bytes:
    """The bytes of all fields. Raises ValueError for a value that its field can't hold."""
    return b"".join(field.write(values) for field in fields)


def read_fields(fields: Iterable[Field], reader: Reader) -> dict[str, Any]:
    """The values of all fields by name. Raises FormatError or VersionError."""
    values: dict[str, Any] = {}
    for field in fields:
        values |= field.read(reader)
    return values


def show_fields(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, str]:
    """The values of all fields by name, as text for people."""
    text: dict[str, str] = {}
    for field in fields:
        text |= field.show(values)
    return text
