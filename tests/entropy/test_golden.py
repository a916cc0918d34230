"""Frozen payloads: the stream format can't change without somebody noticing.

If a test here fails, files that exist no longer decode. Don't update the bytes: add a new profile.
"""

from dataclasses import dataclass

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

WEIGHTS = ((np.arange(N)[:, None] * 31 + np.arange(11) ** 3) % 97).astype(np.uint32)
WEIGHTED = [
    "003dffae0200009d12217530e6ab52802e112b25ef12704d57",
    "000040fb0442030600109aa82967f80500e8186f9352dc7ef2871382c7bdb67ed99844",
    (
        "0000c00500fb83e400da1b80000cbb3c0050dcf30bc1142101da5df600aada5b00eb3657002ded0800aac3190086420b"
        "00b8140500200d0600037706004a722f00ba470b0057cd090024e86b0049f106003d137d00034a080010c07100508710"
        "0053db16005c35080076190b0081d40700245c14002a190b0060764000522809005bc4"
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


@pytest.mark.parametrize("profile", range(3))
def test_the_specification_is_enough_to_read_them(profile: int) -> None:
    decoder = SecondDecoder(bytes.fromhex(PAYLOADS[profile]), profile)
    freqs = np.split(FREQS, [SIZES[0]])
    tables = [Table(freqs[t].tolist(), int(OFFSETS[t]), int(SHIFTS[t])) for t in range(2)]
    assert [decoder.symbol(tables[t], 12, True) for t in INDEX] == SYMBOLS.tolist()
    assert [decoder.bits(32) for _ in range(3)] == RAW.tolist()
    counts = [1] * 11
    assert [decoder.adaptive(counts, 32, 65536) for _ in range(N)] == TOKENS.tolist()
    assert [decoder.interval([0, 5, 8], 3) for _ in range(2)] == [0, 1]
    assert decoder.finished()


@pytest.mark.parametrize("profile", range(3))
def test_symbols_under_weights(profile: int) -> None:
    encoder = Encoder(profile)
    encoder.push_weighted(TOKENS, WEIGHTS)
    assert encoder.finish().hex() == WEIGHTED[profile]
    second = SecondDecoder(bytes.fromhex(WEIGHTED[profile]), profile)
    assert [second.weighted(row) for row in WEIGHTS.tolist()] == TOKENS.tolist()
    assert second.finished()


@dataclass
class Table:
    freqs: list[int]
    offset: int
    shift: int


class SecondDecoder:
    """Written from docs/entropy-coder.md alone: slow, and sharing no code with the first decoder."""

    def __init__(self, payload: bytes, profile: int) -> None:
        self.single = profile == 0
        lanes = (1, 4, 32)[profile]
        self.low, self.unit = (1 << 31, 4) if self.single else (1 << 16, 2)
        self.initial = 0 if self.single else 1 << 16
        self.adaptive_bits = 16 if self.single else 14

        side, start, more = 0, 0, True
        while more:
            side |= (payload[start] & 127) << 7 * start
            more = payload[start] >= 128
            start += 1
        end = len(payload) - side
        coded, self.side = payload[start:end], int.from_bytes(payload[end:], "little")
        self.side_left = 8 * side

        n = len(coded)
        if self.single:
            states = n if n < 8 else 4 + n % 4
            self.lanes = [int.from_bytes(coded[:states], "little")]
        else:
            states = 4 * lanes if n else 0
            self.lanes = [int.from_bytes(coded[4 * i : 4 * i + 4], "little") for i in range(lanes)] if n else []
            self.lanes = self.lanes or [self.initial] * lanes
        size = self.unit
        self.units = [int.from_bytes(coded[i : i + size], "little") for i in range(states, n, size)][::-1]
        self.count = 0
        if self.single:
            self._refill(0)

    def _refill(self, lane: int) -> None:
        if self.lanes[lane] < self.low and (self.units or not self.single):
            self.lanes[lane] = (self.lanes[lane] << 8 * self.unit) + self.units.pop()

    def interval(self, starts: list[int], bits: int) -> int:
        """Decodes the number of the interval; starts has one value more, 2^bits."""
        lane = self.count % len(self.lanes)
        x = self.lanes[lane]
        slot = x % (1 << bits)
        e = max(i for i in range(len(starts) - 1) if starts[i] <= slot)
        self.lanes[lane] = (starts[e + 1] - starts[e]) * (x >> bits) + slot - starts[e]
        self._refill(lane)
        self.count += 1
        return e

    def bits(self, n: int) -> int:
        value = self.side % (1 << n)
        self.side >>= n
        self.side_left -= n
        return value

    def symbol(self, table: Table, bits: int, escape: bool) -> int:
        e = self.interval(_starts(table.freqs), bits)
        value = table.offset + e
        if escape and e == len(table.freqs) - 1:
            zeros = 0
            while self.bits(1) == 0:
                zeros += 1
            z = (1 << zeros) - 1 + self.bits(zeros)
            value = table.offset - 1 - z // 2 if z % 2 else value + z // 2
        return (value << table.shift) + self.bits(table.shift)

    def weighted(self, weights: list[int]) -> int:
        share, total = (1 << self.adaptive_bits) - len(weights), sum(weights)
        return self.interval([b * share // total + i for i, b in enumerate(_starts(weights))], self.adaptive_bits)

    def adaptive(self, counts: list[int], increment: int, limit: int) -> int:
        s = self.weighted(counts)
        counts[s] += increment
        if sum(counts) > limit:
            counts[:] = [(c + 1) // 2 for c in counts]
        return s

    def finished(self) -> bool:
        home = all(x == self.initial for x in self.lanes)
        return home and not self.units and 0 <= self.side_left < 8 and self.side == 0


def _starts(freqs: list[int]) -> list[int]:
    starts = [0]
    for freq in freqs:
        starts.append(starts[-1] + freq)
    return starts
