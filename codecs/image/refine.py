"""A slow encoder: the latents of a picture are improved by gradient descent; decoders don't notice.

The analysis transform is trained for all pictures, and its result is rounded without looking. Here y and z themselves
descend on `bits + lambda * squared error` of their picture, and whether a latent is rounded up or down is drawn at
random, with odds that harden as the temperature falls: stochastic Gumbel annealing (Yang, Bamler & Mandt, "Improving
inference for neural image compression", NeurIPS 2020; the odds are those of SGA+, Perugachi-Diaz et al. 2024). The
prior walks as always, against another coder, in the float twin of its integers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from kodek.entropy.coder import gaussian_bits
from kodek.entropy.exact import Float, dequantise
from torch import Tensor

from ..errors import UnsupportedError
from ..layers import unfuse
from .area import Area, Grid
from .codec import ImageCodec, Read
from .hyperprior import STRIDE, HyperSynthesis

STEPS = (0, 50, 150, 500)  # of gradient descent, by effort
RATE = 0.05  # of learning, in steps of the quantiser, falling to 0 along a cosine
SLACK = 4.0  # Adam's epsilon in bits a step: what costs less moves less, instead of drifting about in the noise
TEMPERATURES = 1.0, 0.2  # first and last
NEIGHBOUR = 26  # the trade-off is the slope between qualities so far below and above, of 255
SIDE = 32  # latents: parts that the synthesis is differentiated in


def check(codec: ImageCodec, effort: int) -> None:
    """Raises ValueError for an effort out of range, UnsupportedError for a model whose latents can't be refined."""
    if effort not in range(len(STEPS)):
        raise ValueError(f"effort must lie between 0 and {len(STEPS) - 1}")
    if effort and not isinstance(codec.prior, HyperSynthesis):
        raise UnsupportedError(f"{codec.name} knows no effort above 0: its prior has no differentiable twin.")


def refine(
    codec: ImageCodec,
    read: Read,
    size: tuple[int, int],
    grid: Grid,
    area: Area,
    y: Tensor,
    z: Tensor,
    position: int,
    effort: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """Better (y, z) of a tile at a quality byte, or the same where none are found.

    read, size, grid, area: as of `ImageCodec.stem`; y, z: as of `ImageCodec.analyse`; effort: see `check`. advance is
    called after each of the `STEPS[effort]` steps.
    """
    wide = grid.around(area)
    x = read(wide.times(STRIDE).meet(Area(0, 0, *size))).to(codec.device)
    stem = codec.stem(read, size, grid, wide)
    analyse = partial(codec.analyse, stem, grid, wide)
    trade_off = slope(codec, x, analyse, position)
    if not trade_off:
        return y, z
    # what the synthesis sees around the tile; its neighbours may come to decode to something a little better
    around = codec.encode_tile(*analyse(position), position, profile=1).latents.clone()
    inside = area.within(wide)

    def cost(y: Tensor, z: Tensor) -> float:
        tile = codec.encode_tile(y, z, position, profile=1)
        around[:, :, *inside.slices] = tile.latents
        return 8 * len(tile.payload) + trade_off * _error(codec.synthesise(around, position), x)

    better = _descend(codec, x, around, inside, y, z, position, trade_off, STEPS[effort], advance)
    return better if cost(*better) < cost(y, z) else (y, z)


def slope(codec: ImageCodec, x: Tensor, analyse: Callable[[int], tuple[Tensor, Tensor]], position: int) -> float:
    """Bits that a picture costs per unit of squared error less around a quality byte; 0 where it has no slope.

    A codec trained on `bits + lambda * error`, with a lambda for each quality, has these as slopes of its curve.
    x: float32 [1, 3, H, W] in [0, 1]; analyse: quality byte -> y and z.
    """
    ends = []
    for end in (max(position - NEIGHBOUR, 0), min(position + NEIGHBOUR, 255)):
        tile = codec.encode_tile(*analyse(end), end, profile=1)
        ends.append((8 * len(tile.payload), _error(codec.synthesise(tile.latents, end), x)))
    (bits, error), (more_bits, less_error) = ends
    return (more_bits - bits) / (error - less_error) if more_bits > bits and less_error < error else 0.0


class Annealer:
    """A coder whose rounding is a draw between floor and ceiling, relaxed so that it has a gradient.

    bits: the running sum. The odds of the ceiling are (d / (1 - d))^ODDS at a distance d from the floor.
    """

    ODDS = 2.3

    def __init__(self, temperature: float, generator: torch.Generator) -> None:
        self.temperature = temperature
        self.generator = generator
        self.bits: Any = 0.0

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        assert values is not None
        residual = values - mean
        floor = residual.detach().floor()
        uniform = torch.rand(floor.shape, generator=self.generator, device=floor.device)
        odds = self.ODDS * torch.logit(residual - floor, 1e-4)
        drawn = floor + torch.sigmoid((odds + torch.logit(uniform, 1e-6)) / self.temperature)
        self.bits = self.bits + gaussian_bits(drawn, index).sum()
        return drawn + mean


def _descend(
    codec: ImageCodec,
    x: Tensor,
    around: Tensor,
    inside: Area,
    y: Tensor,
    z: Tensor,
    position: int,
    trade_off: float,
    steps: int,
    advance: Callable[[], None],
) -> tuple[Tensor, Tensor]:
    """The annealed (y, z) of a tile that lies `inside` of latents `around` it, which code the pixels x."""
    prior: Any = codec.family.prior(codec.config, Float()).to(codec.device).requires_grad_(False)
    dequantise(codec.prior, prior, position)
    synthesis = copy.deepcopy(codec.synthesis)
    unfuse(synthesis)
    t = codec.positions[position : position + 1].to(codec.device)
    latents = around.float() * 2.0**-codec.family.latent_bits
    y, z = y.clone().requires_grad_(), z.clone().requires_grad_()
    generator = torch.Generator(codec.device).manual_seed(0)  # the same picture, the same bytes
    optimiser = torch.optim.Adam((y, z), RATE, eps=SLACK)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    first, last = TEMPERATURES
    for step in range(steps):
        coder = Annealer(first * (last / first) ** (step / steps), generator)
        coded = prior.code(coder, t, (inside.height, inside.width), y, z)
        latents[:, :, *inside.slices] = coded.detach()
        gradient = _distortion(lambda part: synthesis(part, t), latents, x, inside, codec.halo)
        optimiser.zero_grad()
        torch.autograd.backward((coder.bits, coded), (None, gradient * trade_off))
        optimiser.step()
        schedule.step()
        advance()
    return y.detach(), z.detach()


def _distortion(synthesis: Callable[[Tensor], Tensor], latents: Tensor, x: Tensor, inside: Area, halo: int) -> Tensor:
    """The gradient of the sum of squared errors for the latents `inside`; part by part, to bound the memory."""
    leaf = latents.detach().requires_grad_()
    parts = Grid((leaf.shape[-2], leaf.shape[-1]), SIDE, halo)
    for area in parts.areas:
        seen = parts.around(area)
        x_hat = synthesis(leaf[:, :, *seen.slices].contiguous(memory_format=torch.channels_last)) + 0.5
        x_hat = x_hat[:, :, *area.within(seen).times(STRIDE).slices]
        _difference(x_hat, x[:, :, *area.times(STRIDE).slices]).square().sum().backward()
    assert leaf.grad is not None
    return leaf.grad[:, :, *inside.slices]


def _error(x_hat: Tensor, x: Tensor) -> float:
    return float(_difference(x_hat, x).square().sum(dtype=torch.float64))


def _difference(x_hat: Tensor, x: Tensor) -> Tensor:
    """Between samples in whole latents and the pixels that there are of them."""
    return x_hat[:, :, : x.shape[-2], : x.shape[-1]] - x
