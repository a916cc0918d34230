"""``kodek decode``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from . import batch, options
from .batch import Job
from .errors import Code, Failure
from .streams import (
    STANDARD,
    SUFFIX,
    check_output,
    find_weights,
    input_name,
    naming,
    output,
    read_stream,
)
from .summary import Done


def decode(
    source: Annotated[str, typer.Argument(metavar="IN", help="A .kdk file, a folder of them, or - for stdin.")],
    target: Annotated[
        str | None, typer.Argument(metavar="[OUT]", help="The picture, a folder, or - for stdout.")
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="SUFFIX",
            help="png, tif, jpg, webp, avif, bmp, ppm: where OUT has no suffix to tell.",
        ),
    ] = "png",
    strip: options.Strip = False,
    force: options.Force = False,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    max_pixels: options.MaxPixels = options.DEFAULT_MAX_PIXELS,
    json: options.Json = False,
) -> int:
    """Decode a .kdk file, or every one in a folder, to a picture in the format of OUT's suffix."""
    from kodek.datasets.corpus import natural_key

    suffix = _suffix(format)
    many = batch.is_folder(source)
    if many:
        files = sorted(Path(source).rglob(f"*{SUFFIX}"), key=natural_key)
        if not files:
            raise Failure(Code.INPUT, f"{source} holds no {SUFFIX} file.")
        jobs = batch.folder(source, target, files, suffix)
    else:
        jobs = [batch.single(source, target, suffix)]

    def work(job: Job) -> Done:
        return _decode(job, suffix, strip, force, threads, device, max_pixels)

    return batch.run(jobs, work, many=many, json=json)


def _decode(job: Job, suffix: str, strip: bool, force: bool, threads: int | None, device: str, max_pixels: int) -> Done:
    from kodek.codecs.container import Limits
    from kodek.datasets import write_picture

    start = time.monotonic()
    limits = Limits(max_pixels=max_pixels)
    data, header, _ = read_stream(job.source, limits)
    find_weights(job.source, header)
    format = suffix if job.target == STANDARD else _suffix(Path(job.target).suffix or suffix)
    check_output(job.target, force)
    from .torch_setup import set_up

    set_up(threads, device)
    from ..api import decode_picture

    with naming(job.source):
        picture = decode_picture(data, limits, device)
    if strip:
        picture = picture.strip()
    with naming(job.target, "stdout"), output(job.target, force) as file:
        dropped = write_picture(file, picture, format)
    seconds = time.monotonic() - start
    return Done(
        input_name(job.source),
        job.target,
        picture.width,
        picture.height,
        len(data),
        seconds,
        (*picture.notes, *dropped),
    )


def _suffix(text: str) -> str:
    """``"png"`` or ``".PNG"`` -> ``".png"``, if pictures can be written so."""
    from kodek.datasets import WRITABLE_SUFFIXES

    suffix = f".{text.lower().removeprefix('.')}"
    if suffix not in WRITABLE_SUFFIXES:
        known = " ".join(sorted(WRITABLE_SUFFIXES))
        raise Failure(Code.USAGE, f"'{text}' is not a suffix that pictures can be written with ({known}).")
    return suffix
