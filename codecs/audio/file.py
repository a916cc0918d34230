"""Sound <-> the bytes of a `.kdk` file, as a stream: any pieces in, any pieces out, in flat memory.

All samples here have the codec's rate (`codec.rate`, 24 kHz), float32 [channels, n], full scale -1 to 1. A file's own
rate and length are facts that are stored. Who encodes resamples first; who decodes resamples what comes out from
`decoder.rate` to `decoder.header.rate` and cuts it to `decoder.header.length` samples, which it always has:

    encoder = AudioEncoder(codec, channels, rate=44100, stages=12, tags={"title": "..."})
    data = encoder.push(samples) ...                       # resampled from 44.1 kHz to codec.rate, in any pieces
    data = encoder.finish(length)                          # of the original, at 44.1 kHz

    decoder = AudioDecoder(data, partial=True)             # .header, .tags, .rate
    for samples in decoder: ...                            # at decoder.rate
    decoder.damage                                         # seconds that were replaced by silence
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..container import Bytes, Limits

if TYPE_CHECKING:
    from .codec import AudioCodec

Span = tuple[float, float]  # seconds: start and end


class AudioEncoder:
    """A sound to be encoded, pushed piece by piece.

    channels: 1 to 8; rate: of the original, Hz, 1000 to 768 000. One of stages, 1 to codec.stages, and target_kbps: kbit/s of the whole file
    at most, of which it fills 98 % or more where the steps of quality are that small. tags: names and values, kept.
    Raises ValueError for anything else.
    """

    def __init__(
        self,
        codec: AudioCodec,
        channels: int,
        rate: int,
        *,
        stages: int | None = None,
        target_kbps: float | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        raise NotImplementedError

    def push(self, samples: NDArray[np.float32]) -> None:
        """samples: float32 [channels, n] at `codec.rate`. Raises LimitError beyond 18 hours, ValueError for others."""
        raise NotImplementedError

    def finish(self, length: int) -> bytes:
        """The `.kdk` file. length: samples of the original at its own rate.

        Raises ValueError if what was pushed is not that long (`codec_length` of it, or one less), TargetError if no
        number of stages meets the target.
        """
        raise NotImplementedError


class AudioDecoder:
    """A file's sound, piece by piece: iterate over it, once; float32 [channels, n] at `rate`, all of
    `codec_length(header.length, header.rate, rate)` samples.

    header: AudioHeader (channels, rate, length, stages, generation ...). tags: dict[str, str]. rate: the codec's, Hz.
    partial: replace damaged and missing chunks by silence. damage: then, when all is read, what was replaced, in
    seconds. Raises CodecError (its kinds say what is wrong), from the constructor or while iterating.
    """

    def __init__(
        self, data: Bytes, *, limits: Limits | None = None, device: str = "cpu", partial: bool = False
    ) -> None:
        self.damage: list[Span] = []
        raise NotImplementedError

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        raise NotImplementedError


def cut_audio(
    data: Bytes, *, stages: int | None = None, kbps: float | None = None, limits: Limits | None = None
) -> bytes:
    """A valid file with fewer stages (each chunk then has `stages` at most) or of at most `kbps` kbit/s, of which it
    fills 98 % where steps are that small. Tags are kept. Raises TargetError for more than the file has, CodecError."""
    raise NotImplementedError


def verify_audio(data: Bytes, *, limits: Limits | None = None) -> list[Span]:
    """Decode every symbol, without the synthesis: the damaged seconds, none of a sound file.

    Raises CodecError for a file that is damaged beyond its chunks (header, directory, tags, symbol hash).
    """
    raise NotImplementedError


def codec_length(length: int, rate: int, codec_rate: int) -> int:
    """Samples at `codec_rate` that cover `length` samples at `rate`: rounded up, so that resampling back gives enough."""
    return -(-length * codec_rate // rate)


@lru_cache(maxsize=2)
def load_codec(path: str, device: str) -> AudioCodec:
    """The codec of a weights file, kept for the next sound."""
    from .codec import AudioCodec

    return AudioCodec.load(path, device)
