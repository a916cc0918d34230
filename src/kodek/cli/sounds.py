"""Encoding and decoding one file of sound, in flat memory."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from kodek.codecs.audio.spans import span_words

from .batch import Job
from .errors import Code, Failure
from .options import Shared
from .progress import steps_bar
from .streams import input_name, naming, output
from .summary import DoneSound

if TYPE_CHECKING:
    from kodek.codecs.container import AudioHeader, Bytes
    from kodek.datasets import Audio


def encode(
    job: Job,
    source: str | BinaryIO,
    shared: Shared,
    model: str | None,
    quality: float | None,
    target_kbps: float | None,
) -> DoneSound:
    """`source`: what the sound of the job is read from."""
    from kodek.codecs.container import Limits
    from kodek.datasets import audio_info, iter_audio

    from ..api import find_model

    start = time.monotonic()
    entry = find_model("audio", model)
    with naming(job.source), steps_bar(shared.single, DoneSound.speed) as progress:
        info = audio_info(source)
        pieces = codable(iter_audio(source, max_seconds=Limits.max_seconds))
        first = next(pieces)
        from .torch_setup import SOUND_THREADS, set_up

        set_up(shared.threads or SOUND_THREADS, shared.device)
        from ..api_audio import AudioEncoder

        channels, rate, length = len(first.samples), first.rate, 0
        encoder = AudioEncoder(
            rate,
            channels,
            quality,
            entry.path,
            target_kbps=target_kbps,
            tags={} if shared.strip else info.tags,
            device=shared.device,
        )
        for piece in itertools.chain([first], pieces):
            encoder.push(piece.samples)
            length += piece.samples.shape[1]
            if progress:
                progress(length / rate, info.seconds)
        data = encoder.finish()
    with output(job.target, shared.force) as file:
        file.write(data)
    return DoneSound(
        input=input_name(job.source),
        output=job.target,
        channels=channels,
        rate=rate,
        length=length,
        bytes=len(data),
        seconds=time.monotonic() - start,
        notes=info.notes,
    )


def codable(pieces: Iterator[Audio]) -> Iterator[Audio]:
    """The pieces. Raises Failure for more channels than can be coded."""
    from kodek.codecs.header import MAX_CHANNELS

    for piece in pieces:
        if len(piece.samples) > MAX_CHANNELS:
            raise Failure(Code.INPUT, f"Sound of {len(piece.samples)} channels can't be coded, {MAX_CHANNELS} at most.")
        yield piece


def decode(
    job: Job, data: Bytes, header: AudioHeader, shared: Shared, suffix: str, bits: int, partial: bool
) -> DoneSound:
    """`data`: of the job's .kdk file; suffix: of the format that is written, with samples of `bits`."""
    from kodek.datasets import Audio, wav_holds

    start = time.monotonic()
    if suffix == ".wav" and not wav_holds(header.channels, header.length, bits):
        raise Failure(Code.USAGE, f"{input_name(job.source)} is too long for WAV, which ends at 4 GiB; FLAC holds it.")
    from .torch_setup import SOUND_THREADS, set_up

    set_up(shared.threads or SOUND_THREADS, shared.device)
    from ..api_audio import AudioDecoder

    with steps_bar(shared.single, DoneSound.speed) as progress:
        with naming(job.source):
            decoder = AudioDecoder(data, partial=partial, device=shared.device)

        def pieces() -> Iterator[Audio]:
            done = 0
            with naming(job.source):
                for piece in decoder:
                    yield Audio(piece, header.rate)
                    done += piece.shape[1]
                    if progress:
                        progress(done / header.rate, header.seconds)

        dropped = write(job.target, pieces(), shared, suffix, bits, {} if shared.strip else decoder.tags)
    damage = tuple(decoder.damage)
    return DoneSound(
        input=input_name(job.source),
        output=job.target,
        channels=header.channels,
        rate=header.rate,
        length=header.length,
        bytes=len(data),
        seconds=time.monotonic() - start,
        notes=tuple(dropped),
        remark=f"damaged, and silent from {span_words(damage)}" if damage else "",
        damage=damage,
    )


def write(
    target: str, pieces: Iterator[Audio], shared: Shared, suffix: str, bits: int, tags: dict[str, str]
) -> list[str]:
    """Write WAV or FLAC; return what was left out."""
    from kodek.datasets import write_flac, write_wav

    with naming(target, "stdout"), output(target, shared.force) as file:
        dropped = (write_flac if suffix == ".flac" else write_wav)(file, pieces, bits, tags)
    return [f"the tag {name}" for name in dropped]
