"""Sound at a rate: how many stages each second gets, so that the whole file meets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import TargetError
from ..target import SIZE_SHARE

GOLDEN = 0.6180339887498949
START, FRAMING = 32.0, 11.0  # bytes of a file, and more of them for each second, beside the ideal bits: a first guess

Build = Callable[[Sequence[int]], bytes]


def largest_within(
    build: Build, bits: Sequence[NDArray[np.float64]], limit: int, seconds: float, least: int = 1
) -> bytes:
    """The largest file of at most `limit` bytes; the first of at least 98 % of them is taken.

    build: stages of each second, `least` or more -> the file. bits: of each second, what its stages take, float64
    [stages]. All seconds have the same number of stages but for one, where they have as many; those with one more lie
    evenly spread.
    Raises TargetError, which speaks of the rate over `seconds`, if no file is that small.
    """
    bits = [np.append(part[:least].sum(), part[least:]) for part in bits]
    order = np.argsort(np.arange(1, len(bits) + 1) * GOLDEN % 1, kind="stable")
    counts = np.array([len(bits[second]) for second in order])
    exists = np.arange(counts.max())[:, None] < counts  # [stages, seconds]: steps from the smallest file to the largest
    costs = np.zeros(exists.shape)
    for column, second in enumerate(order):
        costs[: counts[column], column] = bits[second]
    sizes = np.cumsum(costs[exists]) / 8
    ranks = np.cumsum(exists).reshape(exists.shape)

    def at(steps: int) -> bytes:
        stages = np.empty(len(bits), np.int64)
        stages[order] = (exists & (ranks <= steps)).sum(0) + least - 1
        return build(stages.tolist())

    best, below, above = b"", len(bits) - 1, len(sizes) + 1  # of the steps
    overhead = FRAMING * len(bits) + START
    while above - below > 1 and len(best) < SIZE_SHARE * limit:
        guess = int(np.searchsorted(sizes, limit - overhead, "right"))
        steps = min(max(guess, below + 1), above - 1)
        data = at(steps)
        overhead = len(data) - float(sizes[steps - 1])
        if len(data) <= limit:
            best, below = data, steps
        else:
            above = steps
    if not best:
        raise TargetError(
            f"The target of {in_words(limit, seconds)} can't be met: the smallest file has "
            f"{in_words(len(at(len(bits))), seconds)}."
        )
    return best


def in_words(size: int, seconds: float) -> str:
    """A number of bytes as a rate."""
    return f"{size / seconds / 125:.2f} kbit/s"
