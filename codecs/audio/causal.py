"""Networks that never look ahead, and what they remember of the frames before.

A network runs on a whole sound in training (`memory` is None: silence before the start) and block by block in a codec
(one `Memory` for each stream); both give the same result up to rounding. Sequences are [B, T, C], channels last.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Memory:
    """What the modules of a network keep of a stream between two blocks."""

    def __init__(self) -> None:
        self._kept: dict[nn.Module, Tensor] = {}

    def extend(self, module: nn.Module, x: Tensor, count: int) -> Tensor:
        """x [B, T, C] behind the `count` items before it, zeros at the start: [B, count + T, C]."""
        kept = self._kept.get(module)
        x = F.pad(x, (0, 0, count, 0)) if kept is None else torch.cat((kept, x), 1)
        self._kept[module] = x[:, x.shape[1] - count :].clone()
        return x


def extend(memory: Memory | None, module: nn.Module, x: Tensor, count: int) -> Tensor:
    """As `Memory.extend`; without a memory, x is the start of the stream."""
    return F.pad(x, (0, 0, count, 0)) if memory is None else memory.extend(module, x, count)


class Block(nn.Module):
    """A ConvNeXt block in time (Liu et al. 2022; Siuzdak 2023, Vocos): x [B, T, C] -> the same.

    Depth-wise convolution of `kernel` frames, layer norm, two linear layers with `expansion` times the channels.
    """

    def __init__(self, width: int, kernel: int, expansion: int) -> None:
        super().__init__()
        self.taps = nn.Parameter(torch.randn(kernel, width) * kernel**-0.5)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, expansion * width)
        self.contract = nn.Linear(expansion * width, width)
        nn.init.normal_(self.contract.weight, std=0.1 * (expansion * width) ** -0.5)
        nn.init.zeros_(self.contract.bias)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        past = extend(memory, self, x, len(self.taps) - 1)
        frames = x.shape[1]
        # tap by tap: a fused loop over channels, where torch's depth-wise convolution wants channels first
        y = sum((past[:, i : i + frames] * tap for i, tap in enumerate(self.taps)), torch.zeros_like(x))
        return x + self.contract(F.gelu(self.expand(self.norm(y)), approximate="tanh"))
