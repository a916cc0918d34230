"""Where decoding time goes: `kodek bench profile`.

A photo is encoded once and decoded several times by a codec whose methods and layers carry timers from outside: a
stack of names, the innermost of which the clock runs for. Times of parts exclude each other and add up to the whole.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from kodek.codecs.image import file, hyperprior, mlic
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.zoo import by_generation
from kodek.entropy.coder import SymbolDecoder
from torch import nn

from ..errors import EvalError
from ..models import load_model
from ..photos import bundled_photo

PARTS = (
    *("hyper synthesis", "channel context", "attention", "heads", "gains, gathering"),
    *("entropy coding", "synthesis", "pixels, file"),
)
REST = PARTS[-1]

CALLS: tuple[tuple[Any, str, str], ...] = (
    (ImageCodec, "decode_tile", "gains, gathering"),  # what remains of it
    (hyperprior.HyperSynthesis, "hyper_synthesis", "hyper synthesis"),
    (mlic.Slice, "update", "channel context"),
    (mlic.Slice, "_local_attention", "attention"),
    (mlic, "linear_attention", "attention"),
    (SymbolDecoder, "code", "entropy coding"),
    (SymbolDecoder, "finish", "entropy coding"),
    (ImageCodec, "synthesise", "synthesis"),
)
# layers of a prior by the last part of their name
LAYERS = {
    **dict.fromkeys(("inter", "local", "intra_query", "intra_value"), "attention"),
    **dict.fromkeys(("first", "second", "head0", "head1"), "heads"),
    **dict.fromkeys(("enter", "depth3", "middle"), "channel context"),  # of image-hyperprior's second part
}


class Stopwatch:
    """Seconds by part; the innermost part that is entered counts, `REST` outside of all."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._stack = [REST]
        self._since = time.perf_counter()

    def enter(self, part: str) -> None:
        self._count()
        self._stack.append(part)

    def leave(self) -> None:
        self._count()
        self._stack.pop()

    def _count(self) -> None:
        now = time.perf_counter()
        self.seconds[self._stack[-1]] += now - self._since
        self._since = now

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, during which the clock of `part` runs."""

        def wrapper(*args: Any, **options: Any) -> Any:
            self.enter(part)
            try:
                return call(*args, **options)
            finally:
                self.leave()

        return wrapper


@contextmanager
def watched(prior: nn.Module) -> Iterator[list[Stopwatch]]:
    """While this lasts, decoding with this prior is timed by the last stopwatch of the list, which the caller fills."""
    watches: list[Stopwatch] = []

    def timed(part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **options: watches[-1].timed(part, call)(*args, **options)

    with ExitStack() as stack:
        for owner, name, part in CALLS:
            stack.enter_context(patch.object(owner, name, timed(part, getattr(owner, name))))
        for path, layer in prior.named_modules():
            parent, _, name = path.rpartition(".")
            if name in LAYERS and not parent.endswith(("first", "second")):
                stack.enter_context(patch.object(layer, "forward", timed(LAYERS[name], layer.forward)))
        yield watches


def run(
    model: str | None = None,
    *,
    size: tuple[int, int],
    quality: float,
    repeats: int,
    threads: int | None = None,
) -> dict[str, Any]:
    """Profile the decoding of the bundled photo at `size` (width, height), from the bytes of a file to pixels.

    Returns `parts` (milliseconds, medians over the repeats), the `total` (their sum) and the settings.
    Raises EvalError for pictures of several tiles, CodecError.
    """
    if threads:
        torch.set_num_threads(threads)
    entry, _ = load_model(model)
    codec = file.load_codec(str(by_generation(entry.generation).path), "cpu")  # the very one that `decode_image` takes
    if len(codec.grid((size[1], size[0])).areas) > 1:
        raise EvalError("A profile is of a picture of one tile: several are decoded at a time.")
    data = file.encode_image(codec, bundled_photo(*size), quality=quality)
    file.decode_image(data)
    with watched(codec.prior) as watches:
        for _ in range(repeats):
            watches.append(Stopwatch())
            watches[-1].timed(REST, file.decode_image)(data)
    parts = {part: 1e3 * statistics.median(watch.seconds[part] for watch in watches) for part in PARTS}
    return {
        "model": entry.name,
        "size": size,
        "quality": quality,
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "parts": parts,
        "total": sum(parts.values()),
    }


def report(result: dict[str, Any]) -> str:
    width, height = result["size"]
    total = result["total"]
    lines = [
        f"decoding {width} x {height} with {result['model']} at quality {result['quality']:g}, "
        f"{result['threads']} threads: {total:.1f} ms (medians of {result['repeats']})"
    ]
    lines += [f"{part:<20}{ms:>9.1f} ms{ms / total:>8.1%}" for part, ms in result["parts"].items()]
    return "\n".join(lines)
