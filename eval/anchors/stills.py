"""Conventional picture codecs inside ffmpeg: JPEG XL, and the intra coding of video codecs.

The video codecs get full-range BT.709 YCbCr of 10 bits, made and unmade by `eval.colour`: with 10 bits each of them
costs less rate at equal RGB PSNR than with 8, and x264 and x265 less with 4:4:4 than with 4:2:0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .. import colour
from ..codec import Codec
from ..sample import Media
from . import ffmpeg

_BITS = 10
_SCALE, _MIDDLE = ((1 << _BITS) - 1) / 255, 1 << (_BITS - 1)


@dataclass(frozen=True)
class Still:
    """encoder: ffmpeg's name; form: its name of the stream; least: smallest side that the encoder takes; options: of
    ffmpeg, {} is the setting.
    """

    name: str
    encoder: str
    form: str
    subsampled: bool
    least: int
    settings: Sequence[float]
    options: str
    about: str

    @property
    def kind(self) -> str:
        return f"yuv{'420' if self.subsampled else '444'}p{_BITS}le"

    def codec(self) -> Codec:
        """Raises Unavailable."""
        found = ffmpeg.versions(self.encoder)
        about = f"ffmpeg, {self.encoder} {self.options.format('SETTING')}; {self.about}"
        return Codec(self.name, Media.IMAGE, self.settings, self.encode, self.decode, found, f".{self.form}", about)

    def encode(self, pixels: np.ndarray, setting: float) -> bytes:
        """uint8 [H, W, 3] RGB -> the elementary stream, behind a mark if the picture had to be padded."""
        height, width = pixels.shape[:2]
        added = ffmpeg.padding(height, width, self.least, self.subsampled)
        padded = np.pad(pixels, ((0, added[0]), (0, added[1]), (0, 0)), mode="edge")
        planes = list(np.moveaxis(colour.rgb_to_ycbcr(padded) * _SCALE + (0, _MIDDLE, _MIDDLE), -1, 0))
        if self.subsampled:
            planes[1:] = [colour.halve(plane) for plane in planes[1:]]
        whole = [colour.round_to(plane, _BITS)[None] for plane in planes]
        options = ["-frames:v", "1", "-c:v", self.encoder, *self.options.format(int(setting)).split(), "-f", self.form]
        return ffmpeg.mark(ffmpeg.encode_frames(whole, self.kind, "25", options), added)

    def decode(self, data: bytes) -> np.ndarray:
        stream, (rows, columns) = ffmpeg.unmark(data)
        planes = [plane[0] for plane in ffmpeg.decode_frames(stream, self.form, self.kind)[0]]
        if self.subsampled:
            planes[1:] = [colour.double(plane) for plane in planes[1:]]
        ycbcr = (np.stack(planes, -1) - (0.0, _MIDDLE, _MIDDLE)) / _SCALE
        pixels = colour.round_to(colour.ycbcr_to_rgb(ycbcr))
        return pixels[: pixels.shape[0] - rows, : pixels.shape[1] - columns]


_STILLS = (
    Still(
        "x264-intra",
        "libx264",
        "h264",
        False,
        1,
        (26, 31, 36, 40, 44, 48, 52, 56, 60, 63),
        "-preset veryslow -tune psnr -threads 1 -qp {} -g 1 -bsf:v filter_units=remove_types=6",
        "one I frame, 4:4:4 10 bits, constant QP, no SEI",
    ),
    Still(
        "x265-intra",
        "libx265",
        "hevc",
        False,
        16,
        (14, 19, 24, 28, 32, 36, 40, 44, 48, 51),
        "-preset veryslow -tune psnr -x265-params qp={}:keyint=1:info=0:log-level=error:pools=none:frame-threads=1",
        "one I frame, 4:4:4 10 bits, constant QP, no SEI",
    ),
    Still(
        "svtav1-intra",
        "libsvtav1",
        "obu",
        True,
        2,
        (4, 10, 16, 22, 28, 34, 40, 46, 52, 57, 63),
        "-preset 2 -crf {} -svtav1-params lp=1:tune=1:avif=1",
        "one key frame, 4:2:0 10 bits, the still-picture mode of SVT-AV1",
    ),
    Still(
        "vvenc-intra",
        "libvvenc",
        "vvc",
        True,
        32,
        (12, 17, 22, 27, 31, 35, 39, 43, 47, 52, 58),
        "-preset medium -qp {} -qpa 0 -threads 1 -vvenc-params verbosity=0",
        "one I frame, 4:2:0 10 bits (all that VVenC takes here), constant QP, no perceptual adaptation",
    ),
)

JXL_DISTANCES = (0.4, 0.7, 1.1, 1.7, 2.5, 3.5, 5, 7, 10, 15)


def jxl() -> Codec:
    """Raises Unavailable."""
    found = ffmpeg.versions("libjxl")
    about = "ffmpeg, libjxl; a bare codestream, lossy VarDCT, effort 7, Butteraugli distance"
    return Codec("jxl", Media.IMAGE, JXL_DISTANCES, _encode_jxl, _decode_jxl, found, ".jxl", about)


def _encode_jxl(pixels: np.ndarray, distance: float) -> bytes:
    height, width = pixels.shape[:2]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-i", "pipe:0", "-frames:v", "1"]
    tags = ["-color_primaries", "bt709", "-color_trc", "iec61966-2-1"]
    options = ["-c:v", "libjxl", "-effort", "7", "-distance", f"{distance:g}", "-threads", "1"]
    return ffmpeg.call([*source, *tags, *options, "-f", "image2pipe", "pipe:1"], pixels.tobytes())


def _decode_jxl(data: bytes) -> np.ndarray:
    into = ["-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1"]
    picture = ffmpeg.call(["-f", "jpegxl_pipe", "-i", "pipe:0", *into], data)
    _, size, _, raw = picture.split(b"\n", 3)
    width, height = map(int, size.split())
    return np.frombuffer(raw, np.uint8).reshape(height, width, 3)


CODECS: dict[str, Callable[[], Codec]] = {"jxl": jxl, **{still.name: still.codec for still in _STILLS}}
