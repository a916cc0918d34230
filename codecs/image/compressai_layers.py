"""The float transforms of CompressAI's image codecs, layer by layer with the names of its checkpoints.

The same functions as there; what its layers compute anew in every pass (the reparametrised weights of GDN) is folded
at import. GDN: Balle et al. 2016; residual and attention blocks: Cheng et al. 2020.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.01  # of leaky ReLUs


class GDN(nn.Module):
    """x / sqrt(beta + gamma x^2), or x times that root; [B, C, H, W] -> the same."""

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.ones(channels))
        self.gamma = nn.Parameter(0.1 * torch.eye(channels)[:, :, None, None])
        self.inverse = inverse

    def forward(self, x: Tensor) -> Tensor:
        norm = F.conv2d(x.square(), self.gamma, self.beta)
        return (norm.sqrt_() if self.inverse else norm.rsqrt_()).mul_(x)


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels, 3)
        self.conv2 = conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return leaky(self.conv2(leaky(self.conv1(x)))).add_(x)


class ResidualBlockWithStride(nn.Module):
    """Halves the sides."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = conv(channels_in, channels_out, 3, 2)
        self.conv2 = conv(channels_out, channels_out, 3)
        self.gdn = GDN(channels_out)
        self.skip = nn.Conv2d(channels_in, channels_out, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.gdn(self.conv2(leaky(self.conv1(x)))).add_(self.skip(x))


class ResidualBlockUpsample(nn.Module):
    """Doubles the sides."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.subpel_conv = subpixel(channels, channels)
        self.conv = conv(channels, channels, 3)
        self.igdn = GDN(channels, inverse=True)
        self.upsample = subpixel(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.igdn(self.conv(leaky(self.subpel_conv(x)))).add_(self.upsample(x))


class ResidualUnit(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        convs = conv(channels, half, 1), conv(half, half, 3), conv(half, channels, 1)
        self.conv = nn.Sequential(convs[0], nn.ReLU(inplace=True), convs[1], nn.ReLU(inplace=True), convs[2])

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).add_(x).relu_()


class AttentionBlock(nn.Module):
    """x + a(x) sigmoid(b(x)), both branches convolutional."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = nn.Sequential(*(ResidualUnit(channels) for _ in range(3)))
        self.conv_b = nn.Sequential(*(ResidualUnit(channels) for _ in range(3)), conv(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_a(x).mul_(self.conv_b(x).sigmoid_()).add_(x)


def conv(channels_in: int, channels_out: int, kernel: int = 5, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2)


def deconv(channels_in: int, channels_out: int) -> nn.ConvTranspose2d:
    """5 x 5, doubles the sides."""
    return nn.ConvTranspose2d(channels_in, channels_out, 5, 2, 2, 1)


def subpixel(channels_in: int, channels_out: int) -> nn.Sequential:
    """3 x 3, doubles the sides."""
    return nn.Sequential(conv(channels_in, 4 * channels_out, 3), nn.PixelShuffle(2))


def phases(weight: Tensor) -> Tensor:
    """Weights of `deconv`, [in, out, 5, 5] -> those of the first layer of `subpixel`, [4 out, in, 3, 3]."""
    # row 2 i + u of the result sees row i + d of the input through row 2 + u - 2 d of the kernel, d = -1, 0, 1
    padded = F.pad(weight, (0, 1, 0, 1))
    taps = torch.tensor([[4, 2, 0], [5, 3, 1]])
    split = padded[:, :, taps[:, None, :, None], taps[None, :, None, :]]  # [in, out, u, v, 3, 3]
    return split.flatten(1, 3).transpose(0, 1)


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE, inplace=True)


def analysis(cheng: bool, attention: bool, n: int, m: int) -> nn.Sequential:
    """g_a: x [B, 3, H, W] in [0, 1] -> y [B, m, H/16, W/16]."""
    if not cheng:
        return nn.Sequential(
            conv(3, n, 5, 2), GDN(n), conv(n, n, 5, 2), GDN(n), conv(n, n, 5, 2), GDN(n), conv(n, m, 5, 2)
        )
    layers: list[nn.Module] = [ResidualBlockWithStride(3, n), ResidualBlock(n), ResidualBlockWithStride(n, n)]
    layers += [AttentionBlock(n)] * attention
    layers += [ResidualBlock(n), ResidualBlockWithStride(n, n), ResidualBlock(n), conv(n, m, 3, 2)]
    return nn.Sequential(*layers, *[AttentionBlock(m)] * attention)


def synthesis(cheng: bool, attention: bool, n: int, m: int) -> nn.Sequential:
    """g_s: y_hat [B, m, h, w] -> x_hat [B, 3, 16 h, 16 w].

    The last transposed convolution is done as what it is at half the size, a 3 x 3 convolution to each of four phases:
    with three outputs that takes 0.4 of the time. `phases` converts its weights.
    """
    if not cheng:
        norms = [GDN(n, inverse=True) for _ in range(3)]
        return nn.Sequential(deconv(m, n), norms[0], deconv(n, n), norms[1], deconv(n, n), norms[2], subpixel(n, 3))
    layers: list[nn.Module] = [AttentionBlock(m)] * attention
    layers += [ResidualBlock(n), ResidualBlockUpsample(n), ResidualBlock(n), ResidualBlockUpsample(n)]
    layers += [AttentionBlock(n)] * attention
    layers += [ResidualBlock(n), ResidualBlockUpsample(n), ResidualBlock(n), subpixel(n, 3)]
    return nn.Sequential(*layers)


def hyper_analysis(cheng: bool, slope: float, n: int, m: int) -> nn.Sequential:
    """h_a: y (or its magnitude) [B, m, h, w] -> z [B, n, ceil(h/4), ceil(w/4)]; leaky ReLUs of that slope."""
    if cheng:
        convs = [conv(n, n, 3), conv(n, n, 3), conv(n, n, 3, 2), conv(n, n, 3), conv(n, n, 3, 2)]
    else:
        convs = [conv(m, n, 3), conv(n, n, 5, 2), conv(n, n, 5, 2)]
    layers: list[nn.Module] = [convs[0]]
    for layer in convs[1:]:
        layers += [nn.LeakyReLU(slope, inplace=True), layer]
    return nn.Sequential(*layers)
