"""Float layers that the transforms of several codecs share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DepthConvBlock(nn.Module):
    """Depth-wise convolution block with a gated feed-forward part; both branches start at zero.

        x -> 1x1 -> WSiLU -> depth-wise 3x3 -> 1x1 -> + -> 1x1 to 2C -> leaky(a) * sigmoid(b) -> 1x1 -> +

    [B, C, H, W] -> the same. After the depth conv block of DCVC-RT (Jia et al., CVPR 2025).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, channels, 1)
        self.depth = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.project = nn.Conv2d(channels, channels, 1)
        self.gate = nn.Conv2d(channels, 2 * channels, 1)
        self.mix = nn.Conv2d(channels, channels, 1)
        for last in (self.project, self.mix):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        t = self.expand(x)
        x = x + self.project(self.depth(t * torch.sigmoid(4 * t)))
        a, b = self.gate(x).chunk(2, 1)
        return x + self.mix(F.leaky_relu(a, 0.1) * torch.sigmoid(b))
