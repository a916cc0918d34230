"""Wrong arguments are refused in words and change nothing."""

import subprocess
import sys

import numpy as np
import pytest
from kodek.entropy import AdaptiveModel, Decoder, Encoder, StreamError, pmf_tables

PLAIN = pmf_tables([[0.5, 0.25, 0.25], [0.9, 0.1]], [-1, 0], bits=10, escape=False)


def array(dtype: str, *values: int) -> np.ndarray:
    return np.array(values, dtype=dtype)


@pytest.mark.parametrize(
    ("push", "words"),
    [
        (lambda e: e.push(array("i2", 0, 0), array("u1", 0), PLAIN), "length"),
        (lambda e: e.push(array("i2", 0, 0), array("u1", 0, 2), PLAIN), "index"),
        (lambda e: e.push(array("i2", 0, 2), array("u1", 0, 0), PLAIN), "no escape"),
        (lambda e: e.push_bits(array("u4", 3, 4), 2), "nbits"),
        (lambda e: e.push_bits(array("u4", 3), 33), "nbits"),
        (lambda e: e.push_intervals(array("u4", 1), array("u4", 0), 4), "interval"),
        (lambda e: e.push_intervals(array("u4", 10), array("u4", 7), 4), "interval"),
        (lambda e: e.push_intervals(array("u4", 1), array("u4", 1), 15), "bits"),
        (lambda e: e.push_adaptive(array("i2", 1, -1), AdaptiveModel(4)), "alphabet"),
        (lambda e: e.push_adaptive(array("i2", 1, 4), AdaptiveModel(4)), "alphabet"),
        (lambda e: e.push_adaptive(array("i2", 1), AdaptiveModel(4, 2), array("u2", 2)), "context"),
        (lambda e: e.push_adaptive(array("i2", 1), AdaptiveModel(4, 2), array("u2")), "length"),
    ],
)
def test_refused_pushes_add_nothing(push, words: str) -> None:
    encoder = Encoder(1)
    encoder.push(array("i2", 1, 0, -1), array("u1", 0, 1, 0), PLAIN)
    with pytest.raises(ValueError, match=words):
        push(encoder)
    payload = encoder.finish()
    decoder = Decoder(payload, 1)
    assert decoder.pop(array("u1", 0, 1, 0), PLAIN).tolist() == [1, 0, -1]
    decoder.finish()


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(TypeError):
        Encoder(1).push(array("i4", 0), array("u1", 0), PLAIN)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Encoder(1).push(array("i2", 0), array("i8", 0), PLAIN)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Encoder(1).push(np.zeros((2, 2), np.int16), np.zeros((2, 2), np.uint8), PLAIN)


def test_tables_too_fine_for_the_profile() -> None:
    fine = pmf_tables([[0.5, 0.5]], [0], bits=16, escape=False)
    for profile in (1, 2):
        with pytest.raises(ValueError, match="bits"):
            Encoder(profile).push(array("i2", 0), array("u1", 0), fine)
        with pytest.raises(ValueError, match="bits"):
            Decoder(b"\0", profile).pop(array("u1", 0), fine)


@pytest.mark.parametrize("profile", [-1, 3])
def test_unknown_profiles(profile: int) -> None:
    with pytest.raises(ValueError, match="profile"):
        Encoder(profile)
    with pytest.raises(ValueError, match="profile"):
        Decoder(b"\0", profile)


def test_pops_check_their_arguments() -> None:
    decoder = Decoder(b"\0", 1)
    with pytest.raises(ValueError, match="index"):
        decoder.pop(array("u1", 2), PLAIN)
    with pytest.raises(ValueError, match="context"):
        decoder.pop_adaptive(1, AdaptiveModel(4, 2), array("u2", 2))
    with pytest.raises(ValueError, match="length"):
        decoder.pop_adaptive(2, AdaptiveModel(4, 2), array("u2", 1))
    with pytest.raises(ValueError, match="interval"):
        decoder.advance(1, 0, 4)
    with pytest.raises(ValueError, match="bits"):
        decoder.peek(15)
    decoder.finish()  # none of these was a read


def test_a_failed_decoder_refuses_to_go_on() -> None:
    decoder = Decoder(b"\0", 1)
    with pytest.raises(StreamError):
        decoder.pop(np.zeros(100, np.uint8), PLAIN)
    with pytest.raises(StreamError, match="already"):
        decoder.pop(array("u1", 0), PLAIN)
    with pytest.raises(StreamError, match="already"):
        decoder.finish()


def test_a_claimed_count_of_bits_is_checked_before_memory_is_taken() -> None:
    with pytest.raises(StreamError):
        Decoder(b"\0", 1).pop_bits(1 << 50, 1)


def test_torch_is_not_imported() -> None:
    code = "import sys, kodek.entropy; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
