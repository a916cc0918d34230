"""The Python face for sound: samples at any rate, whole or as a stream <-> the bytes of .kdk files and live streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from kodek.codecs.container import Bytes, Limits
from kodek.codecs.errors import LimitError
from kodek.datasets import Resampler

from .api import load_for
from .arrays import to_samples

if TYPE_CHECKING:
    from typing import TypeAlias

    import torch

    from kodek.codecs.audio.codec import AudioCodec
    from kodek.codecs.header import LiveHeader

    Samples: TypeAlias = np.ndarray | torch.Tensor
    Model: TypeAlias = str | Path | AudioCodec

SPAN = 1 << 16  # samples of a piece
MAX_SAMPLES = 1 << 29  # of all channels together, at once


def encode_audio(
    samples: Samples,
    rate: int,
    quality: float | None = None,
    model: Model | None = None,
    *,
    target_kbps: float | None = None,
    tags: Mapping[str, str] | None = None,
    device: str = "cpu",
) -> bytes:
    """Sound as a .kdk file: `AudioEncoder` of all of it.

    samples: floating point [channels, length] or [length], a numpy array or a tensor; full scale is -1 to 1. rate and
    the others: as `AudioEncoder` takes them. Raises what that raises, and ValueError without a sample.
    """
    sound = to_samples(samples)
    encoder = AudioEncoder(rate, len(sound), quality, model, target_kbps=target_kbps, tags=tags, device=device)
    encoder.push(sound)
    return encoder.finish()


@overload
def decode_audio(
    data: bytes, as_: Literal["numpy"] = "numpy", *, partial: bool = ..., max_seconds: float = ..., device: str = ...
) -> tuple[np.ndarray, int]: ...
@overload
def decode_audio(
    data: bytes, as_: Literal["tensor"], *, partial: bool = ..., max_seconds: float = ..., device: str = ...
) -> tuple[torch.Tensor, int]: ...
def decode_audio(
    data: bytes,
    as_: Literal["numpy", "tensor"] = "numpy",
    *,
    partial: bool = False,
    max_seconds: float = Limits.max_seconds,
    device: str = "cpu",
) -> tuple[np.ndarray | torch.Tensor, int]:
    """The sound in a .kdk file, float32 [channels, length], and its rate; the length is that of the original.

    as_: ``"numpy"`` or ``"tensor"``. partial, max_seconds, device: as `AudioDecoder` takes them.
    Raises what that raises, ValueError for another `as_`, and CodecError for more samples than 2 GiB hold.
    """
    if as_ not in ("numpy", "tensor"):
        raise ValueError(f"as_ is 'numpy' or 'tensor', not {as_!r}.")
    decoder = AudioDecoder(data, partial=partial, max_seconds=max_seconds, device=device)
    if decoder.length * decoder.channels > MAX_SAMPLES:
        raise LimitError(f"The file has more than {MAX_SAMPLES} samples: AudioDecoder gives them piece by piece.")
    samples = np.concatenate(list(decoder), axis=1)
    if as_ == "numpy":
        return samples, decoder.rate
    import torch

    return torch.from_numpy(samples), decoder.rate


class AudioEncoder:
    """Sound to a .kdk file, pushed in pieces of any size: the file is the same, however they are cut.

    Args:
        rate: samples a second of what is pushed, 1000 to 768 000; they come back at the same rate and length.
        channels: 1 to 8, coded independently.
        quality: 0 to 100, 50 if neither it nor a target is given: one stage of codes to all of them, logarithmic.
        model: a name from the zoo, the path of a weights file, or what `kodek.load` returned; the newest if None.
        target_kbps: in place of a quality: kbit/s at most of the whole file, of which it fills 98 % or more where a
            stage more of one second is that little.
        tags: names ("title", "artist"...) and values, kept in the file.
        device: where the transforms run, as torch names it.

    Raises:
        ValueError: a value is none of these, or both a quality and a target are given.
        CodecError: the model can't be found or read, or codes no sound.
        MediaError: soxr, which resamples, is not installed.
    """

    def __init__(
        self,
        rate: int,
        channels: int,
        quality: float | None = None,
        model: Model | None = None,
        *,
        target_kbps: float | None = None,
        tags: Mapping[str, str] | None = None,
        device: str = "cpu",
    ) -> None:
        if target_kbps is not None and quality is not None:
            raise ValueError("Give a quality or a target, not both.")
        from kodek.codecs.audio import file

        codec = load_for("audio", model, device)
        stages = codec.stages_of(50.0 if quality is None else quality) if target_kbps is None else None
        self._encoder = file.AudioEncoder(
            codec, channels, rate, stages=stages, target_kbps=target_kbps, tags=tags or {}
        )
        self._input = _Input(channels, rate, codec.rate)

    def push(self, samples: Samples) -> None:
        """The next samples: floating point [channels, n], or [n] of one channel.

        Raises TypeError or ValueError for anything else; CodecError for more than 18 hours.
        """
        self._encoder.push(self._input.push(samples))

    def finish(self) -> bytes:
        """The file. Raises ValueError if nothing was pushed, TargetError if nothing meets the target."""
        self._encoder.push(self._input.finish())
        return self._encoder.finish(self._input.length)


class AudioDecoder:
    """The sound of a .kdk file in pieces: iterate over it, or `pull` as many samples as are wanted.

    rate, channels, length: of the original. tags: names and values. damage: what was replaced by silence so far, as
    (start, end) in seconds, only with `partial`.

    Args:
        data: the whole file, or an object that gives the bytes of a slice when it is asked for them.
        partial: play silence for damaged and missing seconds; else they are errors.
        max_seconds: files that claim more are refused.
        device: where the transforms run, as torch names it.

    Raises:
        CodecError: not a .kdk file of sound, damaged, too long, or its weights are not here; while iterating, too.
        MediaError: soxr, which resamples, is not installed.
    """

    def __init__(
        self, data: Bytes, *, partial: bool = False, max_seconds: float = Limits.max_seconds, device: str = "cpu"
    ) -> None:
        from kodek.codecs.audio import file

        limits = Limits(max_seconds=max_seconds)
        self._decoder = file.AudioDecoder(data, limits=limits, device=device, partial=partial)
        header = self._decoder.header
        self.rate, self.channels, self.length = header.rate, header.channels, header.length
        self._output = Resampler(self._decoder.rate, self.rate)
        self._pieces = self._resampled()
        self._waiting = _Waiting()

    @property
    def tags(self) -> dict[str, str]:
        return self._decoder.tags

    @property
    def damage(self) -> list[tuple[float, float]]:
        return self._decoder.damage

    def __iter__(self) -> Iterator[np.ndarray]:
        """What was not pulled yet, float32 [channels, n], n of the decoder's choice."""
        while True:
            piece = self.pull(SPAN)
            if not piece.shape[1]:
                return
            yield piece

    def pull(self, count: int) -> np.ndarray:
        """The next `count` samples, float32 [channels, count]; fewer at the end, then none."""
        while self._waiting.count < count and (piece := next(self._pieces, None)) is not None:
            self._waiting.put(piece)
        return self._waiting.take(count, self.channels)

    def _resampled(self) -> Iterator[np.ndarray]:
        for piece in self._decoder:
            yield self._output.push(piece)
        yield self._output.finish(self.length)


class LiveEncoder:
    """Sound to a live stream: a packet every 40 ms, which is decodable as soon as it is there.

    rate, channels, quality, model, device: as `AudioEncoder` takes them; raises what that raises. 60 ms of sound go
    in before the decoder gives the first of them; resampling adds 2 ms on either side, 6 ms at 8 kHz.
    """

    def __init__(
        self,
        rate: int,
        channels: int,
        quality: float = 50.0,
        model: Model | None = None,
        *,
        device: str = "cpu",
    ) -> None:
        from kodek.codecs.audio import live

        codec = load_for("audio", model, device)
        self._encoder = live.LiveEncoder(codec, channels, rate, codec.stages_of(quality))
        self._input = _Input(channels, rate, codec.rate, prompt=True)

    def push(self, samples: Samples) -> bytes:
        """samples: floating point [channels, n], or [n] of one channel -> the bytes to send now, perhaps none.

        Raises TypeError or ValueError for anything else.
        """
        return self._encoder.push(self._input.push(samples))

    def finish(self) -> bytes:
        """The last packets, and the mark of the end."""
        rest = self._encoder.push(self._input.finish())
        return rest + self._encoder.finish(self._input.length)


class LiveDecoder:
    """A live stream to sound: push bytes as they arrive, pull samples as they are wanted.

    rate, channels: of the original, None until the stream's first bytes tell. damage: what was lost and replaced by
    silence, as (start, end) in seconds. complete: whether the stream has told its end.
    """

    def __init__(self, *, device: str = "cpu") -> None:
        from kodek.codecs.audio import live

        self._decoder = live.LiveDecoder(device=device)
        self._output: Resampler | None = None
        self._waiting = _Waiting()

    @property
    def header(self) -> LiveHeader | None:
        return self._decoder.header

    @property
    def rate(self) -> int | None:
        return self.header.rate if self.header else None

    @property
    def channels(self) -> int | None:
        return self.header.channels if self.header else None

    @property
    def damage(self) -> list[tuple[float, float]]:
        return self._decoder.damage

    @property
    def complete(self) -> bool:
        return self._decoder.complete

    def push(self, data: bytes) -> None:
        """The next bytes, any number of them. Raises CodecError for the start of no live stream, or of no known one."""
        self._put(self._decoder.push(data))

    def finish(self) -> None:
        """No more bytes will come: the last samples can be pulled."""
        self._put(self._decoder.finish())
        if self._output is not None:
            self._waiting.put(self._output.finish(self._decoder.length))

    def pull(self, count: int | None = None) -> np.ndarray:
        """At most `count` of the samples that are there, or all, float32 [channels, n]."""
        return self._waiting.take(self._waiting.count if count is None else count, self.channels or 0)

    def _put(self, samples: np.ndarray) -> None:
        rate = self._decoder.rate
        if self._output is None and self.header is not None and rate is not None:
            self._output = Resampler(rate, self.header.rate, prompt=True)
        if self._output is not None:
            self._waiting.put(self._output.push(samples))


class _Input:
    """Checks what is pushed, counts it, and resamples it to the codec's rate."""

    def __init__(self, channels: int, rate: int, codec_rate: int, prompt: bool = False) -> None:
        self._channels = channels
        self._resampler = Resampler(rate, codec_rate, prompt)
        self.length = 0

    def push(self, samples: Any) -> np.ndarray:
        sound = to_samples(samples)
        if len(sound) != self._channels:
            raise ValueError(f"There are {self._channels} channels, not {len(sound)}.")
        self.length += sound.shape[1]
        return self._resampler.push(sound)

    def finish(self) -> np.ndarray:
        if not self.length:
            raise ValueError("There is not a single sample.")
        return self._resampler.finish()


class _Waiting:
    """Samples that are finished and were not asked for yet."""

    def __init__(self) -> None:
        self._pieces: list[np.ndarray] = []
        self.count = 0

    def put(self, samples: np.ndarray) -> None:
        if samples.shape[1]:
            self._pieces.append(samples)
            self.count += samples.shape[1]

    def take(self, count: int, channels: int) -> np.ndarray:
        """The first `count` of them, or all; C-ordered."""
        joined = np.concatenate(self._pieces or [np.zeros((channels, 0), np.float32)], axis=1)
        taken, rest = joined[:, :count], joined[:, count:]
        self._pieces, self.count = [rest] if rest.shape[1] else [], rest.shape[1]
        return np.ascontiguousarray(taken)
