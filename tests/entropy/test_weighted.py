"""Symbols under integer weights, each with a distribution of its own."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.entropy import PROFILES, AdaptiveModel, Decoder, Encoder
from kodek.entropy._rans import exp2_weights


@pytest.mark.parametrize("profile", range(len(PROFILES)))
@settings(deadline=None, max_examples=25)
@given(
    alphabet=st.sampled_from([1, 2, 31, 32, 33, 65, 1000, 4096]),
    largest=st.sampled_from([1, 2**8, 2**32 - 1]),
    zeros=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(profile: int, alphabet: int, largest: int, zeros: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    weights = rng.integers(0, largest, (n, alphabet), np.uint32, endpoint=True)
    weights[rng.random(weights.shape) < zeros] = 0
    weights[np.arange(n), rng.integers(0, alphabet, n)] = largest
    symbols = rng.integers(0, alphabet, n).astype(np.int16)  # those without a weight too
    encoder = Encoder(profile)
    encoder.push_weighted(symbols, weights)
    decoder = Decoder(encoder.finish(), profile)
    cut = int(rng.integers(0, n + 1))
    pieces = [decoder.pop_weighted(weights[:cut]), decoder.pop_weighted(weights[cut:])]
    np.testing.assert_array_equal(np.concatenate(pieces), symbols)
    decoder.finish()


@pytest.mark.parametrize("profile", range(len(PROFILES)))
def test_it_is_an_adaptive_model_that_does_not_learn(profile: int) -> None:
    symbols = np.array([4, 0, 0, 2, 4], np.int16)
    encoder, twin = Encoder(profile), Encoder(profile)
    counts = np.ones((1, 5), np.uint32)
    model = AdaptiveModel(5, increment=3)
    for symbol in symbols:
        encoder.push_weighted(np.array([symbol]), counts)
        counts[0, symbol] += 3
    twin.push_adaptive(symbols, model)
    assert encoder.finish() == twin.finish()


def test_it_reaches_the_entropy() -> None:
    rng = np.random.default_rng(0)
    p = np.array([0.9, 0.05, 0.03, 0.01, 0.01])
    symbols = rng.choice(5, 20_000, p=p).astype(np.int16)
    encoder = Encoder(0)
    encoder.push_weighted(symbols, np.tile(np.round(p * 2**20).astype(np.uint32), (len(symbols), 1)))
    ideal = -sum(math.log2(p[s]) for s in symbols)
    assert 8 * len(encoder.finish()) <= 1.002 * ideal


ROW = np.ones((1, 4), np.uint32)


@pytest.mark.parametrize(
    ("symbols", "weights", "words"),
    [
        ([4], ROW, "alphabet"),
        ([-1], ROW, "alphabet"),
        ([0, 0], ROW, "number"),
        ([0], np.zeros((1, 4), np.uint32), "zero"),
        ([0], np.ones((1, 4097), np.uint32), "4096"),
        ([0], np.ones((1, 0), np.uint32), "4096"),
    ],
)
def test_refused_pushes_add_nothing(symbols: list[int], weights: np.ndarray, words: str) -> None:
    encoder = Encoder(1)
    with pytest.raises(ValueError, match=words):
        encoder.push_weighted(np.array(symbols, np.int16), weights)
    assert encoder.finish() == b"\0"


def test_pops_check_their_weights() -> None:
    decoder = Decoder(b"\0", 1)
    for weights in (np.zeros((1, 4), np.uint32), np.ones((1, 4097), np.uint32), np.ones((1, 0), np.uint32)):
        with pytest.raises(ValueError, match="weights"):
            decoder.pop_weighted(weights)
    for other in (np.ones((1, 4), np.int64), np.ones(4, np.uint32), np.ones((4, 4), np.uint32).T[1:]):
        with pytest.raises(TypeError):
            decoder.pop_weighted(other)  # type: ignore[arg-type]
    assert decoder.pop_weighted(np.ones((0, 4), np.uint32)).size == 0
    decoder.finish()


TABLE = np.round(2 ** (15 - np.arange(3841) / 256)).astype(np.uint32)


@pytest.mark.parametrize("bits", [9, 12, 24, 28])
def test_weights_of_logits(bits: int) -> None:
    logits = np.random.default_rng(bits).integers(-(2 ** (bits + 4)), 2 ** (bits + 4), (7, 50)).astype(float)
    steps = np.floor((logits + 2 ** (bits - 9)) / 2 ** (bits - 8)).astype(int)
    expected = TABLE[np.minimum(steps.max(1, keepdims=True) - steps, 3840)]
    np.testing.assert_array_equal(exp2_weights(logits, bits, TABLE), expected)


def test_logits_out_of_range_are_refused() -> None:
    for logit in (np.nan, np.inf, -(2.0**54)):
        with pytest.raises(ValueError, match="range"):
            exp2_weights(np.array([[0, logit]]), 24, TABLE)
    for bits, table in ((8, TABLE), (29, TABLE), (24, TABLE[:0])):
        with pytest.raises(ValueError, match=r"shift|empty"):
            exp2_weights(np.zeros((1, 2)), bits, table)
