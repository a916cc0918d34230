"""What `exactness` proves of each kind of model: how streams are made, and how one is decoded in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from kodek.codecs.audio import segments
from kodek.codecs.audio.codec import FILE_BLOCK, LIVE_BLOCK, AudioCodec
from kodek.codecs.audio.file import load_codec as load_audio
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.hyperprior import STRIDE
from kodek.codecs.zoo import ModelEntry
from kodek.entropy import StreamError
from kodek.entropy.coder import SymbolDecoder
from torch import Tensor

from ..errors import EvalError
from ..models import media_of
from ..sample import Media
from ..sounds import syllables

Region = AbstractContextManager[Any]  # around what must be exact
Size = tuple[int, int]


class Coded(NamedTuple):
    """name: in words; payload, hash: of its symbols; facts: what else the decoder needs to know."""

    name: str
    payload: bytes
    hash: int
    facts: tuple[Any, ...]


class MismatchedError(ValueError):
    """The stream decoded without an error, to other symbols."""


class Subject(Protocol):
    """A model. codec: its `prior` is what is proven."""

    codec: Any

    def encode(self, sizes: Sequence[Size]) -> list[Coded]:
        """Streams of several qualities for each of the sizes."""

    def decode(self, coded: Coded, batch: int, region: Region) -> None:
        """Decode a stream `batch`-fold. Raises StreamError or MismatchedError where it does not come out as encoded."""


def subject(entry: ModelEntry, device: str) -> Subject:
    if media_of(entry) is Media.AUDIO:
        return Sounds(load_audio(str(entry.path), device))
    return Pictures(ImageCodec.load(entry.path, device))


class Pictures:
    """sizes: width and height."""

    sizes = ((80, 96), (47, 33), (1, 1), (136, 200))
    positions = (20, 128, 240)
    profile = 1
    largest = 1024  # sides of one payload

    def __init__(self, codec: ImageCodec) -> None:
        self.codec = codec

    def encode(self, sizes: Sequence[Size]) -> list[Coded]:
        files = []
        for x in pictures(sizes):
            height, width = x.shape[2:]
            for position in self.positions:
                (payload,), (symbol_hash,) = self.codec.encode(x, position, self.profile)
                files.append(Coded(f"{width}x{height} at {position}", payload, symbol_hash, (width, height, position)))
        return files

    def decode(self, coded: Coded, batch: int, region: Region) -> None:
        (width, height, position), codec = coded.facts, self.codec
        tables, bits = codec.tables[self.profile], codec.family.latent_bits
        decoders = [SymbolDecoder(coded.payload, tables, self.profile, bits=bits) for _ in range(batch)]
        with region:
            codec.prior.code(Batch(decoders), position, (-(-height // STRIDE), -(-width // STRIDE)), None, None)
        for decoder in decoders:
            decoder.finish()
            expect(decoder.hash, coded.hash)


class Batch:
    """A coder that decodes several payloads side by side, so that the networks run on a batch."""

    def __init__(self, decoders: list[SymbolDecoder]) -> None:
        self.decoders = decoders

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        mean, index = (t.expand(len(self.decoders), -1, -1, -1) for t in (mean, index))
        parts = [
            decoder.code(None, mean[i : i + 1].contiguous(), index[i : i + 1].contiguous())
            for i, decoder in enumerate(self.decoders)
        ]
        return torch.cat(parts)


class Sounds:
    """sizes: channels and frames. A stream of `LIVE_BLOCK` frames knows those before it, as in a live one."""

    sizes = ((1, FILE_BLOCK), (2, FILE_BLOCK), (1, 7), (1, 1), (2, LIVE_BLOCK))
    profile = 0
    largest = 8 * FILE_BLOCK

    def __init__(self, codec: AudioCodec) -> None:
        self.codec = codec

    def encode(self, sizes: Sequence[Size]) -> list[Coded]:
        codec, most = self.codec, self.codec.stages
        files = []
        for channels, frames in sizes:
            behind = codec.prior.config.past if frames == LIVE_BLOCK else 0
            sound = syllables((behind + frames) * codec.hop / codec.rate, codec.rate, channels)
            analyser = codec.analyser(channels, FILE_BLOCK)
            codes = np.concatenate((analyser.push(sound.samples), analyser.finish()), 2)
            codes[:, : codec.steady] = codes[:, : codec.steady, :1]  # a past is of the same second
            past = codes[..., :behind] if behind else None
            for stages in sorted({1, -(-most // 4), most}):
                part = codes[:, :stages, behind : behind + frames]
                (segment,) = segments.encode_segments(codec.prior, [part], self.profile, past)
                name = f"{channels} x {stages} stages x {frames} frames"
                files.append(Coded(name, segment.payload, segment.hash, (part.shape, past)))
        return files

    def decode(self, coded: Coded, batch: int, region: Region) -> None:
        shape, past = coded.facts
        with region:
            found = segments.decode_segments(
                self.codec.prior, [coded.payload] * batch, [shape] * batch, self.profile, past
            )
        for segment in found:
            if isinstance(segment, StreamError):
                raise segment
            expect(segment.hash, coded.hash)


def expect(found: int, symbol_hash: int) -> None:
    if found != symbol_hash:
        raise MismatchedError("other symbols")


def check_sizes(kind: type[Pictures] | type[Sounds], sizes: Sequence[Size]) -> None:
    """Raises EvalError."""
    if not sizes or any(not 1 <= side <= kind.largest for size in sizes for side in size):
        raise EvalError(f"Sizes are 1 to {kind.largest}.")


def pictures(sizes: Sequence[Size]) -> list[Tensor]:
    """Structured noise: edges, gradients and texture, [1, 3, H, W] in [0, 1], the same on every run."""
    random = np.random.default_rng(7)
    made = []
    for width, height in sizes:
        coarse = torch.from_numpy(random.random((1, 3, height // 8 + 2, width // 8 + 2))).float()
        smooth = F.interpolate(coarse, (height, width), mode="bilinear")
        texture = torch.from_numpy(random.random((1, 3, height, width))).float()
        made.append((smooth + 0.3 * (texture - 0.5) * (smooth > 0.5)).clamp(0, 1))
    return made
