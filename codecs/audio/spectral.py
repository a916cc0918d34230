"""The spectral transform: a short-time Fourier transform, blocks at its frame rate, and the way back.

    x -> STFT -> log magnitude, compressed real and imaginary parts -> linear -> blocks -> linear -> z
    z -> linear -> blocks -> norm -> linear -> log magnitude and phase -> inverse STFT -> x_hat

No layer runs faster than the frames, which makes it several times cheaper than strided convolutions of samples.
The inverse STFT as a decoder's last layer: Siuzdak 2023 (Vocos).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .causal import Block, Memory, extend

if TYPE_CHECKING:
    from .model import Config

FLOOR = 1e-5  # of magnitudes, as a share of full scale
LOUDEST = 6.0  # of decoded log magnitudes: a full-scale sine has 5.5


class Analysis(nn.Module):
    """x [B, hop T] in [-1, 1] -> z [B, T, latent]; frame t sees samples up to hop (t + 1)."""

    window: Tensor

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.hop = c.hop
        self.register_buffer("window", sqrt_hann(2 * c.hop), persistent=False)
        self.enter = nn.Linear(3 * (c.hop + 1), c.width)
        self.blocks = nn.ModuleList(Block(c.width, c.kernel, c.expansion) for _ in range(c.analysis_blocks))
        self.norm = nn.LayerNorm(c.width)
        self.leave = nn.Linear(c.width, c.latent)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        past = extend(memory, self, x[..., None], self.hop)[..., 0]
        spectrum = torch.fft.rfft(past.unfold(1, 2 * self.hop, self.hop) * self.window)
        return self.encode(spectrum.real, spectrum.imag, memory)

    def encode(self, real: Tensor, imaginary: Tensor, memory: Memory | None) -> Tensor:
        magnitude = (real.square() + imaginary.square() + FLOOR**2).sqrt()
        y = torch.cat((magnitude.log() * 0.3 + 1, real * magnitude.rsqrt(), imaginary * magnitude.rsqrt()), 2)
        y = self.enter(y)
        for block in self.blocks:
            y = block(y, memory)
        return self.leave(self.norm(y))


class Synthesis(nn.Module):
    """z [B, T, latent] -> [B, hop T], one hop late: its samples from hop t on lie at hop (t - 1) of the sound."""

    window: Tensor

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.hop = c.hop
        self.register_buffer("window", sqrt_hann(2 * c.hop), persistent=False)
        self.enter = nn.Linear(c.latent, c.width)
        self.blocks = nn.ModuleList(Block(c.width, c.kernel, c.expansion) for _ in range(c.synthesis_blocks))
        self.norm = nn.LayerNorm(c.width)
        self.leave = nn.Linear(c.width, 3 * (c.hop + 1))

    def forward(self, z: Tensor, memory: Memory | None = None) -> Tensor:
        frames = torch.fft.irfft(torch.complex(*self.decode(z, memory)), 2 * self.hop) * self.window
        frames = extend(memory, self, frames, 1)
        return (frames[:, :-1, self.hop :] + frames[:, 1:, : self.hop]).flatten(1)

    def decode(self, z: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor]:
        y = self.enter(z)
        for block in self.blocks:
            y = block(y, memory)
        magnitude, real, imaginary = self.leave(self.norm(y)).chunk(3, 2)
        scale = (magnitude - 4).clamp(max=LOUDEST).exp() * (real.square() + imaginary.square() + 1e-4).rsqrt()
        return real * scale, imaginary * scale


def sqrt_hann(size: int) -> Tensor:
    """Its square sums to one over frames of half its size: analysis and synthesis together are the identity."""
    return torch.hann_window(size).sqrt()
