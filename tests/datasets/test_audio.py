"""Reading, writing and resampling sound."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from kodek.datasets import (
    Audio,
    MediaError,
    MediaWriteError,
    find_audio,
    iter_audio,
    read_audio,
    resample,
    write_flac,
    write_wav,
)

av = pytest.importorskip("av", reason="no PyAV")
pytest.importorskip("soxr", reason="no soxr")

RATE = 44_100


def tone(length: int = 33_333, rate: int = RATE, channels: int = 2) -> Audio:
    time = np.arange(length) / rate
    waves = [0.4 * np.sin(2 * np.pi * 440 * (c + 1) * time) + 0.2 * np.sin(900 * time**2) for c in range(channels)]
    return Audio(np.stack(waves).astype(np.float32), rate)


def ffmpeg() -> str:
    try:
        import imageio_ffmpeg
    except ImportError:
        program = shutil.which("ffmpeg")
    else:
        program = imageio_ffmpeg.get_ffmpeg_exe()
    return program or pytest.skip("no ffmpeg")


def encoded(audio: Audio, form: str, *options: str) -> io.BytesIO:
    """What the program makes of it, through a file where it must go back to the header."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"a.{form}")
        layout = ["-f", "f32le", "-ar", str(audio.rate), "-ac", str(len(audio.samples)), "-i", "-"]
        command = [ffmpeg(), "-v", "error", *layout, *options, path]
        subprocess.run(command, input=audio.samples.T.tobytes(), check=True, timeout=60)
        with open(path, "rb") as file:
            return io.BytesIO(file.read())


@pytest.mark.parametrize("codec", ["u8", "s16le", "s24le", "s32le", "f32le", "f64le"])
def test_wav_of_every_format(codec):
    audio = tone()
    found = read_audio(encoded(audio, "wav", "-c:a", f"pcm_{codec}"))
    step = {"u8": 2**-7, "s16le": 2**-15, "s24le": 2**-23}.get(codec, 2**-24)
    assert found.rate == RATE and found.samples.shape == audio.samples.shape
    assert np.abs(found.samples - audio.samples).max() <= step


@pytest.mark.parametrize("form", ["flac", "aiff", "caf", "au", "wv"])
def test_lossless_files(form):
    audio = tone()
    found = read_audio(encoded(audio, form))
    assert found.samples.shape == audio.samples.shape
    assert np.abs(found.samples - audio.samples).max() <= 2**-15


@pytest.mark.parametrize("length", [100, 1000, 33_333, 100_001])
@pytest.mark.parametrize(
    ("form", "codec"), [("mp3", "libmp3lame"), ("opus", "libopus"), ("ogg", "libvorbis"), ("m4a", "aac")]
)
def test_length_to_the_sample(form, codec, length):
    audio = tone(length, rate=48_000)
    found = read_audio(encoded(audio, form, "-c:a", codec, "-b:a", "128k"))
    assert found.samples.shape == audio.samples.shape
    if length > 10_000:  # and nothing is shifted
        middle = slice(2000, length - 2000)
        errors = [
            np.abs(np.roll(found.samples, shift)[:, middle] - audio.samples[:, middle]).mean() for shift in range(-3, 4)
        ]
        assert np.argmin(errors) == 3


def test_blocks_are_the_whole():
    file = encoded(tone(), "flac")
    for options in ({}, {"rate": 24_000, "mono": True}, {"rate": 48_000}):
        whole = read_audio(file, **options)
        file.seek(0)
        blocks = list(iter_audio(file, **options, block=777))
        file.seek(0)
        assert {block.samples.shape[1] for block in blocks[:-1]} == {777}
        assert np.array_equal(np.concatenate([block.samples for block in blocks], 1), whole.samples)
        assert whole.samples.flags.c_contiguous and {block.rate for block in blocks} == {whole.rate}


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("write", "bits", "step"), [
    (write_wav, 16, 2**-16), (write_wav, 32, 0), (write_flac, 16, 2**-16), (write_flac, 24, 2**-23)
])  # fmt: skip
@pytest.mark.parametrize("length", [1, 70_000])
def test_written_and_read(tmp_path, write, bits, step, channels, length):
    audio = tone(length, channels=channels)
    write(tmp_path / "a", audio, bits)
    stream = io.BytesIO()
    write(stream, audio, bits)
    assert stream.getvalue() == (tmp_path / "a").read_bytes()
    found = read_audio(tmp_path / "a")
    assert found.rate == RATE and found.samples.shape == audio.samples.shape
    assert np.abs(found.samples - audio.samples).max() <= step
    again = io.BytesIO()
    write(again, found, bits)
    assert np.array_equal(read_audio(again).samples, found.samples)


def test_integers_are_clipped():
    stream = io.BytesIO()
    write_wav(stream, Audio(np.array([[-3, -1, 0, 1, 3]], np.float32), 8000))
    assert read_audio(stream).samples.tolist() == [[-1, -1, 0, 1 - 2**-15, 1 - 2**-15]]
    stream = io.BytesIO()
    write_wav(stream, Audio(np.array([[-3, 3]], np.float32), 8000), 32)
    assert read_audio(stream).samples.tolist() == [[-3, 3]]


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(MediaWriteError, match="finite"):
        write_wav(tmp_path / "a.wav", Audio(np.array([[np.nan]], np.float32), 8000))
    with pytest.raises(MediaWriteError, match="9 channels"):
        write_flac(tmp_path / "a.flac", tone(channels=9))
    with pytest.raises(ValueError, match="not 8"):
        write_wav(tmp_path / "a.wav", tone(), 8)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("rate", "target"), [(48_000, 24_000), (24_000, 48_000), (44_100, 24_000), (24_000, 16_000)])
def test_resampled_tones(rate, target):
    """Flat, without delay, and nothing folded."""
    lower = min(rate, target) / 2
    for part in (0.1, 0.5, 0.9):
        wave = np.sin(2 * np.pi * part * lower * np.arange(rate) / rate)
        found = resample(Audio(wave[None].astype(np.float32), rate), target).samples[0]
        assert len(found) == target
        expected = np.sin(2 * np.pi * part * lower * np.arange(target) / target)
        assert np.abs(found - expected)[target // 8 : -target // 8].max() < 1e-3
    if target < rate:
        wave = np.sin(2 * np.pi * 1.02 * lower * np.arange(rate) / rate)
        found = resample(Audio(wave[None].astype(np.float32), rate), target).samples[0]
        assert np.abs(found)[target // 8 : -target // 8].max() < 1e-6


def test_resampled_lengths():
    for length in (1, 2, 3, 100, 101):
        for rate, target in ((96_000, 24_000), (24_000, 96_000), (44_100, 16_000), (768_000, 1000)):
            found = resample(Audio(np.ones((2, length), np.float32), rate), target)
            assert found.samples.shape[1] == max(1, int(length * target / rate + 0.5))
    assert resample(Audio(np.zeros((1, 0), np.float32), 8000), 16_000).samples.shape == (1, 0)
    with pytest.raises(MediaError, match="not 5"):
        resample(tone(), 5)


def test_what_is_refused(tmp_path):
    (tmp_path / "text.wav").write_text("hello " * 100)
    (tmp_path / "list.wav").write_text("ffconcat version 1.0\nfile 'good.wav'\n")
    (tmp_path / "empty.wav").touch()
    write_wav(tmp_path / "good.wav", tone())
    write_wav(tmp_path / "nothing.wav", Audio(np.zeros((1, 0), np.float32), 8000))
    write_wav(tmp_path / "slow.wav", Audio(np.zeros((1, 9), np.float32), 10))
    for name, why in (
        ("none.wav", "No such file"),
        ("", "is a folder"),
        ("text.wav", "not sound"),
        ("list.wav", "not sound"),
        ("empty.wav", "not sound"),
        ("nothing.wav", "."),
        ("slow.wav", "10 Hz"),
    ):
        with pytest.raises(MediaError, match=why) as error:
            read_audio(tmp_path / name)
        assert str(tmp_path) in str(error.value)
    with pytest.raises(MediaError, match=r"limit of 0\.5 seconds"):
        read_audio(tmp_path / "good.wav", max_seconds=0.5)
    stream = io.BytesIO()
    write_wav(stream, Audio(np.zeros((1, 9), np.float32), 8000), 32)
    wrong = bytearray(stream.getvalue())
    wrong[-4:] = np.float32(np.nan).tobytes()
    with pytest.raises(MediaError, match="not finite"):
        read_audio(io.BytesIO(bytes(wrong)))


def test_damaged_files():
    stream = io.BytesIO()
    write_flac(stream, tone(100_000))
    data = stream.getvalue()
    for bad in (data[: len(data) // 2], data[: len(data) // 2] + bytes(500) + data[len(data) // 2 + 500 :]):
        with pytest.raises(MediaError):
            read_audio(io.BytesIO(bad))
    random = np.random.default_rng(0)
    for _ in range(50):  # a sentence or a sound, never a crash
        bad = bytearray(data[:20_000])
        for at in random.integers(0, len(bad), 5):
            bad[at] = random.integers(256)
        with pytest.raises(MediaError):
            read_audio(io.BytesIO(bytes(bad)))


def test_find_audio(tmp_path):
    for name in ("b10.wav", "b2.FLAC", "a.txt", ".c.wav", "d/e.opus"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in find_audio(str(tmp_path))] == ["b2.FLAC", "b10.wav", "e.opus"]
    (tmp_path / "d" / "e.opus").unlink()
    with pytest.raises(MediaError, match="holds no recording"):
        find_audio(str(tmp_path / "d"))


@pytest.mark.parametrize("module", ["av", "soxr"])
def test_missing_library(module, monkeypatch):
    stream = io.BytesIO()
    write_wav(stream, tone())
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MediaError, match=f"pip install {module}"):
        read_audio(stream, rate=8000)
