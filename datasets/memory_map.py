"""What stores of training media share: decoded once into a memory map, then random crops cost microseconds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .errors import MediaError
from .files import atomic_write

LARGEST_SHARE = 0.2  # of the crops, that one source gives

S = TypeVar("S")


def group_of(path: Path) -> str:
    """The source of a file, by the convention `<source>-<number>.<suffix>`."""
    return path.stem.rstrip("0123456789").rstrip("-_")


def build_map(
    sources: Iterable[S], decode: Callable[[S], Iterator[np.ndarray]], target: Path, suffix: str
) -> list[str]:
    """Decode sources into `target`.`suffix` (all numbers in a row) and `target`.json (group, offset and shape of each).

    Sources that can't be read to their end are cut off there: why is returned, one sentence each. Raises
    MediaWriteError when the disk is full.
    """
    index: list[tuple[Any, ...]] = []
    unreadable: list[str] = []
    offset = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target.with_suffix(suffix)) as out:
        for source in sources:
            name = group_of(source) if isinstance(source, Path) else ""
            try:
                for values in decode(source):
                    index.append((name, offset, *values.shape[:2]))
                    out.write(values.tobytes())
                    offset += values.size
            except MediaError as error:
                unreadable.append(str(error))
    with atomic_write(target.with_suffix(".json")) as file:  # last: where it is, the numbers are whole
        file.write(json.dumps(index).encode())
    return unreadable


class MemoryMap:
    """What `build_map` wrote, and draws from it.

    shapes: (group, offset of its first number, height and width, or length) of each. weights: how often each should
    be drawn, in proportion to its size, but no group beyond `largest_share`.
    """

    def __init__(
        self, target: Path, suffix: str, dtype: type[np.generic], seed: int | Sequence[int], largest_share: float
    ) -> None:
        self.shapes: list[Any] = json.loads(target.with_suffix(".json").read_text())
        self.data: np.ndarray = np.memmap(target.with_suffix(suffix), dtype, "r") if self.shapes else np.empty(0, dtype)
        sizes = np.array([math.prod(shape) for _, _, *shape in self.shapes], float)
        self.weights = limited(sizes, [group for group, *_ in self.shapes], largest_share)
        self.random = np.random.default_rng(seed)

    @property
    def state(self) -> dict[str, Any]:
        """Where the draws stand; set it to repeat them."""
        return self.random.bit_generator.state  # type: ignore[return-value]

    @state.setter
    def state(self, value: dict[str, Any]) -> None:
        self.random.bit_generator.state = value

    def pick(self, edges: np.ndarray) -> int:
        """A random index, given the running sum of weights."""
        return min(int(np.searchsorted(edges, self.random.random() * edges[-1])), len(edges) - 1)


def limited(sizes: np.ndarray, groups: Sequence[str], largest_share: float) -> np.ndarray:
    """Sizes as shares of 1, scaled down in the groups that would exceed theirs."""
    if not len(sizes):
        return sizes
    names, group = np.unique(groups, return_inverse=True)
    share = max(largest_share, 1 / len(names))
    for _ in range(50):  # capping one group raises the others' shares; this converges
        sizes = sizes / sizes.sum()
        sizes = sizes * np.minimum(1.0, share / np.bincount(group, sizes))[group]
    return sizes / sizes.sum()
