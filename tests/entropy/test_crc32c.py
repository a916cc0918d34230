"""CRC-32C against known values, whole and in pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kodek.entropy import crc32c, symbol_hash


@pytest.mark.parametrize(
    ("data", "value"),
    [  # RFC 3720, appendix B.4, and the customary check value
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_known_values(data: bytes, value: int) -> None:
    assert crc32c(data) == value


@given(st.binary(max_size=200), st.integers(0, 200))
def test_it_runs_on(data: bytes, cut: int) -> None:
    assert crc32c(data[cut:], crc32c(data[:cut])) == crc32c(data)


def test_symbols_are_hashed_as_little_endian() -> None:
    symbols = np.array([1, -2, 300, -32768], np.int16)
    assert symbol_hash(symbols) == crc32c(b"\x01\x00\xfe\xff\x2c\x01\x00\x80")
    assert symbol_hash(symbols[2:], symbol_hash(symbols[:2])) == symbol_hash(symbols)
    assert symbol_hash(symbols[::-1]) == crc32c(b"\x00\x80\x2c\x01\xfe\xff\x01\x00")
