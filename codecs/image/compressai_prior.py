"""The entropy models of CompressAI's image codecs on integers: learned tables, hyper synthesis, masked context.

Everything counts 2^-15: activations, means and decoded latents alike. Weights count as finely as the proof allows: in
each output channel as many fractional bits as keep its largest possible sum within 2^53.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
import torch.nn.functional as F
from kodek.entropy.coder import Coder
from kodek.entropy.exact import EXACT_LIMIT, GAIN_BITS, Arithmetic
from torch import Tensor, nn

from .compressai_layers import SLOPE

if TYPE_CHECKING:
    from .compressai import Config

LATENT_BITS = 15  # activations, means and decoded latents are multiples of 2^-15
LIMIT = 2**26  # their clamp inside the networks: real values of +-2048
MOST_BITS = 26  # of the fractions of weights
SLOPE_BITS = 22

TAPS = [(row, column) for row in (-2, -1, 0) for column in range(-2, 3) if (row, column) < (0, 0)]  # known before


class Layer(nn.Module):
    """A linear map of integer activations, rescaled to their units with round-half-up.

    kind: "conv" [B, in, h, w] -> [B, out, h, w]; "deconv" (5 x 5, stride 2) -> [B, out, 2 h, 2 w]; "linear"
    [.., in] -> [.., out]. Buffers: weight int32, shaped as in the float layer, and bias int64 [out], in 2^-bits and
    2^-(bits + 15); bits int32 [out].
    """

    weight: Tensor
    bias: Tensor
    bits: Tensor

    def __init__(
        self, a: Arithmetic, kind: Literal["conv", "deconv", "linear"], inputs: int, outputs: int, kernel: int = 1
    ) -> None:
        super().__init__()
        self.arithmetic = a
        self.kind = kind
        shape = {
            "conv": (outputs, inputs, kernel, kernel),
            "deconv": (inputs, outputs, kernel, kernel),
            "linear": (outputs, inputs),
        }[kind]
        self.register_buffer("weight", torch.zeros(shape, dtype=torch.int32))
        self.register_buffer("bias", torch.zeros(outputs, dtype=torch.int64))
        self.register_buffer("bits", torch.zeros(outputs, dtype=torch.int32))
        self._real: tuple[Tensor, Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self._real is None or self._real[0].device != x.device or self._real[0].dtype != x.dtype:
            # all but one of the fractional bits; numpy's ldexp is exact, a power in floating point need not be
            scale = torch.from_numpy(np.ldexp(1.0, 1 - self.bits.cpu().numpy())).to(x)
            self._real = self.weight.to(x), self.bias.to(x), scale if self.kind == "linear" else scale[:, None, None]
        weight, bias, scale = self._real
        if self.kind == "linear":
            acc = F.linear(x, weight, bias)
        else:
            # cuDNN may choose Winograd or FFT, whose intermediate results are no integers
            with torch.backends.cudnn.flags(enabled=not x.is_cuda):
                if self.kind == "conv":
                    acc = F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
                else:
                    acc = F.conv_transpose2d(x, weight, bias, stride=2, padding=2, output_padding=1)
        return self.arithmetic.rescale(acc.mul_(scale), 1, LIMIT)

    @torch.no_grad()
    def quantise(self, weight: Tensor, bias: Tensor) -> None:
        """Take a trained float layer's tensors. Raises ArithmeticError where no unit keeps the sums exact."""
        axis = 1 if self.kind == "deconv" else 0
        rows = weight.double().transpose(0, axis)
        total = rows.abs().flatten(1).sum(1) + bias.double().abs() * (2.0**LATENT_BITS / LIMIT)
        bits = torch.floor(np.log2(EXACT_LIMIT / LIMIT) - 0.01 - torch.log2(total.clamp(min=1e-9)))
        unit = torch.exp2(bits.clamp(1, MOST_BITS).round())
        shape = (-1, *(1,) * (rows.ndim - 1))
        self.bits.copy_(torch.log2(unit).round())
        self.weight.copy_((rows * unit.view(shape)).round().transpose(0, axis))
        self.bias.copy_((bias.double() * unit * 2.0**LATENT_BITS).round())
        if self.bound() > EXACT_LIMIT:
            raise ArithmeticError(f"a sum can reach {self.bound()}, above 2^53")

    def bound(self) -> int:
        """The largest |partial sum| that any input within `LIMIT` can reach, with what rounding adds."""
        rows = self.weight.long().transpose(0, 1 if self.kind == "deconv" else 0).abs().flatten(1).sum(1)
        return int((rows * LIMIT + self.bias.abs() + (1 << self.bits.long())).max())


class LeakyReLU(nn.Module):
    def __init__(self, a: Arithmetic, slope: float) -> None:
        super().__init__()
        self.arithmetic = a
        self.slope = float(round(slope * 2**SLOPE_BITS))

    def forward(self, x: Tensor) -> Tensor:
        return torch.maximum(x, self.arithmetic.rescale(x * self.slope, SLOPE_BITS, LIMIT))


class Prior(nn.Module):
    """p(z) p(y | z) or p(y), and the order of coding; `code` is the whole contract.

    Tables: one for each of `scales` Gaussians, then one for each channel with a learned distribution.
    """

    medians: Tensor
    thresholds: Tensor

    def __init__(self, c: Config, arithmetic: Arithmetic) -> None:
        super().__init__()
        self.config = c
        learned = c.width if c.hyper else c.latents
        self.register_buffer("medians", torch.zeros(learned, dtype=torch.int64))
        if not c.hyper:
            return
        # a scale takes the table after the last threshold below it
        self.register_buffer("thresholds", torch.zeros(c.scales - 1, dtype=torch.int64))
        self.h_s = hyper_synthesis(c, arithmetic)
        if c.context:
            m, a = c.latents, arithmetic
            self.context_prediction = Layer(a, "linear", len(TAPS) * m, 2 * m)
            self.entropy_parameters = nn.Sequential(
                Layer(a, "linear", 4 * m, 10 * m // 3),
                LeakyReLU(a, SLOPE),
                Layer(a, "linear", 10 * m // 3, 8 * m // 3),
                LeakyReLU(a, SLOPE),
                Layer(a, "linear", 8 * m // 3, 2 * m),
            )

    def gain(self, step: int) -> Tensor:
        """Of y, in 2^-12: these codecs have one step."""
        return torch.full((1, 1, 1, 1), 2.0**GAIN_BITS, dtype=torch.float64, device=self.medians.device)

    def code(self, coder: Coder, step: int, size: tuple[int, int], y: Tensor | None, z: Tensor | None) -> Tensor:
        """Code z, then y [B, M, *size]; returns y_hat in units of 2^-15."""
        if not self.config.hyper:
            return self._learned(coder, size, y, first=0)
        h, w = size
        z_hat = self._learned(coder, (-(-h // 4), -(-w // 4)), z, first=self.config.scales)
        hyper = self.h_s(z_hat.clamp(-LIMIT, LIMIT))[:, :, :h, :w]
        if self.config.context:
            return self._autoregressive(coder, hyper, y)
        if self.config.means:
            scale, mean = hyper.chunk(2, 1)
        else:
            scale, mean = hyper, torch.zeros_like(hyper)
        return coder.code(y, mean, self._index(scale))

    def _learned(self, coder: Coder, size: tuple[int, int], values: Tensor | None, first: int) -> Tensor:
        """Code latents [B, C, *size] whose channels have tables of their own, from number `first` on."""
        number = torch.arange(first, first + self.medians.numel(), device=self.medians.device)
        mean, index = (x.double()[None, :, None, None].expand(1, -1, *size) for x in (self.medians, number))
        return coder.code(values, mean, index)

    def _index(self, scale: Tensor) -> Tensor:
        return torch.bucketize(scale.contiguous(), self.thresholds.to(scale.dtype)).double()

    def _autoregressive(self, coder: Coder, hyper: Tensor, y: Tensor | None) -> Tensor:
        """Code y wave by wave; what is known is kept position by position, with a margin of zeros for the window."""
        batch, _, h, w = hyper.shape
        m, margin = self.config.latents, 2
        stride = w + 2 * margin
        reach = torch.tensor([row * stride + column for row, column in TAPS], device=hyper.device)
        hyper = hyper.flatten(2).transpose(1, 2).contiguous()
        values = None if y is None else y.flatten(2).transpose(1, 2)
        known = torch.zeros((batch, (h + margin) * stride, m), dtype=torch.float64, device=hyper.device)
        y_hat = torch.zeros((batch, h * w, m), dtype=torch.float64, device=hyper.device)
        for at in waves(h, w, hyper.device):
            here = (at // w + margin) * stride + at % w + margin
            window = known.index_select(1, (here[:, None] + reach).flatten()).view(batch, len(at), -1)
            context = torch.cat((hyper.index_select(1, at), self.context_prediction(window)), 2)
            scale, mean = self.entropy_parameters(context)[..., None].chunk(2, 2)
            part = None if values is None else values.index_select(1, at)[..., None]
            decoded = coder.code(part, mean, self._index(scale))[..., 0]
            known[:, here] = decoded.clamp(-LIMIT, LIMIT)
            y_hat[:, at] = decoded
        return y_hat.transpose(1, 2).reshape(batch, m, h, w)


def hyper_synthesis(c: Config, a: Arithmetic) -> nn.Sequential:
    """h_s: z_hat [B, N, h, w] -> scales and, if the latents have any, means (or features of both), [B, .., 4 h, 4 w].

    Without the last ReLU of bmshj2018-hyperprior, which changes no table index.
    """
    n, m = c.width, c.latents
    middle = m * 3 // 2
    if c.cheng:
        layers: list[nn.Module] = [
            Layer(a, "conv", n, n, 3),
            nn.Sequential(Layer(a, "conv", n, 4 * n, 3), nn.PixelShuffle(2)),
            Layer(a, "conv", n, middle, 3),
            nn.Sequential(Layer(a, "conv", middle, 4 * middle, 3), nn.PixelShuffle(2)),
            Layer(a, "conv", middle, 2 * m, 3),
        ]
    elif c.means:
        layers = [
            Layer(a, "deconv", n, m, 5),
            Layer(a, "deconv", m, middle, 5),
            Layer(a, "conv", middle, 2 * m, 3),
        ]
    else:
        layers = [Layer(a, "deconv", n, n, 5), Layer(a, "deconv", n, n, 5), Layer(a, "conv", n, m, 3)]
    slope = SLOPE if c.means else 0.0
    return nn.Sequential(layers[0], *(part for layer in layers[1:] for part in (LeakyReLU(a, slope), layer)))


def waves(h: int, w: int, device: torch.device) -> list[Tensor]:
    """Positions in raster order, cut into groups whose windows hold earlier groups only: 3 * row + column is equal."""
    time = (3 * torch.arange(h)[:, None] + torch.arange(w)).flatten()
    counts = torch.bincount(time)
    return list(time.argsort(stable=True).to(device).split(counts[counts > 0].tolist()))
