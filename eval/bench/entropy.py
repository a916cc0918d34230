"""Entropy-coder benchmark: `kodek bench entropy`.

A Kodak-size latent (768x512 photo, 320 channels at 1/16: 491 520 symbols) under 64 Gaussian tables goes from an int16
array to bytes and back, through our profiles and, on the same symbols, through CompressAI's `ans` and `constriction`.
Every coder starts from NumPy arrays and ends in one, so the conversions its interface asks for are counted; tables are
made beforehand, for all of them (CompressAI's own models convert theirs again for every call). Every coder runs on one
thread and is timed by that thread's processor time, and repeats are interleaved with the best of each counting, because
on a shared machine wall-clock times vary by a factor.

"Over ideal" is the size above sum -log2 p of the unquantised bin probabilities of the chosen tables, flush included.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from kodek.entropy import Decoder, Encoder, Tables, gaussian_tables
from numpy.typing import NDArray

from ..errors import EvalError
from . import need

# Processor time of this thread, where the clock is fine enough (not on Windows).
clock = time.thread_time if time.get_clock_info("thread_time").resolution < 1e-6 else time.perf_counter

SYMBOLS = 491_520
MEDIANS = 0.45, 2.2  # of the scales: a low and a high rate
SCALES = np.geomspace(0.11, 15.9, 64)  # from 16 on tables send raw low bits, which the others do not have
COMPRESSAI_BITS = 16

Symbols = NDArray[np.int16]


@dataclass
class Source:
    """Symbols with their table numbers, and the length they would have under real-valued probabilities."""

    symbols: Symbols
    index: NDArray[np.uint8]
    ideal_bits: float


@dataclass
class Contestant:
    """One coder: what it is called, how it writes and how it reads. Times in seconds, best of the repeats."""

    name: str
    encode: Callable[[], bytes]
    decode: Callable[[bytes], Symbols]
    encode_time: float = math.inf
    decode_time: float = math.inf
    size: int = 0

    @property
    def total(self) -> float:
        return self.encode_time + self.decode_time


def run(repeats: int) -> dict[str, Any]:
    """`sources`, each with its `ideal_bytes` and its `coders`.

    A coder has seconds of encoding and decoding, bytes, `over_ideal` (a fraction), and how many times faster than
    CompressAI and the faster constriction it is, both ways. Raises Unavailable, or EvalError when a coder fails.
    """
    need("compressai", "constriction")
    sources = []
    for median in MEDIANS:
        source = make_source(median)
        contestants = [
            ours(source, 0, 16, portable=False),
            ours(source, 1, 14, portable=False),
            ours(source, 2, 12, portable=False),
            ours(source, 2, 12, portable=True),
            compressai(source),
            constriction_categorical(source),
            constriction_gaussian(source),
        ]
        race(contestants, source, repeats)
        sources.append(_summary(contestants, source))
    versions = {name: version(name) for name in ("kodek", "compressai", "constriction", "numpy")}
    return {"repeats": repeats, "sources": sources, "versions": versions}


def report(result: dict[str, Any]) -> str:
    return "\n\n".join(_table(source) for source in result["sources"])


def make_source(median: float, seed: int = 0) -> Source:
    """A typical latent: 45 % of the scales near the smallest, the others log-normal around `median`."""
    rng = np.random.default_rng(seed)
    scales = np.exp(rng.normal(math.log(median), 1.0, SYMBOLS))
    quiet = rng.random(SYMBOLS) < 0.45
    scales[quiet] = SCALES[0] * np.exp(np.abs(rng.normal(0.0, 0.3, SYMBOLS)))[quiet]
    thresholds = np.sqrt(SCALES[1:] * SCALES[:-1])
    index = np.searchsorted(thresholds, scales).astype(np.uint8)
    symbols = np.rint(rng.normal(0.0, SCALES[index])).astype(np.int16)
    return Source(symbols, index, _ideal_bits(symbols, index))


def ours(source: Source, profile: int, bits: int, portable: bool) -> Contestant:
    tables = gaussian_tables(SCALES, bits)

    def encode() -> bytes:
        encoder = Encoder(profile)
        encoder.push(source.symbols, source.index, tables)
        return encoder.finish()

    def decode(payload: bytes) -> Symbols:
        decoder = Decoder(payload, profile, portable=portable)
        symbols = decoder.pop(source.index, tables)
        decoder.finish()
        return symbols

    suffix = ", portable" if portable else ""
    return Contestant(f"kodek profile {profile}{suffix}", encode, decode)


def compressai(source: Source) -> Contestant:
    """CompressAI's rANS calls, lists in and lists out; its table lists are made outside the clock."""
    from kodek.datasets.compat import install

    install()
    from compressai import ans

    tables = gaussian_tables(SCALES, COMPRESSAI_BITS)
    rows = [np.concatenate([[0], np.cumsum(freqs)]).astype(int) for freqs in _split(tables)]
    width = max(len(row) for row in rows)
    cdfs = [np.pad(row, (0, width - len(row))).tolist() for row in rows]
    sizes = [len(row) for row in rows]
    offsets = tables.offsets.tolist()

    def encode() -> bytes:
        symbols, index = source.symbols.tolist(), source.index.tolist()
        return bytes(ans.RansEncoder().encode_with_indexes(symbols, index, cdfs, sizes, offsets))

    def decode(payload: bytes) -> Symbols:
        index = source.index.tolist()
        values = ans.RansDecoder().decode_with_indexes(payload, index, cdfs, sizes, offsets)
        return np.array(values, dtype=np.int16)

    return Contestant("CompressAI ans", encode, decode)


def constriction_categorical(source: Source) -> Contestant:
    """constriction's ANS coder with our tables as categorical models, symbols grouped by table.

    Grouping is its fastest way through Python: a model per table, one call for each. Escapes are coded without their
    value, which flatters it by a few bits.
    """
    import constriction

    tables = gaussian_tables(SCALES, 16)
    models = [
        constriction.stream.model.Categorical(freqs.astype(np.float64), perfect=False, lazy=False)
        for freqs in _split(tables)
    ]
    offsets = tables.offsets
    escapes = tables.sizes - 1
    lost: dict[int, int] = {}  # values of escapes, kept aside

    def groups() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.argsort(source.index, kind="stable"), np.cumsum(np.bincount(source.index, minlength=64))

    def encode() -> bytes:
        order, ends = groups()
        symbols = source.symbols[order].astype(np.int32)
        coder = constriction.stream.stack.AnsCoder()
        for t in range(63, -1, -1):
            begin, end = ends[t - 1] if t else 0, ends[t]
            entries = symbols[begin:end] - offsets[t]
            outside = (entries < 0) | (entries >= escapes[t])
            if outside.any():
                for i in np.flatnonzero(outside):
                    lost[begin + i] = symbols[begin + i]
                entries[outside] = escapes[t]
            coder.encode_reverse(entries, models[t])
        return bytes(coder.get_compressed().tobytes())

    def decode(payload: bytes) -> Symbols:
        order, ends = groups()
        coder = constriction.stream.stack.AnsCoder(np.frombuffer(payload, dtype=np.uint32))
        grouped = np.empty(SYMBOLS, dtype=np.int16)
        for t in range(64):
            begin, end = ends[t - 1] if t else 0, ends[t]
            grouped[begin:end] = coder.decode(models[t], int(end - begin)) + offsets[t]
        for place, symbol in lost.items():
            grouped[place] = symbol
        symbols = np.empty_like(grouped)
        symbols[order] = grouped
        return symbols

    return Contestant("constriction categorical", encode, decode)


def constriction_gaussian(source: Source) -> Contestant:
    """constriction's ANS coder with its quantised Gaussian family, one call."""
    import constriction

    family = constriction.stream.model.QuantizedGaussian(-200, 200)
    means = np.zeros(SYMBOLS, dtype=np.float32)
    scales = SCALES.astype(np.float32)

    def encode() -> bytes:
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(source.symbols.astype(np.int32), family, means, scales[source.index])
        return bytes(coder.get_compressed().tobytes())

    def decode(payload: bytes) -> Symbols:
        coder = constriction.stream.stack.AnsCoder(np.frombuffer(payload, dtype=np.uint32))
        return coder.decode(family, means, scales[source.index]).astype(np.int16)

    return Contestant("constriction Gaussian", encode, decode)


def race(contestants: Sequence[Contestant], source: Source, repeats: int) -> None:
    """Time every contestant `repeats` times in turn and check what it decodes."""
    for _ in range(repeats):
        for contestant in contestants:
            start = clock()
            payload = contestant.encode()
            middle = clock()
            symbols = contestant.decode(payload)
            end = clock()
            if not np.array_equal(symbols, source.symbols):
                raise EvalError(f"{contestant.name} does not give the symbols back.")
            contestant.encode_time = min(contestant.encode_time, middle - start)
            contestant.decode_time = min(contestant.decode_time, end - middle)
            contestant.size = len(payload)


def _summary(contestants: Sequence[Contestant], source: Source) -> dict[str, Any]:
    ideal = source.ideal_bits / 8
    slowest = next(c.total for c in contestants if c.name.startswith("CompressAI"))
    fastest = min(c.total for c in contestants if c.name.startswith("constriction"))
    coders = [
        {
            "name": c.name,
            "encode_seconds": c.encode_time,
            "decode_seconds": c.decode_time,
            "bytes": c.size,
            "over_ideal": c.size / ideal - 1,
            "times_compressai": slowest / c.total,
            "times_constriction": fastest / c.total,
        }
        for c in contestants
    ]
    return {"symbols": SYMBOLS, "tables": len(SCALES), "ideal_bytes": ideal, "coders": coders}


def _table(source: dict[str, Any]) -> str:
    symbols, ideal = source["symbols"], source["ideal_bytes"]
    lines = [
        f"{symbols} symbols, {source['tables']} tables, ideal {ideal:.0f} bytes ({8 * ideal / symbols:.3f} bit/symbol)",
        f"{'coder':<28}{'encode':>11}{'decode':>11}{'enc':>8}{'dec':>8}{'bytes':>9}{'over':>9}"
        f"{'x CompressAI':>14}{'x constriction':>16}",
    ]
    for c in source["coders"]:
        encode, decode = c["encode_seconds"], c["decode_seconds"]
        lines.append(
            f"{c['name']:<28}{encode * 1e3:>8.2f} ms{decode * 1e3:>8.2f} ms"
            f"{symbols / encode / 1e6:>8.1f}{symbols / decode / 1e6:>8.1f}"
            f"{c['bytes']:>9}{100 * c['over_ideal']:>8.3f}%"
            f"{c['times_compressai']:>14.1f}{c['times_constriction']:>16.2f}"
        )
    lines.append("enc, dec: million symbols per second; over: size above ideal; x: how many times faster, both ways")
    return "\n".join(lines)


def _split(tables: Tables) -> list[NDArray[np.uint32]]:
    return np.split(tables.freqs, np.cumsum(tables.sizes)[:-1])


def _ideal_bits(symbols: Symbols, index: NDArray[np.uint8]) -> float:
    """Sum of -log2 of the mass of each symbol's unit bin under its table's Gaussian."""
    distance = np.abs(symbols.astype(np.int64))
    pairs, counts = np.unique(index.astype(np.int64) << 32 | distance, return_counts=True)
    total = 0.0
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        scale, d = float(SCALES[pair >> 32]) * math.sqrt(2), pair & 0xFFFFFFFF
        total -= count * math.log2(0.5 * (math.erfc((d - 0.5) / scale) - math.erfc((d + 0.5) / scale)))
    return total
