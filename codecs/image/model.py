"""The image codecs by name, and the network that is trained: transforms and prior in float arithmetic."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kodek.entropy.coder import Estimator
from kodek.entropy.exact import Arithmetic, Float
from torch import Tensor, nn


@dataclass(frozen=True)
class Family:
    """A codec's networks, each built from its `config`.

    analysis: (x [B, 3, H, W] in [-0.5, 0.5], t [B]) -> features [B, C_y, H/16, W/16]; its parts are `stem(x)`, which
        does not depend on t, and `finish(stem, t)`
    hyper_analysis: (features, t) -> z in steps
    prior: (config, arithmetic); `code(coder, step, size, y, z)` -> what the synthesis reads [B, C, *size];
        `gain(step)` times the features is y in steps
    synthesis: (coded, t) -> x_hat [B, 3, H, W], not clamped
    """

    name: str
    config: type
    analysis: Callable[[Any], nn.Module]
    hyper_analysis: Callable[[Any], nn.Module]
    prior: Callable[[Any, Arithmetic], nn.Module]
    synthesis: Callable[[Any], nn.Module]
    presets: Mapping[str, Mapping[str, Any]]  # settings of the config by name
    workers: int  # tiles of a large picture in work at once, for their memory
    halo: Callable[[Any], int]  # rows and columns of latents around a place that either transform's result there needs
    latent_bits: int  # what the prior codes and returns counts 2^-latent_bits steps


FAMILIES = {
    "image-hyperprior": "hyperprior",
    "image-mlic": "mlic",
    "image-compressai": "compressai",
}


def family(codec: str) -> Family:
    """Raises KeyError for a codec that is none of images."""
    module = importlib.import_module(f"{__package__}.{FAMILIES[codec]}")
    parts = module.Analysis, module.HyperAnalysis, module.Prior, module.Synthesis
    presets = getattr(module, "PRESETS", {})
    return Family(codec, module.Config, *parts, presets, module.WORKERS, module.halo, module.LATENT_BITS)


class ImageModel(nn.Module):
    """The trainable codec of a family."""

    def __init__(self, family: Family, config: Any = None) -> None:
        super().__init__()
        self.family = family
        self.config = c = config or family.config()
        self.analysis: Any = family.analysis(c)
        self.hyper_analysis: Any = family.hyper_analysis(c)
        self.prior: Any = family.prior(c, Float())
        self.synthesis: Any = family.synthesis(c)

    def code(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, 3, H, W] in [-0.5, 0.5], sides multiples of 16; t [B] in [0, 1] -> (the prior's result, bits [B])."""
        features = self.analysis(x, t)
        z = self.hyper_analysis(features, t)
        estimator = Estimator(self.training)
        coded = self.prior.code(estimator, t, features.shape[-2:], features * self.prior.gain(t), z)
        assert isinstance(estimator.bits, Tensor)
        return coded, estimator.bits

    def forward(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """As `code`, but the first result is x_hat."""
        coded, bits = self.code(x, t)
        return self.synthesis(coded, t), bits
