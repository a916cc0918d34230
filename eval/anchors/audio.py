"""Conventional audio codecs inside ffmpeg, in the container that costs least and keeps the sound aligned."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from kodek.datasets import Audio

from ..codec import Codec
from ..errors import EvalError
from ..sample import Media
from . import ffmpeg

_PAGES = ["-page_duration", "5000000"]  # Ogg pages of up to 5 seconds cost less than those of 1 second


@dataclass(frozen=True)
class Sound:
    """form, demuxer: ffmpeg's names of the container; delay: samples that the encoder adds and no container tells.

    lowest: kbit/s that it has at 32 kHz and more; with fewer, such sound is coded at 16 kHz.
    """

    name: str
    encoder: str
    form: str
    demuxer: str
    suffix: str
    kilobits: Sequence[float]
    options: Sequence[str]
    about: str
    delay: int = 0
    lowest: float = 0

    def codec(self) -> Codec:
        """Raises Unavailable."""
        found = ffmpeg.versions(self.encoder)
        return Codec(self.name, Media.AUDIO, self.kilobits, self.encode, self.decode, found, self.suffix, self.about)

    def encode(self, audio: Audio, kilobits: float) -> bytes:
        """kilobits: per second, of all channels."""
        source = ["-f", "f32le", "-ar", str(audio.rate), "-ac", str(len(audio.samples)), "-i", "pipe:0"]
        options = ["-c:a", self.encoder, "-b:a", f"{kilobits:g}k", *self.options]
        options += ["-ar", "16000"] if kilobits < self.lowest and audio.rate >= 32000 else []
        plain = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", self.form]
        # a file and not a pipe: the header of an MP3, which tells its delay and length, is written last
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "sound"
            ffmpeg.call([*source, *options, *plain, str(file)], audio.samples.T.astype("<f4").tobytes())
            return file.read_bytes()

    def decode(self, data: bytes) -> Audio:
        into = ["-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
        sound = ffmpeg.call(["-f", self.demuxer, "-i", "pipe:0", *into], data)
        if len(sound) < 24:
            raise EvalError("ffmpeg decoded no sound.")
        start, _, _, rate, channels = np.frombuffer(sound[4:24], ">u4").tolist()
        samples = np.frombuffer(sound[start:], ">f4").reshape(-1, channels).T[:, self.delay :]
        return Audio(np.ascontiguousarray(samples, dtype=np.float32), rate)


_SOUNDS = (
    Sound(
        "opus",
        "libopus",
        "ogg",
        "ogg",
        ".opus",
        (6, 8, 12, 16, 24, 32, 48, 64, 96),
        ("-application", "audio", "-vbr", "on", "-compression_level", "10", *_PAGES),
        "ffmpeg, libopus; application audio, VBR, complexity 10, frames of 20 ms, Ogg",
    ),
    Sound(
        "opus-voip",
        "libopus",
        "ogg",
        "ogg",
        ".opus",
        (6, 8, 12, 16, 24, 32, 48),
        ("-application", "voip", "-vbr", "on", "-compression_level", "10", *_PAGES),
        "ffmpeg, libopus; application voip, for speech, else as opus",
    ),
    Sound(
        "mp3",
        "libmp3lame",
        "mp3",
        "mp3",
        ".mp3",
        (8, 16, 24, 32, 48, 64, 96),
        ("-compression_level", "0", "-id3v2_version", "0", "-write_xing", "1"),
        "ffmpeg, LAME; CBR, quality 0 (the slowest), with the Xing/LAME header and no ID3; 16 kHz below 32 kbit/s",
        lowest=32,
    ),
    Sound(
        "aac",
        "aac",
        "latm",
        "loas",
        ".aac",
        (12, 16, 24, 32, 48, 64, 96),
        ("-smc-interval", "65535"),
        "ffmpeg's AAC-LC encoder; LATM, which costs less than ADTS and M4A; its 1024 samples of delay are cut",
        1024,
    ),
    Sound(
        "vorbis",
        "libvorbis",
        "ogg",
        "ogg",
        ".ogg",
        (16, 20, 24, 32, 48, 64),
        _PAGES,
        "ffmpeg, libvorbis; average bit rate, Ogg",
    ),
)

CODECS: dict[str, Callable[[], Codec]] = {sound.name: sound.codec for sound in _SOUNDS}
