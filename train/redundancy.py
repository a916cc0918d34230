"""What the past of a sound tells of its latents, which is what the prior of codes can save."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

PAST = 2  # frames before that tell
NOISE = 0.12  # of the latents' variance: what some ten stages leave of them
KEPT = 0.98  # of the statistics of the past, each time
EARLY = 50  # times that it takes to know them


class Redundancy(nn.Module):
    """Latents float [B, T, latent] -> bits a frame that the two frames before tell of it, a scalar with a gradient.

    As if they were Gaussian, predicted linearly and seen through noise D: half of log2 |C + D| - log2 |E + D|, C their
    covariance about the mean of each crop, which steady stages take, and E that of what prediction leaves. The number
    of stages fixes the bits that codes have, so it is these that an encoder trained for rate and distortion gains.
    The prediction is that of the batches before, not fitted to this one; 0 until enough of them were seen.
    """

    past: Tensor
    cross: Tensor
    seen: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("past", torch.zeros(PAST * latent, PAST * latent))
        self.register_buffer("cross", torch.zeros(PAST * latent, latent))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    @torch.compiler.disable
    def forward(self, z: Tensor) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            z = z.float() - z.float().mean(1, keepdim=True)
            length = z.shape[1] - PAST
            before = torch.cat([z[:, i : i + length] for i in reversed(range(PAST))], 2).flatten(0, 1)
            now = z[:, PAST:].flatten(0, 1)
            noise = NOISE * now.square().mean() + 1e-9  # latents of silence may not change at all
            error = now - before @ self._predictor(before.detach(), now.detach(), noise.detach())
            bits = (_log_det(now, noise) - _log_det(error, noise)) * (0.5 / math.log(2))
        return bits if self.seen > EARLY else 0 * bits

    @torch.no_grad()
    def _predictor(self, before: Tensor, now: Tensor, noise: Tensor) -> Tensor:
        self.past.lerp_(before.T @ before / len(before), 1 - KEPT)
        self.cross.lerp_(before.T @ now / len(now), 1 - KEPT)
        self.seen += 1
        share = 1 - KEPT ** int(self.seen)
        ridge = noise * torch.eye(len(self.past), device=now.device)
        return torch.linalg.solve(self.past / share + ridge, self.cross / share)


def _log_det(x: Tensor, noise: Tensor) -> Tensor:
    """Of the covariance of x [n, latent] seen through noise."""
    return torch.linalg.slogdet(x.T @ x / len(x) + noise * torch.eye(x.shape[1], device=x.device))[1]
