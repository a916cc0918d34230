"""A second phase for decoded sound: a discriminator, and the balance of what it asks for with what was lost.

The weights of a loss say which share of the gradient at the samples it has, whatever its scale: no other number needs
to be chosen (Defossez et al. 2022, EnCodec; the balancer as in audiocraft).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from .losses import frames

WINDOWS = (2048, 1024, 512)
DECAY = 0.999
SLOPE = 0.2

Heard = list[tuple[Tensor, list[Tensor]]]  # logits and features for each window


class Judge(nn.Module):
    """Convolutions over one complex spectrogram: x [B, n] -> logits [B, 1, T, F'], features after each layer."""

    hann: Tensor

    def __init__(self, window: int, channels: int) -> None:
        super().__init__()
        self.window = window
        hann = torch.hann_window(window)
        self.register_buffer("hann", hann / hann.norm(), persistent=False)
        dilated = (_conv(channels, channels, (3, 9), dilation) for dilation in (1, 2, 4))
        self.layers = nn.ModuleList([_conv(2, channels, (3, 9)), *dilated, _conv(channels, channels)])
        self.last = _conv(channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        spectrum = torch.view_as_real(torch.fft.rfft(frames(x.float(), self.window) * self.hann))
        y, features = spectrum.permute(0, 3, 1, 2), []
        for layer in self.layers:
            y = F.leaky_relu(layer(y), SLOPE)
            features.append(y)
        return self.last(y), features


def _conv(channels_in: int, channels: int, kernel: tuple[int, int] = (3, 3), dilation: int = 0) -> nn.Module:
    """dilation: over time, and then every second frequency; 0: neither."""
    time, frequency = max(dilation, 1), 2 if dilation else 1
    padding = (kernel[0] // 2 * time, kernel[1] // 2)
    return weight_norm(nn.Conv2d(channels_in, channels, kernel, (1, frequency), padding, (time, 1)))


class Balancer(nn.Module):
    """Losses -> one gradient at the samples: each has its share of the norm, by moving averages of the norms.

    shares: of each loss by name, relative to each other.
    """

    norms: Tensor
    seen: Tensor

    def __init__(self, shares: Mapping[str, float]) -> None:
        super().__init__()
        total = sum(shares.values())
        self.shares = {name: share / total for name, share in shares.items()}
        self.register_buffer("norms", torch.zeros(len(shares)))
        self.register_buffer("seen", torch.zeros(()))  # the weight of all norms so far in their average

    def forward(self, losses: Mapping[str, Tensor], x_hat: Tensor) -> Tensor:
        """losses: scalars, a function of x_hat [B, n] -> gradient [B, n], the norm of each sound's about 1."""
        gradients = [torch.autograd.grad(losses[name], x_hat, retain_graph=True)[0] for name in self.shares]
        norms = torch.stack([gradient.norm(dim=1).mean() for gradient in gradients])
        if norms.isfinite().all():
            self.norms.lerp_(norms, 1 - DECAY)
            self.seen.lerp_(torch.ones_like(self.seen), 1 - DECAY)
        average = self.norms / self.seen.clamp(min=1 - DECAY) + 1e-12
        scaled = (share / norm * g for share, norm, g in zip(self.shares.values(), average, gradients, strict=True))
        return torch.stack(list(scaled)).sum(0)


class Adversary(nn.Module):
    """The discriminator (multi-scale STFT, of EnCodec) and the balancer: what a checkpoint holds of this phase.

    shares: of the gradient for "distance" (what decoded sound costs without an adversary), "adversarial" (hinge loss)
    and "features" (distance of the discriminator's features, relative to theirs of the original).
    """

    def __init__(self, channels: int, shares: Mapping[str, float]) -> None:
        super().__init__()
        self.judges = nn.ModuleList(Judge(window, channels) for window in WINDOWS)
        self.balancer = Balancer(shares)

    @torch.compiler.disable  # a gradient within a forward pass
    def forward(
        self, x_hat: Tensor, x: Tensor, distance: Callable[[Tensor, Tensor], tuple[Tensor, dict[str, Tensor]]]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """float32 [B, n] each -> a scalar whose gradient trains both sides, the networks behind x_hat and the
        discriminator, each against the other; the parts of the losses, detached.
        """
        heard = x_hat.detach().requires_grad_()
        real: Heard = [judge(x) for judge in self.judges]
        fake: Heard = [judge(heard) for judge in self.judges]
        lost, parts = distance(heard, x)
        losses = {"distance": lost, "adversarial": deceive(fake), "features": features(real, fake)}
        gradient = self.balancer(losses, heard)
        discriminator = tell_apart(real, fake)
        parts = parts | {name: loss.detach() for name, loss in losses.items()}
        return (x_hat * gradient).sum() / len(x) + discriminator, parts | {"discriminator": discriminator.detach()}


def tell_apart(real: Heard, fake: Heard) -> Tensor:
    """The discriminator's hinge loss: 2 where it can't, 0 where it always can."""
    pairs = zip(real, fake, strict=True)
    return torch.stack([F.relu(1 - r).mean() + F.relu(1 + f).mean() for (r, _), (f, _) in pairs]).mean()


def deceive(fake: Heard) -> Tensor:
    return torch.stack([F.relu(1 - logits).mean() for logits, _ in fake]).mean()


def features(real: Heard, fake: Heard) -> Tensor:
    distances = [
        (f - r.detach()).abs().mean() / r.detach().abs().mean().clamp(min=1e-6)
        for (_, wanted), (_, given) in zip(real, fake, strict=True)
        for r, f in zip(wanted, given, strict=True)
    ]
    return torch.stack(distances).mean()
