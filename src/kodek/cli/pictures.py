"""Encoding and decoding one picture."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, BinaryIO

from .._malloc import release
from .batch import Job
from .errors import Code, Failure
from .options import DEFAULT_QUALITY, Shared
from .progress import steps_bar
from .streams import input_name, naming, output
from .summary import DonePicture

if TYPE_CHECKING:
    from typing import TypeAlias

    from kodek.codecs.container import Bytes, ImageHeader, Limits
    from kodek.codecs.image.area import Region
    from kodek.codecs.image.target import Target
    from kodek.codecs.target import Found

    Goal: TypeAlias = float | Target | None  # a quality, a target, or what is usual


def encode(
    job: Job, source: str | BinaryIO, shared: Shared, model: str | None, goal: Goal, effort: int, max_pixels: int
) -> DonePicture:
    """`source`: what the picture of the job is read from."""
    from kodek.datasets import read_picture

    from ..api import find_model

    start = time.monotonic()
    entry = find_model("image", model)
    if entry.single_rate and goal is not None:
        raise Failure(Code.USAGE, f"{entry.name} has one rate: it takes no quality and no target.")
    with naming(job.source), steps_bar(shared.single and effort > 0) as progress:
        picture = read_picture(source, max_pixels)
        if shared.strip:
            picture = picture.strip()
        release(picture.pixels.nbytes)
        from .torch_setup import set_up

        set_up(shared.threads, shared.device)
        from ..api import encode_picture, encode_to_target, load_for

        codec = load_for("image", entry.path, shared.device)
        remark = ""
        if goal is None or isinstance(goal, float):
            data = encode_picture(picture, DEFAULT_QUALITY if goal is None else goal, codec, effort, progress)
        else:
            found = encode_to_target(picture, goal, codec, effort, progress)
            data, remark = found.data, _remark(found, goal)
    with output(job.target, shared.force) as file:
        file.write(data)
    return DonePicture(
        input=input_name(job.source),
        output=job.target,
        width=picture.width,
        height=picture.height,
        bytes=len(data),
        seconds=time.monotonic() - start,
        notes=picture.notes,
        remark=remark,
    )


def decode(
    job: Job,
    data: Bytes,
    header: ImageHeader,
    shared: Shared,
    suffix: str,
    region: Region | None,
    limits: Limits,
) -> DonePicture:
    """`data`: of the job's .kdk file; suffix: of the picture's format."""
    from kodek.datasets import write_picture

    start = time.monotonic()
    if region is None:
        from kodek.codecs.container import read

        with naming(job.source):
            data = data[:]
            read(data, limits)  # for its checksums
    else:
        _check(job.source, header, region)
    from .torch_setup import set_up

    set_up(shared.threads, shared.device)
    from ..api import decode_picture

    with naming(job.source):
        picture = decode_picture(data, limits, shared.device, region)
    release(picture.pixels.nbytes)
    if shared.strip:
        picture = picture.strip()
    with naming(job.target, "stdout"), output(job.target, shared.force) as file:
        dropped = write_picture(file, picture, suffix)
    return DonePicture(
        input=input_name(job.source),
        output=job.target,
        width=picture.width,
        height=picture.height,
        bytes=len(data),
        seconds=time.monotonic() - start,
        notes=(*picture.notes, *dropped),
    )


def _check(source: str, header: ImageHeader, region: Region) -> None:
    from kodek.codecs.image.area import region_area

    try:
        region_area(region, (header.height, header.width))
    except ValueError as error:
        raise Failure(Code.USAGE, f"{input_name(source)}: {error}") from error


def _remark(found: Found, target: Target) -> str:
    """What the user should know where a target lies beyond the range of the codec."""
    if not found.beyond:
        return ""
    if target.psnr is not None:
        return f"the smallest file has {found.value:.2f} dB already"
    return f"the best quality takes no more than {found.value} bytes"
