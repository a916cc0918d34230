"""Segments of codes <-> payloads. A segment is int16 [C, S, T]: the codes of all channels in T frames, in a steady
stage the same in all of them.

A payload holds the symbols alone: the container says how many channels, stages and frames they are. Segments that are
coded together share the work of the networks; each has a payload of its own, the same as when it is coded alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from kodek.entropy import StreamError
from kodek.entropy.coder import CategoryCoder, Recorder, SymbolDecoder, SymbolEncoder
from numpy.typing import NDArray
from torch import Tensor

from .prior import Prior, Shape

FRAMES = 1600  # of all channels, coded together: some 50 MB of weights

Codes = NDArray[np.int16]


class Segment(NamedTuple):
    """A coded segment: its payload, the running hash after its symbols (in the order of coding), its codes."""

    payload: bytes
    hash: int
    codes: Codes


def encode_segments(
    prior: Prior, codes: Sequence[Codes], profile: int, past: Codes | None = None, running: int = 0
) -> list[Segment]:
    """codes: [C, S, T] each, S at most the prior's stages; profile: the entropy coder's. Raises ValueError where a
    steady stage is not steady.

    past: in a live stream the codes before the segment, [C, S_past, P]; running: where the hash of each starts.
    """
    for part in codes:
        held = part[:, : prior.config.steady]
        code = held[..., :1] if past is None or not past.shape[2] else past[:, : held.shape[1], -1:]
        if not np.array_equal(held, np.broadcast_to(code, held.shape)):
            raise ValueError(f"the first {prior.config.steady} stages have one code in a segment and its past")
    coders = [SymbolEncoder(None, profile, running) for _ in codes]
    shapes = _shapes(codes)
    for group in _groups(shapes):
        _walk(prior, coders[group], codes[group], shapes[group], past)
    return [Segment(coder.finish(), coder.hash, part) for coder, part in zip(coders, codes, strict=True)]


def decode_segments(
    prior: Prior,
    payloads: Sequence[bytes],
    shapes: Sequence[Shape],
    profile: int,
    past: Codes | None = None,
    running: int = 0,
) -> list[Segment | StreamError]:
    """The inverse of `encode_segments`; shapes: [C, S, T] each. A damaged payload gives its error in its place."""
    segments: list[Segment | StreamError] = []
    for group in _groups(shapes):
        coders = [Fallible(payload, profile, running) for payload in payloads[group]]
        decoded = _walk(prior, coders, None, shapes[group], past)
        segments += [c.result(p, d) for c, p, d in zip(coders, payloads[group], decoded, strict=True)]
    return segments


def stage_bits(prior: Prior, codes: Sequence[Codes]) -> list[NDArray[np.float64]]:
    """The ideal bits of each stage of each segment, float64 [S]."""
    recorders = [Recorder() for _ in codes]
    shapes = _shapes(codes)
    for group in _groups(shapes):
        _walk(prior, recorders[group], codes[group], shapes[group], None)
    return [_by_stage(prior, r.bits, shape) for r, shape in zip(recorders, shapes, strict=True)]


class Fallible:
    """Decodes a payload; zeros from where it is damaged."""

    def __init__(self, payload: bytes, profile: int, running: int) -> None:
        self.error: StreamError | None = None
        try:
            self._coder = SymbolDecoder(payload, None, profile, running)
        except StreamError as error:
            self.error = error

    def code_categories(self, values: Tensor | None, logits: Tensor) -> Tensor:
        if self.error is None:
            try:
                return self._coder.code_categories(values, logits)
            except StreamError as error:
                self.error = error
        return torch.zeros(logits.shape[:-1], dtype=torch.int64, device=logits.device)

    def result(self, payload: bytes, codes: Codes) -> Segment | StreamError:
        if self.error is None:
            try:
                self._coder.finish()
                return Segment(payload, self._coder.hash, codes)
            except StreamError as error:
                return error
        return self.error


class SideBySide:
    """Codes the channels of several segments in one batch, each segment with a coder of its own and its own number of
    groups of symbols; one that has had them all is passed by.
    """

    def __init__(self, coders: Sequence[CategoryCoder], groups: Sequence[int], channels: int) -> None:
        self._coders, self._left, self._channels = coders, list(groups), channels

    def code_categories(self, values: Tensor | None, logits: Tensor) -> Tensor:
        coded = torch.zeros(logits.shape[:-1], dtype=torch.int64, device=logits.device)
        for i, coder in enumerate(self._coders):
            if self._left[i]:
                self._left[i] -= 1
                rows = slice(i * self._channels, (i + 1) * self._channels)
                coded[rows] = coder.code_categories(None if values is None else values[rows], logits[rows])
        return coded


def _by_stage(prior: Prior, bits: Sequence[NDArray[np.float64]], shape: Shape) -> NDArray[np.float64]:
    """bits: of each group of symbols, any shape."""
    totals = np.zeros(shape[1])
    for (stage, _), part in zip(prior.groups(shape[1], shape[2]), bits, strict=True):
        totals[stage] += part.sum()
    return totals


def _shapes(codes: Sequence[Codes]) -> list[Shape]:
    return [(part.shape[0], part.shape[1], part.shape[2]) for part in codes]


def _groups(shapes: Sequence[Shape]) -> Iterator[slice]:
    """Runs of segments with the same channels and frames, as many as are coded together."""
    start = 0
    for end in range(1, len(shapes) + 1):
        channels, _, frames = shapes[start]
        full = (end - start + 1) * channels * frames > FRAMES
        if full or end == len(shapes) or (shapes[end][0], shapes[end][2]) != (channels, frames):
            yield slice(start, end)
            start = end


@torch.inference_mode()
def _walk(
    prior: Prior,
    coders: Sequence[CategoryCoder],
    codes: Sequence[Codes] | None,
    shapes: Sequence[Shape],
    past: Codes | None,
) -> list[Codes]:
    """One walk through a group of segments; their codes."""
    channels, _, frames = shapes[0]
    stages = [shape[1] for shape in shapes]
    device = prior.stages[0].table.weight.device
    values = None
    if codes is not None:
        values = torch.zeros((len(codes), channels, max(stages), frames), dtype=torch.int64, device=device)
        for row, part in zip(values, codes, strict=True):
            row[:, : part.shape[1]] = torch.tensor(part)
        values = values.flatten(0, 1)
    before = None if past is None else torch.tensor(past, dtype=torch.int64, device=device).repeat(len(shapes), 1, 1)
    groups = [len(prior.groups(count, frames, past is not None and past.shape[2] > 0)) for count in stages]
    coder = SideBySide(coders, groups, channels)
    coded = prior.code(coder, values, (len(shapes) * channels, max(stages), frames), before)
    parts = coded.view(len(shapes), channels, -1, frames).to(torch.int16).cpu().numpy()
    return [part[:, :s] for part, s in zip(parts, stages, strict=True)]
