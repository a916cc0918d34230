"""``kodek cut``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from . import batch, options
from .batch import Job
from .errors import Code, Failure
from .streams import check_output, find_weights, input_name, naming, open_stream, output
from .summary import Done, DoneSound


def cut(
    source: Annotated[str, typer.Argument(metavar="IN", help="A .kdk file of sound, or - for stdin.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="The smaller .kdk file, or - for stdout.")],
    stages: options.Stages = None,
    quality: Annotated[
        float | None,
        typer.Option("--quality", "-q", min=0, max=100, help="What it would be encoded with."),
    ] = None,
    kbps: Annotated[
        float | None,
        typer.Option("--kbps", parser=options.parse_positive, metavar="KBPS", help="At most, of the whole file."),
    ] = None,
    force: options.Force = False,
    threads: options.Threads = None,
    json: options.Json = False,
) -> int:
    """Make a smaller file of sound from a larger one, without decoding and encoding it anew."""
    if sum(value is not None for value in (stages, quality, kbps)) != 1:
        raise Failure(Code.USAGE, "One of --stages, --quality and --kbps says how much is left.")

    def work(job: Job) -> Done:
        from kodek.codecs.container import AudioHeader, Limits, read_header

        start = time.monotonic()
        with open_stream(job.source, Limits()) as data:
            with naming(job.source):
                header = read_header(data).header
            if not isinstance(header, AudioHeader):
                raise Failure(Code.USAGE, f"Only sound can be cut, but {input_name(job.source)} holds a picture.")
            find_weights(job.source, header)
            check_output(job.target, force)
            from .torch_setup import SOUND_THREADS, set_up

            set_up(threads or SOUND_THREADS)
            from kodek.codecs.audio.file import codec_of, cut_audio

            with naming(job.source):
                most = stages
                if quality is not None:
                    most = min(codec_of(header).stages_of(quality), header.stages)
                smaller = cut_audio(data, stages=most, kbps=kbps)
        with output(job.target, force) as file:
            file.write(smaller)
        return DoneSound(
            input=input_name(job.source),
            output=job.target,
            channels=header.channels,
            rate=header.rate,
            length=header.length,
            bytes=len(smaller),
            seconds=time.monotonic() - start,
        )

    return batch.run([Job(source, target)], work, many=False, json=json)
