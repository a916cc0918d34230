"""Metrics of sound that are formulas: nothing in them was trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from kodek.datasets import Audio, MediaError
from kodek.datasets.mel import FLOOR, MELS, mel_filters

from ..errors import EvalError, Unavailable
from ..sample import Coded, Media, Sample
from .base import INFINITY, Compute, Measure, Meter, Value

if TYPE_CHECKING:
    import torch

_STFT_WINDOWS = (2048, 512)

SI_SDR = Measure("si_sdr", "SI-SDR", "dB", True, (-INFINITY, INFINITY))
MEL = Measure("mel", "Multi-scale mel distance", "", False, (0.0, INFINITY))
STFT = Measure("stft", "Multi-scale STFT distance", "", False, (0.0, INFINITY))


def si_sdr(original: np.ndarray, decoded: np.ndarray) -> float | None:
    """Scale-invariant signal-to-distortion ratio in dB, mean over channels.

    Le Roux, Wisdom, Erdogan & Hershey 2019: 10 log10(|a s|^2 / |a s - d|^2) with a = <d, s> / |s|^2, after the mean
    of each channel is removed. Channels in which the original is silent are left out.

    Args:
        original, decoded: [channels, length].

    Returns:
        None for an infinite ratio: a channel is the original's, whatever its volume.

    Raises:
        EvalError: the original is silent (or constant) in all channels, or the decoded sound in a channel where the
            original isn't.
    """
    ratios = []
    for reference, estimate in zip(original.astype(np.float64), decoded.astype(np.float64), strict=True):
        reference, estimate = reference - reference.mean(), estimate - estimate.mean()
        energy = reference @ reference
        if not energy:
            continue
        target = (estimate @ reference / energy) * reference
        distortion = target - estimate
        signal, noise = target @ target, distortion @ distortion
        if not signal:
            raise EvalError("SI-SDR has no value where the decoded sound has nothing of the original.")
        # Rounding alone leaves a residue of 1e-32 of a scaled copy.
        ratios.append(10 * math.log10(signal / noise) if noise > 1e-28 * signal else math.inf)
    if not ratios:
        raise EvalError("SI-SDR has no value for silence.")
    mean = float(np.mean(ratios))
    return mean if math.isfinite(mean) else None


def mel_distance(original: np.ndarray, decoded: np.ndarray, rate: int) -> float:
    """Multi-scale mel distance of DAC (Kumar et al. 2023), 0 for equal sounds.

    The sum, over windows of 32, 64 ... 2048 samples with 5, 10 ... 320 mel bands, of the mean absolute difference of
    log10 of mel magnitudes, no smaller than 1e-5. Hann windows a quarter apart, reflected at both ends; Slaney's mel
    scale from 0 Hz to half of `rate`, each band of unit area; mean over channels, bands and frames. Sounds that are
    shorter than the longest window are continued with silence. At the rate of the sound: compare equal rates only.

    Args:
        original, decoded: float32 [channels, length].

    Raises:
        MediaError: torchaudio is not installed.
    """
    total = 0.0
    for window in MELS:
        filters = mel_filters(window, rate).T
        first, second = (filters @ _magnitudes(x, window) for x in (original, decoded))
        total += float((first.clamp(min=FLOOR).log10() - second.clamp(min=FLOOR).log10()).abs().mean())
    return total


def stft_distance(original: np.ndarray, decoded: np.ndarray) -> float:
    """Multi-scale STFT distance of DAC (Kumar et al. 2023), 0 for equal sounds.

    The sum, over windows of 2048 and 512 samples, of the mean absolute differences of magnitudes and of log10 of
    squared magnitudes, magnitudes no smaller than 1e-5; windows and ends as in `mel_distance`.

    Args:
        original, decoded: float32 [channels, length].
    """
    total = 0.0
    for window in _STFT_WINDOWS:
        first, second = (_magnitudes(x, window) for x in (original, decoded))
        logs = first.clamp(min=FLOOR).log10() - second.clamp(min=FLOOR).log10()
        total += float((first - second).abs().mean() + 2 * logs.abs().mean())
    return total


def _magnitudes(samples: np.ndarray, window: int) -> torch.Tensor:
    """[channels, window / 2 + 1, frames]"""
    import torch

    short = max(0, max(MELS) - samples.shape[1])
    signal = torch.from_numpy(np.pad(samples, ((0, 0), (0, short))))
    hann = torch.hann_window(window)
    return torch.stft(signal, window, window // 4, window=hann, center=True, return_complex=True).abs()


def _need_torchaudio() -> None:
    try:
        mel_filters(min(MELS), 24000)
    except MediaError as error:
        raise Unavailable(str(error)) from error


def sounds(sample: Sample, coded: Coded) -> tuple[Audio, Audio]:
    """The original and the decoded sound, which the runner has brought to one rate and length."""
    original, decoded = sample.signal, coded.signal
    if not (isinstance(original, Audio) and isinstance(decoded, Audio)):
        raise EvalError("This measures sound.")
    if (original.rate, original.samples.shape) != (decoded.rate, decoded.samples.shape):
        raise EvalError("The sounds differ in rate, channels or length.")
    return original, decoded


def _load_si_sdr() -> Compute:
    def compute(sample: Sample, coded: Coded) -> Mapping[str, Value]:
        original, decoded = sounds(sample, coded)
        return {SI_SDR.name: si_sdr(original.samples, decoded.samples)}

    return compute


def _load_mel() -> Compute:
    _need_torchaudio()

    def compute(sample: Sample, coded: Coded) -> Mapping[str, Value]:
        original, decoded = sounds(sample, coded)
        return {MEL.name: mel_distance(original.samples, decoded.samples, original.rate)}

    return compute


def _load_stft() -> Compute:
    def compute(sample: Sample, coded: Coded) -> Mapping[str, Value]:
        original, decoded = sounds(sample, coded)
        return {STFT.name: stft_distance(original.samples, decoded.samples)}

    return compute


_AUDIO = frozenset({Media.AUDIO})
_DAC = "Kumar, Seetharaman, Luebs, Kumar & Kumar, High-Fidelity Audio Compression with Improved RVQGAN, NeurIPS 2023"

METERS: tuple[Meter, ...] = (
    Meter(
        "si-sdr",
        _AUDIO,
        (SI_SDR,),
        _load_si_sdr,
        "Le Roux, Wisdom, Erdogan & Hershey, SDR - Half-baked or Well Done?, ICASSP 2019",
        ("numpy",),
    ),
    Meter("mel", _AUDIO, (MEL,), _load_mel, _DAC, ("torch", "torchaudio")),
    Meter("stft", _AUDIO, (STFT,), _load_stft, _DAC, ("torch",)),
)
