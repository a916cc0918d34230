"""A second decoder of `image-hyperprior`, written in NumPy integers from docs/format.md, agrees with ours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from kodek.codecs.image.hyperprior import Config, Prior, Synthesis
from kodek.entropy import PROFILES, Decoder, Tables, gaussian_tables
from kodek.entropy.coder import SCALES, SymbolEncoder
from kodek.entropy.exact import Exact
from numpy.typing import NDArray

A = 2**24
CONFIG = Config(width=8, latents=12, hyper=4, context=6, analysis_blocks=1, synthesis_blocks=2)
Q = 200

Array = NDArray[np.int64]
Weights = Mapping[str, NDArray]


def rounded(x: Array, bits: int, limit: int) -> Array:
    return np.clip((x + (1 << bits - 1)) // (1 << bits), -limit, limit)


def leaky(x: Array) -> Array:
    return np.clip(np.maximum(x, x // 8), -A, A)


def index_of(log_scale: Array) -> Array:
    return np.clip(rounded(12 * log_scale + 156521, 12, A), 0, 127)


def correlate(x: NDArray, weight: NDArray, bias: NDArray) -> NDArray:
    """x [C, h, w], weight [O, C or 1, k, k] -> [O, h, w], zero padding."""
    k = weight.shape[-1]
    h, w = x.shape[1:]
    padded = np.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    out = np.broadcast_to(bias[:, None, None], (len(weight), h, w)).copy()
    for u in range(k):
        for v in range(k):
            window, tap = padded[:, u : u + h, v : v + w], weight[:, :, u, v]
            depth_wise = weight.shape[1] == 1 and len(x) > 1
            out += tap[:, :1, None] * window if depth_wise else np.tensordot(tap, window, 1)
    return out


def shuffle(x: NDArray, n: int = 2) -> NDArray:
    c, h, w = x.shape
    return x.reshape(c // n**2, n, n, h, w).transpose(0, 3, 1, 4, 2).reshape(c // n**2, n * h, n * w)


def decode_latents(payload: bytes, profile: int, tables: Tables, h: int, w: int, weights: Weights) -> Array:
    """Sections 4.3 and 4.4."""
    decoder = Decoder(payload, profile)

    def conv(name: str, x: Array) -> Array:
        weight = weights[f"{name}.weight"].astype(np.int64)
        return rounded(correlate(x, weight, weights[f"{name}.bias"]), 14, A)

    def step(name: str) -> Array:
        return weights[f"{name}.table"][Q].astype(np.int64)[:, None, None]

    def pop(mean: Array, index: Array) -> Array:
        symbols = decoder.pop(index.ravel().astype(np.uint8), tables).astype(np.int64)
        return 16 * np.clip(symbols, -32000, 32000).reshape(index.shape) + mean

    hyper_shape = (CONFIG.hyper, -(-h // 4), -(-w // 4))
    z = pop(np.zeros((1, 1, 1), np.int64), np.broadcast_to(index_of(step("z_scale")), hyper_shape))
    a = rounded(z * step("z_inverse"), 8, A)
    a = leaky(conv("depth1", shuffle(conv("up1", a))))
    a = leaky(conv("depth2", shuffle(conv("up2", a))[:, :h, :w]))
    hyper = leaky(conv("features", a) + step("step_bias"))

    half = CONFIG.latents // 2
    y = np.zeros((CONFIG.latents, h, w), np.int64)
    for p in (0, 1):
        if p == 0:
            mu, log_scale = np.split(conv("head0", hyper), 2)
        else:
            known = rounded(y * step("inverse_gain"), 8, A)
            b = leaky(conv("enter", np.concatenate((hyper, known))))
            mu, log_scale = np.split(conv("head1", leaky(conv("middle", conv("depth3", b)))), 2)
        mean = rounded(mu * step("gain"), 20, 2**20)
        index = index_of(log_scale + step("scale"))
        j, row, column = np.indices((half, h, w))
        place = np.where((row + column) % 2 == p, j, j + half), row, column
        y[place] = pop(mean[place], index[place])
    decoder.finish()
    return y


def synthesise(y: Array, t: float, weights: Weights) -> NDArray[np.float64]:
    """Section 4.5, without the clamp."""

    def conv(name: str, x: NDArray) -> NDArray:
        return correlate(x, weights[f"{name}.weight"].astype(float), weights[f"{name}.bias"].astype(float))

    def steps(name: str) -> NDArray:
        knots = weights[f"{name}.knots"].astype(float)
        return np.exp([np.interp(8 * t, range(9), k) for k in knots.T])[:, None, None]

    def sigmoid(x: NDArray) -> NDArray:
        return 1 / (1 + np.exp(-x))

    def block(name: str, x: NDArray) -> NDArray:
        e = conv(f"{name}.expand", x)
        x = x + conv(f"{name}.project", conv(f"{name}.depth", e * sigmoid(4 * e)))
        a, b = np.split(conv(f"{name}.gate", x), 2)
        return x + conv(f"{name}.mix", np.maximum(a, 0.1 * a) * sigmoid(b))

    x = block("first", y / 16 * steps("inverse_gain"))
    x = shuffle(conv("up", x)) * steps("gain")
    for i in range(CONFIG.synthesis_blocks):
        x = block(f"blocks.{i}", x)
    return shuffle(conv("patch", x), 8) + 0.5


def arrays(module: torch.nn.Module) -> Weights:
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def random_prior() -> Prior:
    """Integer networks with lively activations: means, scales and contexts all vary."""
    generator = torch.Generator().manual_seed(1)
    prior = Prior(CONFIG, Exact())
    centres = {"z_inverse": 2**16, "gain": 2**12, "inverse_gain": 2**16}
    for name, value in prior.named_buffers():
        if name.endswith("weight"):
            scale = 2**14 / value[0].numel() ** 0.5
        elif name.endswith("bias"):
            scale = 2**26
        else:
            scale = 2**11
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64) * scale
        value.copy_((noise + centres.get(name.removesuffix(".table"), 0)).round())
    return prior


@pytest.mark.parametrize("profile", [0, 1, 2])
@pytest.mark.parametrize("size", [(1, 1), (3, 6), (13, 8)])
def test_latents_agree(profile: int, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(2)
    prior = random_prior()
    tables = gaussian_tables(SCALES, PROFILES[profile].table_bits)
    y = 4 * torch.randn(1, CONFIG.latents, *size, generator=generator)
    z = 4 * torch.randn(1, CONFIG.hyper, -(-size[0] // 4), -(-size[1] // 4), generator=generator)
    coder = SymbolEncoder(tables, profile)
    with torch.inference_mode():
        expected = prior.code(coder, Q, size, y, z)[0].numpy()
    decoded = decode_latents(coder.finish(), profile, tables, *size, arrays(prior))
    assert np.unique(decoded % 16).size > 4, "the means should vary"
    np.testing.assert_array_equal(decoded, expected)


def test_synthesis_agrees() -> None:
    torch.manual_seed(3)
    synthesis = Synthesis(CONFIG).eval()
    for parameter in synthesis.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    y = np.random.default_rng(4).integers(-100, 100, (CONFIG.latents, 3, 2))
    with torch.inference_mode():
        expected = synthesis(torch.from_numpy(y / 16)[None].float(), torch.tensor([0.3]))[0].numpy() + 0.5
    np.testing.assert_allclose(synthesise(y, 0.3, arrays(synthesis)), expected, atol=1e-4 * np.abs(expected).max())
