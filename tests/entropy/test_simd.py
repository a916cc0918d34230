"""SIMD is only a faster way to the same symbols."""

import os
import subprocess
import sys

import numpy as np
import pytest
from kodek.entropy import Decoder, Encoder, StreamError, crc32c, gaussian_tables

SCALES = np.geomspace(0.11, 40.0, 70)  # some tables send raw low bits
TABLES = gaussian_tables(SCALES, 12)


def latents(n: int, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    index = rng.integers(0, len(SCALES), n).astype(dtype)
    symbols = np.rint(rng.normal(0.0, SCALES[index])).astype(np.int16)
    symbols[::501] = 20_000
    return symbols, index


def encode(symbols: np.ndarray, index: np.ndarray) -> bytes:
    encoder = Encoder(2)
    encoder.push(symbols, index, TABLES)
    return encoder.finish()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("start", [0, 1, 31, 32, 33])
def test_both_ways_give_the_symbols(start: int, dtype: type) -> None:
    symbols, index = latents(100_003, dtype)
    payload = encode(symbols, index)
    for portable in (False, True):
        decoder = Decoder(payload, 2, portable=portable)
        np.testing.assert_array_equal(decoder.pop(index[:start], TABLES), symbols[:start])
        np.testing.assert_array_equal(decoder.pop(index[start:], TABLES), symbols[start:])
        decoder.finish()


def test_both_ways_give_the_same_on_damage() -> None:
    symbols, index = latents(40_000, np.uint8)
    payload = encode(symbols, index)
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(payload[: rng.integers(1, len(payload) + 1)])
        damaged[rng.integers(0, len(damaged))] ^= int(rng.integers(1, 256))
        results = []
        for portable in (False, True):
            try:
                results.append(crc32c(Decoder(bytes(damaged), 2, portable=portable).pop(index, TABLES).tobytes()))
            except StreamError as error:
                results.append(str(error))
        assert results[0] == results[1]


def test_the_environment_variable_gives_the_same_symbols() -> None:
    code = (
        "import numpy as np, sys; from kodek.entropy import *;"
        "t = gaussian_tables(np.geomspace(0.11, 40.0, 70), 12); i = np.arange(50000).astype(np.uint8) % 70;"
        "e = Encoder(2); e.push((np.arange(50000) % 13 - 6).astype(np.int16), i, t); b = e.finish();"
        "print(crc32c(b), symbol_hash(Decoder(b, 2).pop(i, t)))"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"KODEK_PORTABLE": value},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for value in ("", "1")
    ]
    assert outputs[0] == outputs[1] != ""
