"""`image-hyperprior`: a mean-scale hyperprior with a two-part context, 64 quality steps in one set of weights.

            x  3 x H x W, in [-0.5, 0.5]
            |  unshuffle 8, 1x1, 4 blocks, gain, 3x3 stride 2, 1 block          Analysis      (float)
            f  C_y x H/16 x W/16  -- gain(step) --> y
            |  1x1, 3x3 stride 2, 3x3 stride 2                                  HyperAnalysis (float)
            z  C_z x H/64 x W/64 -- coded, one Gaussian per channel and step
            |
            h = hyper synthesis of z                                                          (exact)
            part 0 of y: mean and scale from h                                  Prior         (exact)
            part 1 of y: mean and scale from h and the decoded part 0
            |
           y_hat -- inverse gain(step) --> 1 block, 1x1, shuffle 2, gain, 5 blocks, 1x1, shuffle 8   Synthesis (float)

The two parts split channels in halves and positions as a checkerboard: half A on the even and half B on the odd
positions come first, so that every position knows half of its channels when part 1 is coded (as in DCVC-RT).

Hyperprior: Balle et al. 2018; mean and scale: Minnen et al. 2018; blocks and step gains: Jia et al. 2025 (DCVC-RT).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from kodek.entropy.coder import SCALE_MIN, SCALES_PER_OCTAVE, Coder
from kodek.entropy.exact import (
    ACTIVATION_BITS,
    GAIN_BITS,
    INVERSE_BITS,
    LATENT_BITS,
    LATENT_LIMIT,
    Arithmetic,
    Steps,
)
from torch import Tensor, nn

from ..layers import DepthConvBlock

PATCH = 8
STRIDE = 16
WORKERS = 8  # tiles at once, of 0.1 GB each


@dataclass(frozen=True)
class Config:
    """Widths of the networks."""

    width: int = 128
    latents: int = 256
    hyper: int = 64
    context: int = 192
    analysis_blocks: int = 4
    synthesis_blocks: int = 5


def halo(c: Config) -> int:
    """How many latents around a place the transforms' result there depends on."""
    analysis = math.ceil((c.analysis_blocks + 3) / 2)  # half a latent for each block; `down` and `last` reach the rest
    synthesis = 1 + math.ceil(c.synthesis_blocks / 2)
    return max(analysis, synthesis)


class Analysis(nn.Module):
    """x [B, 3, H, W] in [-0.5, 0.5], H and W multiples of 16, t [B] -> features [B, C_y, H/16, W/16].

    `stem` is what does not depend on t, most of the work: an encoder that tries several steps computes it once.
    """

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3 * PATCH**2, c.width, 1)
        self.blocks = nn.Sequential(*(DepthConvBlock(c.width) for _ in range(c.analysis_blocks)))
        self.gain = Steps(c.width, 1.0)
        self.down = nn.Conv2d(c.width, c.latents, 3, stride=2, padding=1)
        self.last = DepthConvBlock(c.latents)

    def stem(self, x: Tensor) -> Tensor:
        return self.blocks(self.patch(F.pixel_unshuffle(x, PATCH)))

    def finish(self, stem: Tensor, t: Tensor) -> Tensor:
        return self.last(self.down(stem * self.gain(t)))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.finish(self.stem(x), t)


class Synthesis(nn.Module):
    """y_hat [B, C_y, h, w] in steps, t [B] -> x_hat [B, 3, 16 h, 16 w], not clamped."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.inverse_gain = Steps(c.latents, 1.0)
        self.first = DepthConvBlock(c.latents)
        self.up = nn.Conv2d(c.latents, 4 * c.width, 1)
        self.gain = Steps(c.width, 1.0)
        self.blocks = nn.Sequential(*(DepthConvBlock(c.width) for _ in range(c.synthesis_blocks)))
        self.patch = nn.Conv2d(c.width, 3 * PATCH**2, 1)

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        x = self.first(y * self.inverse_gain(t))
        x = F.pixel_shuffle(self.up(x), 2) * self.gain(t)
        return F.pixel_shuffle(self.patch(self.blocks(x)), PATCH)


class HyperAnalysis(nn.Module):
    """features [B, C_y, h, w], t [B] -> z [B, C_z, ceil(h/4), ceil(w/4)], in steps."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(c.latents, c.width, 1)
        self.down1 = nn.Conv2d(c.width, c.width, 3, stride=2, padding=1)
        self.down2 = nn.Conv2d(c.width, c.hyper, 3, stride=2, padding=1)
        self.gain = Steps(c.hyper, 1.0)

    def forward(self, f: Tensor, t: Tensor) -> Tensor:
        x = F.leaky_relu(self.narrow(f), 0.125)
        x = F.leaky_relu(self.down1(x), 0.125)
        return self.down2(x) * self.gain(t)


class HyperSynthesis(nn.Module):
    """What the priors of this family share: p(z), the hyper synthesis and the quality steps' gains.

    step: float [B] in [0, 1] with float arithmetic, the quality byte with exact arithmetic.
    """

    def __init__(self, c: Config, arithmetic: Arithmetic) -> None:
        super().__init__()
        a = self.arithmetic = arithmetic
        self.z_scale = a.steps(c.hyper, ACTIVATION_BITS, 0.0, False)  # log2 of z's deviation
        self.z_inverse = a.steps(c.hyper, INVERSE_BITS, 1.0, True)
        self.step_bias = a.steps(c.context, ACTIVATION_BITS, 0.0, False)
        self.up1 = a.conv(c.hyper, 4 * c.width)
        self.depth1 = a.conv(c.width, c.width, 3, groups=c.width)
        self.up2 = a.conv(c.width, 4 * c.width)
        self.depth2 = a.conv(c.width, c.width, 3, groups=c.width)
        self.features = a.conv(c.width, c.context)
        # the gain of y and its inverse (which brings decoded latents back to the units of the features)
        self.gain = a.steps(c.latents, GAIN_BITS, 1.0, True)
        self.inverse_gain = a.steps(c.latents, INVERSE_BITS, 1.0, True)
        self.scale = a.steps(c.latents, ACTIVATION_BITS, 0.0, False)  # log2 of the gain of the scales

    def hyper_synthesis(self, coder: Coder, step: Tensor | int, size: tuple[int, int], z: Tensor | None) -> Tensor:
        """Code z and expand it to the features [B, context, *size] that every context reads."""
        a = self.arithmetic
        h, w = -(-size[0] // 4), -(-size[1] // 4)
        z_index = table_index(a, self.z_scale(step)).expand(-1, -1, h, w)
        z_hat = coder.code(z, torch.zeros_like(z_index), z_index)
        x = known(a, z_hat, self.z_inverse(step))
        x = a.leaky_relu(self.depth1(F.pixel_shuffle(self.up1(x), 2)))
        x = a.leaky_relu(self.depth2(F.pixel_shuffle(self.up2(x), 2)[:, :, : size[0], : size[1]]))
        return a.leaky_relu(self.features(x) + self.step_bias(step))


class Prior(HyperSynthesis):
    """p(z) p(y | z) and the order in which z and y are coded, in either arithmetic.

    `code` is the whole contract: the same lines run in training, encoding and decoding.
    """

    def __init__(self, c: Config, arithmetic: Arithmetic) -> None:
        super().__init__(c, arithmetic)
        a, self.latents = arithmetic, c.latents
        self.head0 = a.conv(c.context, 2 * c.latents)
        self.enter = a.conv(c.context + c.latents, c.context)
        self.depth3 = a.conv(c.context, c.context, 3, groups=c.context)
        self.middle = a.conv(c.context, c.context)
        self.head1 = a.conv(c.context, 2 * c.latents)

    def heads(self) -> Iterator[tuple[nn.Module, slice]]:
        """The layers that give means and log scales, and the channels of y they are for."""
        yield from ((head, slice(0, self.latents)) for head in (self.head0, self.head1))

    def channel_order(self) -> Tensor:
        """Where channels in order of falling energy go: strong and weak alternate between the halves."""
        return torch.cat((torch.arange(0, self.latents, 2), torch.arange(1, self.latents, 2)))

    def code(
        self, coder: Coder, step: Tensor | int, size: tuple[int, int], y: Tensor | None, z: Tensor | None
    ) -> Tensor:
        """Code z, then both parts of y [B, C_y, *size]; returns y_hat (exact: in units of 1/16)."""
        a = self.arithmetic
        hyper = self.hyper_synthesis(coder, step, size, z)
        gain, scale = self.gain(step), self.scale(step)
        even = checkerboard(size, hyper)

        def part(head: Tensor, even: Tensor) -> Tensor:
            mean, index = (pack(half, even) for half in head.chunk(2, 1))
            values = None if y is None else pack(y, even)
            part = coder.code(values, *gaussian(a, mean, index, pack(gain, even), pack(scale, even)))
            return unpack(part, even)

        y_hat = part(self.head0(hyper), even)
        x = torch.cat((hyper, known(a, y_hat, self.inverse_gain(step))), 1)
        x = a.leaky_relu(self.enter(x))
        x = a.leaky_relu(self.middle(self.depth3(x)))
        return y_hat + part(self.head1(x), ~even)


def known(a: Arithmetic, decoded: Tensor, inverse_gain: Tensor) -> Tensor:
    """Decoded latents in steps -> activations in the units of the features, which every quality step shares."""
    return a.rescale(decoded * inverse_gain, LATENT_BITS + INVERSE_BITS - ACTIVATION_BITS)


def gaussian(a: Arithmetic, mean: Tensor, log_scale: Tensor, gain: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """A head's outputs in the units of the features -> (mean in steps, table index) at one quality step."""
    mean = a.rescale(mean * gain, ACTIVATION_BITS + GAIN_BITS - LATENT_BITS, LATENT_LIMIT)
    return mean, table_index(a, log_scale + scale)


def table_index(a: Arithmetic, log_scale: Tensor) -> Tensor:
    """log2 of a scale -> its table index (real numbers in float, rounded to the nearest in exact arithmetic)."""
    offset = a.constant(-SCALES_PER_OCTAVE * math.log2(SCALE_MIN), ACTIVATION_BITS)
    return a.whole(log_scale * SCALES_PER_OCTAVE + offset)


def checkerboard(size: tuple[int, int], like: Tensor) -> Tensor:
    """Bool [1, 1, h, w]: True where row + column is even."""
    rows = torch.arange(size[0], device=like.device)[:, None]
    columns = torch.arange(size[1], device=like.device)[None, :]
    return ((rows + columns) % 2 == 0)[None, None]


def pack(x: Tensor, even: Tensor) -> Tensor:
    """The part of x [B, C, h, w] that has its first channels where `even`, the others elsewhere -> [B, C/2, h, w]."""
    first, second = x.chunk(2, 1)
    return torch.where(even, first, second)


def unpack(part: Tensor, even: Tensor) -> Tensor:
    """The inverse of `pack`, zero where the part holds nothing."""
    return torch.cat((part * even, part * ~even), 1)
