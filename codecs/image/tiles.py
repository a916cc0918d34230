"""Work on the tiles of a picture: several at a time, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from ..malloc import trim
from .area import Area, Grid

BAND = 80  # rows of latents that a transform handles at once

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """Threads that share torch's between them; without any the caller does the work."""

    def __init__(self, tiles: int, device: torch.device, limit: int) -> None:
        """limit: tiles in work at once, for their memory."""
        self._threads = torch.get_num_threads()
        count = min(tiles, limit, self._threads) if device.type == "cpu" else 1
        share = max(1, self._threads // count)
        self._count = count
        self._several = tiles > 1
        self._pool = (
            ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(share,)) if count > 1 else None
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
            torch.set_num_threads(self._threads)  # the workers' own setting counts for threads that come later, too

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The results in order, computed not further ahead than there are workers."""
        if self._several:
            work = partial(_then_trim, work)
        if not self._pool:
            yield from map(work, items)
            return
        pending: deque[Future[R]] = deque()
        for item in items:
            pending.append(self._pool.submit(work, item))
            if len(pending) == self._count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def synthesise(
    grid: Grid,
    region: Area,
    decode: Callable[[int], Tensor],
    transform: Callable[[Tensor], Tensor],
    put: Callable[[Area, Tensor], None],
    workers: Workers,
) -> None:
    """Decode the tiles that a region of the latents depends on, and transform it part by part.

    decode: number of a tile -> its latents, int32 [1, C, h, w]; transform: latents of a part with its halo -> samples
    [1, 3, s h, s w]; put: takes each part of the region, one of each tile, with its samples. Of finished tiles only the
    edges are kept that later parts see.
    """
    seen = grid.around(region)
    pieces: dict[int, list[tuple[Area, Tensor]]] = {}
    order = grid.path(seen)
    decoded = zip(order, workers.map(lambda number: _narrow(decode(number)), order), strict=True)

    def windows() -> Iterator[tuple[Area, Area, Tensor]]:
        for number in grid.path(region):
            part = grid.areas[number].meet(region)
            window = grid.around(part)
            missing = set(grid.under(window)) - pieces.keys()
            while missing:
                new, latents = next(decoded)
                pieces[new] = [_cut(grid.areas[new], latents, seen)]
                missing.discard(new)
            yield part, window, _join(window, [piece for near in grid.under(window) for piece in pieces[near]])
            ((area, latents),) = pieces[number]
            bottom, right = area._replace(top=part.bottom - grid.halo), area._replace(left=part.right - grid.halo)
            pieces[number] = [_cut(area, latents, edge) for edge in (bottom, right)]

    def run(window: tuple[Area, Area, Tensor]) -> None:
        part, area, latents = window
        samples = transform(latents)
        scale = samples.shape[-1] // area.width
        put(part, samples[:, :, *part.within(area).times(scale).slices])

    deque(workers.map(run, windows()), maxlen=0)


def by_bands(transform: Callable[[slice], Tensor], rows: int, halo: int, band: int = BAND) -> Tensor:
    """The same as `transform(slice(0, rows))`, in bands of up to `band` rows so that it takes less memory.

    halo: rows on either side that a row of the result, or several of them [1, C, s rows, w], depends on.
    """
    count, parts = -(-rows // band), []
    for i in range(count):
        top, bottom = rows * i // count, rows * (i + 1) // count
        start, stop = max(0, top - halo), min(rows, bottom + halo)
        part = transform(slice(start, stop))
        scale = part.shape[2] // (stop - start)
        parts.append(part[:, :, (top - start) * scale : (bottom - start) * scale])
    return torch.cat(parts, 2) if count > 1 else parts[0]


def _then_trim(work: Callable[[T], R], item: T) -> R:
    """The analysis, the prior and the synthesis need blocks of other sizes: each would keep its own."""
    result = work(item)
    trim()
    return result


def _narrow(x: Tensor) -> Tensor:
    """The same integers in half the memory, if they are as small as usual."""
    return x.to(torch.int16) if bool((x.abs() < 2**15).all()) else x


def _cut(area: Area, x: Tensor, other: Area) -> tuple[Area, Tensor]:
    """What of x [1, C, *area] lies in the other area; a copy, unless that is all."""
    met = area.meet(other)
    return (area, x) if met == area else (met, x[:, :, *met.within(area).slices].clone())


def _join(area: Area, pieces: list[tuple[Area, Tensor]]) -> Tensor:
    like = pieces[0][1]
    out = torch.empty((1, like.shape[1], area.height, area.width), dtype=torch.int32, device=like.device)
    for piece, x in pieces:
        met = piece.meet(area)
        if met.height > 0 and met.width > 0:
            out[:, :, *met.within(area).slices] = x[:, :, *met.within(piece).slices]
    return out
