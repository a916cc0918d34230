"""Networks of CompressAI without a download: random weights that act on a photo much as trained ones do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

DEVIATIONS = (0.02, 8.0)  # of the channels of y, in steps
HYPER_DEVIATION = 3.0
CROP, BATCH = 128, 4
LAMBDA = 0.013 * 255**2
LEARNING_RATE = 5e-4


def network(arch: str, sizes: tuple[int, ...], pixels: np.ndarray, steps: int = 0) -> Any:
    """A CompressAI model with its tables made, ready to compress.

    sizes: N and M as its class takes them; pixels: uint8 [H, W, 3], sides multiples of 64; steps: of training on
    crops of the picture, after which its PSNR means something.
    """
    from compressai.zoo.image import model_architectures

    torch.manual_seed(0)
    net = model_architectures[arch](*sizes)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    fit(net, x)
    train(net, x, steps)
    net.eval().update(force=True, update_quantiles=True)
    return net


@torch.no_grad()
def fit(net: Any, x: Tensor) -> None:
    """Scale the weights so that x gives features of unit variance, channels of y from silent to loud, and scales and
    means of the size of y.
    """
    low, high = (math.log10(deviation) for deviation in DEVIATIONS)
    y = scale_layers(net.g_a, x, torch.logspace(low, high, net.M))
    loudness = y.std((0, 2, 3))
    if hasattr(net, "h_a"):
        magnitudes = isinstance(net.h_s[-1], nn.ReLU)  # bmshj2018-hyperprior: scales alone, from |y|
        wanted = 0.3 * (loudness if magnitudes else loudness.repeat(2))
        autoregressive = hasattr(net, "entropy_parameters")
        z = scale_layers(net.h_a, y.abs() if magnitudes else y, HYPER_DEVIATION)
        features = scale_layers(net.h_s, z.round(), 1.0 if autoregressive else wanted)
        if autoregressive:
            context = scale_layers(net.context_prediction, y.round(), 1.0)
            scale_layers(net.entropy_parameters, torch.cat((features, context), 1), wanted)
        last_layer(net.entropy_parameters if autoregressive else net.h_s).bias[: net.M] += loudness
    scale_layers(net.g_s, y.round(), 0.2)
    last_layer(net.g_s).bias += 0.5


def scale_layers(part: nn.Module, x: Tensor, last: Tensor | float) -> Tensor:
    """part(x), after each of its convolutions was made to give a standard deviation of 1.

    last: of the last convolution, which is centred too; [C] for each channel.
    """
    final = last_layer(part)

    def rescale(module: nn.Module, inputs: Any, out: Tensor) -> Tensor:
        weight, bias = module.weight, module.bias
        assert isinstance(weight, Tensor) and isinstance(bias, Tensor)
        shape = (1, -1, 1, 1)
        centre = out.mean((0, 2, 3)) if module is final else torch.zeros_like(bias)
        deviation = out.std((0, 2, 3)) if isinstance(last, Tensor) and module is final else out.std()
        scale = (last if module is final else 1.0) / deviation.clamp(min=1e-6) * torch.ones_like(bias)
        weight.mul_(scale.view(shape if isinstance(module, nn.ConvTranspose2d) else (-1, 1, 1, 1)))
        bias.sub_(centre).mul_(scale)
        return (out - centre.view(shape)) * scale.view(shape)

    hooks = [m.register_forward_hook(rescale) for m in part.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    out = part(x)
    for hook in hooks:
        hook.remove()
    return out


def last_layer(part: nn.Module) -> Any:
    """The last convolution that is not inside an attention block."""
    if isinstance(part, nn.Conv2d):
        return part
    layers = [child[0] if isinstance(child, nn.Sequential) else child for child in part.children()]
    return [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)][-1]


def train(net: Any, x: Tensor, steps: int) -> None:
    """Rate plus LAMBDA times MSE on random crops of x."""
    parameters = [p for name, p in net.named_parameters() if not name.endswith("quantiles")]
    optimizer = torch.optim.Adam(parameters, LEARNING_RATE)
    random = np.random.default_rng(0)
    net.train()
    for _ in range(steps):
        rows, columns = (random.integers(side - CROP + 1, size=BATCH) for side in x.shape[2:])
        crops = torch.cat([x[:, :, r : r + CROP, c : c + CROP] for r, c in zip(rows, columns, strict=True)])
        out = net(crops)
        bits = sum(-likelihood.log2().sum() for likelihood in out["likelihoods"].values())
        loss = bits / (BATCH * CROP**2) + LAMBDA * (out["x_hat"] - crops).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
