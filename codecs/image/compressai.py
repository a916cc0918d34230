"""`image-compressai`: the image codecs of CompressAI, from imported weights; one rate for each set of weights.

             x  3 x H x W
             |  g_a                                                             Analysis      (float)
             y  M x H/16 x W/16
             |  h_a (of |y| in bmshj2018-hyperprior)                            HyperAnalysis (float)
             z  N x H/64 x W/64 -- coded, one learned distribution per channel
             |  h_s                                                             Prior         (exact)
    scales (and means) -- in mbt2018 and cheng2020 with those of the latents before, through a 5 x 5 masked window
             |
           y_hat -- g_s --> x_hat                                               Synthesis     (float)

bmshj2018-factorized has no z: every channel of y has a learned distribution.

The transforms are the same functions as CompressAI's, the means are its means to within some 2^-15, and the tables are
those of its own 64 scales, so nearly all symbols are the same; but what chooses a table here is computed in integers.

bmshj2018: Balle et al. 2018; mbt2018: Minnen et al. 2018; cheng2020: Cheng et al. 2020; CompressAI: Begaint et al.
2020.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from . import compressai_layers as layers
from .compressai_names import ARCHITECTURES
from .compressai_prior import LATENT_BITS, Prior

__all__ = ["LATENT_BITS", "Analysis", "Config", "HyperAnalysis", "Prior", "Synthesis", "halo"]

WORKERS = 2  # tiles at once


@dataclass(frozen=True)
class Config:
    """arch: one of `ARCHITECTURES`; width, latents: CompressAI's N and M; scales: Gaussian tables."""

    arch: str
    width: int
    latents: int
    scales: int = 64

    def __post_init__(self) -> None:
        if self.arch not in ARCHITECTURES:
            raise ValueError(f"the architecture must be one of {', '.join(ARCHITECTURES)}")

    @property
    def hyper(self) -> bool:
        """Whether there is a z."""
        return self.arch != "bmshj2018-factorized"

    @property
    def means(self) -> bool:
        """Whether the latents have means."""
        return self.hyper and self.arch != "bmshj2018-hyperprior"

    @property
    def context(self) -> bool:
        """Whether the latents before condition the next: autoregression."""
        return self.arch == "mbt2018" or self.cheng

    @property
    def cheng(self) -> bool:
        return self.arch.startswith("cheng2020")

    @property
    def attention(self) -> bool:
        return self.arch == "cheng2020-attn"


def halo(c: Config) -> int:
    """See `hyperprior.halo`; that of the deepest, g_s of cheng2020-attn."""
    return 11


class Analysis(nn.Module):
    """x [B, 3, H, W] in [-0.5, 0.5], sides multiples of 16 -> y [B, M, H/16, W/16]; the same for every t."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.layers = layers.analysis(c.cheng, c.attention, c.width, c.latents)

    def stem(self, x: Tensor) -> Tensor:
        return self.layers(x + 0.5)

    def finish(self, stem: Tensor, t: Tensor) -> Tensor:
        return stem

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.finish(self.stem(x), t)


class HyperAnalysis(nn.Module):
    """y [B, M, h, w] -> z [B, N, ceil(h/4), ceil(w/4)], None without a hyperprior."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.magnitude = not c.means
        self.layers = (
            layers.hyper_analysis(c.cheng, layers.SLOPE if c.means else 0.0, c.width, c.latents) if c.hyper else None
        )

    def forward(self, y: Tensor, t: Tensor) -> Tensor | None:
        if self.layers is None:
            return None
        return self.layers(y.abs() if self.magnitude else y)


class Synthesis(nn.Module):
    """y_hat [B, M, h, w] -> x_hat [B, 3, 16 h, 16 w] in [-0.5, 0.5], not clamped; the same for every t."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.layers = layers.synthesis(c.cheng, c.attention, c.width, c.latents)

    def forward(self, y_hat: Tensor, t: Tensor) -> Tensor:
        return self.layers(y_hat) - 0.5
