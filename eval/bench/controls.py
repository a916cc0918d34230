"""Negative controls of `exactness`: priors that must fail the proof, or it proves nothing."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from kodek.codecs.audio.codec import AudioCodec
from kodek.codecs.audio.prior import Prior
from kodek.codecs.image.codec import ImageCodec
from kodek.entropy.coder import CategoryCoder, Coder
from kodek.entropy.exact import ACTIVATION_BITS, ACTIVATION_LIMIT, WEIGHT_BITS, Exact, ExactConv2d, ExactTable
from torch import Tensor, nn

FLOAT, LEAKY = "float prior", "leaked float"


class FloatConv2d(ExactConv2d):
    """The same weights, in float32."""

    def forward(self, x: Tensor) -> Tensor:
        scale = 2.0**-WEIGHT_BITS
        weight, bias = self.weight.float() * scale, self.bias.float() * scale
        return F.conv2d(x.float(), weight, bias, padding=self.padding, groups=self.groups)


class FloatTable(ExactTable):
    """The same vectors, in float32."""

    def forward(self, index: Tensor | None = None) -> Tensor:
        return super().forward(index).float()


class FloatPath(Exact):
    """The arithmetic of every other toolkit."""

    def conv(
        self, channels_in: int, channels_out: int, kernel: int | tuple[int, int] = 1, groups: int = 1
    ) -> FloatConv2d:
        return FloatConv2d(channels_in, channels_out, kernel, groups)

    def table(self, rows: int, channels: int, bits: int = 16) -> FloatTable:
        return FloatTable(rows, channels, bits)

    def rescale(self, x: Tensor, bits: int, limit: int = 0) -> Tensor:
        return x.float() * 2.0**-bits

    def leaky_relu(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, 0.125)

    def weights(self, logits: Tensor, dim: int) -> Tensor:
        return torch.softmax(logits.float() * (math.log(2) * 2.0**-ACTIVATION_BITS), dim)

    def divide(self, x: Tensor, y: Tensor | int) -> Tensor:
        return x / y


class Leaky(Exact):
    """Exact but for a functional call, wherever the prior at hand rescales or rectifies."""

    def rescale(self, x: Tensor, bits: int, limit: int = ACTIVATION_LIMIT) -> Tensor:
        return super().rescale(_leak(x), bits, limit)

    def leaky_relu(self, x: Tensor) -> Tensor:
        return super().leaky_relu(_leak(x))


def _leak(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x * 2.0**-24)


class Rounding:
    """Lets a float prior drive a symbol coder, as float codecs do."""

    def __init__(self, coder: Any) -> None:
        self.coder = coder

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        return self.coder.code(values, mean.round().double(), index.round().double())

    def code_categories(self, values: Tensor | None, logits: Tensor) -> Tensor:
        return self.coder.code_categories(values, logits.round().double())


class RoundedPrior(nn.Module):
    def __init__(self, prior: Any) -> None:
        super().__init__()
        self.prior, self.gain = prior, prior.gain

    def code(self, coder: Coder, *args: Any) -> Tensor:
        return self.prior.code(Rounding(coder), *args)


class RoundedCodes(Prior):
    """The same for the prior of codes."""

    def code(self, coder: CategoryCoder, *args: Any, **options: Any) -> Tensor:
        return super().code(Rounding(coder), *args, **options)


def sabotage(codec: ImageCodec | AudioCodec, control: str) -> None:
    """Replace the codec's prior by one that must fail the proof. control: `FLOAT` or `LEAKY`."""
    float_prior = control == FLOAT
    arithmetic: Exact = FloatPath() if float_prior else Leaky()
    if isinstance(codec, AudioCodec):
        prior: Any = (RoundedCodes if float_prior else Prior)(codec.prior.config, arithmetic)
    else:
        prior = codec.family.prior(codec.config, arithmetic)
    prior.load_state_dict(codec.prior.state_dict())
    codec.prior = RoundedPrior(prior) if float_prior and isinstance(codec, ImageCodec) else prior
