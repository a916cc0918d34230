"""What goes in comes out, for every profile, mixture of models and partition of the pops."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.entropy import PROFILES, AdaptiveModel, Decoder, Encoder, StreamError, Tables, pmf_tables

PROFILE_IDS = range(len(PROFILES))


@st.composite
def tables_and_symbols(draw, profile: int):
    """Random tables (escapes, raw low bits, any precision) and symbols that they can code."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bits = draw(st.integers(1, PROFILES[profile].table_bits))
    escape = draw(st.booleans())
    freqs, sizes, offsets, shifts = [], [], [], []
    for _ in range(draw(st.integers(1, 5))):
        size = int(rng.integers(2, min(2**bits, 300) + 1))
        cuts = np.sort(rng.choice(np.arange(1, 2**bits), size - 1, replace=False))
        freqs.append(np.diff(np.concatenate([[0], cuts, [2**bits]])))
        sizes.append(size)
        offsets.append(int(rng.integers(-size, 1)))
        shifts.append(int(rng.integers(0, 7)) if rng.random() < 0.4 else 0)
    tables = Tables(
        np.concatenate(freqs).astype(np.uint32),
        np.array(sizes, np.int32),
        np.array(offsets, np.int32),
        np.array(shifts, np.uint8),
        bits,
        escape,
    )
    index = rng.integers(0, len(sizes), draw(st.integers(0, 400)))
    shift = np.array(shifts)[index]
    value = np.array(offsets)[index] + (rng.random(index.size) * (np.array(sizes)[index] - escape)).astype(int)
    symbols = (value << shift) + (rng.integers(0, 2**15, index.size) & ((1 << shift) - 1))
    if escape:
        wild = rng.random(index.size) < 0.1
        symbols = np.where(wild, rng.integers(-32768, 32768, index.size), symbols)
    return tables, symbols.astype(np.int16), index.astype(draw(st.sampled_from([np.uint8, np.uint16])))


@pytest.mark.parametrize("profile", PROFILE_IDS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_partition_gives_the_symbols_back(profile: int, data) -> None:
    tables, symbols, index = data.draw(tables_and_symbols(profile))
    cuts = st.lists(st.integers(0, symbols.size), max_size=6).map(sorted)
    encoder = Encoder(profile)
    for begin, end in pairwise([0, *data.draw(cuts), symbols.size]):
        encoder.push(symbols[begin:end], index[begin:end], tables)
    payload = encoder.finish()

    one_push = Encoder(profile)
    one_push.push(symbols, index, tables)
    assert one_push.finish() == payload

    decoder = Decoder(payload, profile)
    for begin, end in pairwise([0, *data.draw(cuts), symbols.size]):
        np.testing.assert_array_equal(decoder.pop(index[begin:end], tables), symbols[begin:end])
    decoder.finish()


@pytest.mark.parametrize("profile", PROFILE_IDS)
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), kinds=st.lists(st.sampled_from("tbai"), max_size=8))
def test_kinds_mix_in_one_payload(profile: int, seed: int, kinds: list[str], gaussians) -> None:
    rng = np.random.default_rng(seed)
    tables = gaussians[profile]
    bits = PROFILES[profile].interval_bits
    steps = []
    for kind in kinds:
        n = int(rng.integers(0, 100))
        if kind == "t":
            steps.append((kind, rng.integers(-400, 400, n).astype(np.int16), rng.integers(0, 7, n).astype(np.uint8)))
        elif kind == "b":
            width = int(rng.integers(0, 33))
            steps.append((kind, rng.integers(0, 2**width, n).astype(np.uint32), width))
        elif kind == "a":
            steps.append((kind, rng.integers(0, 50, n).astype(np.uint16), rng.integers(0, 3, n).astype(np.uint16)))
        else:
            freqs = rng.integers(1, 2**bits, n).astype(np.uint32)
            steps.append((kind, (rng.random(n) * (2**bits - freqs)).astype(np.uint32), freqs))

    encoder, model = Encoder(profile), AdaptiveModel(50, 3)
    for kind, first, second in steps:
        if kind == "t":
            encoder.push(first, second, tables)
        elif kind == "b":
            encoder.push_bits(first, second)
        elif kind == "a":
            encoder.push_adaptive(first, model, second)
        else:
            encoder.push_intervals(first, second, bits)

    decoder, model = Decoder(encoder.finish(), profile), AdaptiveModel(50, 3)
    for kind, first, second in steps:
        if kind == "t":
            np.testing.assert_array_equal(decoder.pop(second, tables), first)
        elif kind == "b":
            np.testing.assert_array_equal(decoder.pop_bits(first.size, second), first)
        elif kind == "a":
            np.testing.assert_array_equal(decoder.pop_adaptive(first.size, model, second), first)
        else:
            for start, freq in zip(first.tolist(), second.tolist(), strict=True):
                assert start <= decoder.peek(bits) < start + freq
                decoder.advance(start, freq, bits)
    decoder.finish()


@pytest.mark.parametrize("profile", PROFILE_IDS)
def test_every_16_bit_symbol_escapes(profile: int, gaussians) -> None:
    symbols = np.arange(-32768, 32768).astype(np.int16)
    for table in range(gaussians[profile].count):
        index = np.full(symbols.size, table, np.uint8)
        encoder = Encoder(profile)
        encoder.push(symbols, index, gaussians[profile])
        decoder = Decoder(encoder.finish(), profile)
        np.testing.assert_array_equal(decoder.pop(index, gaussians[profile]), symbols)
        decoder.finish()


@pytest.mark.parametrize("profile", PROFILE_IDS)
def test_strided_arrays_are_copied(profile: int, gaussians, latents) -> None:
    symbols, index = latents
    encoder = Encoder(profile)
    encoder.push(symbols[::-3], index[::-3], gaussians[profile])
    payload = encoder.finish()
    np.testing.assert_array_equal(Decoder(payload, profile).pop(index[::-3], gaussians[profile]), symbols[::-3])


@pytest.mark.parametrize("profile", PROFILE_IDS)
def test_finish_empties_the_encoder(profile: int, gaussians, latents) -> None:
    symbols, index = latents
    encoder = Encoder(profile)
    encoder.push(symbols, index, gaussians[profile])
    first = encoder.finish()
    assert encoder.finish() == b"\0"
    encoder.push(symbols, index, gaussians[profile])
    assert encoder.finish() == first


@pytest.mark.parametrize("skew", [0.01, 0.3, 0.9, 0.9999])
@pytest.mark.parametrize("place", [0, 1])
def test_small_payloads_cost_almost_nothing_extra(skew: float, place: int) -> None:
    tables = pmf_tables([[skew, 1 - skew]], [0], bits=16, escape=False)
    rng = np.random.default_rng(1)
    for n in (0, 1, 2, 5, 30, 300, 4096):
        symbols = (rng.random(n) < (skew if place else 1 - skew)).astype(np.int16)
        index = np.zeros(n, np.uint8)
        encoder = Encoder(0)
        encoder.push(symbols, index, tables)
        assert len(encoder.finish()) <= math.ceil(tables.cost(symbols, index) / 8) + 4


def test_cost_is_the_payload_length(gaussians, latents) -> None:
    symbols, index = latents
    for profile, flush in enumerate((5, 20, 132)):
        encoder = Encoder(profile)
        encoder.push(symbols, index, gaussians[profile])
        length = 8 * len(encoder.finish())
        cost = gaussians[profile].cost(symbols, index)
        assert cost <= length <= 1.001 * cost + 8 * flush


def test_finish_notices_symbols_left_over(gaussians, latents) -> None:
    symbols, index = latents
    for profile, tables in enumerate(gaussians):
        encoder = Encoder(profile)
        encoder.push(symbols[:500], index[:500], tables)
        encoder.push_bits(np.array([1], np.uint32), 1)
        payload = encoder.finish()
        decoder = Decoder(payload, profile)
        decoder.pop(index[:499], tables)
        with pytest.raises(StreamError):
            decoder.finish()
        decoder = Decoder(payload, profile)
        decoder.pop(index[:500], tables)
        assert decoder.pop_bits(1, 1) == 1
        decoder.finish()
