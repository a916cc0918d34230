"""The context model of residual-VQ codes: which code is likely, from the stages below and the frames around it.

A segment of T frames, each with a code of 1024 for every stage, is coded stage by stage, and a stage in two passes,
first its even frames (counted from the segment's start), then its odd ones:

    below = 0                                       of each frame: what the stages below tell
    for each stage:
        even frames: logits of leave[0](context 0)  below, at the frames around
        odd frames:  logits of leave[1](context 1)  and this stage's codes at the even frames
        below += enter(table[code])

Each stage has a table with a vector for each code: through `enter` it tells the contexts which code was there, and its
product with the vector that `leave` makes of a context is the code's log-probability. (So it would be if contexts were
Gaussian around a mean for each code; `prior_start.py` begins there.) The contexts are common to all stages.

In a live stream the frames before the segment are known; each stage sees the stages below it there, and its own codes.
Beyond them is zero, as it is outside of a segment of a file.

The first stages may be steady (quantisers.py): such a stage has one code for the segment, which is coded as if that
were one frame long, and then known in all of its frames. Behind a past it is the past's, and not coded.

Exactly, in the arithmetic and notation of docs/format.md (A = 2^24, conv, leaky; activations are integers in 2^-12),
with s a stage, p a pass (0: even, 1: odd) and t a frame, the past's before 0; all vectors outside of these are 0:

    e(s, t)   = enter[s](2^8 * row code(s, t) of table[s])                              depth-wise, 1 x 1
    below(t)  = sum of e(r, t) over r < s, after each addition clamped to +-A           of the past: if it has stage r
    known(t)  = e(s, t) at the frames of the past, if it has stage s, and if p = 1 at even t; elsewhere 0
    block(x)  = clamp(x + project(leaky(expand(depth(x)))))                             depth-wise over `kernel` frames
    x         = clamp(around[p](block(.. block(below))) + near[p](known))               each over `kernel` frames
    y         = leave[s][p](clamp(x + project[p](leaky(expand[p](x)))))
    logit(k)  = sum of 2^8 * table[s][k, i] * y[i] over i, + 2^12 * bias[s][k, p]       in 2^-24

The symbols of a pass are coded channel by channel, in a channel frame by frame, under the weights that
docs/entropy-coder.md (6) makes of these logits. Of the past, the last `config.past` frames count.

Two passes: the checkerboard of He et al. 2021, in time.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from kodek.entropy.coder import CategoryCoder
from kodek.entropy.exact import ACTIVATION_BITS, Arithmetic
from torch import Tensor, nn

PASSES = 2  # of a stage: even frames, then odd ones

Shape = tuple[int, int, int]  # segments, stages, frames


@dataclass(frozen=True)
class PriorConfig:
    """stages, steady, codes: of the quantiser. rank: length of a code's vector; depth: blocks that refine their sums;
    kernel: frames that a convolution over time sees; width: channels of a context.
    """

    stages: int = 48
    steady: int = 0
    codes: int = 1024
    rank: int = 40
    depth: int = 1
    kernel: int = 3
    width: int = 96

    @property
    def past(self) -> int:
        """How many frames before a segment its contexts reach."""
        return (self.depth + 1) * (self.kernel // 2)


class Prior(nn.Module):
    """p(codes) and the order in which they are coded, in either arithmetic.

    `code` is the whole contract: the same lines run in training, encoding and decoding.
    """

    def __init__(self, config: PriorConfig, arithmetic: Arithmetic) -> None:
        super().__init__()
        self.config = c = config
        self.arithmetic = a = arithmetic
        self.stages: Any = nn.ModuleList(Stage(c, a) for _ in range(c.stages))
        self.blocks = nn.Sequential(*(Block(c, a) for _ in range(c.depth)))
        self.contexts: Any = nn.ModuleList(Context(c, a) for _ in range(PASSES))

    def code(
        self,
        coder: CategoryCoder,
        codes: Tensor | None,
        shape: Shape,
        past: Tensor | None = None,
        only: Container[int] | None = None,
    ) -> Tensor:
        """Code segments of `shape` [B, S, T]; raises ValueError unless S is 1 to the config's stages, T at least 1.

        codes: int64 [B, S, T], each 0 to 1023; None to decode. past: int64 [B, S_past, P], the frames before, of which
        the last `config.past` count. only: the stages to code, the others are given (in training).
        A steady stage has one code, in all frames: the past's, or else the first of the segment.
        Returns the codes, int64 [B, S, T].
        """
        batch, stages, frames = shape
        if not 1 <= stages <= self.config.stages or frames < 1:
            raise ValueError(f"segments have 1 to {self.config.stages} stages and at least 1 frame, not {shape[1:]}")
        vectors = self.stages[0].table()
        if past is None:
            past = torch.zeros((batch, 0, 0), dtype=torch.int64, device=vectors.device)
        past = past[:, :, max(0, past.shape[2] - self.config.past) :]
        before = past.shape[2]
        nothing = vectors.new_zeros((1, self.config.rank, batch, before + frames))  # segments are rows of a picture
        below, coded = nothing, []
        for number, stage in enumerate(self.stages[:stages]):
            values = None if codes is None else codes[:, number]
            given = only is not None and number not in only
            if number < self.config.steady:
                if before:
                    values, given = past[:, number, -1:], True
                elif values is not None:
                    values = values[:, :1]
                symbols, known = self._stage(stage, coder, values, given, below[..., :1], nothing[..., :1])
                symbols, known = symbols.expand(-1, frames), known.expand_as(nothing)
            else:
                known = nothing
                if before and number < past.shape[1]:
                    known = place(stage.embed(past[:, number]), nothing, slice(before))
                symbols, known = self._stage(stage, coder, values, given, below, known, before)
            below = self.arithmetic.add(below, known)
            coded.append(symbols)
        return torch.stack(coded, 1)

    def _stage(
        self,
        stage: Any,
        coder: CategoryCoder,
        symbols: Tensor | None,
        given: bool,
        below: Tensor,
        known: Tensor,
        before: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """The symbols of a stage, int64 [B, n], coded unless they are given, and the vectors of all its frames.

        below: the vectors of the stages below, [1, rank, B, before + n]. known: the stage's own in the frames before.
        """
        nothing = torch.zeros_like(known)
        if given:
            assert symbols is not None
            return symbols, known + place(stage.embed(symbols), nothing, slice(before, None))
        around, frames = self.blocks(below), below.shape[3] - before
        coded = torch.zeros((below.shape[2], frames), dtype=torch.int64, device=below.device)
        for first in range(min(PASSES, frames)):
            at = slice(before + first, None, PASSES)
            values = None if symbols is None else symbols[:, first::PASSES]
            logits = stage.logits(self.contexts[first](around, known, at), first)
            part = coder.code_categories(values, logits)
            known = known + place(stage.embed(part), nothing, at)
            coded[:, first::PASSES] = part
        return coded, known

    def groups(self, stages: int, frames: int, continued: bool = False) -> list[tuple[int, int]]:
        """Stage and pass of each group of symbols that `code` hands to a coder; continued: behind a past."""
        steady = self.config.steady
        held = [] if continued else [(stage, 0) for stage in range(min(stages, steady))]
        return held + [(stage, first) for stage in range(steady, stages) for first in range(min(PASSES, frames))]


class Block(nn.Module):
    """x [1, rank, B, T] plus what the frames around tell."""

    def __init__(self, c: PriorConfig, arithmetic: Arithmetic) -> None:
        super().__init__()
        a = self.arithmetic = arithmetic
        self.depth = a.conv(c.rank, c.rank, (1, c.kernel), groups=c.rank)
        self.expand = a.conv(c.rank, 2 * c.rank)
        self.project = a.conv(2 * c.rank, c.rank)

    def forward(self, x: Tensor) -> Tensor:
        a = self.arithmetic
        return a.add(x, self.project(a.leaky_relu(self.expand(self.depth(x)))))


class Context(nn.Module):
    """What tells of a stage's codes in one of the passes.

    forward: around [1, rank, B, T], from the stages below; known, the stage's own codes where they are known, embedded,
    [1, rank, B, T]; the pass's n frames -> [1, width, B, n].
    """

    def __init__(self, c: PriorConfig, arithmetic: Arithmetic) -> None:
        super().__init__()
        a = self.arithmetic = arithmetic
        self.around: Any = a.conv(c.rank, c.width, (1, c.kernel))
        self.near: Any = a.conv(c.rank, c.width, (1, c.kernel))
        self.expand = a.conv(c.width, c.width)
        self.project = a.conv(c.width, c.width)

    def forward(self, around: Tensor, known: Tensor, at: slice) -> Tensor:
        a = self.arithmetic
        x = a.add(self.around(around)[..., at], self.near(known)[..., at])
        return a.add(x, self.project(a.leaky_relu(self.expand(x))))


class Stage(nn.Module):
    """What is one stage's own: its codes' vectors, what they mean, and the codes' biases in the passes."""

    def __init__(self, c: PriorConfig, arithmetic: Arithmetic) -> None:
        super().__init__()
        a = self.arithmetic = arithmetic
        self.table: Any = a.table(c.codes, c.rank, 8)
        self.bias: Any = a.table(c.codes, PASSES)
        self.enter: Any = a.conv(c.rank, c.rank, groups=c.rank)
        self.leave: Any = nn.ModuleList(a.conv(c.width, c.rank) for _ in range(PASSES))

    def embed(self, codes: Tensor) -> Tensor:
        """int64 [B, n] -> activations [1, rank, B, n]."""
        return self.enter(self.table(codes).permute(2, 0, 1)[None])

    def logits(self, x: Tensor, number: int) -> Tensor:
        """A context [1, width, B, n] in pass `number` -> each code's logit, [B, n, codes] (exact: in 2^-24)."""
        one = self.arithmetic.constant(1.0, ACTIVATION_BITS)
        return F.linear(self.leave[number](x)[0].permute(1, 2, 0), self.table(), self.bias()[:, number] * one)


def place(x: Tensor, nothing: Tensor, at: slice) -> Tensor:
    """x [1, C, B, n] at some frames of the zeros `nothing` [1, C, B, T]."""
    placed = nothing.clone()
    placed[..., at] = x
    return placed
