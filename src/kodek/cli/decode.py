"""``kodek decode``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import batch, options
from .batch import Job
from .errors import Code, Failure
from .media import DEFAULT_SUFFIX, bits_of, check_live, check_options, suffix_of
from .streams import STANDARD, SUFFIX, check_output, find_weights, naming, open_stream
from .summary import Done

if TYPE_CHECKING:
    from kodek.codecs.container import Limits


def decode(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="IN", help="A .kdk file, a folder of them, or - for stdin.")],
    target: Annotated[
        str | None, typer.Argument(metavar="[OUT]", help="The picture or sound, a folder, or - for stdout.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="SUFFIX",
            show_default="png or wav",
            help="png, tif, jpg, webp, avif, bmp, ppm; wav, flac: where OUT has no suffix to tell.",
        ),
    ] = None,
    depth: options.Depth = "16",
    region: options.Region = None,
    partial: options.Partial = False,
    live: options.Live = False,
    strip: options.Strip = False,
    force: options.Force = False,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    max_pixels: options.MaxPixels = options.DEFAULT_MAX_PIXELS,
    json: options.Json = False,
) -> int:
    """Decode a .kdk file, or every one in a folder, to a picture or sound in the format of OUT's suffix."""
    from kodek.codecs.container import Limits

    limits = Limits(max_pixels=max_pixels)
    many = batch.is_folder(source)
    shared = options.Shared(strip, force, threads, device, single=not many)
    if live:
        check_live(context, source)
        from .live import decode_live

        return decode_live(source, target, shared, format, depth)
    if format is not None:
        format = suffix_of(format, "image", "audio")

    def suffix(file: str) -> str:
        return format or _usual_suffix(file, limits)

    jobs = batch.folder(source, target, _files(source), suffix) if many else [batch.single(source, target, suffix)]

    def work(job: Job) -> Done:
        from kodek.codecs.container import AudioHeader, ImageHeader, expect, read_header

        with open_stream(job.source, limits) as data:
            with naming(job.source):
                header = read_header(data, limits, partial).header
            check_options(context, header.kind, job.source)
            find_weights(job.source, header)
            told = "" if job.target == STANDARD else Path(job.target).suffix
            found = suffix_of(told or format or DEFAULT_SUFFIX[header.kind], header.kind)
            bits = bits_of(found, depth)
            check_output(job.target, force)
            if isinstance(header, AudioHeader):
                from . import sounds

                return sounds.decode(job, data, header, shared, found, bits, partial)
            from . import pictures

            return pictures.decode(job, data, expect(ImageHeader, header), shared, found, region, limits)

    return batch.run(jobs, work, many=many, json=json)


def _files(folder: str) -> list[Path]:
    from kodek.datasets.corpus import natural_key

    files = sorted(Path(folder).rglob(f"*{SUFFIX}"), key=natural_key)
    if not files:
        raise Failure(Code.INPUT, f"{folder} holds no {SUFFIX} file.")
    return files


def _usual_suffix(file: str, limits: Limits) -> str:
    """By what the file holds; what is wrong with one is said when it is decoded."""
    from kodek.codecs.container import read_header

    try:
        with open_stream(file, limits) as data:
            return DEFAULT_SUFFIX[read_header(data, limits, partial=True).header.kind]
    except Exception:  # of any kind: the same is met again
        return DEFAULT_SUFFIX["image"]
