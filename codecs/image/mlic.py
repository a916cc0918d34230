"""`image-mlic`: the hyperprior's transforms under a multi-reference prior (after MLIC++), 64 quality steps in one set.

y is coded in slices of channels, each in two passes, anchors (row + column even) before the others:

    state = hyper synthesis of z                                                        everything known so far
    for each slice:
        state += channel context of the slice before
        anchors:      mean and scale from state and inter
        the others:   mean and scale from state, inter, local and intra

    inter   linear attention of the state over all positions                            (inter-slice, global)
    local   attention from each of the others to the anchors in the 5 x 5 around it     (checkerboard, local)
    intra   linear attention from the others to the anchors: where the state is alike,
            the anchors of this slice tell (in slice 0 the state is the hyperprior's)   (intra-slice, global)

Contexts are weighted channel by channel by gates that see their means over the picture. All of this is exact; the
latent residual prediction, which follows the parse, is float and belongs to the synthesis.

MLIC, MLIC++: Jiang et al. 2023; hyperprior-guided correlation and channel reweighting: MLICv2 (Jiang et al. 2025);
slices and latent residual prediction: Minnen & Singh 2020; uneven slices: ELIC (He et al. 2022); checkerboard: He et
al. 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from kodek.entropy.coder import SCALE_COUNT, Coder
from kodek.entropy.exact import ACTIVATION_BITS, LATENT_BITS, Arithmetic
from torch import Tensor, nn

from . import hyperprior
from .hyperprior import Analysis, HyperAnalysis, HyperSynthesis, gaussian, halo, known
from .tiles import by_bands

__all__ = ["PRESETS", "Analysis", "Config", "HyperAnalysis", "Prior", "Synthesis", "halo"]

WORKERS = 4  # tiles at once, of 0.2 GB each
HEADS = 2
REACH = 2  # of the local context, in positions
PIECE = 1024  # positions at once, where each is for itself: small temporaries are what bounds memory
ROWS = 32  # at once in the channel context, likewise
TAPS = [(r, c) for r in range(-REACH, REACH + 1) for c in range(-REACH, REACH + 1) if (r + c) % 2]


@dataclass(frozen=True)
class Config(hyperprior.Config):
    """slices: channels of each, `latents` in all. checkerboard: two passes a slice, else one and no local or intra.

    attention: channels of each attention. depth: side of the channel context's depth-wise kernel. The other settings
    switch a context, the gates or the latent residual prediction off.
    """

    slices: tuple[int, ...] = (16, 16, 32, 64, 128)
    attention: int = 32
    depth: int = 3
    checkerboard: bool = True
    local: Literal["attention", "convolution", "none"] = "attention"
    inter: bool = True
    intra: bool = True
    gates: bool = True
    residual: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "slices", tuple(self.slices))
        if sum(self.slices) != self.latents or min(self.slices) < 1:
            raise ValueError(f"the slices must be positive and add up to {self.latents} latents")
        if self.attention % HEADS:
            raise ValueError(f"the attention's channels must be a multiple of {HEADS}")


_SMALL: dict[str, Any] = {"depth": 5, "analysis_blocks": 7, "synthesis_blocks": 8}
_PLAIN: dict[str, Any] = {**_SMALL, "inter": False, "intra": False, "gates": False}

# settings of `Config`: members of the family, as far as they fit this structure (the transforms and the state that all
# contexts read stay those of this codec), and "small" without one part each
PRESETS: dict[str, dict[str, Any]] = {
    "small": _SMALL,
    # He et al. 2021: one slice
    "checkerboard": {**_PLAIN, "slices": (256,), "local": "convolution", "residual": False},
    # Minnen & Singh 2020, whose latent residual prediction precedes the contexts
    "channel-wise": {**_PLAIN, "slices": (32,) * 8, "checkerboard": False, "local": "none"},
    # He et al. 2022
    "elic": {**_PLAIN, "local": "convolution", "residual": False},
    # the widths of MLIC++ (Jiang et al. 2023); there every context has networks of its own, deeper ones, and the
    # transforms are of another kind
    "full": {
        **{"width": 192, "latents": 320, "hyper": 192, "context": 640, "analysis_blocks": 6, "synthesis_blocks": 8},
        **{**_SMALL, "slices": (32,) * 10, "attention": 64},
    },
    "one-slice": {**_SMALL, "slices": (256,)},
    "no-local": {**_SMALL, "local": "none"},
    "no-intra": {**_SMALL, "intra": False},
    "no-inter": {**_SMALL, "inter": False},
    "no-gates": {**_SMALL, "gates": False},
    "no-residual": {**_SMALL, "residual": False},
}


class Prior(HyperSynthesis):
    """p(z) p(y | z); see `hyperprior.Prior`."""

    def __init__(self, c: Config, arithmetic: Arithmetic) -> None:
        super().__init__(c, arithmetic)
        self.config = c
        self.slices: Any = nn.ModuleList(Slice(c, arithmetic, number) for number in range(len(c.slices)))

    def heads(self) -> Iterator[tuple[nn.Module, slice]]:
        """The layers that give means and log scales, and the channels of y they are for."""
        start = 0
        for network, width in zip(self.slices, self.config.slices, strict=True):
            for head in network.heads:
                yield head.out, slice(start, start + width)
            start += width

    def channel_order(self) -> Tensor:
        """Where channels in order of falling energy go: the strongest first, they tell most of the others."""
        return torch.arange(self.config.latents)

    def code(
        self, coder: Coder, step: Tensor | int, size: tuple[int, int], y: Tensor | None, z: Tensor | None
    ) -> Tensor:
        """Code z, then the slices of y [B, C_y, *size].

        Returns y_hat, its means and table indexes [B, 3 C_y, *size] (exact: in 1/16, int32), for the synthesis.
        """
        a, widths = self.arithmetic, list(self.config.slices)
        state = self.hyper_synthesis(coder, step, size, z)
        steps = (self.gain(step), self.inverse_gain(step), self.scale(step))
        per_slice = zip(*(x.split(widths, 1) for x in steps), strict=True)
        values = [None] * len(widths) if y is None else y.split(widths, 1)
        where = places(size, state.device, self.config.checkerboard)
        coded: list[Coded] = []
        before: Tensor | None = None
        for network, (gain, inverse, scale), part in zip(self.slices, per_slice, values, strict=True):
            if before is not None:
                state = network.update(state, before)
            current = network.code(coder, state, part, where, (gain, inverse, scale))
            before = known(a, current.y_hat, inverse)
            coded.append(current)
        return torch.cat([x for kind in zip(*coded, strict=True) for x in kind], 1)


class Coded(NamedTuple):
    """Latents of a slice with their means and the indexes of tables that exist (exact: in 1/16, int32)."""

    y_hat: Tensor
    mean: Tensor
    indexes: Tensor


class Slice(nn.Module):
    """The contexts and the heads of one slice."""

    def __init__(self, c: Config, arithmetic: Arithmetic, number: int) -> None:
        super().__init__()
        a = self.arithmetic = arithmetic
        n, d, width = c.context, c.attention, c.slices[number]
        if number:
            self.enter = a.conv(n + c.slices[number - 1], n)
            self.depth = a.conv(n, n, c.depth, groups=n)
            self.mix = a.conv(n, n)
            self.halo = c.depth // 2
        if c.inter:
            self.inter = a.conv(n, 3 * d)  # queries, keys, values
        first = n + d * c.inter
        self.first = Head(a, first, n, width, c.gates)
        if not c.checkerboard:
            return
        second = first
        if c.local == "attention":
            self.local_query = a.conv(n, d + HEADS * len(TAPS))  # and what each tap's place is worth to it
            self.local_value = a.conv(n + width, 3 * d)  # keys, and twice as many values
            self.local_fuse = a.conv(2 * d * len(TAPS), 2 * d)
            second += 2 * d
        elif c.local == "convolution":
            self.local = a.conv(width, 2 * d, 2 * REACH + 1)
            second += 2 * d
        if c.intra:
            self.intra_query = a.conv(n, 2 * d)  # queries, keys
            self.intra_value = a.conv(width, d)
            second += d
        self.second = Head(a, second, n, width, c.gates)

    @property
    def heads(self) -> list[Head]:
        return [self.first, self.second] if hasattr(self, "second") else [self.first]

    def update(self, state: Tensor, before: Tensor) -> Tensor:
        """The channel context: what the slice before, [B, c, h, w], adds to the state."""
        a = self.arithmetic

        def run(rows: slice) -> Tensor:
            known = state[:, :, rows]
            x = a.leaky_relu(self.enter(torch.cat((known, before[:, :, rows]), 1)))
            return a.add(known, a.leaky_relu(self.mix(self.depth(x))))

        return by_bands(run, state.shape[2], self.halo, ROWS)

    def code(
        self, coder: Coder, state: Tensor, y: Tensor | None, where: Places, steps: tuple[Tensor, Tensor, Tensor]
    ) -> Coded:
        """steps: gain, inverse gain and scale of the slice's channels."""
        a, (gain, inverse, scale) = self.arithmetic, steps

        def run(head: Head, contexts: list[Tensor], at: Tensor) -> Coded:
            mean, log_scale = head(contexts).chunk(2, 1)
            mean, index = gaussian(a, mean, log_scale, gain, scale)
            y_hat = coder.code(None if y is None else gather(y, at), mean, index)
            index = index.clamp(0, SCALE_COUNT - 1) * a.constant(2**-LATENT_BITS, LATENT_BITS)
            return Coded(a.store(y_hat), a.store(mean), a.store(index))

        contexts = [state]
        if hasattr(self, "inter"):
            q, k, v = self.inter(state).chunk(3, 1)
            contexts.append(linear_attention(a, q, k, v).view(q.shape))
        first = run(self.first, [gather(x, where.first) for x in contexts], where.first)
        if where.second is None:
            return Coded(*map(where.join, first))
        anchors = known(a, first.y_hat, inverse)
        contexts = [gather(x, where.second) for x in contexts]
        if hasattr(self, "local_query"):
            contexts.append(self._local_attention(state, anchors, contexts[0], where))
        elif hasattr(self, "local"):
            contexts.append(gather(self.local(where.join(anchors)), where.second))
        if hasattr(self, "intra_query"):
            q, k = self.intra_query(state).chunk(2, 1)
            v = self.intra_value(anchors)
            contexts.append(linear_attention(a, gather(q, where.second), gather(k, where.first), v))
        second = run(self.second, contexts, where.second)
        return Coded(*map(where.join, first, second))

    def _local_attention(self, state: Tensor, anchors: Tensor, at: Tensor, where: Places) -> Tensor:
        """Each of the others weighs the anchors around it, then joins them by their places; [B, 2 d, n, 1].

        The joining is that of MLIC's overlapped windows: what an anchor tells depends on where it lies.
        """
        rows = self.local_value(torch.cat((gather(state, where.first), anchors), 1))[..., 0]
        rows = self.arithmetic.limit(rows).transpose(1, 2).contiguous()
        queries = self.local_query(at)[..., 0].split(PIECE, 2)
        near, inside = where.near.split(PIECE, 1), where.inside.split(PIECE, 1)
        return torch.cat([self._attend(rows, *piece) for piece in zip(queries, near, inside, strict=True)], 2)

    def _attend(self, rows: Tensor, query: Tensor, near: Tensor, inside: Tensor) -> Tensor:
        """rows: of all anchors [B, m, 3 d]; query [B, .., n]; near, inside [taps, n]; -> [B, 2 d, n, 1]."""
        a = self.arithmetic
        # an anchor is copied in one piece: [B, taps, n, 3 d]
        k, v = rows.index_select(1, near.flatten()).unflatten(1, near.shape).tensor_split((rows.shape[2] // 3,), 3)
        q, place = query.tensor_split((k.shape[3],), 1)
        q = a.limit(q).transpose(1, 2).contiguous()
        logits = a.rescale((q[:, None] * k).unflatten(3, (HEADS, -1)).sum(4), ACTIVATION_BITS)
        logits = a.add(logits, place.unflatten(1, (HEADS, -1)).permute(0, 2, 3, 1))  # [B, taps, n, heads]
        # below every other: weightless, unless there is no anchor at all
        logits = torch.where(inside[..., None], logits, a.constant(-4000.0, ACTIVATION_BITS))
        weights = a.weights(logits, 1)
        share = a.divide(weights * a.constant(1.0, ACTIVATION_BITS), weights.sum(1, keepdim=True))
        weighed = a.rescale(share[..., None] * v.unflatten(3, (HEADS, -1)), ACTIVATION_BITS)
        return a.leaky_relu(self.local_fuse(weighed.permute(0, 3, 4, 1, 2).flatten(1, 3)[..., None]))


class Head(nn.Module):
    """Contexts, weighted by gates, -> mean and log2 scale of a slice, in the units of the features."""

    def __init__(self, a: Arithmetic, contexts: int, hidden: int, width: int, gates: bool) -> None:
        super().__init__()
        self.arithmetic = a
        if gates:
            self.squeeze = a.conv(contexts, hidden // 4)
            self.excite = a.conv(hidden // 4, contexts)
        self.enter = a.conv(contexts, hidden)
        self.out = a.conv(hidden, 2 * width)

    def forward(self, contexts: list[Tensor]) -> Tensor:
        """contexts: [B, C, n, 1] each -> [B, 2 width, n, 1]."""
        a, gates = self.arithmetic, None
        if hasattr(self, "squeeze"):
            mean = a.divide(torch.cat([x.sum(2, keepdim=True) for x in contexts], 1), contexts[0].shape[2])
            gates = self.excite(a.leaky_relu(self.squeeze(mean)))

        def run(x: Tensor) -> Tensor:
            x = x if gates is None else a.gate(x, gates)
            return self.out(a.leaky_relu(self.enter(x)))

        pieces = zip(*(x.split(PIECE, 2) for x in contexts), strict=True)
        return torch.cat([run(torch.cat(piece, 1)) for piece in pieces], 2)


def linear_attention(a: Arithmetic, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of linear complexity (Shen et al. 2021): softmax of q over channels, of k over positions.

    q [B, d, n, ..], k and v [B, d, m, ..] -> [B, d, n, 1].
    """
    q, k, v = (x.flatten(2).unflatten(1, (HEADS, -1)) for x in (q, k, v))
    k, q = a.weights(k, 3), a.weights(q, 2)
    summary = a.divide(k @ a.limit(v).transpose(2, 3), k.sum(3, keepdim=True))
    return a.divide(summary.transpose(2, 3) @ q, q.sum(2, keepdim=True)).flatten(1, 2)[..., None]


class Places(NamedTuple):
    """Positions of a latent [h, w] by pass, as indexes in raster order; second: None if there is one pass only.

    order: of each position in raster order, its place in the first pass followed by the second.
    near: for each tap and each position of the second pass, which position of the first lies there, [taps, n];
    inside: False where that is outside of the picture, [taps, n].
    """

    size: tuple[int, int]
    first: Tensor
    second: Tensor | None
    order: Tensor
    near: Tensor
    inside: Tensor

    def join(self, first: Tensor, second: Tensor | None = None) -> Tensor:
        """What the passes know of their positions, [B, C, n, 1] each, as [B, C, *size]; zero where it is not given."""
        if second is None:
            second = first.new_zeros((*first.shape[:2], self.order.numel() - first.shape[2], 1))
        both = torch.cat((first, second), 2).index_select(2, self.order)
        return both.view(*both.shape[:2], *self.size)


def places(size: tuple[int, int], device: torch.device, checkerboard: bool) -> Places:
    h, w = size
    everywhere = torch.arange(h * w, device=device)
    nowhere = everywhere[:0]
    if not checkerboard or h * w == 1:
        return Places(size, everywhere, None, everywhere, nowhere, nowhere)
    row, column = everywhere // w, everywhere % w
    even = (row + column) % 2 == 0
    first, second = everywhere[even], everywhere[~even]
    rank = torch.cumsum(even, 0) - 1  # of an anchor among the anchors
    taps = torch.tensor(TAPS, device=device)
    r, c = taps[:, :1] + row[second], taps[:, 1:] + column[second]
    inside = (r >= 0) & (r < h) & (c >= 0) & (c < w)
    near = rank[torch.where(inside, r * w + c, 0)]
    order = torch.where(even, rank, len(first) + everywhere - rank - 1)
    return Places(size, first, second, order, near, inside)


def gather(x: Tensor, at: Tensor) -> Tensor:
    """x [B, C, h, w] at positions `at` -> [B, C, n, 1]."""
    return x.flatten(2).index_select(2, at)[..., None]


class Synthesis(hyperprior.Synthesis):
    """y_hat, means and indexes [B, 3 C_y, h, w] as of `Prior.code`, t [B] -> x_hat [B, 3, 16 h, 16 w], not clamped.

    The latent residual prediction estimates what rounding took away, at most half a step.
    """

    def __init__(self, c: Config) -> None:
        super().__init__(c)
        self.latents = c.latents
        if c.residual:
            self.residual_in = nn.Conv2d(3 * c.latents, c.width, 1)
            self.residual_out = nn.Conv2d(c.width, c.latents, 1)
            nn.init.zeros_(self.residual_out.weight)
            nn.init.zeros_(self.residual_out.bias)  # type: ignore[arg-type]

    def forward(self, coded: Tensor, t: Tensor) -> Tensor:
        y, mean, index = coded.split(self.latents, 1)
        if hasattr(self, "residual_in"):
            x = self.residual_in(torch.cat((y * self.inverse_gain(t), y - mean, index), 1))
            y = y + 0.5 * torch.tanh(self.residual_out(F.leaky_relu(x, 0.125)))
        return super().forward(y, t)
