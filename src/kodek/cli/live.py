"""``--live``: sound as it comes, from stdin to stdout."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO, Self, TypeVar

from kodek.codecs.audio.spans import span_words

from . import sounds
from .errors import Code, Failure
from .media import bits_of, suffix_of
from .options import Shared
from .streams import STANDARD, check_output, find_weights, input_name, naming, open_bytes, output

if TYPE_CHECKING:
    from kodek.datasets import Audio

    from ..api_audio import LiveDecoder

RAW = "s16le"  # FFmpeg's name
_READ = 1 << 12  # bytes: some seconds of packets

T = TypeVar("T")


def encode_live(
    source: str,
    target: str | None,
    shared: Shared,
    model: str | None,
    quality: float,
    rate: int | None,
    channels: int | None,
) -> int:
    """WAV on stdin, raw samples if there is a rate, or a file of sound -> packets, each sent as soon as it is whole.

    Ctrl-C ends the stream as the end of the input does.
    """
    from ..api import find_model

    target = target or STANDARD
    entry = find_model("audio", model)
    check_output(target, shared.force)
    with naming(source), _sound(source, rate, channels) as pieces:
        first = next(pieces, None)
        if first is None:
            raise Failure(Code.INPUT, f"{input_name(source)} holds no sound.")
        from .torch_setup import SOUND_THREADS, set_up

        set_up(shared.threads or SOUND_THREADS, shared.device)
        from ..api_audio import LiveEncoder

        encoder = LiveEncoder(first.rate, len(first.samples), quality, entry.path, device=shared.device)
        with _sending(target, shared.force) as send, Interrupt() as interrupt:
            for piece in interrupt.guard(itertools.chain([first], pieces)):
                send(encoder.push(piece.samples))
            send(encoder.finish())
    return Code.INTERRUPTED if interrupt.seen else Code.OK


def decode_live(source: str, target: str | None, shared: Shared, format: str | None, depth: str) -> int:
    """A live stream -> samples, as soon as they are there: a WAV stream or raw samples on stdout, or a file.

    Ctrl-C ends the sound as the end of the stream does.
    """
    from kodek.codecs.audio.packets import START_MOST, read_start

    target, format = target or STANDARD, (format or "wav").lower().removeprefix(".")
    suffix = f".{format}"
    if target != STANDARD:
        suffix = suffix_of(Path(target).suffix or format, "audio")
    elif format not in ("wav", RAW):
        raise Failure(Code.USAGE, f"Live sound goes to stdout as wav or {RAW}, not as {format}.")
    if format == RAW and (target != STANDARD or depth != "16"):
        raise Failure(Code.USAGE, f"The format {RAW} is for stdout, and has samples of 16 bits.")
    bits = bits_of(suffix, depth)
    check_output(target, shared.force)
    with open_bytes(source) as stream:
        with naming(source):
            start = stream.read(START_MOST)
            header = read_start(start)[0]
            find_weights(source, header)
        from .torch_setup import SOUND_THREADS, set_up

        set_up(shared.threads or SOUND_THREADS, shared.device)
        from kodek.datasets import pcm_bytes, wav_start

        from ..api_audio import LiveDecoder

        decoder = LiveDecoder(device=shared.device)
        parts = iter(lambda: stream.read1(_READ), b"")  # type: ignore[attr-defined]
        with Interrupt() as interrupt:
            pieces = _played(source, decoder, interrupt.guard(itertools.chain([start], parts)))
            if target != STANDARD:
                sounds.write(target, pieces, shared, suffix, bits, {})
            else:
                with _sending(target, shared.force) as send:
                    send(wav_start(header.channels, header.rate, bits) if format == "wav" else b"")
                    for piece in pieces:
                        send(pcm_bytes(piece.samples, bits))
    remarks = [f"damaged, and silent from {span_words(decoder.damage)}"] if decoder.damage else []
    remarks += [] if decoder.complete or interrupt.seen else ["the stream ends without its mark of the end"]
    if remarks:
        print(f"kodek: {input_name(source)}: {'; '.join(remarks)}.", file=sys.stderr)
    if interrupt.seen:
        return Code.INTERRUPTED
    return Code.PARTIAL if remarks else Code.OK


class Interrupt:
    """Ctrl-C while a piece is waited for ends the pieces; while one is worked on, behind it; a second time, at once."""

    def __init__(self) -> None:
        self.seen = False
        self._waiting = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def guard(self, pieces: Iterator[T]) -> Iterator[T]:
        while True:
            try:
                self._waiting = True
                if self.seen:
                    return
                piece = next(pieces)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waiting = False
            yield piece

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self.seen = self.seen, True
        if again or self._waiting:
            raise KeyboardInterrupt


def _played(source: str, decoder: LiveDecoder, parts: Iterator[bytes]) -> Iterator[Audio]:
    from kodek.datasets import Audio

    with naming(source):
        for data in itertools.chain(parts, [None]):
            if data is None:
                decoder.finish()
            else:
                decoder.push(data)
            samples = decoder.pull()
            if samples.shape[1]:
                yield Audio(samples, decoder.rate or 0)


@contextmanager
def _sound(source: str, rate: int | None, channels: int | None) -> Iterator[Iterator[Audio]]:
    """The pieces of what is to be encoded."""
    from kodek.datasets import Pcm, iter_audio, read_pcm, read_wav_start

    if source != STANDARD and rate is None:
        yield sounds.codable(iter_audio(source))
        return
    with open_bytes(source) as stream:
        if rate is None:
            yield sounds.codable(read_pcm(stream, read_wav_start(stream, input_name(source))))
        else:
            yield read_pcm(stream, Pcm(rate, channels or 1))


@contextmanager
def _sending(target: str, overwrite: bool) -> Iterator[Callable[[bytes], None]]:
    """Yields what sends bytes on at once. A reader of stdout that has left ends the block quietly."""
    if target != STANDARD:
        with output(target, overwrite) as file:
            yield lambda data: _write(file, data)
        return
    try:
        yield lambda data: _write(sys.stdout.buffer, data)
    except BrokenPipeError:
        raise SystemExit from None


def _write(file: BinaryIO, data: bytes) -> None:
    if data:
        file.write(data)
        file.flush()
