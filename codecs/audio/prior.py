"""The context model of residual-VQ codes: which code is likely, from the stages below and the frames around it.

A segment of T frames, each with a code of 1024 for every stage, is coded stage by stage, and a stage in two passes,
first its even frames (counted from the segment's start), then its odd ones:

    below = 0                                       of each frame: what the stages below tell
    for each stage:
        context = blocks(below)                     depth-wise convolutions over time, both ways
        even frames: logits from the context
        odd frames:  logits from the context        and this stage's codes at the even frames
        below += enter(table[codes])

Each stage has a table with a vector for each code: through `enter` it tells the context which code was there, and its
product with the vector that `leave` makes of a context is the code's log-probability (a Gaussian of the residual, if
the vectors were a codebook's rows and their squares). The other networks are common to all stages.

In a live stream the frames before the segment are known; each stage sees the stages below it there, and its own codes.
Beyond them is zero, as it is outside of a segment of a file.

Everything is exact (`entropy/exact.py`). Two passes: the checkerboard of He et al. 2021, in time.
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
    """stages, codes: of the quantiser. width: channels of the context. depth: its blocks, each with a depth-wise
    convolution over `kernel` frames. rank: length of a code's vector.
    """

    stages: int = 48
    codes: int = 1024
    width: int = 96
    depth: int = 3
    kernel: int = 5
    rank: int = 16

    @property
    def past(self) -> int:
        """How many frames before a segment its contexts reach."""
        return self.depth * (self.kernel // 2)


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
        self.near = a.conv(c.width, c.width, (1, c.kernel), groups=c.width)
        self.mix = a.conv(c.width, c.width)
        self.expand = a.conv(c.width, 2 * c.width)
        self.project = a.conv(2 * c.width, c.width)

    def code(
        self,
        coder: CategoryCoder,
        codes: Tensor | None,
        shape: Shape,
        past: Tensor | None = None,
        only: Container[int] | None = None,
    ) -> Tensor:
        """Code segments of `shape` [B, S, T], S at most the config's stages and T at least 1.

        codes: int64 [B, S, T], each 0 to 1023; None to decode. past: int64 [B, S_past, P], the frames before, of which
        the last `config.past` count. only: the stages to code, the others are given (in training).
        Returns the codes, int64 [B, S, T].
        """
        batch, stages, frames = shape
        vectors = self.stages[0].table()
        if past is None:
            past = torch.zeros((batch, 0, 0), dtype=torch.int64, device=vectors.device)
        past = past[:, :, max(0, past.shape[2] - self.config.past) :]
        before = past.shape[2]
        nothing = vectors.new_zeros((1, self.config.width, batch, before + frames))  # segments are rows of a picture
        below, coded = nothing, []
        for number, stage in enumerate(self.stages[:stages]):
            known = nothing
            if before and number < past.shape[1]:
                known = place(stage.embed(past[:, number]), nothing, slice(before))
            if only is None or number in only:
                context = self.blocks(below)
                symbols = past.new_zeros((batch, frames))
                for first in range(min(PASSES, frames)):
                    at = slice(before + first, None, PASSES)
                    values = None if codes is None else codes[:, number, first::PASSES]
                    part = coder.code_categories(values, self._logits(stage, context, known, at))
                    known = known + place(stage.embed(part), nothing, at)
                    symbols[:, first::PASSES] = part
            else:
                assert codes is not None
                symbols = codes[:, number]
                known = known + place(stage.embed(symbols), nothing, slice(before, None))
            below = self.arithmetic.add(below, known)
            coded.append(symbols)
        return torch.stack(coded, 1)

    def _logits(self, stage: Stage, context: Tensor, known: Tensor, at: slice) -> Tensor:
        """Logits to the base 2, [B, n, codes], of one stage at n frames; known: its codes there are, embedded."""
        a = self.arithmetic
        x = a.add(context[..., at], self.mix(self.near(known)[..., at]))
        return stage.logits(a.add(x, self.project(a.leaky_relu(self.expand(x)))))


class Block(nn.Module):
    """x [1, width, B, T] plus what the frames around tell."""

    def __init__(self, c: PriorConfig, arithmetic: Arithmetic) -> None:
        super().__init__()
        a = self.arithmetic = arithmetic
        self.depth = a.conv(c.width, c.width, (1, c.kernel), groups=c.width)
        self.expand = a.conv(c.width, 2 * c.width)
        self.project = a.conv(2 * c.width, c.width)

    def forward(self, x: Tensor) -> Tensor:
        a = self.arithmetic
        return a.add(x, self.project(a.leaky_relu(self.expand(self.depth(x)))))


class Stage(nn.Module):
    """What is one stage's own: its codes' vectors, each with the code's bias at its end, and what they mean."""

    def __init__(self, c: PriorConfig, arithmetic: Arithmetic) -> None:
        super().__init__()
        a = self.arithmetic = arithmetic
        self.rank = c.rank
        self.table = a.table(c.codes, c.rank + 1)
        self.enter = a.conv(c.rank, c.width)
        self.leave = a.conv(c.width, c.rank)

    def embed(self, codes: Tensor) -> Tensor:
        """int64 [B, n] -> activations [1, width, B, n]."""
        return self.enter(self.table(codes)[..., : self.rank].permute(2, 0, 1)[None])

    def logits(self, x: Tensor) -> Tensor:
        """Activations [1, width, B, n] -> the logit of every code, [B, n, codes] (exact: in 2^-24)."""
        vectors, bias = self.table().split([self.rank, 1], 1)
        one = self.arithmetic.constant(1.0, ACTIVATION_BITS)
        return F.linear(self.leave(x)[0].permute(1, 2, 0), vectors, bias[:, 0] * one)


def place(x: Tensor, nothing: Tensor, at: slice) -> Tensor:
    """x [1, C, B, n] at some frames of the zeros `nothing` [1, C, B, T]."""
    placed = nothing.clone()
    placed[..., at] = x
    return placed
