"""Sound <-> a live stream of packets of 40 ms, as it comes. Samples as in `file`: float32 at the codec's rate.

encoder = LiveEncoder(codec, channels, rate=48000, stages=12)
data = encoder.push(samples)                           # the packets finished so far; may be empty
data = encoder.finish(length)                          # the last packets; length: of the original, at its rate

decoder = LiveDecoder()
samples = decoder.push(data)                           # any pieces; [0, 0] until decoder.header is known
samples = decoder.finish()                             # then decoder.complete, decoder.length, decoder.damage
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..container import Limits
from .file import Span

if TYPE_CHECKING:
    from .codec import AudioCodec


class LiveEncoder:
    """channels: 1 to 8; rate: of the original, Hz; stages: 1 to codec.stages. Raises ValueError for anything else."""

    def __init__(self, codec: AudioCodec, channels: int, rate: int, stages: int) -> None:
        raise NotImplementedError

    def push(self, samples: NDArray[np.float32]) -> bytes:
        """samples: float32 [channels, n] at `codec.rate` -> the bytes that are finished."""
        raise NotImplementedError

    def finish(self, length: int) -> bytes:
        """The rest and the end marker. length: samples of the original at its own rate."""
        raise NotImplementedError


class LiveDecoder:
    """header: LiveHeader (channels, rate, stages, generation) once it is known, else None. rate: the codec's.

    damage: seconds that were lost and replaced by silence. complete: whether the end marker was seen; length: what it
    says, samples at `header.rate`, else None. Raises CodecError for a stream whose start can't be read.
    """

    def __init__(self, *, limits: Limits | None = None, device: str = "cpu") -> None:
        self.damage: list[Span] = []
        self.complete = False
        self.length: int | None = None
        raise NotImplementedError

    def push(self, data: bytes) -> NDArray[np.float32]:
        """float32 [channels, n] at `rate`."""
        raise NotImplementedError

    def finish(self) -> NDArray[np.float32]:
        """The rest of the samples; with the end marker they are `codec_length(length, header.rate, rate)` in all."""
        raise NotImplementedError
