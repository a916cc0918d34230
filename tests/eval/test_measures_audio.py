"""Metrics of sound that are formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kodek.datasets import Audio
from kodek.datasets.compat import install
from kodek.eval.errors import EvalError
from kodek.eval.measures.audio import METERS, mel_distance, si_sdr, stft_distance
from kodek.eval.sample import Coded, Sample

RATE = 24_000


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Two channels of a gliding harmonic tone, float32 [2, 1 s]."""
    time = np.arange(RATE) / RATE
    pitch = np.cumsum(120 + 40 * np.sin(2 * np.pi * 2 * time)) / RATE
    tone = sum(np.sin(2 * np.pi * k * pitch) / k for k in range(1, 30))
    envelope = 0.2 * (1.1 + np.sin(2 * np.pi * 3 * time))
    return np.stack([tone * envelope, np.roll(tone, 77) * envelope]).astype(np.float32) / 2


def need_torchaudio() -> None:
    install()
    pytest.importorskip("torchaudio", reason="no torchaudio")


def noisy(sound: np.ndarray, level: float) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal(sound.shape)
    return (sound + level * noise).astype(np.float32)


def measure(name: str, original: np.ndarray, decoded: np.ndarray) -> float | None:
    (meter,) = (meter for meter in METERS if meter.name == name)
    values = meter.load()(Sample("a", Audio(original, RATE)), Coded("c", 1, b"", Audio(decoded, RATE)))
    return values[meter.measures[0].name]  # type: ignore[return-value]


@pytest.fixture(params=["si-sdr", "mel", "stft"])
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "mel":
        need_torchaudio()
    return request.param


def test_equal_sounds(name, sound):
    assert measure(name, sound, sound) == (None if name == "si-sdr" else 0)


def test_worse_with_noise(name, sound):
    values = [measure(name, sound, noisy(sound, level)) for level in (0.001, 0.01, 0.1, 1)]
    assert values == sorted(values, reverse=name == "si-sdr")
    assert len(set(values)) == 4


def test_channels_are_averaged(name, sound):
    decoded = noisy(sound, 0.05)
    alone = [measure(name, sound[i : i + 1], decoded[i : i + 1]) for i in (0, 1)]
    assert measure(name, sound, decoded) == pytest.approx(np.mean(alone), rel=1e-5)


@pytest.mark.parametrize("length", [1, 2, 31, 33, 2047])
def test_short_sounds(name, sound, length):
    value = measure(name, sound[:, 99 : 99 + length], noisy(sound, 0.1)[:, 99 : 99 + length]) if length > 1 else None
    if length == 1 and name == "si-sdr":  # one sample is a constant
        with pytest.raises(EvalError, match="silence"):
            measure(name, sound[:, :1], sound[:, :1])
    elif length == 1:
        value = measure(name, sound[:, 99:100], noisy(sound, 0.1)[:, 99:100])
        assert value > 0
    else:
        assert value is None or np.isfinite(value)


def test_other_shape_is_refused(name, sound):
    with pytest.raises(EvalError, match="differ"):
        measure(name, sound, sound[:, 1:])


def test_si_sdr_ignores_volume_and_offset(sound):
    decoded = noisy(sound, 0.1)
    expected = si_sdr(sound, decoded)
    assert si_sdr(sound, 0.1 * decoded + 0.3) == pytest.approx(expected, abs=1e-4)
    assert si_sdr(3 * sound, -decoded) == pytest.approx(expected, abs=1e-4)


def test_si_sdr_is_known():
    time = np.arange(1000) / 1000
    sine, cosine = np.sin(2 * np.pi * 5 * time), np.cos(2 * np.pi * 5 * time)
    assert si_sdr(sine[None], (sine + 0.1 * cosine)[None]) == pytest.approx(20)


def test_si_sdr_as_in_torchmetrics(sound):
    import torch

    install()
    audio = pytest.importorskip("torchmetrics.functional.audio", reason="no torchmetrics")
    decoded = noisy(sound, 0.1)
    theirs = audio.scale_invariant_signal_distortion_ratio(
        torch.from_numpy(decoded).double(), torch.from_numpy(sound).double(), zero_mean=True
    )
    assert si_sdr(sound, decoded) == pytest.approx(float(theirs.mean()), abs=1e-6)


def test_si_sdr_of_silence(sound):
    silent = np.zeros_like(sound)
    with pytest.raises(EvalError, match="silence"):
        si_sdr(silent, sound)
    with pytest.raises(EvalError, match="nothing of the original"):
        si_sdr(sound, silent)
    half = np.stack([sound[0], silent[0]])
    decoded = noisy(half, 0.1)
    assert si_sdr(half, decoded) == si_sdr(half[:1], decoded[:1])


def test_mel_as_by_librosa(sound):
    """Another implementation of the same description."""
    need_torchaudio()
    librosa = pytest.importorskip("librosa", reason="no librosa")
    decoded, expected = noisy(sound, 0.1), 0.0
    for window, bands in zip((32, 64, 128, 256, 512, 1024, 2048), (5, 10, 20, 40, 80, 160, 320), strict=True):
        logs = [
            np.log10(
                np.maximum(
                    librosa.feature.melspectrogram(
                        y=x, sr=RATE, n_fft=window, hop_length=window // 4, n_mels=bands, power=1, pad_mode="reflect"
                    ),
                    1e-5,
                )
            )
            for x in (sound, decoded)
        ]
        expected += np.abs(logs[0] - logs[1]).mean()
    assert mel_distance(sound, decoded, RATE) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("length", [RATE, 700])
def test_training_measures_the_same_distance(sound, length):
    need_torchaudio()
    from kodek.train.losses import SoundLoss

    first, second = sound[:, :length], noisy(sound, 0.1)[:, :length]
    theirs = SoundLoss(RATE).mel_distance(torch.from_numpy(second), torch.from_numpy(first))
    assert mel_distance(first, second, RATE) == pytest.approx(theirs, rel=1e-5)


def test_distances_of_silence(sound):
    silent = np.zeros_like(sound)
    assert stft_distance(silent, silent) == 0
    assert stft_distance(sound, silent) > 2
