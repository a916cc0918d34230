"""Start the transforms at the Karhunen-Loeve transform of the data: JPEG-like quality at step 0 instead of noise.

The linear path through both transforms becomes the KLT of 8x8 blocks followed by the KLT of 2x2 groups of their
coefficients; the blocks' branches start at zero, so that is the whole codec at first. Features are divided by the
square root of their deviation, which brings the DC and the finest detail within one order of magnitude.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from kodek.codecs.image.hyperprior import PATCH
from kodek.codecs.image.model import ImageModel
from kodek.entropy.exact import Steps
from torch import Tensor, nn


@torch.no_grad()
def initialise(model: ImageModel, images: Tensor, lambdas: tuple[float, float]) -> None:
    """Set transforms, gains and first scales from `images` (float [N, 3, H, W] in [-0.5, 0.5], sides 16 n).

    lambdas: the rate-distortion trade-offs of the lowest and the highest quality step; uniform quantisers of step
    sqrt(18 / (ln 2 * lambda * 255^2)) are the high-rate optimum for `bits per pixel + lambda * 255^2 * MSE`.
    """
    width, latents = model.analysis.patch.out_channels, model.analysis.down.out_channels
    blocks = F.pixel_unshuffle(images, PATCH)
    basis1, deviation1 = _klt(blocks, width)
    coefficients = torch.einsum("nchw,ck->nkhw", blocks, basis1)
    basis2, deviation2 = _klt(F.pixel_unshuffle(coefficients, 2), latents)
    order = model.prior.channel_order()
    basis2, deviation2 = basis2[:, order].reshape(width, 2, 2, latents), deviation2[order]

    root1, root2 = deviation1.sqrt(), deviation2.sqrt()
    model.analysis.patch.weight.copy_((basis1 / root1).T[:, :, None, None])
    model.synthesis.patch.weight.copy_((basis1 * root1)[:, :, None, None])
    down = torch.zeros_like(model.analysis.down.weight)
    down[:, :, 1:, 1:] = (basis2 * root1[:, None, None, None] / root2).permute(3, 0, 1, 2)
    model.analysis.down.weight.copy_(down)
    up = basis2 * root2 / root1[:, None, None, None]
    model.synthesis.up.weight.copy_(up.reshape(4 * width, latents, 1, 1))
    for conv in (model.analysis.patch, model.analysis.down, model.synthesis.up, model.synthesis.patch):
        assert conv.bias is not None
        conv.bias.zero_()

    prior = model.prior
    gain, inverse, scale = prior.gain, prior.inverse_gain, prior.scale
    assert isinstance(gain, Steps) and isinstance(inverse, Steps) and isinstance(scale, Steps)
    knots = gain.knots.shape[0]
    low, high = torch.tensor(lambdas).log()
    trade_off = (low + (high - low) * torch.linspace(0, 1, knots)).exp()
    step_size = (18 / (torch.log(torch.tensor(2.0)) * trade_off * 255**2)).sqrt()
    log_gain = (root2[None] / step_size[:, None]).log()
    gain.knots.copy_(log_gain)
    inverse.knots.copy_(-log_gain)
    model.synthesis.inverse_gain.knots.copy_(-log_gain)
    scale.knots.copy_(log_gain / torch.log(torch.tensor(2.0)))
    start_heads(prior, torch.zeros(latents), root2.log2())


@torch.no_grad()
def start_heads(prior: nn.Module, mean: Tensor, log_scale: Tensor) -> None:
    """Every head of the prior starts at these constants: means and log2 deviations of the features, [C_y]."""
    for head, channels in prior.heads():  # type: ignore[operator]
        head.weight.zero_()
        head.bias.copy_(torch.cat((mean[channels], log_scale[channels])))


def _klt(x: Tensor, keep: int) -> tuple[Tensor, Tensor]:
    """x [N, C, h, w] -> the first `keep` principal directions [C, keep] and the deviations along them [keep]."""
    flat = x.permute(1, 0, 2, 3).flatten(1).double()
    values, vectors = torch.linalg.eigh(flat @ flat.T / flat.shape[1])
    values, vectors = values.flip(0)[:keep], vectors.flip(1)[:, :keep]
    return vectors.float(), values.clamp(min=1e-10).sqrt().float()
