"""``kodek encode``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from . import batch, options
from .batch import Job
from .errors import Code, Failure
from .streams import STANDARD, SUFFIX, check_output, input_name, naming, output
from .summary import Done


def encode(
    source: Annotated[str, typer.Argument(metavar="IN", help="A picture, a folder of them, or - for stdin.")],
    target: Annotated[
        str | None, typer.Argument(metavar="[OUT]", help="The .kdk file, a folder, or - for stdout.")
    ] = None,
    quality: options.Quality = options.DEFAULT_QUALITY,
    model: options.Model = None,
    strip: options.Strip = False,
    force: options.Force = False,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    max_pixels: options.MaxPixels = options.DEFAULT_MAX_PIXELS,
    json: options.Json = False,
) -> int:
    """Encode a picture, or every picture in a folder, to .kdk."""
    from kodek.datasets import WRITABLE_SUFFIXES, find_images

    many = batch.is_folder(source)
    if many:
        files = [path for path in find_images(source) if isinstance(path, Path)]
        jobs = batch.folder(source, target, files, SUFFIX)
    else:
        jobs = [batch.single(source, target, SUFFIX)]
        if Path(jobs[0].target).suffix.lower() in WRITABLE_SUFFIXES:
            raise Failure(Code.USAGE, f"{jobs[0].target} has a picture's suffix, but encode writes {SUFFIX}.")
    from kodek.codecs import zoo

    from ..api import IMAGE_CODEC

    entry = zoo.newest(IMAGE_CODEC) if model is None else zoo.find(model)

    def work(job: Job) -> Done:
        return _encode(job, str(entry.path), quality, strip, force, threads, device, max_pixels)

    return batch.run(jobs, work, many=many, json=json)


def _encode(
    job: Job,
    model: str,
    quality: float,
    strip: bool,
    force: bool,
    threads: int | None,
    device: str,
    max_pixels: int,
) -> Done:
    from kodek.datasets import read_picture

    start = time.monotonic()
    check_output(job.target, force)
    with naming(job.source):
        picture = read_picture(sys.stdin.buffer if job.source == STANDARD else job.source, max_pixels)
        if strip:
            picture = picture.strip()
        from .torch_setup import set_up

        set_up(threads, device)
        from ..api import encode_picture, load

        data = encode_picture(picture, quality, load(model, device))
    with output(job.target, force) as file:
        file.write(data)
    seconds = time.monotonic() - start
    return Done(input_name(job.source), job.target, picture.width, picture.height, len(data), seconds, picture.notes)
