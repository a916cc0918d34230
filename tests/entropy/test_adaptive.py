"""Adaptive models learn, and encoder and decoder learn the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.entropy import PROFILES, AdaptiveModel, ClusteredModel, Decoder, Encoder, StreamError


@pytest.mark.parametrize("profile", range(len(PROFILES)))
@settings(deadline=None, max_examples=25)
@given(
    alphabet=st.sampled_from([1, 2, 3, 17, 256, 1000, 4096]),
    contexts=st.integers(1, 5),
    limit=st.sampled_from([8192, 20_000, 1 << 24]),
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(profile: int, alphabet: int, contexts: int, limit: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 700  # enough to halve the counts of the smaller limits
    symbols = (alphabet * rng.random(n) ** 3).astype(np.uint16)
    context = rng.integers(0, contexts, n).astype(np.uint16)
    encoder = Encoder(profile)
    encoder.push_adaptive(symbols, AdaptiveModel(alphabet, contexts, increment=100, limit=limit), context)
    decoder = Decoder(encoder.finish(), profile)
    model = AdaptiveModel(alphabet, contexts, increment=100, limit=limit)
    cut = int(rng.integers(0, n))
    first = decoder.pop_adaptive(cut, model, context[:cut])
    second = decoder.pop_adaptive(n - cut, model, context[cut:])
    np.testing.assert_array_equal(np.concatenate([first, second]), symbols)
    decoder.finish()


def test_it_approaches_the_entropy_of_each_context() -> None:
    rng = np.random.default_rng(0)
    context = rng.integers(0, 2, 20_000).astype(np.uint16)
    symbols = np.where(context, rng.binomial(20, 0.5, context.size), rng.integers(0, 4, context.size)).astype(np.int16)
    ideal = 0.0
    for c in (0, 1):
        counts = np.bincount(symbols[context == c])
        counts = counts[counts > 0]
        ideal -= float((counts * np.log2(counts / counts.sum())).sum())
    encoder = Encoder(0)
    encoder.push_adaptive(symbols, AdaptiveModel(32, 2), context)
    assert 8 * len(encoder.finish()) <= 1.02 * ideal


def test_reset_forgets() -> None:
    symbols = np.arange(500).astype(np.uint16) % 3
    model = AdaptiveModel(16)
    payloads = []
    for _ in range(3):
        encoder = Encoder(0)
        encoder.push_adaptive(symbols, model)
        payloads.append(encoder.finish())
        if len(payloads) == 2:
            model.reset()
    assert len(payloads[1]) < len(payloads[0])
    assert payloads[2] == payloads[0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"alphabet": 0},
        {"alphabet": 4097},
        {"alphabet": 2, "contexts": 0},
        {"alphabet": 4096, "contexts": 4097},
        {"alphabet": 4, "limit": 7},
        {"alphabet": 4, "limit": (1 << 24) + 1},
        {"alphabet": 4, "increment": 0},
        {"alphabet": 4, "increment": 40_000},
    ],
)
def test_bad_models_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError):
        AdaptiveModel(**arguments)


@pytest.mark.parametrize("alphabet", [1, 2, 5000, 65_536])
def test_clustered_round_trip(alphabet: int) -> None:
    rng = np.random.default_rng(alphabet)
    symbols = (alphabet * rng.random(2000) ** 2).astype(np.uint16)
    symbols[:2] = alphabet - 1
    encoder = Encoder(1)
    ClusteredModel(alphabet).push(encoder, symbols)
    decoder = Decoder(encoder.finish(), 1)
    np.testing.assert_array_equal(ClusteredModel(alphabet).pop(decoder, symbols.size), symbols)
    decoder.finish()


def test_clustered_models_check_their_range() -> None:
    with pytest.raises(ValueError, match="alphabet"):
        ClusteredModel(65_537)
    with pytest.raises(ValueError, match="alphabet"):
        ClusteredModel(5000).push(Encoder(1), np.array([5000], np.uint16))


def test_a_damaged_clustered_stream_stays_in_the_alphabet() -> None:
    model = ClusteredModel(4100)  # its last cluster is not full
    encoder = Encoder(1)
    encoder.push_bits(np.zeros(0, np.uint32), 0)
    bits = PROFILES[1].interval_bits
    encoder.push_intervals(np.array([2**bits - 1] * 2, np.uint32), np.array([1, 1], np.uint32), bits)
    with pytest.raises(StreamError):
        model.pop(Decoder(encoder.finish(), 1), 1)
