"""What an audio codec is worth on held-out sound: real payloads, distances, and how its codes are used."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from kodek.codecs.audio.codec import FILE_BLOCK, AudioCodec
from kodek.codecs.audio.segments import Segment, decode_segments, encode_segments
from numpy.typing import NDArray
from torch import Tensor

from .losses import SoundLoss

SECONDS = 4.0  # of an excerpt
KILOBITS = (1.5, 3.0, 6.0, 12.0)  # per second, at which the score looks
PROFILE = 0  # of the entropy coder


class Point(NamedTuple):
    """Means over recordings: kbit/s of payloads, mel distance (DAC's), STOI if pystoi is there."""

    stages: int
    kbps: float
    mel: float
    stoi: float | None


@dataclass(frozen=True)
class SoundQuality:
    """points: by the number of stages. Of each stage but the first `steady`, which have too few codes to tell:
    perplexity and share of codes that occur, both 0 to 1, of all codes. residual: energy that is left after each stage
    relative to that of the latents, dB.

    score: mean of the mel distances at 1.5, 3, 6 and 12 kbit/s.
    """

    points: list[Point]
    perplexity: list[float]
    used: list[float]
    residual: list[float]
    steady: int

    @property
    def score(self) -> float:
        rates, distances = [np.log(p.kbps) for p in self.points], [p.mel for p in self.points]
        return float(np.interp(np.log(KILOBITS), rates, distances).mean())

    def __str__(self) -> str:
        points = "  ".join(f"{p.kbps:.2f}/{p.mel:.3f}" + (f"/{p.stoi:.3f}" if p.stoi else "") for p in self.points)
        low, high = 100 * min(self.perplexity), 100 * max(self.perplexity)
        kind = "kbit/s / mel distance" + (" / STOI" if self.points[0].stoi else "")
        return f"held-out sound, {kind}: {points}  perplexity {low:.0f} to {high:.0f} %  score {self.score:.4f}"

    def row(self) -> dict[str, Any]:
        points = {name: [getattr(point, name) for point in self.points] for name in Point._fields}
        return {"score": self.score, **asdict(self), "points": points}

    def scalars(self) -> dict[str, float]:
        scalars = {f"mel/{point.stages} stages": point.mel for point in self.points}
        scalars |= {f"kbps/{point.stages} stages": point.kbps for point in self.points}
        for name, first in (("perplexity", self.steady), ("used", self.steady), ("residual", 0)):
            values = enumerate(getattr(self, name), first + 1)
            scalars |= {f"{name}/stage {i:02}": value for i, value in values}
        return scalars


def excerpt(sound: NDArray, rate: int) -> NDArray:
    """The middle of a recording, float32 [n]."""
    length = min(len(sound), round(SECONDS * rate))
    start = (len(sound) - length) // 2
    return sound[start : start + length].copy()


def measure(codec: AudioCodec, recordings: Sequence[NDArray], stages: Sequence[int]) -> SoundQuality:
    """Code recordings (float32 [n]) to payloads with each of these numbers of stages, and back.

    Raises ArithmeticError if decoded codes differ from the coded ones.
    """
    codes = [_codes(codec, x) for x in recordings]
    points = []
    for count in stages:
        bits = sum(map(len, _payloads(codec, [part[:, :count] for part in codes]))) * 8
        heard = [_decoded(codec, part[:, :count], len(x)) for part, x in zip(codes, recordings, strict=True)]
        kbps = bits / sum(map(len, recordings)) * codec.rate / 1000
        mel = np.mean([mel_distance(y, x, codec.rate) for x, y in zip(recordings, heard, strict=True)])
        points.append(Point(count, kbps, float(mel), _stoi(recordings, heard, codec.rate)))
    found = torch.from_numpy(np.concatenate(codes, 2)[0, codec.steady :].astype(np.int64))
    counts = torch.stack([torch.bincount(stage, minlength=codec.config.codes) for stage in found])
    residual = _residual(codec, recordings, codes)
    return SoundQuality(
        points, perplexity(counts).tolist(), (counts > 0).double().mean(1).tolist(), residual, codec.steady
    )


def perplexity(counts: Tensor) -> Tensor:
    """How often each code occurs, [S, codes] -> their perplexity as a share of all codes, [S]."""
    shares = counts.double() / counts.sum(1, keepdim=True).clamp(min=1e-9)
    return torch.exp(torch.special.entr(shares).sum(1)) / counts.shape[1]


def mel_distance(x_hat: NDArray, x: NDArray, rate: int) -> float:
    return _meter(rate).mel_distance(*(torch.from_numpy(sound)[None] for sound in (x_hat, x)))


@functools.lru_cache(maxsize=4)
def _meter(rate: int) -> SoundLoss:
    return SoundLoss(rate)


def _codes(codec: AudioCodec, sound: NDArray) -> NDArray:
    """int16 [1, stages, T]"""
    analyser = codec.analyser(1, FILE_BLOCK)
    return np.concatenate((analyser.push(sound[None]), analyser.finish()), 2)


def _payloads(codec: AudioCodec, codes: Sequence[NDArray]) -> list[bytes]:
    """In segments as files have them."""
    segments = [part[:, :, i : i + FILE_BLOCK] for part in codes for i in range(0, part.shape[2], FILE_BLOCK)]
    coded = encode_segments(codec.prior, segments, PROFILE)
    (back,) = decode_segments(codec.prior, [coded[0].payload], [segments[0].shape], PROFILE)  # type: ignore[list-item]
    if not isinstance(back, Segment) or not np.array_equal(back.codes, segments[0]):
        raise ArithmeticError("the decoded codes differ from the coded ones")
    return [segment.payload for segment in coded]


def _decoded(codec: AudioCodec, codes: NDArray, length: int) -> NDArray:
    synthesiser = codec.synthesiser(1, FILE_BLOCK)
    return np.concatenate((synthesiser.push(codes), synthesiser.finish(length)), 1)[0]


@torch.no_grad()
def _residual(codec: AudioCodec, recordings: Sequence[NDArray], codes: Sequence[NDArray]) -> list[float]:
    """Energy after each stage in dB; none of a quantiser without codebooks, whose stages don't approximate latents."""
    if not hasattr(codec.quantiser, "books"):
        return []
    stages = list(zip(codec.quantiser.parts, codec.quantiser.books, strict=True))
    before, after = 0.0, np.zeros(len(stages))
    for sound, chosen in zip(recordings, codes, strict=True):
        z = codec.analysis(F.pad(torch.from_numpy(sound)[None], (0, -len(sound) % codec.hop + codec.hop)))
        before += float(z.square().sum())
        for number, (part, book) in enumerate(stages):
            z[..., part] -= F.embedding(torch.from_numpy(chosen[:, number].astype(np.int64)), book.vectors)
            after[number] += float(z.square().sum())
    return [float(10 * np.log10(energy / before + 1e-12)) for energy in after]


def _stoi(recordings: Sequence[NDArray], heard: Sequence[NDArray], rate: int) -> float | None:
    try:
        from pystoi import stoi
    except ImportError:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sounds that are too short to have a value
        return float(np.mean([stoi(x, y, rate) for x, y in zip(recordings, heard, strict=True)]))
