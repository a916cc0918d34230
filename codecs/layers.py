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


class FusedDepthConvBlock(nn.Module):
    """A trained `DepthConvBlock` for inference on a CPU: oneDNN applies activations and sums inside its convolutions.

    The same function up to rounding, in one pass over memory instead of nine beside the convolutions.
    """

    def __init__(self, block: DepthConvBlock) -> None:
        super().__init__()
        self.block = block
        channels = block.mix.out_channels
        # t * sigmoid(4 t) is swish(4 t) / 4: the powers of two go into the weights around it, exactly
        self.expand = block.expand.weight * 4, _bias(block.expand) * 4
        self.depth = block.depth.weight * 0.25
        (gate_a, gate_b), (bias_a, bias_b) = block.gate.weight.split(channels), _bias(block.gate).split(channels)
        self.gate_a, self.gate_b = (
            (gate_a.contiguous(), bias_a.contiguous()),
            (gate_b.contiguous(), bias_b.contiguous()),
        )

    def forward(self, x: Tensor) -> Tensor:
        block = self.block
        t = _pointwise(x, *self.expand, "swish")
        t = F.conv2d(t, self.depth, block.depth.bias, padding=1, groups=self.depth.shape[0])
        x = _pointwise_add(t, x, block.project)
        a, b = _pointwise(x, *self.gate_a, "leaky_relu", 0.1), _pointwise(x, *self.gate_b, "sigmoid")
        return _pointwise_add(a.mul_(b), x, block.mix)


@torch.inference_mode()
def fuse(module: nn.Module) -> None:
    """Replace the blocks inside a module on a CPU by fused ones, where this torch can run them."""
    for name, child in module.named_children():
        if isinstance(child, DepthConvBlock):
            fused = FusedDepthConvBlock(child)
            x = torch.linspace(-1, 1, 4 * child.mix.out_channels).view(1, -1, 2, 2)
            try:
                same = torch.allclose(fused(x), child(x), rtol=1e-3, atol=1e-4)
            except (AttributeError, RuntimeError):  # built without oneDNN, or with another version of these operators
                return
            if same:
                setattr(module, name, fused)
        else:
            fuse(child)


def unfuse(module: nn.Module) -> None:
    """The inverse of `fuse`: blocks that have gradients."""
    for name, child in module.named_children():
        if isinstance(child, FusedDepthConvBlock):
            setattr(module, name, child.block)
        else:
            unfuse(child)


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


def _pointwise(x: Tensor, weight: Tensor, bias: Tensor, activation: str, *scalars: float) -> Tensor:
    """activation(1x1 convolution)."""
    operator = torch.ops.mkldnn._convolution_pointwise
    return operator(x, weight, bias, [0, 0], [1, 1], [1, 1], 1, activation, list(scalars), "")


def _pointwise_add(x: Tensor, other: Tensor, conv: nn.Conv2d) -> Tensor:
    """1x1 convolution + other."""
    operator = torch.ops.mkldnn._convolution_pointwise.binary
    return operator(x, other, conv.weight, _bias(conv), [0, 0], [1, 1], [1, 1], 1, "add", None, None, [], None)
