"""``kodek decode``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .._malloc import release
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
    open_stream,
    output,
    read_stream,
)
from .summary import Done

if TYPE_CHECKING:
    from kodek.codecs.container import Bytes, ImageHeader, Limits
    from kodek.codecs.image.area import Region


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
    region: options.Region = None,
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
        return _decode(job, suffix, region, strip, force, threads, device, max_pixels)

    return batch.run(jobs, work, many=many, json=json)


def _decode(
    job: Job,
    suffix: str,
    region: Region | None,
    strip: bool,
    force: bool,
    threads: int | None,
    device: str,
    max_pixels: int,
) -> Done:
    from kodek.codecs.container import Limits
    from kodek.datasets import write_picture

    start = time.monotonic()
    limits = Limits(max_pixels=max_pixels)
    if region is None:
        opened: AbstractContextManager[tuple[Bytes, ImageHeader]] = nullcontext(read_stream(job.source, limits)[:2])
    else:
        opened = _open_region(job.source, limits, region)
    with opened as (data, header):
        find_weights(job.source, header)
        format = suffix if job.target == STANDARD else _suffix(Path(job.target).suffix or suffix)
        check_output(job.target, force)
        from .torch_setup import set_up

        set_up(threads, device)
        from ..api import decode_picture

        with naming(job.source):
            picture = decode_picture(data, limits, device, region)
        size = len(data)
    release(picture.pixels.nbytes)
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
        size,
        seconds,
        (*picture.notes, *dropped),
    )


@contextmanager
def _open_region(source: str, limits: Limits, region: Region) -> Iterator[tuple[Bytes, ImageHeader]]:
    """A .kdk file of which only the tiles of a region will be read and checked."""
    from kodek.codecs.container import read_header
    from kodek.codecs.image.area import region_area

    with open_stream(source, limits) as data:
        with naming(source):
            header = read_header(data, limits).header
        try:
            region_area(region, (header.height, header.width))
        except ValueError as error:
            raise Failure(Code.USAGE, f"{input_name(source)}: {error}") from error
        yield data, header


def _suffix(text: str) -> str:
    """``"png"`` or ``".PNG"`` -> ``".png"``, if pictures can be written so."""
    from kodek.datasets import WRITABLE_SUFFIXES

    suffix = f".{text.lower().removeprefix('.')}"
    if suffix not in WRITABLE_SUFFIXES:
        known = " ".join(sorted(WRITABLE_SUFFIXES))
        raise Failure(Code.USAGE, f"'{text}' is not a suffix that pictures can be written with ({known}).")
    return suffix
