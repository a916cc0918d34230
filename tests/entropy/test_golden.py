"""Frozen payloads: the stream format can't change without somebody noticing.

If a test here fails, files that exist no longer decode. Don't update the bytes: add a new profile.
"""

import numpy as np
import pytest
from kodek.entropy import AdaptiveModel, Decoder, Encoder, Tables

FREQS = np.array([100, 900, 2900, 190, 6, 1500, 2000, 590, 6], np.uint32)
SIZES = np.array([5, 4], np.int32)
OFFSETS = np.array([-2, -1], np.int32)
SHIFTS = np.array([0, 3], np.uint8)
TABLES = Tables(FREQS, SIZES, OFFSETS, SHIFTS, 12, True)

N = 40
INDEX = (np.arange(N) % 3 == 2).astype(np.uint8)
SYMBOLS = np.where(INDEX == 1, np.arange(N) * 7 % 24 - 8, np.arange(N) * 5 % 4 - 2).astype(np.int16)
SYMBOLS[[6, 17, 29]] = [-32768, 32767, 1000]
TOKENS = (np.arange(N) ** 2 % 11).astype(np.int16)
RAW = np.array([0xDEADBEEF, 0, 0xFFFFFFFF], np.uint32)

PAYLOADS = [
    (
        "1a56501c489d5f02c758ee522d40a18217d209682e76c96d83baa426e4216e567729cc871e0020ff1f1500dcff3306bc"
        "03d5bb6fab37000000c0ffffff3f"
    ),
    (
        "1a2450210a5733fc00544d01004d3f1400fc7f9b8f4fa03b81db7f50200e33b5ba0b3fe3ee5ad94eba92657e4e8e801e"
        "0020ff1f1500dcff3306bc03d5bb6fab37000000c0ffffff3f"
    ),
    (
        "1a62000202dcb38500594b130056bf91012880ab2411363700fc2f322d4a1f2b0b52d98d0058d36308f86a4902c365af"
        "062480de88ced1c9125ab36a0060df5c030e301402fadf5740f92a0e00742fed00cb0e2a0050331e0077360a00404e35"
        "004d104b01c582190073a80c00a0bf8b0001201001fd2fbf129c8a0f0051df7c001e0020ff1f1500dcff3306bc03d5bb"
        "6fab37000000c0ffffff3f"
    ),
]


def encode(profile: int) -> bytes:
    encoder = Encoder(profile)
    encoder.push(SYMBOLS, INDEX, TABLES)
    encoder.push_bits(RAW, 32)
    encoder.push_adaptive(TOKENS, AdaptiveModel(11))
    encoder.push_intervals(np.array([0, 5], np.uint16), np.array([5, 3], np.uint16), 3)
    return encoder.finish()


@pytest.mark.parametrize("profile", range(3))
def test_the_encoder_writes_these_bytes(profile: int) -> None:
    assert encode(profile).hex() == PAYLOADS[profile]


@pytest.mark.parametrize("profile", range(3))
def test_the_decoder_reads_these_bytes(profile: int) -> None:
    decoder = Decoder(bytes.fromhex(PAYLOADS[profile]), profile)
    np.testing.assert_array_equal(decoder.pop(INDEX, TABLES), SYMBOLS)
    np.testing.assert_array_equal(decoder.pop_bits(3, 32), RAW)
    np.testing.assert_array_equal(decoder.pop_adaptive(N, AdaptiveModel(11)), TOKENS)
    assert decoder.peek(3) < 5
    decoder.advance(0, 5, 3)
    assert decoder.peek(3) >= 5
    decoder.advance(5, 3, 3)
    decoder.finish()
