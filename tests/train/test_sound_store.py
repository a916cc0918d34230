from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import Audio, write_wav
from kodek.datasets.sound_store import QUIET, SoundStore, build_sound_store

RATE = 8000


def store(folder: Path, sounds: dict[str, np.ndarray], rate: int = RATE) -> tuple[Path, list[str]]:
    """Written to files, [channels, n] each, and built."""
    paths = []
    for name, samples in sounds.items():
        paths.append(folder / f"{name}.wav")
        write_wav(paths[-1], Audio(samples.astype(np.float32), rate))
    return folder / "store", build_sound_store(paths, folder / "store", RATE)


def noise(seconds: float, level: float = 0.1, channels: int = 1) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal((channels, round(seconds * RATE))).clip(-3, 3)


def test_recordings_are_resampled_and_averaged(tmp_path: Path) -> None:
    time = np.arange(16000) / 16000
    left, right = 0.5 * np.sin(2 * np.pi * 440 * time), np.zeros(16000)
    target, unreadable = store(tmp_path, {"tone-1": np.stack((left, right))}, 16000)
    held = SoundStore(target, 0)
    assert not unreadable and held.shapes == [["tone", 0, RATE]]
    expected = 0.25 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(held.data[500:-500] / 32767, expected[500:-500], atol=1e-3)


def test_crops_are_parts_of_a_recording_times_a_gain(tmp_path: Path) -> None:
    target, _ = store(tmp_path, {"a-1": noise(1)})
    held = SoundStore(target, 1)
    crops, again = held.batch(4, 1000), SoundStore(target, 1).batch(4, 1000)
    np.testing.assert_array_equal(crops, again)
    windows = np.lib.stride_tricks.sliding_window_view(held.data.astype(np.float64), 1000)
    for crop in crops:
        likeness = windows @ crop / np.linalg.norm(windows, axis=1) / np.linalg.norm(crop)
        assert np.abs(likeness).max() == pytest.approx(1, abs=1e-6) and np.abs(crop).max() <= 1


def test_short_recordings_lie_in_silence(tmp_path: Path) -> None:
    target, _ = store(tmp_path, {"a-1": noise(0.1)})
    crops = SoundStore(target, 0).batch(20, 2000)
    counts = np.count_nonzero(crops, axis=1)
    assert ((counts > 700) & (counts <= 800)).all()
    assert len({int(np.argmax(crop != 0)) for crop in crops}) > 10


def test_quiet_crops_are_rare_and_no_source_dominates(tmp_path: Path) -> None:
    sounds = {"still-1": noise(20, QUIET / 10), "loud-1": noise(1), "loud-2": noise(1), "other-1": noise(1)}
    target, _ = store(tmp_path, sounds)
    held = SoundStore(target, 0, largest_share=0.4)
    groups = [group for group, *_ in held.shapes]
    shares = {group: held.weights[[g == group for g in groups]].sum() for group in set(groups)}
    assert shares["still"] == pytest.approx(0.4, abs=1e-3)
    cuts = [held.draw(500) for _ in range(300)]
    assert sum(cut.start < 20 * RATE for cut in cuts) / 300 < 0.12


def test_speeds_change_the_pitch_and_not_the_length(tmp_path: Path) -> None:
    time = np.arange(4 * RATE) / RATE
    target, _ = store(tmp_path, {"a-1": 0.5 * np.sin(2 * np.pi * 1000 * time)[None]})
    crops = SoundStore(target, 0, speeds=0.2).batch(40, RATE)
    peaks = np.abs(np.fft.rfft(crops)).argmax(1)
    assert crops.shape == (40, RATE)
    assert peaks.min() < 900 < 1000 in peaks and peaks.max() > 1100
    assert (np.abs(peaks - 1000) <= 210).all()


def test_what_can_not_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "broken-1.wav").write_bytes(b"RIFFno sound")
    write_wav(tmp_path / "whole-1.wav", Audio(noise(0.5).astype(np.float32), RATE))
    paths = sorted(tmp_path.glob("*.wav"))
    (reason,) = build_sound_store(paths, tmp_path / "store", RATE)
    assert "broken-1.wav" in reason
    assert [group for group, *_ in SoundStore(tmp_path / "store", 0).shapes] == ["whole"]
