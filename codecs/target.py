"""The quality byte whose file meets a target: a search with few encodes, over whatever a codec measures.

A search starts from a curve of what to expect at every position, which may well be off: the first encode says by how
much, and from the second on lines through the two nearest points, drawn over what was expected instead of the position,
say the rest. Every encode narrows a bracket, and halving it ends the search where the curve tells nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import TargetError

POSITIONS = 256  # of the quality byte

SIZE_SHARE = 0.98  # of the target that a file fills at least, where a step of quality is that small
PSNR_EXCESS = 0.05  # dB above the target at most, likewise

_TRUST = 1  # positions: probes so near tell no more about the slope than the curve does
_LINES = 8  # probes placed by lines; then the bracket is halved

Encode = Callable[[int], bytes]
Curve = NDArray[np.float64]  # by position, [256]


@dataclass(frozen=True)
class Found:
    """The file that meets a target, its quality byte, what was measured (bytes or dB) and how many encodes it took.

    beyond: the target lies beyond the codec's range, and this is its best (size) or its smallest file (PSNR).
    """

    data: bytes
    position: int
    value: float
    encodes: int
    beyond: bool


def largest_within(
    encode: Encode, limit: int, expected: Curve, unit: Callable[[int], str] = "{} bytes".format
) -> Found:
    """The largest file of at most `limit` bytes; the first of at least 98 % of them is taken.

    encode: position -> file, growing with the position but for small noise; expected: about how many bytes at each
    position; unit: a number of bytes in words. Raises TargetError if no file is that small.
    """
    files: dict[int, bytes] = {}

    def log_size(position: int) -> float:
        files[position] = encode(position)
        return math.log(len(files[position]))

    goal = math.log(max(limit, 1))
    search(log_size, goal + math.log(SIZE_SHARE), goal, np.log(expected))
    fitting = [position for position, data in files.items() if len(data) <= limit]
    if not fitting:
        if POSITIONS - 1 not in files:
            log_size(POSITIONS - 1)
        smallest, largest = (unit(len(files[position])) for position in (0, POSITIONS - 1))
        raise TargetError(f"The target of {unit(limit)} can't be met: files have {smallest} to {largest}.")
    best = max(fitting, key=lambda position: len(files[position]))
    size = len(files[best])
    return Found(files[best], best, size, len(files), best == POSITIONS - 1 and size < SIZE_SHARE * limit)


def smallest_reaching(encode: Encode, psnr: Callable[[], float], goal: float, expected: Curve) -> Found:
    """The smallest file with a PSNR of at least `goal` dB; the first with at most 0.05 dB more is taken.

    psnr: of the file that was encoded last, in dB, rising with the position but for small noise; may be infinite.
    encode: as in `largest_within`; expected: about what PSNR at each position. Raises TargetError if no file is that
    good.
    """
    files: dict[int, bytes] = {}
    values: dict[int, float] = {}

    def decibels(position: int) -> float:
        files[position] = encode(position)
        values[position] = psnr()
        return min(values[position], 1000.0)  # lines have no use for infinity

    search(decibels, goal, goal + PSNR_EXCESS, expected)
    reaching = [position for position, value in values.items() if value >= goal]
    if not reaching:
        if 0 not in values:
            decibels(0)
        worst, best = values[0], values[POSITIONS - 1]
        raise TargetError(f"The target of {goal:g} dB can't be met: files have {worst:.2f} to {best:.2f} dB.")
    chosen = min(reaching, key=lambda position: (len(files[position]), position))
    value = values[chosen]
    return Found(files[chosen], chosen, value, len(files), chosen == 0 and value > goal + PSNR_EXCESS)


def search(value: Callable[[int], float], low: float, high: float, expected: Curve) -> dict[int, float]:
    """Probe `value` at positions until one lies in [low, high], or no position is left between below and above.

    value: rising with the position but for small noise, finite. expected: about what it is at each position, rising;
    an error that all positions share costs one probe. Returns what was probed, in that order: usually 2 positions,
    never more than 16.
    """
    aim = (low + high) / 2
    seen: dict[int, float] = {}
    below, above = -1, POSITIONS
    guess = _position(expected, aim)
    while above - below > 1:
        position = min(max(round(guess), below + 1), above - 1)
        seen[position] = value(position)
        if low <= seen[position] <= high:
            break
        if seen[position] < low:
            below = position
        else:
            above = position
        guess = _on_line(seen, aim, expected) if len(seen) < _LINES else (below + above) / 2
    return seen


def _on_line(seen: dict[int, float], aim: float, expected: Curve) -> float:
    """Where the line through the two probes nearest to `aim`, over what was expected of them, meets it.

    Its slope is 1 where there is one probe only.
    """
    nearest, *others = sorted(seen, key=lambda position: abs(seen[position] - aim))
    slope = 1.0
    if others:
        step = float(expected[nearest] - expected[others[0]])
        rise = (seen[nearest] - seen[others[0]]) * math.copysign(1, nearest - others[0])
        trust = _TRUST * float(expected[-1] - expected[0]) / (POSITIONS - 1) + 1e-9  # even a flat curve ends
        slope = max((rise + trust) / (abs(step) + trust), 0.25)  # noise may even make it fall
    return _position(expected, float(expected[nearest]) + (aim - seen[nearest]) / slope)


def _position(curve: Curve, value: float) -> float:
    """Where a rising curve has that value; one of its ends if it never has."""
    return float(np.interp(value, curve, np.arange(POSITIONS)))
