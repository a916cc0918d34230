"""Sound and video codecs inside ffmpeg: aligned with the original, any size, the same every time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from kodek.datasets import Audio, Video
from kodek.eval.anchors import audio, video

from .conftest import pixels
from .test_anchors_images import available

RATE = 24_000


def sound(seconds: float = 1.5) -> Audio:
    """A chirp whose loudness comes and goes, and some noise."""
    t = np.arange(int(RATE * seconds)) / RATE
    wave = 0.4 * np.sin(2 * np.pi * (200 * t + 500 * t**2)) * np.sin(9 * t) ** 2
    return Audio((wave + np.random.default_rng(0).normal(0, 0.01, len(t)))[None].astype(np.float32), RATE)


def clip(height: int, width: int, frames: int = 5) -> Video:
    def moving(rows: int, columns: int) -> np.ndarray:
        return np.stack([np.roll(pixels(rows, columns)[..., 1], i, 1) for i in range(frames)])

    chroma = moving(-(-height // 2), -(-width // 2))
    return Video(moving(height, width), chroma, 255 - chroma, Fraction(30000, 1001))


@pytest.mark.parametrize("name", audio.CODECS)
def test_sound(name: str) -> None:
    codec = available(name)
    original = sound()
    files = [codec.encode(original, setting) for setting in (codec.settings[0], 32, codec.settings[-1])]
    sizes = list(map(len, files))
    assert sizes == sorted(set(sizes))
    assert codec.encode(original, 32) == files[1]
    decoded = codec.decode(files[-1])
    assert decoded.samples.dtype == np.float32 and len(decoded.samples) == 1
    step = decoded.rate // RATE  # Opus always comes at 48 kHz
    length = original.samples.shape[1]
    heard = decoded.samples[0, ::step][:length]
    assert len(heard) == length
    spectrum = np.fft.rfft(heard, 2 * length) * np.conj(np.fft.rfft(original.samples[0], 2 * length))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    assert min(lag, 2 * length - lag) <= 1
    error = heard - original.samples[0]
    assert 10 * np.log10(np.sum(original.samples**2) / np.sum(error**2)) > 10


def test_the_lowest_rates_of_mp3_are_true_at_48_khz() -> None:
    codec = available("mp3")
    wave = np.repeat(sound(8).samples, 2, axis=1)
    for kilobits in (8, 16, 32):
        data = codec.encode(Audio(wave, 48_000), kilobits)
        assert 8 * len(data) / (wave.shape[1] / 48) == pytest.approx(kilobits, rel=0.1)


@pytest.mark.parametrize("name", audio.CODECS)
def test_one_sample_and_stereo(name: str) -> None:
    codec = available(name)
    short = Audio(np.full((1, 1), 0.5, np.float32), RATE)
    assert codec.decode(codec.encode(short, 32)).samples.shape[1] >= 1
    one = sound(0.5).samples[0]
    both = codec.decode(codec.encode(Audio(np.stack([one, one[::-1]]).copy(), RATE), 64))
    assert len(both.samples) == 2


@pytest.mark.parametrize("name", video.CODECS)
@pytest.mark.parametrize("size", [(48, 64), (5, 67)])
def test_video(name: str, size: tuple[int, int]) -> None:
    codec = available(name)
    original = clip(*size)
    files = [codec.encode(original, setting) for setting in (codec.settings[0], codec.settings[-1])]
    assert len(files[0]) > len(files[1])
    assert codec.encode(original, codec.settings[-1]) == files[1]
    errors = []
    for file in files:
        decoded = codec.decode(file)
        assert decoded.y.shape == original.y.shape and decoded.rate == original.rate
        errors.append([np.mean((a.astype(float) - b) ** 2) for a, b in _planes(decoded, original)])
    assert all(np.array(errors[0]) < 30) and sum(errors[0]) < sum(errors[1])


def _planes(one: Video, other: Video) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(one.y, other.y), (one.u, other.u), (one.v, other.v)]
