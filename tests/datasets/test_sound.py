"""What files of sound say of themselves, and sound that is written piece by piece."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import (
    Audio,
    MediaError,
    MediaWriteError,
    Resampler,
    audio_info,
    read_audio,
    resample,
    wav_holds,
    write_flac,
    write_wav,
)

from .test_audio import ffmpeg, tone

pytest.importorskip("av", reason="no PyAV")

TAGS = {
    "title": "Größe 大",
    "artist": "one; two",
    "album": "the album",
    "date": "2020-02-01",
    "track": "3/9",
    "genre": "Jazz",
    "comment": "two\nlines",
}
MORE = {"album_artist": "all", "replaygain_track_gain": "-3 dB"}


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "opus", "ogg", "m4a", "wv", "mka"])
def test_tags_of_every_format(tmp_path, form):
    write_wav(tmp_path / "in.wav", tone(48_000, 48_000))
    metadata = [text for key, value in TAGS.items() for text in ("-metadata", f"{key}={value}")]
    command = [ffmpeg(), "-v", "error", "-i", str(tmp_path / "in.wav"), *metadata, str(tmp_path / f"out.{form}")]
    subprocess.run(command, check=True, timeout=60)
    info = audio_info(tmp_path / f"out.{form}")
    assert info.tags == TAGS and not info.notes
    assert info.seconds == pytest.approx(1, abs=0.03)


def test_pictures_are_told_of(tmp_path):
    write_flac(tmp_path / "in.flac", tone(4800, 48_000))
    cover = [
        "-f",
        "lavfi",
        "-i",
        "color=red:s=16x16:r=1:d=1",
        "-map",
        "0",
        "-map",
        "1",
        "-disposition:v",
        "attached_pic",
    ]
    command = [ffmpeg(), "-v", "error", "-i", str(tmp_path / "in.flac"), *cover, str(tmp_path / "out.flac")]
    subprocess.run(command, check=True, timeout=60)
    assert audio_info(tmp_path / "out.flac").notes == ("pictures",)


@pytest.mark.parametrize("write", [write_wav, write_flac])
def test_tags_are_written(tmp_path, write):
    path = tmp_path / "a"
    dropped = write(path, tone(), 16, TAGS | MORE | {"a=b": "no name"})
    assert audio_info(path).tags == (TAGS if write is write_wav else TAGS | MORE)
    assert dropped == [*(MORE if write is write_wav else []), "a=b"]
    assert read_audio(path).samples.shape == tone().samples.shape


def test_info_refuses_what_is_no_sound(tmp_path):
    (tmp_path / "text.wav").write_text("hello " * 100)
    for name in ("text.wav", "none.wav", ""):
        with pytest.raises(MediaError, match=str(tmp_path)):
            audio_info(tmp_path / name)


class Pipe(io.RawIOBase):
    """What can't seek."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.data += bytes(data)
        return len(bytes(data))


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("write", "bits"), [(write_wav, bits) for bits in (16, 24, 32)] + [(write_flac, 24)])
def test_pieces_are_the_whole(tmp_path, write, bits, channels):
    audio = tone(70_001, channels=channels)
    for target in (tmp_path / "whole", tmp_path / "pieces"):
        pieces = (Audio(piece, audio.rate) for piece in np.split(audio.samples, [0, 1, 777, 65_540], axis=1))
        write(target, audio if target.name == "whole" else pieces, bits, TAGS)
    pipe = Pipe()
    write(pipe, audio, bits, TAGS)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes() == pipe.data
    found = read_audio(tmp_path / "whole")
    assert found.samples.shape == audio.samples.shape
    assert np.abs(found.samples - audio.samples).max() <= 2.0 ** -min(bits - 1, 24)


def test_a_failure_on_the_way_leaves_nothing(tmp_path):
    def pieces():
        yield tone()
        raise MediaError("no more")

    for write in (write_wav, write_flac):
        with pytest.raises(MediaError, match="no more"):
            write(tmp_path / "a", pieces())
    with pytest.raises(MediaWriteError, match="finite"):
        write_wav(tmp_path / "a", [tone(), Audio(np.full((2, 1), np.nan, np.float32), 44_100)])
    assert not list(tmp_path.iterdir())


def test_wav_ends_at_4_gib(monkeypatch):
    assert wav_holds(2, (1 << 30) - (1 << 15), 16) and not wav_holds(2, 1 << 30, 16)
    monkeypatch.setattr("kodek.datasets.write_audio.WAV_LIMIT", 100_000)
    with pytest.raises(MediaWriteError, match="4 GiB"):
        write_wav(io.BytesIO(), [tone(20_000, channels=1)] * 3)


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("rate", [8000, 24_000, 44_100, 96_000])
@pytest.mark.parametrize("length", [1, 2, 5, 100, 5001])
def test_there_and_back_keeps_the_length(rate, length, prompt):
    audio = tone(length, rate, 2)
    there, back = Resampler(rate, 24_000, prompt), Resampler(24_000, rate, prompt)
    pieces = [there.push(piece) for piece in np.split(audio.samples, [length // 3, length // 2], axis=1)]
    coded = np.concatenate([*pieces, there.finish()], axis=1)
    once = Resampler(rate, 24_000, prompt)
    assert np.array_equal(coded, np.concatenate([once.push(audio.samples), once.finish()], axis=1))
    assert prompt or np.array_equal(coded, resample(audio, 24_000).samples)
    assert coded.shape[1] in (max(1, length * 24_000 // rate), -(-length * 24_000 // rate))
    assert sum(piece.shape[1] for piece in (back.push(coded), back.finish(length))) == length


@pytest.mark.parametrize(("rate", "target"), [(48_000, 24_000), (24_000, 48_000), (44_100, 24_000), (24_000, 8000)])
def test_prompt_resampling(rate, target):
    """Little delay, flat, and nothing folded."""
    lower, middle = min(rate, target), slice(target // 8, -target // 8)
    for part in (0.1, 0.5, 0.89, 1.05):
        wave = np.sin(np.pi * part * lower * np.arange(rate) / rate)[None].astype(np.float32)
        resampler, pieces, taken, made = Resampler(rate, target, prompt=True), [], 0, 0
        for piece in np.split(wave, range(99, rate, 99), axis=1):
            pieces.append(resampler.push(piece))
            taken, made = taken + piece.shape[1], made + pieces[-1].shape[1]
            assert taken / rate - made / target <= 49 / lower
        found = np.concatenate([*pieces, resampler.finish()], axis=1)[0]
        assert len(found) == target
        if part < 1:
            expected = np.sin(np.pi * part * lower * np.arange(target) / target)
            assert np.abs(found - expected)[middle].max() < 1.2e-4
        elif target < rate:
            assert np.abs(found[middle]).max() < 1e-4


@pytest.mark.parametrize(("rate", "channels", "codec"), [(8000, 1, "u8"), (96_000, 2, "s24le"), (48_000, 6, "f32le")])
def test_uncommon_wav(tmp_path: Path, rate, channels, codec):
    audio = tone(5000, rate, channels)
    write_wav(tmp_path / "in.wav", audio, 32)
    command = [ffmpeg(), "-v", "error", "-i", str(tmp_path / "in.wav"), "-c:a", f"pcm_{codec}", "-f", "wav", "-"]
    piped = subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE).stdout
    found = read_audio(io.BytesIO(piped))  # whose header doesn't know its length
    assert (found.rate, found.samples.shape) == (rate, (channels, 5000))
    assert np.abs(found.samples - audio.samples).max() <= {"u8": 2**-7, "s24le": 2**-22, "f32le": 0}[codec]
