"""The coders behind one interface: a prior walks its latents once, against any of them.

`coder.code(values, mean, index) -> decoded` codes one group of conditionally independent Gaussian latents, and
`coder.code_categories(values, logits) -> decoded` one of symbols with a probability each:

- `Estimator` (float arithmetic): differentiable bits, noise for the rate and straight-through rounding for the result.
- `SymbolEncoder` (exact arithmetic): pushes integer symbols with their table index.
- `SymbolDecoder` (exact arithmetic): pops them; `values` is None.

A `Recorder` (exact arithmetic) only notes what categories would cost.

Tables are log-spaced in scale, so the logarithm of a scale *is* (up to a rounding) its table index, and a gain on the
latents is a number added to that index.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ._rans import PROFILES, Decoder, Encoder, Tables, exp2_weights, symbol_hash
from .exact import EXP2, LATENT_BITS, LOGIT_BITS

SCALE_MIN = 0.11
SCALES_PER_OCTAVE = 12
SCALE_COUNT = 128
SCALES = SCALE_MIN * 2.0 ** (np.arange(SCALE_COUNT) / SCALES_PER_OCTAVE)  # 0.11 .. 169 steps

SYMBOL_LIMIT = 32000  # of int16
LATENT_UNIT = 2.0**LATENT_BITS

EXP2_WEIGHTS = EXP2.numpy().astype(np.uint32)


class Coder(Protocol):
    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor: ...


class CategoryCoder(Protocol):
    """values: int64 [B, n], symbols 0 to K - 1; logits: [B, n, K], to the base 2 (exact: in 2^-24); -> the symbols."""

    def code_categories(self, values: Tensor | None, logits: Tensor) -> Tensor: ...


class _LowerBound(torch.autograd.Function):
    """max(x, bound) whose gradient lets values below the bound climb back (as in CompressAI's bound_ops)."""

    @staticmethod
    def forward(ctx, x: Tensor, bound: float) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
        (x,) = ctx.saved_tensors
        return grad * ((x >= ctx.bound) | (grad < 0)), None


def gaussian_bits(distance: Tensor, index: Tensor) -> Tensor:
    """Bits of unit bins at `distance` from the mean under the Gaussian of (real) table index `index`."""
    index = _LowerBound.apply(index, 0.0).clamp(max=SCALE_COUNT - 1)
    inverse = torch.exp2(index * (-1 / SCALES_PER_OCTAVE)) * (math.sqrt(0.5) / SCALE_MIN)
    distance = distance.abs()
    upper = torch.erfc((distance - 0.5) * inverse)
    lower = torch.erfc((distance + 0.5) * inverse)
    return -torch.log2(_LowerBound.apply(0.5 * (upper - lower), 1e-9))


class Estimator:
    """Estimated bits on float latents.

    training: additive uniform noise for the rate, straight-through rounding for the result (Minnen & Singh 2020).
    Otherwise: rounded latents for both, i.e. the ideal length of the file before tables.
    `bits` is the running sum per sample, [B].
    """

    def __init__(self, training: bool) -> None:
        self.training = training
        self.bits: Tensor | float = 0.0

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        assert values is not None
        residual = values - mean
        rounded = residual + (torch.round(residual) - residual).detach()
        rated = residual + torch.empty_like(residual).uniform_(-0.5, 0.5) if self.training else rounded
        self.bits = self.bits + gaussian_bits(rated, index).flatten(1).sum(1)
        return rounded + mean

    def code_categories(self, values: Tensor | None, logits: Tensor) -> Tensor:
        assert values is not None
        nats = F.cross_entropy(logits.flatten(0, 1) * math.log(2), values.flatten(), reduction="none")
        self.bits = self.bits + nats.view(values.shape).sum(1) / math.log(2)
        return values


class Recorder:
    """The ideal length of categories under exact arithmetic: `bits` has a float64 [B] for each group, in order."""

    def __init__(self, precision: int = PROFILES[0].interval_bits) -> None:
        self.precision = precision
        self.bits: list[NDArray[np.float64]] = []

    def code_categories(self, values: Tensor | None, logits: Tensor) -> Tensor:
        assert values is not None
        weights = category_weights(logits)
        symbols = values.cpu().numpy()
        slots = 2**self.precision - weights.shape[1]  # besides one for each symbol
        share = np.take_along_axis(weights, symbols.reshape(-1, 1), 1)[:, 0] / weights.sum(1, dtype=np.uint64)
        self.bits.append((self.precision - np.log2(share * slots + 1)).reshape(symbols.shape).sum(1))
        return values


class SymbolEncoder:
    """Pushes round(values - mean) under the table of each latent; `finish` gives the payload.

    values: float [.., C, h, w] in steps; mean: integers in 2^-bits steps, index: table indexes, both in float64.
    The result is rebuilt from the symbol that was coded, clamped to int16, exactly as the decoder will.
    """

    def __init__(self, tables: Tables | None, profile: int, running: int = 0, bits: int = LATENT_BITS) -> None:
        """tables: None if only categories are coded; running: the symbol hash so far, which `hash` continues."""
        self._encoder = Encoder(profile)
        self._tables = tables
        self._unit = 2.0**bits
        self.hash = running

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        assert values is not None and self._tables is not None
        symbol = torch.round(values - mean.to(values.dtype) / self._unit)
        symbol = symbol.clamp(-SYMBOL_LIMIT, SYMBOL_LIMIT).to(torch.int16)
        symbols = symbol.cpu().numpy().ravel()
        self._encoder.push(symbols, table_numbers(index, self._tables), self._tables)
        self.hash = symbol_hash(symbols, self.hash)
        return symbol.double() * self._unit + mean

    def code_categories(self, values: Tensor | None, logits: Tensor) -> Tensor:
        assert values is not None
        symbols = values.to(torch.int16).cpu().numpy().ravel()
        self._encoder.push_weighted(symbols, category_weights(logits))
        self.hash = symbol_hash(symbols, self.hash)
        return values

    def finish(self) -> bytes:
        return self._encoder.finish()


class SymbolDecoder:
    """Pops what `SymbolEncoder` pushed. Raises StreamError on damage, at the latest in `finish`."""

    def __init__(
        self, payload: bytes, tables: Tables | None, profile: int, running: int = 0, bits: int = LATENT_BITS
    ) -> None:
        """tables, running, bits (of the means): as of `SymbolEncoder`."""
        self._decoder = Decoder(payload, profile)
        self._tables = tables
        self._unit = 2.0**bits
        self.hash = running

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        assert values is None and self._tables is not None
        symbols = self._decoder.pop(table_numbers(index, self._tables), self._tables)
        self.hash = symbol_hash(symbols, self.hash)
        symbol = torch.from_numpy(symbols).to(mean.device).view(mean.shape)
        return symbol.clamp(-SYMBOL_LIMIT, SYMBOL_LIMIT).double() * self._unit + mean

    def code_categories(self, values: Tensor | None, logits: Tensor) -> Tensor:
        assert values is None
        symbols = self._decoder.pop_weighted(category_weights(logits))
        self.hash = symbol_hash(symbols, self.hash)
        return torch.from_numpy(symbols).to(logits.device, torch.int64).view(logits.shape[:-1])

    def finish(self) -> None:
        self._decoder.finish()


def category_weights(logits: Tensor) -> NDArray[np.uint32]:
    """Exact logits [B, n, K] -> integer weights [B * n, K], as `Exact.weights` has them."""
    return exp2_weights(logits.flatten(0, -2).cpu().numpy(), LOGIT_BITS, EXP2_WEIGHTS)


def table_numbers(index: Tensor, tables: Tables) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Table indexes of any shape and sign as the C++ coder takes them, the nearest that exist."""
    dtype = torch.uint8 if tables.count <= 256 else torch.uint16
    return index.clamp(0, tables.count - 1).to(dtype).cpu().numpy().ravel()
