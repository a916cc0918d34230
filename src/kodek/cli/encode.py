"""``kodek encode``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import batch, options
from .batch import Job
from .errors import Code, Failure
from .media import check_live, check_options, writable
from .streams import SUFFIX, check_output, open_media
from .summary import Done

if TYPE_CHECKING:
    from .pictures import Goal


def encode(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="IN", help="A picture, sound, a folder of them, or - for stdin.")],
    target: Annotated[
        str | None, typer.Argument(metavar="[OUT]", help="The .kdk file, a folder, or - for stdout.")
    ] = None,
    quality: options.QualityUnlessTarget = None,
    target_size: options.TargetSize = None,
    target_bpp: options.TargetBpp = None,
    target_psnr: options.TargetPsnr = None,
    target_kbps: options.TargetKbps = None,
    effort: options.Effort = 0,
    live: options.Live = False,
    rate: options.RawRate = None,
    channels: options.RawChannels = None,
    model: options.Model = None,
    strip: options.Strip = False,
    force: options.Force = False,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    max_pixels: options.MaxPixels = options.DEFAULT_MAX_PIXELS,
    json: options.Json = False,
) -> int:
    """Encode a picture or a file of sound, or all that are in a folder, to .kdk; with --live, sound as it comes."""
    goals = {"size": target_size, "bpp": target_bpp, "psnr": target_psnr}
    given = [value for value in (quality, target_kbps, *goals.values()) if value is not None]
    if len(given) > 1:
        raise Failure(Code.USAGE, f"{', '.join(_GOALS[:-1])} and {_GOALS[-1]} exclude each other.")
    many = batch.is_folder(source)
    shared = options.Shared(strip, force, threads, device, single=not many)
    if (rate is not None or channels is not None) and not (live and rate):
        raise Failure(Code.USAGE, "--rate, and --channels beside it, say what raw samples are: they need --live.")
    if live:
        check_live(context, source)
        from .live import encode_live

        return encode_live(
            source, target, shared, model, options.DEFAULT_QUALITY if quality is None else quality, rate, channels
        )
    if model is not None:
        from kodek.codecs import zoo

        zoo.find(model)  # it is missing for all files alike
    jobs = _jobs(source, target, many)
    goal = _goal(quality, goals)

    def work(job: Job) -> Done:
        check_output(job.target, force)
        with open_media(job.source) as (kind, file):
            check_options(context, kind, job.source)
            if kind == "audio":
                from . import sounds

                return sounds.encode(job, file, shared, model, quality, target_kbps)
            from . import pictures

            return pictures.encode(job, file, shared, model, goal, effort, max_pixels)

    return batch.run(jobs, work, many=many, json=json)


_GOALS = ("--quality", "--target-size", "--target-bpp", "--target-psnr", "--target-kbps")


def _jobs(source: str, target: str | None, many: bool) -> list[Job]:
    if many:
        from kodek.datasets import AUDIO_SUFFIXES, READABLE_SUFFIXES, find_files

        files = find_files(source, READABLE_SUFFIXES | AUDIO_SUFFIXES, "picture or recording")
        return batch.folder(source, target, files, lambda _: SUFFIX)
    job = batch.single(source, target, lambda _: SUFFIX)
    if Path(job.target).suffix.lower() in writable("image") | writable("audio"):
        raise Failure(Code.USAGE, f"{job.target} has the suffix of another format, but encode writes {SUFFIX}.")
    return [job]


def _goal(quality: float | None, targets: dict[str, float | None]) -> Goal:
    if all(value is None for value in targets.values()):
        return quality
    from kodek.codecs.image.target import Target

    return Target(**targets)
