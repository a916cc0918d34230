"""A second decoder of `audio-rvq`, written in NumPy from docs/format.md, agrees with ours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from kodek.codecs.audio.model import AudioModel, Config
from kodek.entropy import Decoder
from kodek.train.export_sound import exact_tensors, exported
from numpy.typing import NDArray

from .test_second_decoder import A, leaky, rounded

STAGES, STEADY = 5, 1
PRIOR = {"rank": 6, "depth": 2, "kernel": 3, "width": 10}
CONFIG = Config(
    width=16,
    latent=8,
    analysis_blocks=1,
    synthesis_blocks=2,
    kernel=3,
    stages=STAGES,
    steady=STEADY,
    codes=32,
    prior=PRIOR,
)
PAST = (PRIOR["depth"] + 1) * (PRIOR["kernel"] // 2)
EXP2 = np.round(2.0 ** (15 - np.arange(15 * 256 + 1) / 256)).astype(np.uint32)

Array = NDArray[np.int64]
Weights = Mapping[str, NDArray]


def clamp(x: Array) -> Array:
    return np.clip(x, -A, A)


def decode_codes(payload: bytes, profile: int, shape: tuple[int, int, int], past: Array, weights: Weights) -> Array:
    """Section 6.3. past: [channels, stages, frames]."""
    channels, stages, frames = shape
    past = past[:, :, max(0, past.shape[2] - PAST) :]
    before = past.shape[2]
    decoder = Decoder(payload, profile)

    def conv(name: str, x: Array) -> Array:
        """[channels, c, n] -> [channels, o, n]."""
        weight, bias = weights[f"{name}.weight"].astype(np.int64)[:, :, 0], weights[f"{name}.bias"]
        k, n = weight.shape[2], x.shape[2]
        padded = np.pad(x, ((0, 0), (0, 0), (k // 2, k // 2)))
        out = np.zeros((len(x), len(weight), n), np.int64) + bias[:, None]
        for i in range(k):
            window = padded[:, :, i : i + n]
            depth_wise = weight.shape[1] == 1
            out += weight[:, 0, i, None] * window if depth_wise else np.einsum("oc,bcn->bon", weight[:, :, i], window)
        return rounded(out, 14, A)

    def row(stage: int, codes: Array) -> Array:
        """[channels, n] -> [channels, rank, n]."""
        return 2**8 * weights[f"stages.{stage}.table.weight"].astype(np.int64)[codes].transpose(0, 2, 1)

    def block(number: int, x: Array) -> Array:
        name = f"blocks.{number}"
        return clamp(x + conv(f"{name}.project", leaky(conv(f"{name}.expand", conv(f"{name}.depth", x)))))

    codes = np.zeros(shape, np.int64)
    below = np.zeros((channels, PRIOR["rank"], before + frames), np.int64)

    def code(s: int, below: Array, known: Array, before: int) -> Array:
        """[channels, n]; completes `known`, [channels, rank, before + n]."""
        found = np.zeros((channels, below.shape[2] - before), np.int64)
        around = below
        for number in range(PRIOR["depth"]):
            around = block(number, around)
        for p in range(min(2, found.shape[1])):
            name = f"contexts.{p}"
            x = clamp(conv(f"{name}.around", around) + conv(f"{name}.near", known))[:, :, before + p :: 2]
            x = clamp(x + conv(f"{name}.project", leaky(conv(f"{name}.expand", x))))
            y = conv(f"stages.{s}.leave.{p}", x)
            table = 2**8 * weights[f"stages.{s}.table.weight"].astype(np.int64)
            bias = weights[f"stages.{s}.bias.weight"][:, p].astype(np.int64)
            logits = np.einsum("kr,brn->bnk", table, y) + 2**12 * bias
            steps = (logits + 2**15) // 2**16
            distance = np.minimum(steps.max(2, keepdims=True) - steps, 15 * 256)
            symbols = decoder.pop_weighted(np.ascontiguousarray(EXP2[distance]).reshape(-1, CONFIG.codes))
            found[:, p::2] = symbols.reshape(channels, -1)
            known[:, :, before + p :: 2] = conv(f"stages.{s}.enter", row(s, found[:, p::2]))
        return found

    for s in range(stages):
        known = np.zeros_like(below)
        if s < STEADY and before:
            codes[:, s] = past[:, s, -1:]
            known[:] = conv(f"stages.{s}.enter", row(s, past[:, s, -1:]))
        elif s < STEADY:
            one = known[:, :, :1].copy()
            codes[:, s] = code(s, below[:, :, :1], one, 0)
            known[:] = one
        else:
            if s < past.shape[1]:
                known[:, :, :before] = conv(f"stages.{s}.enter", row(s, past[:, s]))
            codes[:, s] = code(s, below, known, before)
        below = clamp(below + known)
    decoder.finish()
    return codes


def synthesise(codes: Array, weights: Weights) -> NDArray[np.float64]:
    """Section 6.6: codes [stages, frames] -> samples from -480 on."""

    def linear(name: str, x: NDArray) -> NDArray:
        return x @ weights[f"synthesis.{name}.weight"].astype(float).T + weights[f"synthesis.{name}.bias"]

    def norm(name: str, x: NDArray) -> NDArray:
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        return x * weights[f"synthesis.{name}.weight"] + weights[f"synthesis.{name}.bias"]

    def gelu(x: NDArray) -> NDArray:
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    z = np.zeros((codes.shape[1], CONFIG.latent))
    for s, stage in enumerate(codes):
        book = f"quantiser.books.{s}"
        z += weights[f"{book}.vectors"][stage] * float(weights[f"{book}.scale"])
    x = linear("enter", z)
    for number in range(CONFIG.synthesis_blocks):
        taps = weights[f"synthesis.blocks.{number}.taps"].astype(float)
        past = np.pad(x, ((len(taps) - 1, 0), (0, 0)))
        y = sum(past[i : i + len(x)] * tap for i, tap in enumerate(taps))
        y = norm(f"blocks.{number}.norm", y)
        x = x + linear(f"blocks.{number}.contract", gelu(linear(f"blocks.{number}.expand", y)))
    m, a, b = np.split(linear("leave", norm("norm", x)), 3, axis=1)
    scale = np.exp(np.minimum(m - 4, 6)) / np.sqrt(a**2 + b**2 + 0.0001)
    frames = np.fft.irfft(scale * (a + 1j * b), 960) * np.sin(np.pi * np.arange(960) / 960)
    frames = np.pad(frames, ((1, 0), (0, 0)))
    return (frames[:-1, 480:] + frames[1:, :480]).ravel()


def model() -> AudioModel:
    """Lively contexts: all codes occur, and what they cost varies."""
    torch.manual_seed(0)
    model = AudioModel(CONFIG).eval()
    for parameter in model.prior.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, 0, 0.8 / parameter[0].numel() ** 0.5)
    return model


MODEL = model()
CODEC = exported(MODEL, "audio-rvq-0")
TENSORS = {key: value.numpy() for key, value in exact_tensors(MODEL).items()}
PRIOR_TENSORS = {key.removeprefix("prior."): value for key, value in TENSORS.items() if key.startswith("prior.")}


@pytest.mark.parametrize("profile", [0, 1])
@pytest.mark.parametrize(
    ("shape", "past"),
    [((1, 5, 50), None), ((2, 4, 1), None), ((1, 1, 9), None), ((3, 5, 2), 4), ((1, 3, 2), 1), ((2, 3, 5), 30)],
)
def test_codes_agree(profile: int, shape: tuple[int, int, int], past: int | None) -> None:
    rng = np.random.default_rng(1)
    everything = rng.integers(0, CONFIG.codes, (*shape[:2], (past or 0) + shape[2])).astype(np.int16)
    everything[:, :STEADY] = everything[:, :STEADY, :1]
    before, codes = (None, everything) if past is None else (everything[..., :past], everything[..., past:])
    (segment,) = CODEC.encode_segments([codes], profile, before)
    nothing = np.zeros((shape[0], 0, 0), np.int64)
    decoded = decode_codes(segment.payload, profile, shape, nothing if before is None else before, PRIOR_TENSORS)
    np.testing.assert_array_equal(decoded, codes)


def test_contexts_matter() -> None:
    """Else the test above would tell little."""
    codes = np.random.default_rng(1).integers(0, CONFIG.codes, (1, STAGES, 2)).astype(np.int16)
    codes[:, :STEADY] = codes[:, :STEADY, :1]
    sizes = {bits.tobytes() for bits in CODEC.stage_bits([codes, codes[..., ::-1].copy(), (codes + 1) % CONFIG.codes])}
    assert len(sizes) == 3


def test_synthesis_agrees() -> None:
    codes = np.random.default_rng(2).integers(0, CONFIG.codes, (STAGES, 20)).astype(np.int16)
    synthesiser = CODEC.synthesiser(1, 2)
    expected = np.concatenate([synthesiser.push(codes[None]), synthesiser.finish(19 * 480)], axis=1)[0]
    ours = synthesise(codes.astype(np.int64), TENSORS)[480:]
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(ours, expected, atol=1e-4 * np.abs(expected).max())
