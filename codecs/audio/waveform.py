"""The waveform transform: strided convolutions of samples, and the way back by transposed ones.

    x -> convolution -> (residual units, Snake, convolution of stride s) for each of STRIDES -> z
    z -> convolution -> (Snake, transposed convolution of stride s, residual units) in reverse -> Snake -> x_hat

After DAC (Kumar et al. 2023), made causal as EnCodec's (Defossez et al. 2022).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .causal import Memory, extend

if TYPE_CHECKING:
    from .model import Config

STRIDES = (3, 4, 5, 8)
DILATIONS = (1, 3, 9)
KERNEL = 7


class Analysis(nn.Module):
    """x [B, hop T] in [-1, 1] -> z [B, T, latent]; frame t sees samples up to hop (t + 1). width: at the frame rate."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        widths = _widths(c)
        layers: list[nn.Module] = [Convolution(1, widths[0], KERNEL)]
        for stride, narrow, wide in zip(STRIDES, widths[:-1], widths[1:], strict=True):
            layers += [Unit(narrow, dilation) for dilation in DILATIONS]
            layers += [Snake(narrow), Convolution(narrow, wide, 2 * stride, stride)]
        self.layers = nn.ModuleList([*layers, Snake(widths[-1]), Convolution(widths[-1], c.latent, 3)])

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        x = x[..., None]
        for layer in self.layers:
            x = layer(x, memory)
        return x


class Synthesis(nn.Module):
    """z [B, T, latent] -> [B, hop T], trained to be one hop late: its samples from hop t on lie at hop (t - 1)."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        widths = _widths(c)[::-1]
        layers: list[nn.Module] = [Convolution(c.latent, widths[0], KERNEL)]
        for stride, wide, narrow in zip(STRIDES[::-1], widths[:-1], widths[1:], strict=True):
            layers += [Snake(wide), Transposed(wide, narrow, stride)]
            layers += [Unit(narrow, dilation) for dilation in DILATIONS]
        self.layers = nn.ModuleList([*layers, Snake(widths[-1]), Convolution(widths[-1], 1, KERNEL)])

    def forward(self, z: Tensor, memory: Memory | None = None) -> Tensor:
        for layer in self.layers:
            z = layer(z, memory)
        return torch.tanh(z[..., 0])


class Convolution(nn.Module):
    """Causal: x [B, T, c_in] -> [B, T / stride, c_out], whose item t sees x up to stride (t + 1)."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, kernel, stride, dilation=dilation)
        self.before = (kernel - 1) * dilation - (stride - 1)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        y: Tensor = self.conv(extend(memory, self, x, self.before).transpose(1, 2))
        return y.transpose(1, 2)


class Transposed(nn.Module):
    """Causal: x [B, T, c_in] -> [B, stride T, c_out]; each output comes from an item and the one before it."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(channels_in, channels_out, 2 * stride, stride)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        stride = self.conv.stride[0]
        y: Tensor = self.conv(extend(memory, self, x, 1).transpose(1, 2))
        return y[..., stride:-stride].transpose(1, 2)


class Snake(nn.Module):
    """x + sin^2(a x) / a, with a learned a per channel (Ziyin et al. 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        return x + (x * self.frequency).sin().square() / (self.frequency + 1e-9)


class Unit(nn.Module):
    """A residual unit: Snake, dilated convolution, Snake, 1x1."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [Snake(width), Convolution(width, width, KERNEL, 1, dilation), Snake(width), Convolution(width, width, 1)]
        )

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        y = x
        for layer in self.layers:
            y = layer(y, memory)
        return x + y


def _widths(c: Config) -> list[int]:
    """Channels before each stride and after the last: they double, to `width` at the frame rate."""
    if math.prod(STRIDES) != c.hop:
        raise ValueError(f"the waveform transform has a hop of {math.prod(STRIDES)}, not {c.hop}")
    return [max(8, c.width >> (len(STRIDES) - i)) for i in range(len(STRIDES) + 1)]
