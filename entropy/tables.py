"""From probabilities to integer tables, in NumPy float64. Done once, at export: a table is never rebuilt at load."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._rans import Tables
from .errors import TableError

TAILS = tuple(2.0**-k for k in range(6, 19))
WIDEST_PLAIN_SCALE = 8.0  # above it, low bits are sent raw: the loss is below 0.001 bit per symbol


def quantise_pmf(pmf: ArrayLike, bits: int) -> NDArray[np.uint32]:
    """Integer frequencies of a pmf [n]: each >= 1, sum 2^bits, least Kullback-Leibler divergence to the pmf.

    The cost -sum p log f is separable and convex, so giving single counts to the best place is optimal from any
    start below the optimum; p * (2^bits - n), rounded down, is one.

    Args:
        pmf: non-negative weights [n], 1 <= n <= 2^bits; need not sum to 1.
        bits: precision, 1 to 16.

    Raises TableError if the weights or n are out of range.
    """
    p = np.asarray(pmf, dtype=np.float64)
    total = 1 << bits
    if p.ndim != 1 or not 1 <= p.size <= total:
        raise TableError("a pmf must have between 1 and 2^bits entries")
    if not np.all(np.isfinite(p)) or p.min() < 0 or p.sum() <= 0:
        raise TableError("a pmf must be finite, non-negative and not all zero")
    p = p / p.sum()
    freqs = np.maximum(np.floor(p * (total - p.size)).astype(np.int64), 1)
    heap = [(p[i] * math.log(f / (f + 1)), i) for i, f in enumerate(freqs.tolist())]
    heapq.heapify(heap)
    for _ in range(total - int(freqs.sum())):
        i = heap[0][1]
        freqs[i] += 1
        heapq.heapreplace(heap, (p[i] * math.log(freqs[i] / (freqs[i] + 1)), i))
    return freqs.astype(np.uint32)


def pmf_tables(pmfs: Sequence[ArrayLike], offsets: ArrayLike, bits: int, escape: bool) -> Tables:
    """Tables of factorised or categorical models.

    Args:
        pmfs: one pmf [n_t] per table over the values offset_t .. offset_t + n_t - 1. With escape, the mass that is
            missing to 1 goes to an added escape entry; without, each pmf is normalised.
        offsets: the value of each table's first entry, int [T].
        bits: precision, at most 16 (profile 0), 14 (profile 1) or 12 (profile 2).
        escape: whether values outside a table can be coded.

    Raises TableError if a rule of `Tables` is broken.
    """
    rows = [np.asarray(pmf, dtype=np.float64) for pmf in pmfs]
    if escape:
        rows = [np.append(row, max(1.0 - row.sum(), 0.0)) for row in rows]
    freqs = [quantise_pmf(row, bits) for row in rows]
    return _tables(freqs, np.asarray(offsets, dtype=np.int32), np.zeros(len(rows), dtype=np.uint8), bits, escape)


def cut_tables(pmfs: Sequence[ArrayLike], offsets: ArrayLike, bits: int) -> Tables:
    """Tables of the pmfs, each cut to the range of values that costs least; the others are escapes.

    Args:
        pmfs: one pmf [n_t] per table over the values offset_t .. offset_t + n_t - 1, of 1 to 4096 values. The mass
            that is missing to 1 goes to the escape.
        offsets: the value of each pmf's first entry, int [T].
        bits: precision of the frequencies.

    Raises TableError if a rule of `Tables` is broken.
    """
    rows = []
    for pmf, offset in zip(pmfs, np.asarray(offsets, dtype=np.int64), strict=True):
        p = np.asarray(pmf, dtype=np.float64)
        below, above = np.cumsum(p), np.cumsum(p[::-1])
        # at most half of `outside` lies left of the range, and as much right of it
        left, right = (np.searchsorted(mass, np.array(TAILS) / 2, "right").tolist() for mass in (below, above))
        ranges = [(start, p.size - end) for start, end in zip(left, right, strict=True)]
        rows.append(_cheapest(p, offset + np.arange(p.size), ranges, bits, _real_counts))
    freqs, firsts = zip(*rows, strict=True)
    return _tables(list(freqs), np.array(firsts, np.int32), np.zeros(len(rows), np.uint8), bits, escape=True)


def gaussian_tables(scales: ArrayLike, bits: int, tail: float | None = None) -> Tables:
    """Tables of zero-mean Gaussians integrated over unit bins, with an escape entry.

    Scales above 8 code symbol >> k, k = floor(log2(scale / 8)), and k raw low bits, which keeps every alphabet below
    some 170 entries (Gaussian bins that wide are nearly uniform inside).

    Args:
        scales: standard deviations in symbol steps, positive, at most 512, float [T].
        bits: precision of the frequencies.
        tail: probability left to the escape; None chooses per table what costs least.

    Raises TableError if a scale is out of range.
    """
    sigmas = np.asarray(scales, dtype=np.float64)
    if sigmas.ndim != 1 or sigmas.size == 0 or not np.all((sigmas > 0) & (sigmas <= 512)):
        raise TableError("scales must be a list of numbers in (0, 512]")
    freqs, offsets, shifts = [], [], []
    for sigma in sigmas:
        shift = max(0, math.floor(math.log2(sigma / WIDEST_PLAIN_SCALE)))
        table, offset = _gaussian_table(float(sigma), shift, bits, tail)
        freqs.append(table)
        offsets.append(offset)
        shifts.append(shift)
    return _tables(freqs, np.array(offsets, np.int32), np.array(shifts, np.uint8), bits, escape=True)


def join_tables(first: Tables, second: Tables) -> Tables:
    """All tables in one: those of `second` are numbered from the count of `first` on.

    Raises TableError if one has escapes and the other has not, or bits differ, or there are more than 4096.
    """
    if (first.bits, first.escape) != (second.bits, second.escape):
        raise TableError("tables of different precision or escapes can't be joined")
    freqs, sizes, offsets, shifts = (
        np.concatenate((getattr(first, name), getattr(second, name)))
        for name in ("freqs", "sizes", "offsets", "shifts")
    )
    return Tables(freqs, sizes, offsets, shifts, first.bits, first.escape)


def to_arrays(tables: Tables) -> dict[str, NDArray[np.integer]]:
    """The integer arrays that define tables, to be stored with the weights; `from_arrays` takes them back."""
    freqs = tables.freqs
    return {
        "freqs": freqs if freqs.max() >= 1 << 16 else freqs.astype(np.uint16),
        "sizes": tables.sizes,
        "offsets": tables.offsets,
        "shifts": tables.shifts,
        "format": np.array([tables.bits, tables.escape], dtype=np.int32),
    }


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Tables:
    """Tables with the same hash as those `to_arrays` was given.

    Raises TableError if an array is missing, has another dtype or breaks a rule of `Tables`.
    """
    try:
        bits, escape = (int(value) for value in arrays["format"])
        return Tables(arrays["freqs"], arrays["sizes"], arrays["offsets"], arrays["shifts"], bits, bool(escape))
    except (KeyError, TypeError) as error:
        raise TableError(f"the stored tables are incomplete: {error}") from error


def _tables(
    freqs: list[NDArray[np.uint32]],
    offsets: NDArray[np.int32],
    shifts: NDArray[np.uint8],
    bits: int,
    escape: bool,
) -> Tables:
    sizes = np.array([len(table) for table in freqs], dtype=np.int32)
    return Tables(np.concatenate(freqs).astype(np.uint32), sizes, offsets, shifts, bits, escape)


def _gaussian_table(sigma: float, shift: int, bits: int, tail: float | None) -> tuple[NDArray[np.uint32], int]:
    """Frequencies (escape last) and offset of the cheapest range around zero."""
    reach = math.ceil(9 * sigma / (1 << shift)) + 2
    values = np.arange(-reach, reach)  # of symbol >> shift
    pmf = _gaussian_pmf(values, sigma, shift)
    widths = (_half_width(pmf, values, outside, shift) for outside in (TAILS if tail is None else (tail,)))
    # with a shift, symbols -2^k .. 2^k - 1 surround zero
    ranges = ((reach - width - (1 if shift else 0), reach + width + 1) for width in widths)
    return _cheapest(pmf, values, ranges, bits, quantise_pmf)


def _cheapest(
    pmf: NDArray[np.float64],
    values: NDArray[np.int64],
    ranges: Iterable[tuple[int, int]],
    bits: int,
    counts: Callable[[NDArray[np.float64], int], NDArray],
) -> tuple[NDArray[np.uint32], int]:
    """Frequencies (escape last) and first value of that range [start, stop) of the pmf which costs least.

    counts: what to compare ranges by, `quantise_pmf` or something faster.
    """
    best: tuple[float, NDArray[np.float64], int] | None = None
    for start, stop in sorted(set(ranges), key=lambda r: r[1] - r[0]):
        if not 0 < stop - start < 1 << bits:
            continue
        inside = np.zeros(pmf.size, dtype=bool)
        inside[start:stop] = True
        cut = np.append(pmf[inside], max(1 - pmf[inside].sum(), 0.0))
        cost = _expected_bits(pmf, values, inside, counts(cut, bits), bits)
        if best is None or cost < best[0]:
            best = (cost, cut, int(values[start]))
    if best is None:
        raise TableError(f"a pmf has no range that 2^{bits} counts can hold")
    return quantise_pmf(best[1], bits), best[2]


def _real_counts(pmf: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """Frequencies that need not be integers."""
    return pmf * ((1 << bits) - pmf.size) + 1


def _half_width(pmf: NDArray[np.float64], values: NDArray[np.int64], outside: float, shift: int) -> int:
    """Smallest width of the range whose complement holds at most `outside`."""
    distance = np.where(values < 0, -values - (1 if shift else 0), values)
    mass_from = np.bincount(distance, weights=pmf)[::-1].cumsum()[::-1]  # at this distance or beyond
    return int(np.argmax(np.append(mass_from[1:], 0.0) <= outside))


def _gaussian_pmf(values: NDArray[np.int64], sigma: float, shift: int) -> NDArray[np.float64]:
    """Mass of the 2^shift unit bins that share each value of symbol >> shift."""

    def mass(value: int) -> float:
        low = ((value << shift) - 0.5) / (sigma * math.sqrt(2))
        high = (((value + 1) << shift) - 0.5) / (sigma * math.sqrt(2))
        if low + high > 0:  # mirrored to the left, where the difference does not cancel
            low, high = -high, -low
        return 0.5 * (math.erfc(-high) - math.erfc(-low))

    return np.array([mass(int(value)) for value in values])


def _expected_bits(
    pmf: NDArray[np.float64],
    values: NDArray[np.int64],
    inside: NDArray[np.bool_],
    freqs: NDArray,
    bits: int,
) -> float:
    """Bits per symbol of a table, escapes with their Exp-Golomb code included, raw low bits not."""
    entry_bits = bits - np.log2(freqs)
    low, high = values[inside][0], values[inside][-1]
    out = values[~inside]
    excess = np.where(out > high, 2 * (out - high - 1), 2 * (low - 1 - out) + 1)
    escape_bits = entry_bits[-1] + 2 * np.floor(np.log2(excess + 1)) + 1
    return float((pmf[inside] * entry_bits[:-1]).sum() + (pmf[~inside] * escape_bits).sum())
