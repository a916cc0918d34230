"""Two arithmetics for the networks that choose probability tables: float to train, integers to code.

A stream decodes everywhere only if nothing that selects a table is computed in floating point that may round
differently on another machine. So a prior is written once against an *arithmetic*:

- `Float`: ordinary differentiable layers, used in training.
- `Exact`: the same layers on integers carried in float64. Every product and every partial sum is an integer
  below 2^53, hence exactly representable, hence independent of the order of summation, of threads, memory layout,
  batch and instruction set.

Exact numbers are fixed-point: activations count 2^-12 (`ACTIVATION_BITS`), weights 2^-14, decoded latents 2^-4.
`quantise` fills an exact network from its trained float twin; `prove_bounds` checks, from the integer weights alone,
that no input can leave the exact range.

References: Balle et al., "Integer networks for data compression with latent-variable models" (ICLR 2019) for the
idea; carrying the integers in float64 keeps the error of post-training quantisation near 2^-12.
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from decimal import Context, Decimal, localcontext
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATION_BITS = 12  # activations are multiples of 2^-12
WEIGHT_BITS = 14
GAIN_BITS = 12
INVERSE_BITS = 16  # inverse gains are small numbers
LOGIT_BITS = 2 * ACTIVATION_BITS  # logits of categories are products of activations
LATENT_BITS = 4  # decoded latents are multiples of 1/16

WEIGHT_ONE = 15  # bits of the largest attention weight
EXP2_BITS = 8  # logits are rounded to 2^-8

ACTIVATION_LIMIT = 2**24  # clamp of integer activations: real values of +-4096
LATENT_LIMIT = 2**20  # decoded latents and their means: +-65536 steps of 1/16 around int16 symbols
ATTENTION_LIMIT = 2**21  # clamp of queries, keys and values: 2^15 weights * 2^21 * POSITION_LIMIT stay exact
POSITION_LIMIT = 2**16  # positions that one attention may sum over
EXACT_LIMIT = 2**53  # integers of float64

TABLE_LIMIT = 8  # entries of a `Table` lie within +-8

POSITIONS = 256  # values of the quality byte

Kernel = int | tuple[int, int]  # odd sides of a convolution: both, or height and width


class Arithmetic(Protocol):
    """What a prior needs from its number system."""

    def conv(self, channels_in: int, channels_out: int, kernel: Kernel = 1, groups: int = 1) -> nn.Module: ...
    def table(self, rows: int, channels: int, bits: int = 16) -> nn.Module: ...
    def steps(self, channels: int, bits: int, initial: Tensor | float, exponential: bool) -> nn.Module: ...
    def rescale(self, x: Tensor, bits: int, limit: int = ACTIVATION_LIMIT) -> Tensor: ...
    def whole(self, x: Tensor) -> Tensor: ...
    def leaky_relu(self, x: Tensor) -> Tensor: ...
    def add(self, x: Tensor, y: Tensor) -> Tensor: ...
    def gate(self, x: Tensor, control: Tensor) -> Tensor: ...
    def limit(self, x: Tensor) -> Tensor: ...
    def weights(self, logits: Tensor, dim: int) -> Tensor: ...
    def divide(self, x: Tensor, y: Tensor | int) -> Tensor: ...
    def store(self, x: Tensor) -> Tensor: ...
    def constant(self, value: float, bits: int) -> float: ...


class Float:
    """Differentiable arithmetic for training; units are real numbers, so rescaling does nothing."""

    def conv(self, channels_in: int, channels_out: int, kernel: Kernel = 1, groups: int = 1) -> nn.Module:
        h, w = _sides(kernel)
        return nn.Conv2d(channels_in, channels_out, (h, w), padding=(h // 2, w // 2), groups=groups)

    def table(self, rows: int, channels: int, bits: int = 16) -> nn.Module:
        return Table(rows, channels, bits)

    def steps(self, channels: int, bits: int, initial: Tensor | float, exponential: bool) -> nn.Module:
        return Steps(channels, initial, exponential)

    def rescale(self, x: Tensor, bits: int, limit: int = ACTIVATION_LIMIT) -> Tensor:
        return x

    def whole(self, x: Tensor) -> Tensor:
        return x

    def leaky_relu(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, 0.125)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def gate(self, x: Tensor, control: Tensor) -> Tensor:
        return x * (control * 0.25 + 0.5).clamp(0, 1)

    def limit(self, x: Tensor) -> Tensor:
        return x

    def weights(self, logits: Tensor, dim: int) -> Tensor:
        return torch.exp2(logits - logits.detach().amax(dim, keepdim=True))

    def divide(self, x: Tensor, y: Tensor | int) -> Tensor:
        return x / y

    def store(self, x: Tensor) -> Tensor:
        return x

    def constant(self, value: float, bits: int) -> float:
        return value


class Exact:
    """Integers in float64. Every operation here is exact, so its result is the same on every machine."""

    def conv(self, channels_in: int, channels_out: int, kernel: Kernel = 1, groups: int = 1) -> nn.Module:
        return ExactConv2d(channels_in, channels_out, kernel, groups)

    def table(self, rows: int, channels: int, bits: int = 16) -> nn.Module:
        return ExactTable(rows, channels, bits)

    def steps(self, channels: int, bits: int, initial: Tensor | float, exponential: bool) -> nn.Module:
        return ExactSteps(channels, bits)

    def rescale(self, x: Tensor, bits: int, limit: int = ACTIVATION_LIMIT) -> Tensor:
        """floor(x / 2^bits + 1/2), clamped to +-limit."""
        return (x + 2.0 ** (bits - 1)).mul_(2.0**-bits).floor_().clamp_(-limit, limit)

    def whole(self, x: Tensor) -> Tensor:
        """Activations to the nearest whole unit."""
        return self.rescale(x, ACTIVATION_BITS)

    def leaky_relu(self, x: Tensor) -> Tensor:
        return torch.maximum(x, (x * 0.125).floor_()).clamp_(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return (x + y).clamp_(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)

    def gate(self, x: Tensor, control: Tensor) -> Tensor:
        """x * clamp(control / 4 + 1/2, 0, 1), a piecewise linear sigmoid."""
        one = 2.0**ACTIVATION_BITS
        return self.rescale(x * (control * 0.25 + one / 2).floor_().clamp_(0, one), ACTIVATION_BITS)

    def limit(self, x: Tensor) -> Tensor:
        """What enters an attention: its products and sums stay exact below this."""
        return x.clamp(-ATTENTION_LIMIT, ATTENTION_LIMIT)

    def weights(self, logits: Tensor, dim: int) -> Tensor:
        """2^(logits - their maximum along dim), integers of 2^-15; a softmax is their share of the sum."""
        steps = self.rescale(logits, ACTIVATION_BITS - EXP2_BITS)
        below = (steps.amax(dim, keepdim=True) - steps).clamp_(max=WEIGHT_ONE * 2.0**EXP2_BITS).int()
        return EXP2.to(logits.device).index_select(0, below.flatten()).view(below.shape)

    def divide(self, x: Tensor, y: Tensor | int) -> Tensor:
        """floor(x / y), by an exact remainder."""
        return torch.div(x, y, rounding_mode="floor")

    def store(self, x: Tensor) -> Tensor:
        """The same numbers, which lie within +-2^31, in less memory."""
        return x.to(torch.int32)

    def constant(self, value: float, bits: int) -> float:
        return float(round(value * 2**bits))


def _exp2_table() -> Tensor:
    """2^-(i / 256) in units of 2^-15 for i from 0 to 15 * 256, by decimal arithmetic: libm may differ by a bit."""
    with localcontext(Context(prec=30)):
        root, value, table = Decimal(2) ** (Decimal(-1) / 2**EXP2_BITS), Decimal(2**WEIGHT_ONE), []
        for _ in range(WEIGHT_ONE * 2**EXP2_BITS + 1):
            table.append(int(value.to_integral_value()))
            value *= root
    return torch.tensor(table, dtype=torch.float64)


EXP2 = _exp2_table()


class Steps(nn.Module):
    """A vector per quality position, piecewise linear (in the log if `exponential`) over `knots` trained vectors.

    forward: t, float [B] in [0, 1] -> [B, channels, 1, 1].
    """

    def __init__(self, channels: int, initial: Tensor | float = 0.0, exponential: bool = True, knots: int = 9) -> None:
        super().__init__()
        start = torch.as_tensor(initial, dtype=torch.float32).expand(knots, channels).clone()
        self.knots = nn.Parameter(start.log() if exponential else start)
        self.exponential = exponential

    def forward(self, t: Tensor) -> Tensor:
        last = self.knots.shape[0] - 1
        distance = (t[:, None] * last - torch.arange(last + 1, device=t.device)).abs()
        values = (1 - distance).clamp(min=0) @ self.knots
        return (values.exp() if self.exponential else values)[:, :, None, None]


class ExactSteps(nn.Module):
    """The same as an integer table over the 256 values of the quality byte.

    forward: position, int in [0, 255] -> float64 integers [1, channels, 1, 1] in units of 2^-bits.
    """

    table: Tensor

    def __init__(self, channels: int, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("table", torch.zeros(POSITIONS, channels, dtype=torch.int32))

    def forward(self, position: int) -> Tensor:
        return self.table[position].double()[None, :, None, None]

    def quantise(self, steps: Steps, positions: Tensor) -> None:
        """Tabulate the trained `steps` at `positions` (float [256] in [0, 1])."""
        values = copy.deepcopy(steps).double()(positions.double())[:, :, 0, 0]
        self.table.copy_(torch.round(values * 2**self.bits))

    def dequantise(self, steps: Steps, position: int) -> None:
        """Make `steps` the constant that this table holds at `position`."""
        steps.exponential = False
        steps.knots.copy_(self.table[position].double() * 2.0**-self.bits)


class Table(nn.Module):
    """A trained vector for each of `rows` symbols, in 8 or 16 `bits` a number; rounding is straight through.

    forward: index, int64 of any shape -> [.., channels]; without an index all of them, [rows, channels].
    """

    def __init__(self, rows: int, channels: int, bits: int) -> None:
        super().__init__()
        self.unit = TABLE_LIMIT * 2.0 ** (1 - bits)
        self.weight = nn.Parameter(torch.randn(rows, channels))

    def forward(self, index: Tensor | None = None) -> Tensor:
        weight = self.weight.clamp(self.unit - TABLE_LIMIT, TABLE_LIMIT - self.unit)
        weight = weight + ((weight / self.unit).round() * self.unit - weight).detach()
        return weight if index is None else F.embedding(index, weight)


class ExactTable(nn.Module):
    """The same as activations in float64. Buffer: weight, int8 in 2^-4 or int16 in 2^-12, [rows, channels]."""

    weight: Tensor

    def __init__(self, rows: int, channels: int, bits: int) -> None:
        super().__init__()
        self.unit = TABLE_LIMIT * 2.0 ** (ACTIVATION_BITS + 1 - bits)  # in activations
        self.register_buffer("weight", torch.zeros(rows, channels, dtype={8: torch.int8, 16: torch.int16}[bits]))
        self._double: Tensor | None = None

    def forward(self, index: Tensor | None = None) -> Tensor:
        if self._double is None or self._double.device != self.weight.device:
            self._double = self.weight.double() * self.unit
        return self._double if index is None else F.embedding(index, self._double)

    def quantise(self, table: Table) -> None:
        self.weight.copy_(torch.round(table().double() * (2**ACTIVATION_BITS / self.unit)))
        self._double = None

    def dequantise(self, table: Table) -> None:
        table.weight.copy_(self.weight.double() * (self.unit * 2.0**-ACTIVATION_BITS))

    def bound(self) -> int:
        """The largest |sum| of a product of a row with activations."""
        return int(self.weight.long().abs().sum(1).max() * self.unit) * ACTIVATION_LIMIT


class ExactConv2d(nn.Module):
    """Convolution of stride 1 on integer activations, rescaled to activation units with round-half-up.

    groups is 1 or the number of channels (depth-wise). Buffers: weight int32 [out, in/groups, h, w] in 2^-14,
    bias int64 [out] in 2^-26.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, channels_in: int, channels_out: int, kernel: Kernel, groups: int) -> None:
        super().__init__()
        self.groups = groups
        h, w = _sides(kernel)
        self.padding = (h // 2, w // 2)
        shape = (channels_out, channels_in // groups, h, w)
        self.register_buffer("weight", torch.zeros(shape, dtype=torch.int32))
        self.register_buffer("bias", torch.zeros(channels_out, dtype=torch.int64))
        self._double: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self._double is None or self._double[0].device != x.device:
            self._double = self.weight.double(), self.bias.double() + 2.0 ** (WEIGHT_BITS - 1)
        weight, bias = self._double
        if self.groups > 1:
            acc = _depthwise(x, weight, bias)
        else:
            # cuDNN may choose Winograd or FFT, whose intermediate results are no integers
            with torch.backends.cudnn.flags(enabled=False) if x.is_cuda else nullcontext():
                acc = F.conv2d(x, weight, bias, padding=self.padding)
        return acc.mul_(2.0**-WEIGHT_BITS).floor_().clamp_(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)

    def quantise(self, conv: nn.Conv2d) -> None:
        self.weight.copy_(torch.round(conv.weight.double() * 2**WEIGHT_BITS))
        assert conv.bias is not None
        self.bias.copy_(torch.round(conv.bias.double() * 2 ** (WEIGHT_BITS + ACTIVATION_BITS)))
        self._double = None

    def dequantise(self, conv: nn.Conv2d) -> None:
        assert conv.bias is not None
        conv.weight.copy_(self.weight.double() * 2.0**-WEIGHT_BITS)
        conv.bias.copy_(self.bias.double() * 2.0 ** -(WEIGHT_BITS + ACTIVATION_BITS))

    def bound(self) -> int:
        """The largest |partial sum| that any input within the activation limit can reach."""
        weight = self.weight.long().abs().flatten(1).sum(1)
        return int((weight * ACTIVATION_LIMIT + self.bias.abs()).max()) + 2 ** (WEIGHT_BITS - 1)


def _sides(kernel: Kernel) -> tuple[int, int]:
    return (kernel, kernel) if isinstance(kernel, int) else kernel


def _depthwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Depth-wise convolution of float64, tap by tap: torch's own works channel by channel, several times slower."""
    (rows, columns), (h, w) = weight.shape[-2:], x.shape[-2:]
    padded = F.pad(x, (columns // 2, columns // 2, rows // 2, rows // 2))
    acc = bias[:, None, None].expand_as(x).clone()
    for row in range(rows):
        for column in range(columns):
            acc.addcmul_(padded[:, :, row : row + h, column : column + w], weight[:, :, row, column, None])
    return acc


@torch.no_grad()
def quantise(trained: nn.Module, exact: nn.Module, positions: Tensor | None = None) -> None:
    """Fill the exact network from its float twin, module by module of the same name, and prove its bounds.

    `positions` (float [256] in [0, 1]) places the values of the quality byte on the trained quality range, in networks
    that have quality steps.
    """
    source = dict(trained.named_modules())
    for name, module in exact.named_modules():
        if isinstance(module, ExactConv2d | ExactSteps | ExactTable):
            args = (positions,) if isinstance(module, ExactSteps) else ()
            module.quantise(source[name], *args)  # type: ignore[arg-type]
    prove_bounds(exact)


@torch.no_grad()
def dequantise(exact: nn.Module, twin: nn.Module, position: int) -> None:
    """The inverse of `quantise` at one value of the quality byte: `twin`, of float arithmetic, then computes what the
    exact network does but for its roundings, differentiably, whatever step it is given.
    """
    target = dict(twin.named_modules())
    for name, module in exact.named_modules():
        if isinstance(module, ExactConv2d | ExactSteps | ExactTable):
            args = (position,) if isinstance(module, ExactSteps) else ()
            module.dequantise(target[name], *args)  # type: ignore[arg-type]


def prove_bounds(network: nn.Module) -> None:
    """Raise ArithmeticError unless every sum in the network stays an exact integer of float64 for every input."""
    for name, module in network.named_modules():
        if isinstance(module, ExactConv2d | ExactTable) and module.bound() > EXACT_LIMIT:
            raise ArithmeticError(f"{name}: a sum can reach {module.bound()}, above 2^53")
        # a step table multiplies activations (2^24) or latents (2^20): either product must stay exact
        if isinstance(module, ExactSteps) and int(module.table.abs().max()) * ACTIVATION_LIMIT > EXACT_LIMIT // 2:
            raise ArithmeticError(f"{name}: a product can leave the exact range of float64")
