"""Unsigned integers in few bytes: LEB128, seven bits per byte, the least significant first.

At most 9 bytes, so values are below 2^63, and always the shortest form, so every value has exactly one.
"""

from .errors import FormatError

MAX_BYTES = 9


def encode(value: int) -> bytes:
    """0 <= value < 2^63 -> 1 to 9 bytes. Raises ValueError outside that range."""
    if not 0 <= value < 1 << 7 * MAX_BYTES:
        raise ValueError(f"{value} doesn't fit a varint")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data: bytes, offset: int) -> tuple[int, int]:
    """The value that starts at `offset`, and the offset behind it. Raises FormatError."""
    value = 0
    for i, byte in enumerate(data[offset : offset + MAX_BYTES]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            if byte == 0 and i > 0:
                raise FormatError("Malformed header: a number is not in its shortest form.")
            return value, offset + i + 1
    raise FormatError("Malformed header: a number doesn't end.")
