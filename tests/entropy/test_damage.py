"""Damaged payloads: a StreamError or other symbols, never a crash, never the same symbols.

The fuzz driver (entropy/csrc/fuzz_main.cpp) does the same at length, under sanitizers.
"""

import numpy as np
import pytest
from kodek.entropy import PROFILES, AdaptiveModel, Decoder, Encoder, StreamError, gaussian_tables

N = 60


def example(profile: int):
    rng = np.random.default_rng(profile)
    scales = np.array([0.5, 3.0, 30.0])
    tables = gaussian_tables(scales, PROFILES[profile].table_bits)
    index = rng.integers(0, 3, N).astype(np.uint8)
    symbols = np.rint(rng.normal(0.0, scales[index])).astype(np.int16)
    symbols[7] = 4000  # an escape
    tokens = rng.integers(0, 9, N).astype(np.int16)
    encoder = Encoder(profile)
    encoder.push(symbols, index, tables)
    encoder.push_bits(np.array([5, 2], np.uint32), 3)
    encoder.push_adaptive(tokens, AdaptiveModel(9))
    weights = rng.integers(0, 50, (N, 9), np.uint32) + 1
    encoder.push_weighted(tokens, weights)
    payload = encoder.finish()

    def decode(data: bytes) -> bool:
        """Whether the data decodes to the same values; raises StreamError where it is inconsistent."""
        decoder = Decoder(data, profile)
        same = np.array_equal(decoder.pop(index, tables), symbols)
        same &= decoder.pop_bits(2, 3).tolist() == [5, 2]
        same &= np.array_equal(decoder.pop_adaptive(N, AdaptiveModel(9)), tokens)
        same &= np.array_equal(decoder.pop_weighted(weights), tokens)
        decoder.finish()
        return same

    assert decode(payload)
    return payload, decode


def is_noticed(decode, data: bytes) -> bool:
    try:
        return not decode(data)
    except StreamError:
        return True


@pytest.mark.parametrize("profile", range(len(PROFILES)))
def test_truncation_at_every_length(profile: int) -> None:
    payload, decode = example(profile)
    for length in range(len(payload)):
        assert is_noticed(decode, payload[:length]), length


@pytest.mark.parametrize("profile", range(len(PROFILES)))
def test_every_byte_flip(profile: int) -> None:
    payload, decode = example(profile)
    for place in range(len(payload)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(payload)
            damaged[place] ^= flip
            assert is_noticed(decode, bytes(damaged)), (place, flip)


@pytest.mark.parametrize("profile", range(len(PROFILES)))
def test_added_bytes(profile: int) -> None:
    payload, decode = example(profile)
    for place in range(len(payload) + 1):
        for extra in (b"\0", b"\0\0", b"\xff\xff\xff\xff"):
            if payload[:place] + extra + payload[place:] != payload:
                assert is_noticed(decode, payload[:place] + extra + payload[place:]), (place, extra)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\x80\x00", b"\x01", b"\xff" * 9, b"\xff" * 20, b"\x7f" + b"\0" * 126],
    ids=["empty", "cut varint", "long varint", "no side buffer", "huge", "endless varint", "cut side buffer"],
)
@pytest.mark.parametrize("profile", range(len(PROFILES)))
def test_bad_headers(profile: int, data: bytes) -> None:
    with pytest.raises(StreamError):
        Decoder(data, profile)


def test_bad_states() -> None:
    with pytest.raises(StreamError, match="leading zero"):
        Decoder(b"\0\x01\0", 0)
    with pytest.raises(StreamError, match="cut short"):
        Decoder(b"\0" + b"\xff" * 14, 1)
    with pytest.raises(StreamError, match="cut short"):
        Decoder(b"\0" + b"\xff" * 17, 1)
    with pytest.raises(StreamError, match="out of range"):
        Decoder(b"\0" + b"\xff" * 12 + b"\xff\xff\0\0", 1)


def test_padding_of_the_side_buffer_is_zero() -> None:
    encoder = Encoder(1)
    encoder.push_bits(np.array([1], np.uint32), 1)
    assert encoder.finish() == b"\x01\x01"
    for data, good in ((b"\x01\x01", True), (b"\x01\x03", False), (b"\x02\x01\x00", False)):
        decoder = Decoder(data, 1)
        decoder.pop_bits(1, 1)
        if good:
            decoder.finish()
        else:
            with pytest.raises(StreamError):
                decoder.finish()


def test_escapes_outside_16_bits() -> None:
    tables = gaussian_tables([1.0], 14)
    encoder = Encoder(1)
    escape = int(tables.freqs[:-1].sum())
    encoder.push_intervals(np.array([escape], np.uint32), tables.freqs[-1:], 14)
    encoder.push_bits(np.array([1 << 17, (1 << 17) - 1], np.uint32), 18)  # the longest code, all ones
    with pytest.raises(StreamError, match="16-bit"):
        Decoder(encoder.finish(), 1).pop(np.zeros(1, np.uint8), tables)
