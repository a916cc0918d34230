"""Metrics by ffmpeg: VMAF and XPSNR.

Video is judged as it is. A picture is judged as a clip of one frame, converted to 8-bit 4:2:0 of limited range (BT.709,
chroma the mean of each 2 x 2 square): both metrics are defined on such samples. Nothing moves in it, so that VMAF's
motion feature is 0 and equal pictures score 97 to 100, not always 100; the score is left as it is.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from kodek.datasets import Video, write_y4m

from .. import colour
from ..anchors import ffmpeg
from ..errors import EvalError, Unavailable
from ..sample import Coded, Media, Sample, Signal
from .base import INFINITY, Compute, Measure, Meter, Value

VMAF_SMALLEST_SIDE = 32  # libvmaf halves a picture four times; it crashes at 16
XPSNR_SMALLEST_AREA = 2025  # below it, blocks have less than 4 pixels a side and the filter weighs nothing

_MODELS = {"vmaf": "vmaf_v0.6.1", "vmaf_neg": "vmaf_v0.6.1neg"}


def _load_vmaf() -> Compute:
    _check_filter("libvmaf")
    return _measure_vmaf


def _measure_vmaf(sample: Sample, coded: Coded) -> dict[str, Value]:
    original, decoded = _clips(sample, coded)
    if min(original.y.shape[1:]) < VMAF_SMALLEST_SIDE:
        raise EvalError(f"VMAF needs pictures of {VMAF_SMALLEST_SIDE} pixels a side or more.")
    models = "|".join(f"version={version}:name={name}" for name, version in _MODELS.items())
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log.json")
        options = {"model": models, "log_fmt": "json", "log_path": log.as_posix()}
        _compare(decoded, original, "libvmaf", options, Path(folder))
        pooled = json.loads(log.read_bytes())["pooled_metrics"]
    return {name: float(pooled[name]["mean"]) for name in _MODELS}


def _load_xpsnr() -> Compute:
    _check_filter("xpsnr")
    return _measure_xpsnr


def _measure_xpsnr(sample: Sample, coded: Coded) -> dict[str, Value]:
    original, decoded = _clips(sample, coded)
    if math.prod(original.y.shape[1:]) < XPSNR_SMALLEST_AREA:
        raise EvalError(f"XPSNR needs pictures of {XPSNR_SMALLEST_AREA} pixels or more.")
    with tempfile.TemporaryDirectory() as folder:
        # The filter's code takes the first input for the original, though FFmpeg's manual says the second.
        output = _compare(original, decoded, "xpsnr", {"stats_file": "-"}, Path(folder))
    y, u, v = (_pooled(re.findall(rf"XPSNR {plane}: +(\S+)", output), len(original.y)) for plane in "yuv")
    value = (6 * y + u + v) / 8
    return {"xpsnr": value if math.isfinite(value) else None}


def _pooled(frames: list[str], count: int) -> float:
    """XPSNR of a plane of a video from those of its frames: of their mean root error, as the filter does it."""
    if len(frames) != count:
        raise EvalError(f"ffmpeg compared {len(frames)} of {count} frames.")
    error = np.mean([10 ** (-float(value) / 20) for value in frames])
    return -20 * math.log10(error) if error else math.inf


def _check_filter(name: str) -> None:
    """Raises Unavailable."""
    if f" {name} " not in ffmpeg.call(["-filters"], b"").decode(errors="replace"):
        raise Unavailable(f"The ffmpeg at {ffmpeg.find()} was built without the filter {name}.")


def _compare(first: Video, second: Video, name: str, options: dict[str, str], folder: Path) -> str:
    """What ffmpeg prints when a filter compares two videos."""
    inputs = []
    for number, video in enumerate((first, second)):
        write_y4m(folder / f"{number}.y4m", video)
        inputs += ["-i", str(folder / f"{number}.y4m")]
    values = ":".join(f"{key}={_escaped(value, ':')}" for key, value in options.items())
    graph = _escaped(values, "[],;")
    return ffmpeg.call([*inputs, "-lavfi", f"{name}={graph}", "-f", "null", "-"], b"").decode(errors="replace")


def _escaped(text: str, special: str) -> str:
    """For ffmpeg, which reads a filter's options twice."""
    return re.sub(rf"([\\'{re.escape(special)}])", r"\\\1", text)


def _clips(sample: Sample, coded: Coded) -> tuple[Video, Video]:
    original, decoded = _clip(sample.signal), _clip(coded.signal)
    if original.y.shape != decoded.y.shape:
        raise EvalError(f"The videos have different shapes: {original.y.shape} and {decoded.y.shape}.")
    return original, Video(decoded.y, decoded.u, decoded.v, original.rate)


def _clip(signal: Signal) -> Video:
    if isinstance(signal, Video):
        return signal
    assert isinstance(signal, np.ndarray)
    height, width = signal.shape[:2]
    even = np.pad(signal, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    luma, cb, cr = np.moveaxis(colour.rgb_to_ycbcr(even), -1, 0)
    y = colour.round_to(luma[:height, :width] * (219 / 255) + 16)
    u, v = (colour.round_to(colour.halve(chroma) * (224 / 255) + 128) for chroma in (cb, cr))
    return Video(y[None], u[None], v[None], Fraction(25))


_MEDIA = frozenset((Media.IMAGE, Media.VIDEO))

METERS = (
    Meter(
        name="vmaf",
        media=_MEDIA,
        measures=(
            Measure("vmaf", "VMAF", "", True, (0, 100)),
            Measure("vmaf_neg", "VMAF NEG", "", True, (0, 100)),
        ),
        load=_load_vmaf,
        source="Netflix VMAF v0.6.1 and v0.6.1neg by libvmaf, mean over frames: Li et al. 2016, Toward a practical"
        " perceptual video quality metric",
        packages=("imageio-ffmpeg",),
    ),
    Meter(
        name="xpsnr",
        media=_MEDIA,
        measures=(Measure("xpsnr", "XPSNR 6:1:1", "dB", True, (0, INFINITY)),),
        load=_load_xpsnr,
        source="Helmrich et al. 2020, XPSNR: a low-complexity extension of the perceptually weighted peak"
        " signal-to-noise ratio for high-resolution video quality assessment; (6 Y + U + V) / 8 in dB",
        packages=("imageio-ffmpeg",),
    ),
)
