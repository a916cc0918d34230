"""``kodek encode``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .._malloc import release
from . import batch, options
from .batch import Job
from .errors import Code, Failure
from .streams import STANDARD, SUFFIX, check_output, input_name, naming, output
from .summary import Done

if TYPE_CHECKING:
    from kodek.codecs.image.file import Progress
    from kodek.codecs.image.target import Target
    from kodek.codecs.target import Found


def encode(
    source: Annotated[str, typer.Argument(metavar="IN", help="A picture, a folder of them, or - for stdin.")],
    target: Annotated[
        str | None, typer.Argument(metavar="[OUT]", help="The .kdk file, a folder, or - for stdout.")
    ] = None,
    quality: options.QualityUnlessTarget = None,
    target_size: options.TargetSize = None,
    target_bpp: options.TargetBpp = None,
    target_psnr: options.TargetPsnr = None,
    effort: options.Effort = 0,
    model: options.Model = None,
    strip: options.Strip = False,
    force: options.Force = False,
    threads: options.Threads = None,
    device: options.Device = "cpu",
    max_pixels: options.MaxPixels = options.DEFAULT_MAX_PIXELS,
    json: options.Json = False,
) -> int:
    """Encode a picture, or every picture in a folder, to .kdk."""
    goal = _goal(quality, target_size, target_bpp, target_psnr)
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
    if entry.single_rate and any(wish is not None for wish in (quality, target_size, target_bpp, target_psnr)):
        raise Failure(Code.USAGE, f"{entry.name} has one rate: it takes no quality and no target.")

    def work(job: Job) -> Done:
        with batch.steps_bar(shown=effort > 0 and not many) as progress:
            return _encode(job, str(entry.path), goal, effort, progress, strip, force, threads, device, max_pixels)

    return batch.run(jobs, work, many=many, json=json)


def _goal(quality: float | None, size: int | None, bpp: float | None, psnr: float | None) -> float | Target:
    """A quality or a target. Raises Failure for more than one of them."""
    given = [value for value in (quality, size, bpp, psnr) if value is not None]
    if len(given) > 1:
        raise Failure(Code.USAGE, "--quality, --target-size, --target-bpp and --target-psnr exclude each other.")
    if quality is not None or not given:
        return options.DEFAULT_QUALITY if quality is None else quality
    from kodek.codecs.image.target import Target

    return Target(size, bpp, psnr)


def _encode(
    job: Job,
    model: str,
    goal: float | Target,
    effort: int,
    progress: Progress | None,
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
        release(picture.pixels.nbytes)
        from .torch_setup import set_up

        set_up(threads, device)
        from ..api import encode_picture, encode_to_target, load

        codec = load(model, device)
        remark = ""
        if isinstance(goal, float):
            data = encode_picture(picture, goal, codec, effort, progress)
        else:
            found = encode_to_target(picture, goal, codec, effort, progress)
            data, remark = found.data, _remark(found, goal)
    with output(job.target, force) as file:
        file.write(data)
    seconds = time.monotonic() - start
    name = input_name(job.source)
    return Done(name, job.target, picture.width, picture.height, len(data), seconds, picture.notes, remark)


def _remark(found: Found, target: Target) -> str:
    """What the user should know where a target lies beyond the range of the codec."""
    if not found.beyond:
        return ""
    if target.psnr is not None:
        return f"the smallest file has {found.value:.2f} dB already"
    return f"the best quality takes no more than {found.value} bytes"
