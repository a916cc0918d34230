"""`audio-rvq`: the network that is trained, and its settings.

    x    24 kHz, mono
    |    50 frames a second, causal                                Analysis   (spectral.py or waveform.py)
    z    latent numbers a frame
    |    up to 48 stages of 1024 codes                             Quantiser  (quantisers.py)
    z_hat -> Synthesis -> x_hat

The prior of the codes (prior.py) is trained after them.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch.nn.functional as F
from kodek.entropy.exact import Float
from torch import Tensor, nn

from .prior import Prior, PriorConfig
from .quantisers import ResidualQuantiser, ScalarQuantiser


@dataclass(frozen=True)
class Config:
    """rate: samples a second. hop: samples a frame. kernel: frames of a block's convolution.

    transform: the network between samples and latents. quantiser: see quantisers.py. stages: of the quantiser, with
    `codes` codes each, of which the first `steady` have one for a whole segment. prior: settings of `PriorConfig`, but
    for these three.
    """

    transform: Literal["spectral", "waveform"] = "spectral"
    quantiser: Literal["rvq", "grouped", "masked", "single", "fsq"] = "rvq"
    rate: int = 24000
    hop: int = 480
    width: int = 256
    latent: int = 64
    analysis_blocks: int = 6
    synthesis_blocks: int = 8
    kernel: int = 5
    expansion: int = 2
    stages: int = 48
    steady: int = 0
    codes: int = 1024
    prior: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steady >= self.stages or (self.steady and self.quantiser == "fsq"):
            raise ValueError("a part of the stages can be steady, and none of fsq")


class AudioModel(nn.Module):
    """The trainable codec."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = c = config or Config()
        self.analysis, self.quantiser, self.synthesis = networks(c)
        self.prior = Prior(prior_config(c), Float())

    def forward(self, x: Tensor, stages: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """x [B, n] in [-1, 1], n a multiple of the hop; stages [B], int: those each sample may use, 0: unquantised.

        Returns x_hat [B, n], codes [B, max(stages), n / hop + 1] and, by name, the quantiser's losses and the latents
        [B, n / hop + 1, latent].
        """
        hop = self.config.hop
        z = self.analysis(F.pad(x, (0, hop)))
        z_hat, codes, losses = self.quantiser(z, stages)
        return self.synthesis(z_hat)[:, hop:], codes, losses | {"latents": z}


def networks(c: Config) -> tuple[Any, Any, Any]:
    """The analysis, the quantiser and the synthesis."""
    transform = importlib.import_module(f"{__package__}.{c.transform}")
    quantiser = ScalarQuantiser(c) if c.quantiser == "fsq" else ResidualQuantiser(c)
    return transform.Analysis(c), quantiser, transform.Synthesis(c)


def prior_config(c: Config) -> PriorConfig:
    return PriorConfig(stages=c.stages, steady=c.steady, codes=c.codes, **c.prior)


def frames(samples: int, hop: int) -> int:
    """Frames that so many samples need: the last one finishes the last sample."""
    return -(-samples // hop) + 1


def stage_count(quality: float, stages: int = 48, steady: int = 0) -> int:
    """Stages of a quality from 0 to 100; those that aren't steady rise by equal factors: 1 at 0, 12 at 50, 48 at 100.

    stages: there are in all. Raises ValueError for another quality.
    """
    if not 0 <= quality <= 100:
        raise ValueError("quality must lie between 0 and 100")
    low, middle, high = math.log(1), math.log(12), math.log(48)
    share = quality / 50
    value = low + (middle - low) * share if share < 1 else middle + (high - middle) * (share - 1)
    return min(stages, steady + max(1, round(math.exp(value))))
